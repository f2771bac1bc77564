//! Which layers and networks are measured for a limit on latency.

use std::collections::BTreeMap;

use crate::space::{
    DerivedNetworkConfig, Genotype, NetworkPlan, NetworkShape, PlacedLayer, RunnableLayer, SearchSpace,
    Shrink,
};

/// Networks that are measured whole, at most.
const NETWORKS: usize = 6;

/// What is measured.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    layers: BTreeMap<PlacedLayer, RunnableLayer>,
    networks: Vec<(Genotype, NetworkShape)>,
}

impl Wanted {
    /// The layers of every network of a genotype that limits may choose in the place of `asked`, and some of these
    /// networks whole, from the largest to the smallest.
    pub fn of_genotype(genotype: &Genotype, asked: &NetworkShape, shrink: Shrink) -> Wanted {
        let (widths, depths) = shrink.sizes(asked);
        let mut wanted = Wanted::default();
        for &n_cells in &depths {
            for &init_channels in &widths {
                wanted.add(&NetworkPlan::derived(
                    genotype,
                    &(&NetworkShape { init_channels, n_cells, ..*asked }).into(),
                ));
            }
        }
        // The corners, and what lies between them.
        let some = |all: &[usize]| {
            let mut some = vec![all[0], all[all.len() / 2], all[all.len() - 1]];
            some.dedup();
            some
        };
        let shapes = some(&depths).into_iter().flat_map(|n_cells| {
            some(&widths).into_iter().map(move |init_channels| NetworkShape {
                init_channels,
                n_cells,
                ..*asked
            })
        });
        let mut shapes: Vec<NetworkShape> = shapes.collect();
        while shapes.len() > NETWORKS {
            shapes.remove(shapes.len() / 2);
        }
        wanted.networks = shapes.into_iter().map(|shape| (genotype.clone(), shape)).collect();
        wanted
    }

    /// The same of every genotype of a space, of which `example` is measured whole.
    pub fn of_space(space: &SearchSpace, example: &Genotype, asked: &NetworkShape, shrink: Shrink) -> Wanted {
        let mut wanted = Wanted::of_genotype(example, asked, shrink);
        let (widths, _) = shrink.sizes(asked);
        for init_channels in widths {
            let space = SearchSpace {
                init_channels,
                n_cells: asked.n_cells,
                reductions: asked.reductions,
                stem: asked.stem,
                share: 1,
                auxiliary_skip: false,
                ..space.clone()
            };
            wanted.add(&NetworkPlan::supernet(&space, asked.image_shape, asked.classes));
        }
        wanted
    }

    /// Adds the layers of a network.
    pub fn add(&mut self, plan: &NetworkPlan) {
        for layer in plan.runnable_layers() {
            self.layers.entry(layer.place.clone()).or_insert(layer);
        }
    }

    /// The layers, each once, in the order of their places.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &RunnableLayer> {
        self.layers.values()
    }

    /// The networks.
    pub fn networks(&self) -> &[(Genotype, NetworkShape)] {
        &self.networks
    }

    /// The networks as they are built, without an auxiliary head.
    pub(super) fn config((genotype, shape): &(Genotype, NetworkShape)) -> DerivedNetworkConfig {
        let [channels_in, height, width] = shape.image_shape;
        DerivedNetworkConfig {
            genotype: genotype.clone(),
            init_channels: shape.init_channels,
            n_cells: shape.n_cells,
            reductions: shape.reductions,
            channels_in,
            image_size: [height, width],
            classes: shape.classes,
            stem: shape.stem,
            auxiliary: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Reductions, StemKind, known_genotype};

    const SMALL: NetworkShape = NetworkShape {
        reductions: Reductions::THIRDS,
        init_channels: 16,
        n_cells: 5,
        stem: StemKind::Cifar,
        classes: 10,
        image_shape: [3, 16, 16],
    };

    #[test]
    fn every_network_that_may_be_chosen_is_made_of_them() {
        let genotype = known_genotype("DARTS_V2").unwrap();
        let wanted = Wanted::of_genotype(&genotype, &SMALL, Shrink::Both);
        for n_cells in 3..=5 {
            for init_channels in [8, 12, 16] {
                let shape = NetworkShape { init_channels, n_cells, ..SMALL };
                for layer in NetworkPlan::derived(&genotype, &(&shape).into()).runnable_layers() {
                    assert!(wanted.layers.contains_key(&layer.place), "{:?}", layer.place);
                }
            }
        }
        assert!(wanted.networks.len() <= NETWORKS && wanted.networks.len() >= 4);
        let fixed = Wanted::of_genotype(&genotype, &SMALL, Shrink::None);
        assert_eq!(fixed.networks, [(genotype.clone(), SMALL)]);
        // Another cell has its operations in a space's.
        let other = known_genotype("DARTS_V1").unwrap();
        let space = Wanted::of_space(&SearchSpace::darts(), &genotype, &SMALL, Shrink::Both);
        for layer in NetworkPlan::derived(&other, &(&SMALL).into()).runnable_layers() {
            assert!(space.layers.contains_key(&layer.place), "{:?}", layer.place);
        }
    }
}
