//! Cells that name an operation for many edges, and apart from that the edges that are kept.

use std::collections::BTreeMap;

use super::super::genotype::{CellGene, EdgeGene, Genotype};
use super::super::primitive::Primitive;
use super::super::topology::{CellKind, N_INPUTS};
use super::cursor::Cursor;
use super::keys::word;
use super::refusal::{Refusal, edges_alike, nodes_alike};
use crate::error::{Error, Result};

/// The edges of both cells, as far as they were read.
#[derive(Default)]
pub(super) struct Routes {
    /// Operations by cell, node and source; none where it was said that there is none.
    pub(super) operations: BTreeMap<(CellKind, usize, usize), Option<Primitive>>,
    /// Sources that a node keeps, in the order in which they were written.
    pub(super) kept: BTreeMap<(CellKind, usize), Vec<usize>>,
}

impl Routes {
    pub(super) fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.kept.is_empty()
    }

    /// The genotype, all nodes joined. `ending` is that of keys that say which edges a node keeps; the cursor
    /// stands at the end, for the message.
    ///
    /// # Errors
    ///
    /// A node without kept edges, or a kept edge without operation, by the name of what is missing; also those of
    /// [`joined`].
    pub(super) fn genotype(&self, cursor: &Cursor<'_>, ending: &str) -> Result<Genotype> {
        let nodes = |kind| self.nodes(kind, cursor, ending);
        joined(nodes(CellKind::Normal)?, nodes(CellKind::Reduction)?, cursor)
    }

    fn nodes(&self, kind: CellKind, cursor: &Cursor<'_>, ending: &str) -> Result<Vec<Vec<EdgeGene>>> {
        let word = word(kind);
        let kept = self.kept.keys().filter(|&&(of, _)| of == kind).map(|&(_, node)| node);
        let named = self.operations.keys().filter(|&&(of, ..)| of == kind).map(|&(_, node, _)| node);
        let last = kept.chain(named).max().unwrap_or(N_INPUTS);
        let mut nodes = Vec::new();
        for node in N_INPUTS..=last {
            let sources = self
                .kept
                .get(&(kind, node))
                .ok_or_else(|| missing(cursor, &format!("{word}_n{node}{ending}")))?;
            let genes = sources.iter().map(|&source| {
                let primitive = self.operations.get(&(kind, node, source)).copied().flatten();
                let primitive =
                    primitive.ok_or_else(|| missing(cursor, &format!("{word}_n{node}_p{source}")))?;
                Ok(EdgeGene { primitive, source })
            });
            nodes.push(genes.collect::<Result<_>>()?);
        }
        Ok(nodes)
    }
}

/// The genotype of these nodes, all of them joined. Edges of `none` are left out where a node has others.
///
/// The entries of such texts stand side by side, so that those that are left after a loss look like a whole: so the
/// cells have to be equally long, and their nodes to have equally many edges. The cursor stands at the end, for the
/// message.
///
/// # Errors
///
/// Cells with different numbers of nodes, a node with another number of edges than the others.
pub(super) fn joined(
    normal: Vec<Vec<EdgeGene>>,
    reduction: Vec<Vec<EdgeGene>>,
    cursor: &Cursor<'_>,
) -> Result<Genotype> {
    let alike = nodes_alike(&normal, &reduction).and_then(|()| edges_alike(&normal, &reduction));
    alike.map_err(|Refusal { found, expected }| {
        let remedy = "give all entries (was the text cut off?): those tools choose equally many nodes for both cells \
             and edges for every node";
        cursor.fault_with(cursor.at(), &found, expected, remedy)
    })?;
    let cell = |nodes: Vec<Vec<EdgeGene>>| {
        let concat = (N_INPUTS..N_INPUTS + nodes.len()).collect();
        CellGene { inputs: N_INPUTS, nodes: nodes.into_iter().map(without_none).collect(), concat }
    };
    Ok(Genotype::darts(cell(normal), cell(reduction)))
}

/// An entry is not there; the cursor stands at the end.
pub(super) fn missing(cursor: &Cursor<'_>, key: &str) -> Error {
    cursor.fault_at(cursor.at(), "the end of the entries", format!("`{key}` among them"))
}

/// Edges without those of `none`, which add nothing to the node's sum; all of them if no other is there, so that
/// the check of the genotype names the node.
pub(super) fn without_none(genes: Vec<EdgeGene>) -> Vec<EdgeGene> {
    if genes.iter().all(|gene| gene.primitive == Primitive::None) {
        return genes;
    }
    genes.into_iter().filter(|gene| gene.primitive != Primitive::None).collect()
}
