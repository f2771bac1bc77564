//! What each candidate of a supernet costs in its places.

use serde::{Deserialize, Serialize};

use super::{Cost, steps_cost};
use crate::space::by_cell::ByCell;
use crate::space::plan::{Block, Body, CellBlock, MapShape, NetworkPlan, Step};
use crate::space::primitive::Primitive;

/// An operation with all that decides how long it takes, for what it reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacedOperation {
    /// Which.
    pub operation: Primitive,
    /// Channels that it sees.
    pub channels: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Height and width of the map that it reads.
    pub size: [usize; 2],
}

/// A candidate of an edge in one cell of the supernet.
#[derive(Clone, Debug)]
pub struct PlacedCandidate {
    /// The operation and its place.
    pub place: PlacedOperation,
    /// Its steps.
    pub steps: Vec<Step>,
}

impl PlacedCandidate {
    /// The map that it reads.
    pub fn input(&self) -> MapShape {
        MapShape { channels: self.place.channels, size: self.place.size }
    }

    /// Weights and multiply-adds, for one image.
    pub fn cost(&self) -> Cost {
        steps_cost(self.input(), &self.steps)
    }
}

/// All places of each candidate of each edge of each kind of cell: `[edge][candidate]`, in the order of the edge weights;
/// none for `none`, which does nothing.
pub type PlacedCandidates = ByCell<Vec<Vec<Vec<PlacedCandidate>>>>;

impl NetworkPlan {
    /// Where each candidate stands in this supernet.
    pub fn candidates(&self) -> PlacedCandidates {
        let cells = self.cells.iter().enumerate().map(|(index, kind)| {
            let places = |edge: usize, candidate: usize| {
                let blocks = self.blocks.iter().filter_map(|block| match &block.body {
                    Body::Cell(cell) if cell.cell == index => Some((block, cell)),
                    _ => None,
                });
                let placed = |(block, cell): (&Block, &CellBlock)| {
                    let steps = kind.steps(edge, candidate, cell.channels, cell.norms)?;
                    let plan = &kind.edges[edge];
                    let size = match plan.source < kind.inputs {
                        true => {
                            let (_, prepared) = self.preparation(block, cell, plan.source);
                            let input = self.input(block, plan.source);
                            prepared.iter().fold(input, |map, step| step.output(map)).size
                        }
                        false => block.output.size,
                    };
                    let channels = kind.seen(cell.channels);
                    let operation = plan.candidates[candidate];
                    let place = PlacedOperation { operation, channels, stride: plan.stride, size };
                    Some(PlacedCandidate { place, steps })
                };
                blocks.filter_map(placed).collect()
            };
            let edges = kind.edges.iter().enumerate();
            let edges =
                edges.map(|(edge, plan)| (0..plan.candidates.len()).map(|k| places(edge, k)).collect());
            (kind.name.clone(), edges.collect())
        });
        cells.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{SearchSpace, supernet_cost};

    /// With what is no candidate, they are all of the supernet.
    #[test]
    fn the_candidates_and_the_rest_are_all_of_the_supernet() {
        let space = SearchSpace::darts();
        let plan = NetworkPlan::supernet(&space, [3, 32, 32], 10);
        let candidates = plan.candidates();
        let sum: Cost = candidates.cells().flatten().flatten().flatten().map(PlacedCandidate::cost).sum();
        let none = space.clone().with_candidates(&[Primitive::None, Primitive::AvgPool3x3]);
        let rest = supernet_cost(&none, 3, 10, 32, 32);
        let all = supernet_cost(&space, 3, 10, 32, 32);
        assert_eq!(rest + sum, all);
        let names: Vec<&str> = candidates.names().collect();
        assert_eq!(names, ["normal", "reduction"]);
        let edges = candidates.get("reduction").unwrap();
        assert_eq!((edges.len(), edges[0].len()), (14, 8));
        // `none` is nowhere, the others in both cells.
        assert_eq!(edges[0].iter().map(Vec::len).collect::<Vec<_>>(), [0, 2, 2, 2, 2, 2, 2, 2]);
        let place = |edge: usize, cell: usize| edges[edge][4][cell].place;
        let operation = Primitive::SepConv3x3;
        assert_eq!(place(0, 0), PlacedOperation { operation, channels: 32, stride: 2, size: [32, 32] });
        // The second reduction reads the first, in the place before it, at twice its size: it is halved first.
        assert_eq!(place(0, 1), PlacedOperation { operation, channels: 64, stride: 2, size: [16, 16] });
        assert_eq!(place(4, 1), PlacedOperation { operation, channels: 64, stride: 1, size: [8, 8] });
    }
}
