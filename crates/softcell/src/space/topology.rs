//! How edges form a cell and how cells form a network.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::reductions::Reductions;

/// Input nodes of a cell of DARTS: node 0 is the output of the cell before the previous one, node 1 that of the
/// previous one. Intermediate nodes follow from 2.
pub const N_INPUTS: usize = 2;

/// Whether a cell keeps or halves the resolution.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// Keeps the resolution.
    Normal,
    /// Halves height and width (rounding up) and doubles the channels.
    Reduction,
}

impl CellKind {
    /// Both kinds, normal first.
    pub const ALL: [CellKind; 2] = [CellKind::Normal, CellKind::Reduction];

    /// `normal` or `reduction`.
    pub const fn name(self) -> &'static str {
        match self {
            CellKind::Normal => "normal",
            CellKind::Reduction => "reduction",
        }
    }

    /// The kind of a cell of that name: `reduction`, or whatever else keeps the resolution.
    pub fn named(name: &str) -> CellKind {
        if name == CellKind::Reduction.name() { CellKind::Reduction } else { CellKind::Normal }
    }

    /// Stride of an edge that leaves node `source` of a cell of so many inputs: 2 from the inputs of a reduction cell,
    /// else 1.
    pub const fn stride(self, source: usize, inputs: usize) -> usize {
        match self {
            CellKind::Reduction if source < inputs => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for CellKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An ordered pair of nodes of a cell.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd, Serialize, Deserialize)]
pub struct Edge {
    /// The node that is read: an input or an earlier intermediate node.
    pub source: usize,
    /// The intermediate node that sums it.
    pub target: usize,
}

/// The complete directed acyclic graph of a search cell: every node reads all earlier ones.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub struct CellTopology {
    /// Input nodes: 0 to `inputs − 1`.
    pub inputs: usize,
    /// Intermediate nodes, which follow the inputs.
    pub n_nodes: usize,
}

impl CellTopology {
    /// The cell of DARTS with so many nodes: two inputs.
    pub const fn darts(n_nodes: usize) -> CellTopology {
        CellTopology { inputs: N_INPUTS, n_nodes }
    }

    /// Number of edges: the rows of alpha; n·(n − 1 + 2·inputs)/2.
    pub const fn n_edges(&self) -> usize {
        self.first_edge(self.n_nodes)
    }

    /// Numbers of the intermediate nodes.
    pub const fn nodes(&self) -> Range<usize> {
        self.inputs..self.inputs + self.n_nodes
    }

    /// All edges in row order: by target, then by source.
    pub fn edges(&self) -> Vec<Edge> {
        self.nodes().flat_map(|target| (0..target).map(move |source| Edge { source, target })).collect()
    }

    /// Rows of the edges into intermediate node `node_index`, which counts from 0 (the first behind the inputs).
    /// The k-th of them leaves node k.
    pub const fn incoming(&self, node_index: usize) -> Range<usize> {
        self.first_edge(node_index)..self.first_edge(node_index + 1)
    }

    /// Row of the first edge into intermediate node `node_index` (from 0).
    const fn first_edge(&self, node_index: usize) -> usize {
        (node_index * (node_index + 2 * self.inputs) - node_index) / 2
    }
}

/// What a searched cell hands on.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellOutput {
    /// All intermediate nodes, joined along channels.
    All,
    /// The last node.
    Last,
}

/// How cells form a network.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Normal cells, and reduction cells in between (DARTS).
    Stacked,
    /// One kind of cell, and residual blocks of stride 2 in between (NAS-Bench-201).
    Residual,
}

impl Layout {
    /// The names of the kinds of cells.
    pub const fn cells(self) -> &'static [&'static str] {
        match self {
            Layout::Stacked => &["normal", "reduction"],
            Layout::Residual => &["cell"],
        }
    }
}

/// Channels of the stem of small images, in multiples of the first cell's.
pub const STEM_MULTIPLIER: usize = 3;

/// What stands before the first cell.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StemKind {
    /// One 3x3 convolution to three times the cells' channels.
    Cifar,
    /// Three 3x3 convolutions of stride 2: cells begin at an eighth of the sides.
    Imagenet,
}

impl StemKind {
    /// `cifar` or `imagenet`.
    pub const fn name(self) -> &'static str {
        match self {
            StemKind::Cifar => "cifar",
            StemKind::Imagenet => "imagenet",
        }
    }
}

impl fmt::Display for StemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The stack of cells.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct MacroLayout {
    /// Number of cells.
    pub n_cells: usize,
    /// Where the resolution is halved.
    pub reductions: Reductions,
}

impl MacroLayout {
    /// Kind of cell `i` (from 0): a reduction at ⌊f·L⌋ of L cells for each fraction f of the depth.
    pub fn kind(&self, i: usize) -> CellKind {
        match self.reductions.halves_at(i, self.n_cells) {
            true => CellKind::Reduction,
            false => CellKind::Normal,
        }
    }

    /// Kinds of all cells, first to last.
    pub fn kinds(&self) -> Vec<CellKind> {
        (0..self.n_cells).map(|i| self.kind(i)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_in_row_order() {
        let topology = CellTopology::darts(4);
        let pairs: Vec<_> = topology.edges().iter().map(|edge| (edge.target, edge.source)).collect();
        let expected = [
            (2, 0),
            (2, 1),
            (3, 0),
            (3, 1),
            (3, 2),
            (4, 0),
            (4, 1),
            (4, 2),
            (4, 3),
            (5, 0),
            (5, 1),
            (5, 2),
            (5, 3),
            (5, 4),
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn incoming_rows_are_the_edges_of_the_node() {
        for (inputs, n_nodes) in (0..8).flat_map(|n_nodes| [(1, n_nodes), (2, n_nodes)]) {
            let topology = CellTopology { inputs, n_nodes };
            let edges = topology.edges();
            assert_eq!(edges.len(), topology.n_edges());
            let mut seen = 0;
            for node_index in 0..n_nodes {
                for (source, row) in topology.incoming(node_index).enumerate() {
                    assert_eq!(edges[row], Edge { source, target: node_index + inputs });
                    seen += 1;
                }
            }
            assert_eq!(seen, edges.len());
        }
    }

    #[test]
    fn only_inputs_of_reduction_cells_are_strided() {
        let strides = |kind: CellKind, inputs| [0, 1, 2, 3].map(|source| kind.stride(source, inputs));
        assert_eq!(strides(CellKind::Normal, 2), [1, 1, 1, 1]);
        assert_eq!(strides(CellKind::Reduction, 2), [2, 2, 1, 1]);
        assert_eq!(strides(CellKind::Reduction, 1), [2, 1, 1, 1]);
    }

    #[test]
    fn reductions_at_one_and_two_thirds() {
        for (n_cells, reductions) in [
            (8, vec![2, 5]),
            (20, vec![6, 13]),
            (14, vec![4, 9]),
            (5, vec![1, 3]),
            (1, vec![0]),
            (2, vec![0, 1]),
        ] {
            let kinds = MacroLayout { n_cells, reductions: Reductions::THIRDS }.kinds();
            assert_eq!(kinds.len(), n_cells);
            let found: Vec<_> = (0..n_cells).filter(|&i| kinds[i] == CellKind::Reduction).collect();
            assert_eq!(found, reductions, "{n_cells} cells");
        }
    }
}
