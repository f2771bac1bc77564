//! Answers of single layers, and of whole networks beside them.

use burn::tensor::Device;
use toml::Table;

use crate::config::{DataShape, ImageSize, Preset, SearchConfig, Stem, lay, preset, space_layer, whole};
use crate::error::Result;
use crate::event::Observer;
use crate::forecast::stand_in;
use crate::latency::{LatencyFile, Wanted, measure};
use crate::space::{Genotype, NetworkShape, Shrink};

const MAX_CHANNELS: usize = 4096;
const MAX_LAYERS: usize = 256;
const MAX_COLOURS: usize = 64;
const MAX_CLASSES: usize = 1_000_000;

/// The layers of all networks of a space up to a size, to be timed for one image each.
#[derive(Debug, Clone, PartialEq)]
pub struct OpsBench {
    /// Known space, or a TOML file of one.
    pub space: String,
    /// The genotype whose networks are measured whole; the usual one of the space where there is none.
    pub genotype: Option<Genotype>,
    /// Channels of the first cell of the widest network.
    pub init_channels: usize,
    /// Cells of the deepest network.
    pub layers: usize,
    /// Channels, height and width of the images.
    pub image_shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// What stands before the first cell.
    pub stem: Stem,
    /// Key of weights and images.
    pub seed: u64,
}

impl OpsBench {
    /// Measures on `device`, the plain one of this name.
    ///
    /// # Errors
    /// Sizes outside their range, a space that is not known, whatever the observer answers.
    pub fn run(&self, device: &Device, name: &str, observer: &mut dyn Observer) -> Result<LatencyFile> {
        let [channels, height, width] = self.image_shape;
        whole("init_channels", self.init_channels, 1..=MAX_CHANNELS)?;
        whole("layers", self.layers, 1..=MAX_LAYERS)?;
        whole("channels", channels, 1..=MAX_COLOURS)?;
        whole("classes", self.classes, 2..=MAX_CLASSES)?;
        for side in [height, width] {
            whole("image_size", side, 1..=ImageSize::MAX_SIDE)?;
        }
        let search = self.settings()?;
        let stem = self.stem.kind([height, width]);
        let asked = NetworkShape {
            reductions: search.reductions,
            init_channels: self.init_channels,
            n_cells: self.layers,
            stem,
            classes: self.classes,
            image_shape: self.image_shape,
        };
        let example = self.genotype.clone().unwrap_or_else(|| stand_in(&search));
        example.check()?;
        let wanted = Wanted::of_space(&search.space([height, width]), &example, &asked, Shrink::Both);
        let times = measure(&wanted, device, self.seed, observer)?;
        Ok(LatencyFile::of_this_machine(name, self.image_shape, self.classes, stem, times))
    }

    /// The paper's settings with the space that is asked for.
    fn settings(&self) -> Result<SearchConfig> {
        let (paper, _) = preset(Preset::PaperCifar10, &DataShape::default());
        Ok(match space_layer(&self.space, &Table::new())? {
            Some(layer) => lay(&paper, &layer)?.search,
            None => paper.search,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::open_device;
    use crate::event::Silent;
    use crate::space::{NetworkPlan, known_genotype};

    #[test]
    fn the_times_are_enough_for_every_network_up_to_that_size() {
        let bench = OpsBench {
            space: "darts".to_owned(),
            genotype: None,
            init_channels: 8,
            layers: 3,
            image_shape: [1, 8, 8],
            classes: 3,
            stem: Stem::Auto,
            seed: 0,
        };
        let device = open_device("cpu").unwrap();
        let file = bench.run(&device, "cpu", &mut Silent).unwrap();
        assert_eq!(file.fault(), None);
        assert!(file.times.layers.iter().all(|layer| layer.seconds > 0.0));
        assert!(!file.times.networks.is_empty() && file.times.factor() > 0.0);
        let shape = NetworkShape {
            reductions: crate::space::Reductions::THIRDS,
            init_channels: 8,
            n_cells: 3,
            stem: file.stem,
            classes: 3,
            image_shape: [1, 8, 8],
        };
        let of = |name: &str| {
            file.times.of_network(&NetworkPlan::derived(&known_genotype(name).unwrap(), &(&shape).into()))
        };
        assert!(of("DARTS_V1").unwrap() > 0.0 && of("PC_DARTS_cifar").unwrap_or(1.0) > 0.0);
        let wide = OpsBench { init_channels: 5000, ..bench };
        assert!(
            wide.run(&device, "cpu", &mut Silent).unwrap_err().to_string().contains("init_channels = 5000")
        );
    }
}
