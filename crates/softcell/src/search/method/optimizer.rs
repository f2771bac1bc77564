//! What moves the weights and what moves the alphas.

use serde::{Deserialize, Serialize};

use super::number;
use crate::error::{Error, Result};

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
    /// Whether a step looks ahead, along `g + μ·m` instead of `m`.
    pub nesterov: bool,
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
    /// Stochastic gradient descent: the code of SNAS on one device.
    Sgd(AlphaSgd),
    /// Exponentiated gradient, for alphas on the simplex: GAEA.
    ExponentiatedGradient(ExponentiatedGradient),
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
    /// Largest L2 norm of the gradient of all alphas together; 0 switches clipping off.
    pub grad_clip: f64,
}

/// As [`Sgd`], of the alphas.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlphaSgd {
    /// η, the same in all epochs; 0 freezes the alphas.
    pub learning_rate: f64,
    /// μ.
    pub momentum: f64,
    /// λ.
    pub weight_decay: f64,
    /// Largest L2 norm of the gradient of all alphas together; 0 switches clipping off.
    pub grad_clip: f64,
}

/// `α ← α·exp(−η·g)`, no less than 1e-5, over the sum of the row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExponentiatedGradient {
    /// η, the same in all epochs; 0 freezes the alphas.
    pub learning_rate: f64,
    /// Largest L2 norm of the gradient of all alphas together; 0 switches clipping off.
    pub grad_clip: f64,
}

impl Default for Sgd {
    /// Those of DARTS (A2): 0.9 and 3e-4, not Nesterov.
    fn default() -> Self {
        Sgd { momentum: 0.9, nesterov: false, weight_decay: 3e-4 }
    }
}

impl Default for Adam {
    /// Those of DARTS (A2): 3e-4, (0.5, 0.999), 1e-3, not clipped.
    fn default() -> Self {
        Adam { learning_rate: 3e-4, beta1: 0.5, beta2: 0.999, weight_decay: 1e-3, grad_clip: 0.0 }
    }
}

impl Default for AlphaSgd {
    /// Those of SNAS's code: 3e-4, clipped at 10.
    fn default() -> Self {
        AlphaSgd { learning_rate: 3e-4, momentum: 0.0, weight_decay: 0.0, grad_clip: 10.0 }
    }
}

impl Default for ExponentiatedGradient {
    /// That of GAEA's code: 0.1, not clipped.
    fn default() -> Self {
        ExponentiatedGradient { learning_rate: 0.1, grad_clip: 0.0 }
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
        let WeightOptimizer::Sgd(Sgd { momentum, nesterov, weight_decay }) = *self;
        number(place, "momentum", momentum, (0.0..1.0).contains(&momentum), BELOW_ONE)?;
        if nesterov && momentum == 0.0 {
            let expected = "false, or a momentum above 0, along which to look ahead";
            return Err(Error::setting(format!("{place}.nesterov"), nesterov, expected));
        }
        number(place, "weight_decay", weight_decay, weight_decay >= 0.0, FROM_ZERO)
    }
}

impl AlphaOptimizer {
    /// λ; 0 where the optimiser has none.
    pub fn weight_decay(&self) -> f64 {
        match self {
            AlphaOptimizer::Adam(Adam { weight_decay, .. })
            | AlphaOptimizer::Sgd(AlphaSgd { weight_decay, .. }) => *weight_decay,
            AlphaOptimizer::ExponentiatedGradient(_) => 0.0,
        }
    }

    /// One of each kind, as it is by default.
    pub fn all() -> [AlphaOptimizer; 3] {
        [
            AlphaOptimizer::Adam(Adam::default()),
            AlphaOptimizer::Sgd(AlphaSgd::default()),
            AlphaOptimizer::ExponentiatedGradient(ExponentiatedGradient::default()),
        ]
    }

    /// The kind, as settings have it.
    pub const fn kind(&self) -> &'static str {
        match self {
            AlphaOptimizer::Adam(_) => "adam",
            AlphaOptimizer::Sgd(_) => "sgd",
            AlphaOptimizer::ExponentiatedGradient(_) => "exponentiated-gradient",
        }
    }

    /// η.
    pub fn learning_rate(&self) -> f64 {
        match self {
            AlphaOptimizer::Adam(Adam { learning_rate, .. })
            | AlphaOptimizer::Sgd(AlphaSgd { learning_rate, .. })
            | AlphaOptimizer::ExponentiatedGradient(ExponentiatedGradient { learning_rate, .. }) => {
                *learning_rate
            }
        }
    }

    /// η, to be set.
    pub fn learning_rate_mut(&mut self) -> &mut f64 {
        match self {
            AlphaOptimizer::Adam(Adam { learning_rate, .. })
            | AlphaOptimizer::Sgd(AlphaSgd { learning_rate, .. })
            | AlphaOptimizer::ExponentiatedGradient(ExponentiatedGradient { learning_rate, .. }) => {
                learning_rate
            }
        }
    }

    /// Largest L2 norm of the gradient; 0 switches clipping off.
    pub fn grad_clip(&self) -> f64 {
        match self {
            AlphaOptimizer::Adam(Adam { grad_clip, .. })
            | AlphaOptimizer::Sgd(AlphaSgd { grad_clip, .. })
            | AlphaOptimizer::ExponentiatedGradient(ExponentiatedGradient { grad_clip, .. }) => *grad_clip,
        }
    }

    /// Ranges; `place` is the table in the settings.
    pub(super) fn check(&self, place: &str) -> Result<()> {
        let below_one =
            |name: &str, value: f64| number(place, name, value, (0.0..1.0).contains(&value), BELOW_ONE);
        let from_zero = |name: &str, value: f64| number(place, name, value, value >= 0.0, FROM_ZERO);
        from_zero("learning_rate", self.learning_rate())?;
        match *self {
            AlphaOptimizer::Adam(Adam { beta1, beta2, weight_decay, .. }) => {
                below_one("beta1", beta1)?;
                below_one("beta2", beta2)?;
                from_zero("weight_decay", weight_decay)?;
            }
            AlphaOptimizer::Sgd(AlphaSgd { momentum, weight_decay, .. }) => {
                below_one("momentum", momentum)?;
                from_zero("weight_decay", weight_decay)?;
            }
            AlphaOptimizer::ExponentiatedGradient(_) => {}
        }
        from_zero("grad_clip", self.grad_clip())
    }
}
