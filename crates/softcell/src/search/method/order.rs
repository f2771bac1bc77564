//! Which half of a step comes first.

use serde::{Deserialize, Serialize};

/// Half of a step of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Half {
    /// The alphas move, on a batch of their own.
    Alphas,
    /// The weights move, on a batch of theirs.
    Weights,
}

/// The order of the two halves of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepOrder {
    /// The alphas at the weights as they are, then the weights at the new alphas: the official code of DARTS.
    #[default]
    AlphasFirst,
}

impl StepOrder {
    /// The halves in their order.
    pub const fn halves(self) -> &'static [Half] {
        match self {
            StepOrder::AlphasFirst => &[Half::Alphas, Half::Weights],
        }
    }
}
