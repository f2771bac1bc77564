//! What a dialect cannot express.

use super::super::genotype::{EdgeGene, Genotype};
use super::super::topology::{CellKind, N_INPUTS};
use super::super::wording::cell_title;

/// Why an architecture cannot be written: what it has, and what the dialect knows.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) found: String,
    pub(super) expected: String,
}

impl Refusal {
    pub(super) fn new(found: impl Into<String>, expected: impl Into<String>) -> Refusal {
        Refusal { found: found.into(), expected: expected.into() }
    }
}

/// The genotype, for a dialect of cells as in DARTS.
pub(super) fn of_darts(genotype: &Genotype) -> Result<&Genotype, Refusal> {
    if genotype.is_darts() {
        return Ok(genotype);
    }
    let found = match genotype.nas_bench_201() {
        Some(architecture) => format!("the NAS-Bench-201 architecture `{architecture}`"),
        None => "cells of another shape".to_owned(),
    };
    let expected = "a normal and a reduction cell of two inputs each, as in DARTS";
    Err(Refusal::new(found, expected))
}

/// Every node of cells as in DARTS has an edge.
///
/// # Errors
///
/// The title of the cell and the number of the first node that has none.
pub(super) fn no_node_is_empty(genotype: &Genotype) -> Result<(), (String, usize)> {
    for (name, cell) in genotype.cells.iter().filter(|_| genotype.is_darts()) {
        if let Some((node, _)) = cell.numbered().find(|(_, genes)| genes.is_empty()) {
            return Err((cell_title(name), node));
        }
    }
    Ok(())
}

/// Every node has two edges.
pub(super) fn two_edges_per_node(genotype: &Genotype) -> Result<(), Refusal> {
    for kind in CellKind::ALL {
        for (i, genes) in genotype[kind.name()].nodes.iter().enumerate() {
            if genes.len() != 2 {
                return Err(Refusal::new(
                    edges_into(genes.len(), kind, N_INPUTS + i),
                    "two edges into every node",
                ));
            }
        }
    }
    Ok(())
}

/// All nodes of both cells have equally many edges, those without any left aside: what tools have that set one
/// number for a search.
pub(super) fn edges_alike(normal: &[Vec<EdgeGene>], reduction: &[Vec<EdgeGene>]) -> Result<(), Refusal> {
    let cells = [(CellKind::Normal, normal), (CellKind::Reduction, reduction)];
    let nodes = cells.into_iter().flat_map(|(kind, nodes)| {
        nodes.iter().enumerate().map(move |(i, genes)| (genes.len(), kind, N_INPUTS + i))
    });
    let mut nodes = nodes.filter(|&(n_edges, ..)| n_edges > 0);
    let Some((usual, first_kind, first)) = nodes.next() else { return Ok(()) };
    match nodes.find(|&(n_edges, ..)| n_edges != usual) {
        None => Ok(()),
        Some((n_edges, kind, node)) => {
            let expected = format!("{usual}, as into node {first} of the {first_kind} cell");
            Err(Refusal::new(edges_into(n_edges, kind, node), expected))
        }
    }
}

fn edges_into(n_edges: usize, kind: CellKind, node: usize) -> String {
    let edges = if n_edges == 1 { "edge" } else { "edges" };
    format!("{n_edges} {edges} into node {node} of the {kind} cell")
}

/// Both cells have equally many nodes: what tools have that set one number for both.
pub(super) fn nodes_alike(normal: &[Vec<EdgeGene>], reduction: &[Vec<EdgeGene>]) -> Result<(), Refusal> {
    let (normal, reduction) = (normal.len(), reduction.len());
    if normal == reduction {
        return Ok(());
    }
    let nodes = if normal == 1 { "node" } else { "nodes" };
    let found = format!("{normal} {nodes} in the normal and {reduction} in the reduction cell");
    Err(Refusal::new(found, "equally many nodes in both cells"))
}

/// Both cells have equally many nodes, and their output joins all of them in order.
pub(super) fn all_nodes_joined(genotype: &Genotype) -> Result<(), Refusal> {
    nodes_alike(&genotype["normal"].nodes, &genotype["reduction"].nodes)?;
    for kind in CellKind::ALL {
        let cell = &genotype[kind.name()];
        let end = N_INPUTS + cell.nodes.len();
        if !cell.concat.iter().copied().eq(N_INPUTS..end) {
            let found = format!("a {kind} cell whose output joins the nodes {:?}", cell.concat);
            let expected = format!("one that joins all nodes in order, {N_INPUTS} to {}", end - 1);
            return Err(Refusal::new(found, expected));
        }
    }
    Ok(())
}
