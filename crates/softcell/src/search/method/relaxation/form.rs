//! What relaxations know of a space: which rows there are, and which belong to a node.

use std::ops::Range;

use crate::space::{ByCell, Primitive, SearchSpace};

/// The edges of a kind of cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellForm {
    /// The candidates of each edge.
    pub candidates: Vec<Vec<Primitive>>,
    /// For each node its incoming edges.
    pub nodes: Vec<Range<usize>>,
    /// How many edges a derived node has.
    pub kept: Kept,
}

/// How many edges a derived node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of them; `none` is an operation like the others.
    All,
    /// So many, none of them with `none`; a node with fewer incoming edges has all.
    Some(usize),
}

impl CellForm {
    /// The cells of a space, by their names.
    pub fn of(space: &SearchSpace) -> ByCell<CellForm> {
        let topology = space.topology();
        let kept = match space.edges_per_node {
            0 => Kept::All,
            most => Kept::Some(most),
        };
        let nodes: Vec<Range<usize>> = (0..space.n_nodes).map(|node| topology.incoming(node)).collect();
        space.cells.map(|edges| CellForm { candidates: edges.clone(), nodes: nodes.clone(), kept })
    }

    /// How many candidates each edge has.
    pub fn lengths(&self) -> Vec<usize> {
        self.candidates.iter().map(Vec::len).collect()
    }

    /// A value for each candidate, from the edge's candidates.
    pub fn rows(&self, row: impl Fn(&[Primitive]) -> Vec<f64>) -> Vec<Vec<f64>> {
        self.candidates.iter().map(|candidates| row(candidates)).collect()
    }
}
