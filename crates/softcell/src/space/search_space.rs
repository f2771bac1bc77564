//! What may be searched.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::by_cell::ByCell;
use super::primitive::Primitive;
use super::topology::{CellKind, CellTopology, MacroLayout, STEM_MULTIPLIER, StemKind};
use crate::error::{Error, Result};

/// The cells that may be found and the supernet in which they are searched.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSpace {
    /// The choices on every edge, in the order of alpha's columns.
    pub candidates: Vec<Primitive>,
    /// Intermediate nodes of a cell.
    pub n_nodes: usize,
    /// Edges kept per node when deriving; a node with fewer incoming edges keeps all.
    pub edges_per_node: usize,
    /// Cells in the supernet.
    pub n_cells: usize,
    /// Channels of the first cell's nodes.
    pub init_channels: usize,
    /// What stands before the first cell.
    pub stem: StemKind,
    /// Channels of the stem of small images, as a multiple of `init_channels`.
    pub stem_multiplier: usize,
}

impl SearchSpace {
    /// The space of the original (Liu et al. 2019, CIFAR-10): 8 candidates, 4 nodes, 8 cells, 16 channels.
    pub fn darts() -> SearchSpace {
        SearchSpace {
            candidates: Primitive::DARTS.to_vec(),
            n_nodes: 4,
            edges_per_node: 2,
            n_cells: 8,
            init_channels: 16,
            stem: StemKind::Cifar,
            stem_multiplier: STEM_MULTIPLIER,
        }
    }

    /// Says whether the space can be searched.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if no candidate but `none` is there, if one is there twice, or if a number is
    /// out of range.
    pub fn check(&self) -> Result<()> {
        let listed =
            || format!("[{}]", self.candidates.iter().map(|p| p.name()).collect::<Vec<_>>().join(", "));
        if self.candidates.iter().all(|&primitive| primitive == Primitive::None) {
            return Err(Error::setting("candidates", listed(), "at least one operation besides `none`"));
        }
        for (i, primitive) in self.candidates.iter().enumerate() {
            if self.candidates[..i].contains(primitive) {
                let expected = format!("every operation once: remove the second `{primitive}`");
                return Err(Error::setting("candidates", listed(), expected));
            }
        }
        in_range("n_nodes", self.n_nodes, 1..=100)?;
        in_range("edges_per_node", self.edges_per_node, 1..=100)?;
        in_range("n_cells", self.n_cells, 1..=1000)?;
        in_range("init_channels", self.init_channels, 1..=65_536)?;
        in_range("stem_multiplier", self.stem_multiplier, 1..=100)
    }

    /// For each kind of cell the candidates of each edge.
    pub fn cells(&self) -> ByCell<Vec<Vec<Primitive>>> {
        let edges = vec![self.candidates.clone(); self.topology().n_edges()];
        CellKind::ALL.into_iter().map(|kind| (kind.name(), edges.clone())).collect()
    }

    /// The graph of a search cell.
    pub fn topology(&self) -> CellTopology {
        CellTopology { n_nodes: self.n_nodes }
    }

    /// How many candidates each edge has, by types of cells: the form of its edge weights.
    pub fn candidates_by_edge(&self) -> ByCell<Vec<usize>> {
        let edges = vec![self.candidates.len(); self.topology().n_edges()];
        CellKind::ALL.into_iter().map(|kind| (kind.name(), edges.clone())).collect()
    }

    /// The stack of cells of the supernet.
    pub fn layout(&self) -> MacroLayout {
        MacroLayout { n_cells: self.n_cells }
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
        let json = serde_json::to_string(&space).unwrap();
        assert_eq!(serde_json::from_str::<SearchSpace>(&json).unwrap(), space);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let mut json = serde_json::to_value(SearchSpace::darts()).unwrap();
        json["n_node"] = 3.into();
        assert!(serde_json::from_value::<SearchSpace>(json).is_err());
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
        assert_eq!(spoil(|s| s.candidates.clear()), "candidates");
        assert_eq!(spoil(|s| s.candidates = vec![Primitive::None]), "candidates");
        assert_eq!(spoil(|s| s.candidates.push(Primitive::SepConv3x3)), "candidates");
        assert_eq!(spoil(|s| s.n_nodes = 0), "n_nodes");
        assert_eq!(spoil(|s| s.n_nodes = usize::MAX), "n_nodes");
        assert_eq!(spoil(|s| s.edges_per_node = 0), "edges_per_node");
        assert_eq!(spoil(|s| s.n_cells = 0), "n_cells");
        assert_eq!(spoil(|s| s.init_channels = 0), "init_channels");
        assert_eq!(spoil(|s| s.stem_multiplier = 0), "stem_multiplier");
    }

    #[test]
    fn one_candidate_is_enough() {
        let space = SearchSpace { candidates: vec![Primitive::SkipConnect], ..SearchSpace::darts() };
        space.check().unwrap();
    }
}
