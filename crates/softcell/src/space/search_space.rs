//! What may be searched.

use std::ops::RangeInclusive;

use super::by_cell::ByCell;
use super::primitive::Primitive;
use super::reductions::Reductions;
use super::topology::{CellOutput, CellTopology, Layout, MacroLayout, N_INPUTS, STEM_MULTIPLIER, StemKind};
use super::wording::cell_title;
use crate::error::{Error, Result};

/// The cells that may be found and the supernet in which they are searched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SearchSpace {
    /// For each kind of cell ([`Layout::cells`]) the choices on every edge, in the order of [`CellTopology::edges`] and
    /// of alpha's columns. An edge with `none` alone is not there.
    pub cells: ByCell<Vec<Vec<Primitive>>>,
    /// Input nodes of a cell: 1, the output of the cell before, or 2, those of the two cells before.
    pub inputs: usize,
    /// Intermediate nodes of a cell.
    pub n_nodes: usize,
    /// What a cell hands on.
    pub output: CellOutput,
    /// Edges kept per node when deriving; a node with fewer incoming edges keeps all. 0 keeps all edges, and then `none`
    /// may be what is derived for one.
    pub edges_per_node: usize,
    /// How cells form a network.
    pub layout: Layout,
    /// Where the resolution is halved.
    pub reductions: Reductions,
    /// Cells in the supernet.
    pub n_cells: usize,
    /// Channels of the first cell's nodes.
    pub init_channels: usize,
    /// What stands before the first cell.
    pub stem: StemKind,
    /// Channels of the stem of small images, as a multiple of `init_channels`.
    pub stem_multiplier: usize,
    /// Operations see one of so many parts of the channels, the others pass by (PC-DARTS); 1 is all.
    pub share: usize,
    /// Beside the candidates of each edge stands one more skip connection, the last in the plan's list, whose weight is
    /// no alpha's and which is never derived (DARTS−).
    pub auxiliary_skip: bool,
    /// `nor_conv_1x1` and `nor_conv_3x3` have a bias in the supernet (AutoDL-Projects' supernet of NAS-Bench-201).
    pub convolution_bias: bool,
}

impl SearchSpace {
    /// The space of the original (Liu et al. 2019, CIFAR-10): 8 candidates, 4 nodes, 8 cells, 16 channels.
    pub fn darts() -> SearchSpace {
        let space = SearchSpace {
            cells: ByCell::default(),
            inputs: N_INPUTS,
            n_nodes: 4,
            output: CellOutput::All,
            edges_per_node: 2,
            layout: Layout::Stacked,
            reductions: Reductions::THIRDS,
            n_cells: 8,
            init_channels: 16,
            stem: StemKind::Cifar,
            stem_multiplier: STEM_MULTIPLIER,
            share: 1,
            auxiliary_skip: false,
            convolution_bias: false,
        };
        space.with_candidates(&Primitive::DARTS)
    }

    /// The space of NAS-Bench-201 (Dong & Yang 2020) around its own skeleton: one cell of one input and three nodes, five
    /// operations, `none` among what is derived; 5 cells a stage from 16 channels.
    pub fn nas_bench_201() -> SearchSpace {
        let space = SearchSpace {
            inputs: 1,
            n_nodes: 3,
            output: CellOutput::Last,
            edges_per_node: 0,
            layout: Layout::Residual,
            n_cells: 15,
            stem_multiplier: 1,
            ..SearchSpace::darts()
        };
        space.with_candidates(&Primitive::NAS_BENCH_201)
    }

    /// The same with these candidates on every edge of every kind of cell.
    pub fn with_candidates(self, candidates: &[Primitive]) -> SearchSpace {
        let edges = vec![candidates.to_vec(); self.topology().n_edges()];
        let names = self.layout.cells();
        SearchSpace { cells: names.iter().map(|&name| (name, edges.clone())).collect(), ..self }
    }

    /// The same with so many nodes and the candidates of the first edge on all edges.
    pub fn with_nodes(self, n_nodes: usize) -> SearchSpace {
        let first = self.cells.cells().flatten().next().cloned().unwrap_or_default();
        SearchSpace { n_nodes, ..self }.with_candidates(&first)
    }

    /// Says whether the space can be searched.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if kinds of cells or edges are missing or too many, a node has no operation to choose, one is
    /// on an edge twice, or if a number is out of range.
    pub fn check(&self) -> Result<()> {
        in_range("n_nodes", self.n_nodes, 1..=100)?;
        in_range("inputs", self.inputs, 1..=2)?;
        if self.layout == Layout::Residual && self.inputs != 1 {
            return Err(Error::setting("inputs", self.inputs, "1 in the residual layout"));
        }
        if self.layout == Layout::Stacked && self.reductions.is_empty() {
            let expected = "at least one, or the residual layout, which has no reduction cells";
            return Err(Error::setting("reductions", "none", expected));
        }
        self.check_cells()?;
        in_range("edges_per_node", self.edges_per_node, 0..=100)?;
        in_range("n_cells", self.n_cells, 1..=1000)?;
        in_range("init_channels", self.init_channels, 1..=65_536)?;
        in_range("stem_multiplier", self.stem_multiplier, 1..=100)?;
        if self.share == 0 || !self.init_channels.is_multiple_of(self.share) {
            let expected = format!("a divisor of the {} channels", self.init_channels);
            return Err(Error::setting("share", self.share, expected));
        }
        Ok(())
    }

    fn check_cells(&self) -> Result<()> {
        let listed = |edge: &[Primitive]| {
            format!("[{}]", edge.iter().map(|p| p.name()).collect::<Vec<_>>().join(", "))
        };
        let names = self.layout.cells();
        if !self.cells.names().eq(names.iter().copied()) {
            let found = self.cells.names().collect::<Vec<_>>().join(", ");
            return Err(Error::setting("candidates", found, format!("cells {}", names.join(", "))));
        }
        for (name, edges) in self.cells.iter() {
            let n_edges = self.topology().n_edges();
            if edges.len() != n_edges {
                let found = format!("{} edges of the {}", edges.len(), cell_title(name));
                let expected = format!("{n_edges}: every one of {} nodes reads all before it", self.n_nodes);
                return Err(Error::setting("candidates", found, expected));
            }
            for (i, edge) in edges.iter().enumerate() {
                if edge.is_empty() {
                    let found = format!("no candidate on edge {i} of the {}", cell_title(name));
                    return Err(Error::setting("candidates", found, "`none` where there shall be no edge"));
                }
                if let Some(twice) = edge.iter().enumerate().find(|(i, p)| edge[..*i].contains(p)) {
                    let expected = format!("every operation once: remove the second `{}`", twice.1);
                    return Err(Error::setting("candidates", listed(edge), expected));
                }
            }
            for node in 0..self.n_nodes {
                let incoming = &edges[self.topology().incoming(node)];
                if incoming.iter().flatten().all(|&primitive| primitive == Primitive::None) {
                    let found = match edges.iter().all(|edge| *edge == edges[0]) {
                        true => listed(&edges[0]),
                        false => {
                            format!("none alone into node {} of the {}", self.inputs + node, cell_title(name))
                        }
                    };
                    return Err(Error::setting("candidates", found, "at least one operation besides `none`"));
                }
            }
        }
        Ok(())
    }

    /// The graph of a search cell.
    pub fn topology(&self) -> CellTopology {
        CellTopology { inputs: self.inputs, n_nodes: self.n_nodes }
    }

    /// The nodes that the output of a cell joins.
    pub fn concat(&self) -> Vec<usize> {
        let nodes = self.topology().nodes();
        match self.output {
            CellOutput::All => nodes.collect(),
            CellOutput::Last => nodes.last().into_iter().collect(),
        }
    }

    /// How many candidates each edge has, by types of cells: the form of the alphas. The auxiliary skip is not counted.
    pub fn candidates_by_edge(&self) -> ByCell<Vec<usize>> {
        self.cells.lengths()
    }

    /// Every operation that is on an edge, without repetition, in the order in which they are met.
    pub fn operations(&self) -> Vec<Primitive> {
        let mut all = Vec::new();
        for &primitive in self.cells.values() {
            if !all.contains(&primitive) {
                all.push(primitive);
            }
        }
        all
    }

    /// Entropy of no preference at all, ln of the number of candidates, as the mean over all edges, in nats.
    pub fn largest_entropy(&self) -> f64 {
        let rows: Vec<f64> = self.cells.cells().flatten().map(|edge| (edge.len() as f64).ln()).collect();
        rows.iter().sum::<f64>() / (rows.len() as f64).max(1.0)
    }

    /// The stack of cells of the supernet.
    pub fn layout(&self) -> MacroLayout {
        MacroLayout { n_cells: self.n_cells, reductions: self.reductions }
    }
}

fn in_range(name: &str, found: usize, possible: RangeInclusive<usize>) -> Result<()> {
    if possible.contains(&found) {
        return Ok(());
    }
    Err(Error::setting(
        name,
        found,
        format!("a whole number from {} to {}", possible.start(), possible.end()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_space() {
        let space = SearchSpace::darts();
        space.check().unwrap();
        assert_eq!(space.topology().n_edges(), 14);
        assert_eq!(space.layout().kinds().len(), 8);
        assert_eq!(space.cells.names().collect::<Vec<_>>(), ["normal", "reduction"]);
    }

    fn normal(space: &mut SearchSpace) -> &mut Vec<Vec<Primitive>> {
        space.cells.cells_mut().next().unwrap()
    }

    #[test]
    fn what_cannot_be_searched_is_named() {
        let spoil = |change: fn(&mut SearchSpace)| {
            let mut space = SearchSpace::darts();
            change(&mut space);
            match space.check() {
                Err(Error::Setting { name, .. }) => name,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(spoil(|s| s.cells = ByCell::default()), "candidates");
        assert_eq!(spoil(|s| normal(s).truncate(13)), "candidates");
        assert_eq!(spoil(|s| normal(s)[3].clear()), "candidates");
        assert_eq!(spoil(|s| normal(s)[..2].fill(vec![Primitive::None])), "candidates");
        assert_eq!(spoil(|s| normal(s)[13].push(Primitive::SepConv3x3)), "candidates");
        assert_eq!(spoil(|s| s.reductions = Reductions::NONE), "reductions");
        assert_eq!(spoil(|s| s.layout = Layout::Residual), "inputs");
        assert_eq!(spoil(|s| s.inputs = 3), "inputs");
        assert_eq!(spoil(|s| s.share = 3), "share");
        assert_eq!(spoil(|s| s.share = 0), "share");
        assert_eq!(spoil(|s| s.n_nodes = 0), "n_nodes");
        assert_eq!(spoil(|s| s.n_nodes = usize::MAX), "n_nodes");
        assert_eq!(spoil(|s| s.edges_per_node = 101), "edges_per_node");
        assert_eq!(spoil(|s| s.n_cells = 0), "n_cells");
        assert_eq!(spoil(|s| s.init_channels = 0), "init_channels");
        assert_eq!(spoil(|s| s.stem_multiplier = 0), "stem_multiplier");
    }

    #[test]
    fn one_candidate_is_enough() {
        let mut space = SearchSpace::darts().with_candidates(&[Primitive::SkipConnect]);
        space.check().unwrap();
        // One edge less.
        normal(&mut space)[1] = vec![Primitive::None];
        space.check().unwrap();
        assert_eq!(space.operations(), [Primitive::SkipConnect, Primitive::None]);
    }
}
