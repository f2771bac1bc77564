//! Generators for the tests of this module.

use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::genotype::{CellGene, EdgeGene, Genotype};
use super::primitive::Primitive;
use super::topology::N_INPUTS;

/// Any genotype of up to six nodes per cell that can be built.
pub(crate) fn genotypes(genes_per_node: RangeInclusive<usize>) -> impl Strategy<Value = Genotype> {
    (cells(genes_per_node.clone()), cells(genes_per_node))
        .prop_map(|(normal, reduction)| Genotype { normal, reduction })
}

fn cells(genes_per_node: RangeInclusive<usize>) -> impl Strategy<Value = CellGene> {
    (1..=6usize).prop_flat_map(move |n_nodes| {
        let genes_per_node = genes_per_node.clone();
        let nodes: Vec<_> = (N_INPUTS..N_INPUTS + n_nodes)
            .map(|node| prop::collection::vec(genes(node), genes_per_node.clone()))
            .collect();
        let all: Vec<usize> = (N_INPUTS..N_INPUTS + n_nodes).collect();
        let some = prop::sample::subsequence(all, 1..=n_nodes);
        let concat = prop_oneof![some.clone(), some.prop_shuffle()];
        (nodes, concat).prop_map(|(nodes, concat)| CellGene { nodes, concat })
    })
}

fn genes(node: usize) -> impl Strategy<Value = EdgeGene> {
    (prop::sample::select(Primitive::ALL[1..].to_vec()), 0..node)
        .prop_map(|(primitive, source)| EdgeGene { primitive, source })
}
