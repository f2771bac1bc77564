//! Generators for the tests of this module.

use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::genotype::{CellGene, EdgeGene, Genotype};
use super::nb201::Nb201Architecture;
use super::primitive::Primitive;
use super::topology::N_INPUTS;

/// Any genotype of up to six nodes per cell that can be built.
pub(crate) fn genotypes(genes_per_node: RangeInclusive<usize>) -> impl Strategy<Value = Genotype> {
    (cells(genes_per_node.clone()), cells(genes_per_node))
        .prop_map(|(normal, reduction)| Genotype::darts(normal, reduction))
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
        (nodes, concat).prop_map(|(nodes, concat)| CellGene { inputs: 2, nodes, concat })
    })
}

fn genes(node: usize) -> impl Strategy<Value = EdgeGene> {
    // Noise, the last, is not exported.
    (prop::sample::select(Primitive::ALL[1..12].to_vec()), 0..node)
        .prop_map(|(primitive, source)| EdgeGene { primitive, source })
}

/// Genotypes as every dialect of cells can express them: two edges from different nodes into each of as many nodes
/// in both cells, the operations of DARTS, all nodes joined.
pub(super) fn plain_genotypes() -> impl Strategy<Value = Genotype> {
    (1..=6usize)
        .prop_flat_map(|n_nodes| (plain_cells(n_nodes), plain_cells(n_nodes)))
        .prop_map(|(normal, reduction)| Genotype::darts(normal, reduction))
}

fn plain_cells(n_nodes: usize) -> impl Strategy<Value = CellGene> {
    let nodes: Vec<_> = (N_INPUTS..N_INPUTS + n_nodes).map(plain_nodes).collect();
    nodes.prop_map(move |nodes| CellGene {
        inputs: 2,
        nodes,
        concat: (N_INPUTS..N_INPUTS + n_nodes).collect(),
    })
}

fn plain_nodes(node: usize) -> impl Strategy<Value = Vec<EdgeGene>> {
    let sources = prop::sample::subsequence((0..node).collect::<Vec<_>>(), 2).prop_shuffle();
    let operations = prop::collection::vec(prop::sample::select(Primitive::DARTS[1..].to_vec()), 2);
    (sources, operations).prop_map(|(sources, operations)| {
        let genes = operations.into_iter().zip(sources);
        genes.map(|(primitive, source)| EdgeGene { primitive, source }).collect()
    })
}

/// Any architecture of NAS-Bench-201.
pub(super) fn nb201_architectures() -> impl Strategy<Value = Genotype> {
    let operation = || prop::sample::select(Primitive::NAS_BENCH_201.to_vec());
    prop::array::uniform6(operation())
        .prop_map(|operations| Genotype::from(&Nb201Architecture { operations }))
}
