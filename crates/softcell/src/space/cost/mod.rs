//! Size and work of networks, without building them.
//!
//! A network is written down as the operations that it does on one image, each with its weights, its
//! multiply-adds and the map it writes (`trace`, `build`). Sums over it are the [`Cost`]
//! ([`derived_cost`], [`supernet_cost`]); which maps are alive at the same time gives the memory, and
//! its parts the table of layers ([`derived_layers`]).

mod build;
mod layers;
mod shape;
mod supernet;
mod trace;

#[cfg(test)]
mod tests;

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

pub use layers::{BlockCost, LayerCost, LayerTable, derived_cost, derived_layers};
pub use shape::NetworkShape;
pub use supernet::{supernet_cost, supernet_parameters};

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
