//! The biggest cells of a space.

use super::genotype::{CellGene, EdgeGene, Genotype};
use super::plan::{Norms, Step, primitive_steps, step_values};
use super::primitive::Primitive;
use super::search_space::SearchSpace;
use super::topology::CellKind;

impl SearchSpace {
    /// The genotype with the most weights: on every edge that is kept the operation that has most of them, and of the
    /// edges those whose operation has most; of equals the lower source and the earlier candidate. In NAS-Bench-201 it is
    /// `nor_conv_3x3` on all edges: what any search there should be compared with.
    pub fn biggest(&self) -> Genotype {
        let topology = self.topology();
        let concat = self.concat();
        let cell = |(name, edges): (&str, &Vec<Vec<Primitive>>)| {
            let kind = CellKind::named(name);
            let heaviest = |(source, candidates): (usize, &Vec<Primitive>)| {
                let stride = kind.stride(source, self.inputs);
                let weights = |&primitive: &Primitive| weights(primitive, self.init_channels, stride);
                let real = candidates.iter().filter(|&&primitive| primitive != Primitive::None);
                // The first of equals: a maximum would be the last.
                let found = real.map(|p| (weights(p), *p)).reduce(|a, b| if b.0 > a.0 { b } else { a })?;
                Some((found.0, EdgeGene { primitive: found.1, source }))
            };
            let node = |node_index: usize| {
                let incoming = edges[topology.incoming(node_index)].iter().enumerate();
                let mut ranked: Vec<(f64, EdgeGene)> = incoming.filter_map(heaviest).collect();
                if self.edges_per_node > 0 {
                    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
                    ranked.truncate(self.edges_per_node);
                }
                ranked.into_iter().map(|(_, gene)| gene).collect()
            };
            let nodes = (0..self.n_nodes).map(node).collect();
            (name.to_owned(), CellGene { inputs: self.inputs, nodes, concat: concat.clone() })
        };
        Genotype { cells: self.cells.iter().map(cell).collect() }
    }
}

/// Numbers of the convolutions of an operation.
fn weights(primitive: Primitive, channels: usize, stride: usize) -> f64 {
    let steps = primitive_steps(primitive, channels, stride, Norms::DERIVED);
    let convolutions = steps.into_iter().filter(|step| matches!(step, Step::Convolution(_) | Step::Halve(_)));
    step_values(&convolutions.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{NetworkShape, Reductions, StemKind, derived_cost};

    #[test]
    fn the_biggest_cells_of_known_spaces() {
        let biggest = SearchSpace::nas_bench_201().biggest();
        let conv = "nor_conv_3x3";
        assert_eq!(biggest.to_text(), format!("|{conv}~0|+|{conv}~0|{conv}~1|+|{conv}~0|{conv}~1|{conv}~2|"));
        let darts = SearchSpace::darts().biggest();
        darts.check().unwrap();
        for gene in darts.cells.cells().flat_map(|cell| cell.nodes.iter().flatten()) {
            assert_eq!((gene.primitive, gene.source < 2), (Primitive::SepConv5x5, true));
        }
    }

    /// The smallest and the largest of the trained networks of NAS-Bench-201 (Dong & Yang 2020).
    #[test]
    fn trained_networks_of_nas_bench_201_are_as_large_as_published() {
        let shape = NetworkShape {
            init_channels: 16,
            n_cells: 15,
            reductions: Reductions::THIRDS,
            stem: StemKind::Cifar,
            classes: 10,
            image_shape: [3, 32, 32],
        };
        let space = SearchSpace::nas_bench_201();
        let weights = |genotype: &Genotype| derived_cost(genotype, &shape).parameters;
        assert_eq!(weights(&space.biggest()), 1_531_546);
        let none = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|".parse().unwrap();
        assert_eq!(weights(&none), 73_306);
    }
}
