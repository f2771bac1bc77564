//! In which epochs the alphas move.

use serde::{Deserialize, Serialize};

/// The epochs of the alphas. Before, the weights learn alone, at the alphas as they were drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlphaSchedule {
    /// The first epoch in which they move, from 0; 0 is DARTS.
    pub first_epoch: usize,
}

impl AlphaSchedule {
    /// Whether they move in this epoch, counted from 0.
    pub const fn steps_in(self, epoch: usize) -> bool {
        epoch >= self.first_epoch
    }
}
