//! What is added to the loss of the alphas.

use serde::{Deserialize, Serialize};

use super::relaxation::{Moment, Relaxed};
use crate::space::{AlphaGradient, Alphas};

/// A term of the alphas' loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Penalty {
    /// Its value.
    pub value: f64,
    /// Its gradient in the alphas.
    pub gradient: AlphaGradient,
}

/// A term that depends on the alphas, or on the edge weights that they become, and on no image.
///
/// The L2 of the alphas' Adam is none: as in PyTorch it belongs to the optimiser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Regularizer {
    /// None.
    #[default]
    None,
}

impl Regularizer {
    /// The term at this moment; none where there is nothing to add.
    ///
    /// A gradient in the edge weights becomes one in the alphas by [`Relaxed::pull_back`].
    pub fn penalty(self, _alphas: &Alphas, _relaxed: &Relaxed, _moment: Moment) -> Option<Penalty> {
        match self {
            Regularizer::None => None,
        }
    }
}
