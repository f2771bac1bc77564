//! How long a network takes for one image, from the times of its layers.
//!
//! A layer's time depends on what it does and on the map it reads and writes ([`PlacedLayer`]). A network's is estimated
//! as `f · Σ t`, the sum over its layers and a factor `f` that whole networks give, which were measured beside the
//! layers: in a network layers run together that are timed one by one, and beside them sums and joins.

use serde::{Deserialize, Serialize};

use super::cost::PlacedOperation;
use super::plan::{Block, Body, MapShape, NetworkPlan, Step};
use crate::error::{Error, Remedy, Result};

/// A layer with all that decides how long it takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacedLayer {
    /// What it does: an operation by its name, or another layer by that of the table of layers.
    pub operation: String,
    /// Channels of the map that it reads.
    pub inputs: usize,
    /// Channels of the map that it writes.
    pub outputs: usize,
    /// How many times as large the sides are of what it reads.
    pub stride: usize,
    /// Height and width of the map that it reads.
    pub size: [usize; 2],
}

impl From<&PlacedOperation> for PlacedLayer {
    fn from(place: &PlacedOperation) -> PlacedLayer {
        let PlacedOperation { operation, channels, stride, size } = *place;
        PlacedLayer {
            operation: operation.name().to_owned(),
            inputs: channels,
            outputs: channels,
            stride,
            size,
        }
    }
}

impl PlacedLayer {
    /// Whether another differs in its channels alone.
    fn is_like(&self, other: &PlacedLayer) -> bool {
        (&self.operation, self.stride, self.size) == (&other.operation, other.stride, other.size)
    }

    /// What the time of layers alike rises with.
    fn width(&self) -> f64 {
        self.inputs as f64 * self.outputs as f64
    }

    /// `sep_conv_3x3 on 24 channels of 8x8, stride 2`.
    fn in_words(&self) -> String {
        let [height, width] = self.size;
        let stride = if self.stride == 1 { String::new() } else { format!(", stride {}", self.stride) };
        format!("{} on {} channels of {height}x{width}{stride}", self.operation, self.inputs)
    }
}

/// A layer that can be run by itself.
#[derive(Clone, Debug)]
pub struct RunnableLayer {
    /// What and where it is.
    pub place: PlacedLayer,
    /// The map that it reads.
    pub input: MapShape,
    /// Its steps; several ways where their results are added up.
    pub ways: Vec<Vec<Step>>,
}

impl NetworkPlan {
    /// Every layer that takes time, one after the other: stem, preparations and operations of each cell, what follows. Of
    /// a supernet all candidates. The auxiliary classifier is left out.
    pub fn runnable_layers(&self) -> Vec<RunnableLayer> {
        let mut layers: Vec<RunnableLayer> =
            self.blocks.iter().flat_map(|block| self.layers_of(block)).collect();
        let candidates = self.candidates();
        let operations = candidates.cells().flatten().flatten().flatten();
        layers.extend(operations.map(|candidate| RunnableLayer {
            place: PlacedLayer::from(&candidate.place),
            input: candidate.input(),
            ways: vec![candidate.steps.clone()],
        }));
        layers.retain(|layer| layer.ways.iter().any(|steps| !steps.is_empty()));
        layers
    }

    /// The layers of a block, those of a cell's edges left out.
    fn layers_of(&self, block: &Block) -> Vec<RunnableLayer> {
        let layer =
            |operation: &str, input: MapShape, output: MapShape, ways: Vec<Vec<Step>>| RunnableLayer {
                place: PlacedLayer {
                    operation: operation.to_owned(),
                    inputs: input.channels,
                    outputs: output.channels,
                    stride: input.size[0].div_ceil(output.size[0].max(1)),
                    size: input.size,
                },
                input,
                ways,
            };
        let after = |input: MapShape, steps: &[Step]| steps.iter().fold(input, |map, step| step.output(map));
        match &block.body {
            Body::Auxiliary { .. } => Vec::new(),
            Body::Steps { operation, steps } => {
                vec![layer(operation, self.input(block, 0), block.output, vec![steps.clone()])]
            }
            Body::Residual { main, shortcut } => {
                let ways = vec![main.clone(), shortcut.clone()];
                vec![layer("residual_reduction", self.input(block, 0), block.output, ways)]
            }
            Body::Cell(cell) => {
                let of = |input: usize| {
                    let (operation, steps) = self.preparation(block, cell, input);
                    let map = self.input(block, input);
                    layer(operation, map, after(map, &steps), vec![steps])
                };
                (0..cell.preparations.len()).map(of).collect()
            }
        }
    }
}

/// A layer and how long it takes for one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerTime {
    /// The layer.
    #[serde(flatten)]
    pub place: PlacedLayer,
    /// Median seconds.
    pub seconds: f64,
}

/// A whole network that was measured beside the layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTime {
    /// The genotype, in the original's text.
    pub genotype: String,
    /// Channels of its first cell.
    pub init_channels: usize,
    /// Number of its cells.
    pub layers: usize,
    /// Median seconds for one image.
    pub seconds: f64,
    /// Sum of the seconds of its layers.
    pub layer_seconds: f64,
}

/// Times of layers on one machine, and of whole networks for comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyTable {
    /// The layers, each once, in the order of their places.
    pub layers: Vec<LayerTime>,
    /// Whole networks.
    pub networks: Vec<NetworkTime>,
}

impl LatencyTable {
    /// Seconds of a layer: as measured, or between the two layers alike that are a little narrower and a little wider. A
    /// layer beyond all that are alike takes as much more or less time as its channels in and out are more or less.
    ///
    /// # Errors
    /// When no layer alike was measured.
    pub fn of_layer(&self, place: &PlacedLayer) -> Result<f64> {
        if let Ok(at) = self.layers.binary_search_by(|layer| layer.place.cmp(place)) {
            return Ok(self.layers[at].seconds);
        }
        let width = place.width();
        let alike = || self.layers.iter().filter(|layer| layer.place.is_like(place));
        let below = alike().filter(|layer| layer.place.width() <= width);
        let below = below.max_by(|a, b| a.place.width().total_cmp(&b.place.width()));
        let above = alike().filter(|layer| layer.place.width() >= width);
        let above = above.min_by(|a, b| a.place.width().total_cmp(&b.place.width()));
        match (below, above) {
            (Some(below), Some(above)) if above.place.width() > below.place.width() => {
                let (from, to) = (below.place.width(), above.place.width());
                let at = (width - from) / (to - from);
                Ok(below.seconds + at * (above.seconds - below.seconds))
            }
            (Some(near), _) | (None, Some(near)) => Ok(near.seconds * width / near.place.width()),
            (None, None) => Err(Error::invalid(
                "table of latencies",
                format!("no time of {}", place.in_words()),
                "the layers of the network for images of this size",
                "measure them with images of that size, and with the same space and stem, by "
                    + Remedy::MeasureOperations,
            )),
        }
    }

    /// Sum of the seconds of a network's layers.
    ///
    /// # Errors
    /// As [`LatencyTable::of_layer`].
    pub fn of_layers(&self, plan: &NetworkPlan) -> Result<f64> {
        plan.runnable_layers().iter().map(|layer| self.of_layer(&layer.place)).sum()
    }

    /// The estimate of a network's seconds for one image.
    ///
    /// # Errors
    /// As [`LatencyTable::of_layer`].
    pub fn of_network(&self, plan: &NetworkPlan) -> Result<f64> {
        Ok(self.factor() * self.of_layers(plan)?)
    }

    /// What the sum of the layers is multiplied by: the median of what the measured networks took by the sum of theirs; 1
    /// where none was measured.
    pub fn factor(&self) -> f64 {
        let mut ratios: Vec<f64> = self.ratios().collect();
        ratios.sort_by(f64::total_cmp);
        match ratios.len() {
            0 => 1.0,
            n if n % 2 == 1 => ratios[n / 2],
            n => (ratios[n / 2 - 1] + ratios[n / 2]) / 2.0,
        }
    }

    /// The least and the largest that a measured network took, as parts of its estimate; none where fewer than two were
    /// measured, of which the factor is.
    pub fn spread(&self) -> Option<[f64; 2]> {
        let factor = self.factor();
        let parts = || self.ratios().map(|ratio| ratio / factor);
        (parts().count() > 1).then_some(())?;
        Some([parts().reduce(f64::min)?, parts().reduce(f64::max)?])
    }

    fn ratios(&self) -> impl Iterator<Item = f64> + '_ {
        let known = self.networks.iter().filter(|network| network.layer_seconds > 0.0);
        known.map(|network| network.seconds / network.layer_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{
        DerivedNetworkConfig, Reductions, SearchSpace, StemKind, derived_cost, known_genotype,
    };

    fn place(operation: &str, channels: usize, size: usize) -> PlacedLayer {
        PlacedLayer {
            operation: operation.into(),
            inputs: channels,
            outputs: channels,
            stride: 1,
            size: [size; 2],
        }
    }

    fn table() -> LatencyTable {
        let layer = |channels: usize, seconds| LayerTime { place: place("a", channels, 8), seconds };
        LatencyTable { layers: vec![layer(4, 1.0), layer(8, 4.0)], networks: Vec::new() }
    }

    #[test]
    fn times_between_those_measured_lie_on_a_line() {
        let of = |channels| table().of_layer(&place("a", channels, 8)).unwrap();
        assert_eq!((of(4), of(8)), (1.0, 4.0));
        // 36 of 16 to 64: 20/48 of the way.
        assert!((of(6) - (1.0 + 20.0 / 48.0 * 3.0)).abs() < 1e-12);
        // Beyond them in proportion to the channels in and out.
        assert_eq!((of(2), of(16)), (0.25, 16.0));
        for other in [place("b", 4, 8), place("a", 4, 16)] {
            let error = table().of_layer(&other).unwrap_err().to_string();
            assert!(error.contains("no time of ") && error.contains("OpsBench"), "{error}");
        }
    }

    #[test]
    fn whole_networks_give_the_factor_and_the_error() {
        let network = |seconds| NetworkTime {
            genotype: String::new(),
            init_channels: 8,
            layers: 3,
            seconds,
            layer_seconds: 2.0,
        };
        let mut table = table();
        assert_eq!((table.factor(), table.spread()), (1.0, None));
        table.networks = vec![network(1.0), network(4.0), network(2.0)];
        assert_eq!((table.factor(), table.spread()), (1.0, Some([0.5, 2.0])));
        table.networks.pop();
        assert_eq!((table.factor(), table.spread()), (1.25, Some([0.4, 1.6])));
    }

    fn network(init_channels: usize, n_cells: usize) -> DerivedNetworkConfig {
        DerivedNetworkConfig {
            genotype: known_genotype("DARTS_V2").unwrap(),
            init_channels,
            n_cells,
            reductions: Reductions::THIRDS,
            channels_in: 3,
            image_size: [32, 32],
            classes: 10,
            stem: StemKind::Cifar,
            auxiliary: true,
        }
    }

    /// With a time that is the multiply-adds of each layer, the sum is those of the network, as the walk counts them.
    #[test]
    fn the_layers_are_all_of_the_network() {
        for (channels, cells) in [(16, 8), (20, 5), (8, 3)] {
            let config = network(channels, cells);
            let plan = config.plan();
            let macs = |layer: &RunnableLayer| -> u64 {
                layer.ways.iter().map(|steps| super::super::cost::steps_cost(layer.input, steps).macs).sum()
            };
            let sum: u64 = plan.runnable_layers().iter().map(macs).sum();
            assert_eq!(sum, derived_cost(&config.genotype, &config.shape()).macs, "{channels}, {cells}");
        }
    }

    #[test]
    fn a_supernet_has_its_candidates_in_all_places() {
        let plan = NetworkPlan::supernet(&SearchSpace::darts(), [3, 32, 32], 10);
        let layers = plan.runnable_layers();
        let named = |name: &str| layers.iter().filter(|layer| layer.place.operation == name).count();
        // 14 edges in 8 cells; identities take no time, and only edges from an input of a reduction are strided.
        assert_eq!(named("sep_conv_3x3"), 14 * 8);
        assert_eq!(named("skip_connect"), 8 * 2);
        assert_eq!(named("relu_conv_1x1") + named("factorized_reduce"), 16);
    }
}
