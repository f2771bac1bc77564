//! What moves the weights and what moves the alphas.

use serde::{Deserialize, Serialize};

use super::number;
use crate::error::Result;

const FROM_ZERO: &str = "a finite number, 0 or more";
const BELOW_ONE: &str = "a number from 0 to below 1";

/// The optimiser of the weights: `[search.method.weights]`. Its learning rate is the search's, epoch by epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WeightOptimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
}

/// Stochastic gradient descent as `torch.optim.SGD` computes it, without dampening: [`crate::optim::Sgd`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// μ.
    pub momentum: f64,
    /// λ, an L2 term added to the gradient.
    pub weight_decay: f64,
}

/// The optimiser of the alphas: `[search.method.alphas]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AlphaOptimizer {
    /// Adam.
    Adam(Adam),
}

/// Adam as `torch.optim.Adam` computes it, with the L2 term added to the gradient (not decoupled):
/// [`crate::optim::ArchAdam`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// η, the same in all epochs; 0 freezes the alphas.
    pub learning_rate: f64,
    /// β₁, of the mean of the gradients.
    pub beta1: f64,
    /// β₂, of the mean of their squares.
    pub beta2: f64,
    /// λ.
    pub weight_decay: f64,
}

impl Default for Sgd {
    /// Those of DARTS (A2): 0.9 and 3e-4.
    fn default() -> Self {
        Sgd { momentum: 0.9, weight_decay: 3e-4 }
    }
}

impl Default for Adam {
    /// Those of DARTS (A2): 3e-4, (0.5, 0.999), 1e-3.
    fn default() -> Self {
        Adam { learning_rate: 3e-4, beta1: 0.5, beta2: 0.999, weight_decay: 1e-3 }
    }
}

impl Default for WeightOptimizer {
    fn default() -> Self {
        WeightOptimizer::Sgd(Sgd::default())
    }
}

impl Default for AlphaOptimizer {
    fn default() -> Self {
        AlphaOptimizer::Adam(Adam::default())
    }
}

impl WeightOptimizer {
    /// λ.
    pub fn weight_decay(&self) -> f64 {
        let WeightOptimizer::Sgd(Sgd { weight_decay, .. }) = self;
        *weight_decay
    }

    /// Ranges; `place` is the table in the settings.
    pub(super) fn check(&self, place: &str) -> Result<()> {
        let WeightOptimizer::Sgd(Sgd { momentum, weight_decay }) = *self;
        number(place, "momentum", momentum, (0.0..1.0).contains(&momentum), BELOW_ONE)?;
        number(place, "weight_decay", weight_decay, weight_decay >= 0.0, FROM_ZERO)
    }
}

impl AlphaOptimizer {
    /// λ.
    pub fn weight_decay(&self) -> f64 {
        let AlphaOptimizer::Adam(Adam { weight_decay, .. }) = self;
        *weight_decay
    }

    /// η.
    pub fn learning_rate(&self) -> f64 {
        let AlphaOptimizer::Adam(Adam { learning_rate, .. }) = self;
        *learning_rate
    }

    /// η, to be set.
    pub fn learning_rate_mut(&mut self) -> &mut f64 {
        let AlphaOptimizer::Adam(Adam { learning_rate, .. }) = self;
        learning_rate
    }

    /// Ranges; `place` is the table in the settings.
    pub(super) fn check(&self, place: &str) -> Result<()> {
        let AlphaOptimizer::Adam(Adam { learning_rate, beta1, beta2, weight_decay }) = *self;
        number(place, "learning_rate", learning_rate, learning_rate >= 0.0, FROM_ZERO)?;
        number(place, "beta1", beta1, (0.0..1.0).contains(&beta1), BELOW_ONE)?;
        number(place, "beta2", beta2, (0.0..1.0).contains(&beta2), BELOW_ONE)?;
        number(place, "weight_decay", weight_decay, weight_decay >= 0.0, FROM_ZERO)
    }
}
