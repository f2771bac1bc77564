//! Size and work of networks, without building them.
//!
//! A network is written down as the operations that it does on one image, each with its weights, its
//! multiply-adds and the map it writes (`trace`, `walk`). Sums over it are the [`Cost`]
//! ([`derived_cost`], [`supernet_cost`]); which maps are alive at the same time gives the memory, and
//! its parts the table of layers ([`derived_layers`]).

mod candidates;
mod layers;
mod shape;
mod trace;
mod walk;

#[cfg(test)]
mod tests;

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use super::genotype::Genotype;
use super::plan::{MapShape, NetworkPlan, Step};
use super::search_space::SearchSpace;
pub use candidates::{PlacedCandidate, PlacedCandidates, PlacedOperation};
pub use layers::{BlockCost, LayerCost, LayerTable, derived_layers};
pub use shape::NetworkShape;
use trace::Trace;

impl NetworkPlan {
    /// Size and work, the auxiliary classifier left out. Alphas, and the products of operations with their edge
    /// weights, are not counted.
    pub fn cost(&self) -> Cost {
        walk::cost(self)
    }
}

/// Cost of the network built from `genotype`, every batch normalisation affine, the auxiliary head left out.
///
/// # Panics
/// If the genotype does not pass [`Genotype::check`].
pub fn derived_cost(genotype: &Genotype, shape: &NetworkShape) -> Cost {
    NetworkPlan::derived(genotype, &shape.into()).cost()
}

/// Cost of the supernet of `space`: every candidate on every edge, batch normalisation affine in the stem only.
pub fn supernet_cost(
    space: &SearchSpace,
    in_channels: usize,
    classes: usize,
    height: usize,
    width: usize,
) -> Cost {
    NetworkPlan::supernet(space, [in_channels, height, width], classes).cost()
}

/// Trainable weights of the supernet of `space`, as in [`supernet_cost`].
pub fn supernet_parameters(space: &SearchSpace, in_channels: usize, classes: usize) -> u64 {
    // The size of the images has no influence on the parameters.
    supernet_cost(space, in_channels, classes, 1, 1).parameters
}

/// Cost of some steps, one after the other.
pub(super) fn steps_cost(input: MapShape, steps: &[Step]) -> Cost {
    let mut trace = Trace::of(input);
    walk::steps(&mut trace, steps, 0);
    trace.cost()
}

/// Size and work of a network or of a part of it. Sums end at the largest number there is.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable numbers, the auxiliary head left out.
    pub parameters: u64,
    /// Multiply-adds of the convolutions and the classifier for one image.
    pub macs: u64,
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            parameters: self.parameters.saturating_add(other.parameters),
            macs: self.macs.saturating_add(other.macs),
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), Add::add)
    }
}
