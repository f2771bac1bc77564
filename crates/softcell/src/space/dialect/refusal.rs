//! What a dialect cannot express.

use super::super::architecture::Architecture;
use super::super::genotype::Genotype;
use super::super::topology::{CellKind, N_INPUTS};

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

/// The genotype, for a dialect of cells.
pub(super) fn cells(architecture: &Architecture) -> Result<&Genotype, Refusal> {
    match architecture {
        Architecture::Cells(genotype) => Ok(genotype),
        Architecture::Nb201(architecture) => Err(Refusal::new(
            format!("the NAS-Bench-201 architecture `{architecture}`"),
            "a normal and a reduction cell as in DARTS (NAS-Bench-201 is another space: one input, six edges, other \
             operations)",
        )),
    }
}

/// Every node has two edges.
pub(super) fn two_edges_per_node(genotype: &Genotype) -> Result<(), Refusal> {
    for kind in CellKind::ALL {
        for (i, genes) in genotype.cell(kind).nodes.iter().enumerate() {
            if genes.len() != 2 {
                let edges = if genes.len() == 1 { "edge" } else { "edges" };
                let found = format!("{} {edges} into node {} of the {kind} cell", genes.len(), N_INPUTS + i);
                return Err(Refusal::new(found, "two edges into every node"));
            }
        }
    }
    Ok(())
}

/// Both cells have as many nodes, and their output joins all of them in order.
pub(super) fn all_nodes_joined(genotype: &Genotype) -> Result<(), Refusal> {
    let (normal, reduction) = (genotype.normal.nodes.len(), genotype.reduction.nodes.len());
    if normal != reduction {
        let found = format!("{normal} nodes in the normal and {reduction} in the reduction cell");
        return Err(Refusal::new(found, "as many nodes in both cells"));
    }
    for kind in CellKind::ALL {
        let concat = &genotype.cell(kind).concat;
        if !concat.iter().copied().eq(N_INPUTS..N_INPUTS + normal) {
            let found = format!("a {kind} cell whose output joins the nodes {concat:?}");
            let expected =
                format!("one that joins all nodes in order, {N_INPUTS} to {}", N_INPUTS + normal - 1);
            return Err(Refusal::new(found, expected));
        }
    }
    Ok(())
}
