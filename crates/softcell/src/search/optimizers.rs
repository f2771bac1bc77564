//! The optimisers that a method names, with their state.

use super::method::{
    Adam, AlphaOptimizer, AlphaSgd, ExponentiatedGradient, Sgd as SgdSettings, WeightOptimizer,
};
use crate::error::Result;
use crate::network::NamedTensors;
use crate::optim::{ArchAdam, ArchExponentiated, ArchSgd, Sgd};
use crate::space::{AlphaGradient, Alphas};

/// The optimiser of the weights, without a past.
pub(crate) fn weight_optimizer(settings: WeightOptimizer) -> Sgd {
    match settings {
        WeightOptimizer::Sgd(SgdSettings { momentum, nesterov, weight_decay }) => {
            Sgd::new(momentum, weight_decay).with_nesterov(nesterov)
        }
    }
}

/// The optimiser of the alphas.
#[derive(Debug, Clone, PartialEq)]
pub enum ArchOptimizer {
    /// Adam.
    Adam(ArchAdam),
    /// Stochastic gradient descent.
    Sgd(ArchSgd),
    /// Exponentiated gradient on the simplex.
    Exponentiated(ArchExponentiated),
}

impl ArchOptimizer {
    /// The optimiser that the settings name, without a past.
    pub fn new(settings: AlphaOptimizer) -> Self {
        match settings {
            AlphaOptimizer::Adam(Adam { learning_rate, beta1, beta2, weight_decay, .. }) => {
                ArchOptimizer::Adam(ArchAdam::new(learning_rate, [beta1, beta2], weight_decay))
            }
            AlphaOptimizer::Sgd(AlphaSgd { learning_rate, momentum, weight_decay, .. }) => {
                ArchOptimizer::Sgd(ArchSgd::new(learning_rate, momentum, weight_decay))
            }
            AlphaOptimizer::ExponentiatedGradient(ExponentiatedGradient { learning_rate, .. }) => {
                ArchOptimizer::Exponentiated(ArchExponentiated::new(learning_rate))
            }
        }
    }

    /// Moves the alphas against their gradient.
    pub fn step(&mut self, alphas: &mut Alphas, gradient: &AlphaGradient) {
        match self {
            ArchOptimizer::Adam(adam) => adam.step(alphas, gradient),
            ArchOptimizer::Sgd(sgd) => sgd.step(alphas, gradient),
            ArchOptimizer::Exponentiated(exponentiated) => exponentiated.step(alphas, gradient),
        }
    }

    /// Number of steps, and what is kept of them, by names.
    pub fn to_named(&self) -> (u64, NamedTensors) {
        match self {
            ArchOptimizer::Adam(adam) => adam.to_named(),
            ArchOptimizer::Sgd(sgd) => sgd.to_named(),
            ArchOptimizer::Exponentiated(exponentiated) => exponentiated.to_named(),
        }
    }

    /// The inverse of [`ArchOptimizer::to_named`], of so many alphas.
    ///
    /// # Errors
    /// When something is missing, or is of another number of alphas.
    pub fn restore(&mut self, steps: u64, tensors: &NamedTensors, alphas: usize) -> Result<()> {
        match self {
            ArchOptimizer::Adam(adam) => adam.restore(steps, tensors, alphas),
            ArchOptimizer::Sgd(sgd) => sgd.restore(steps, tensors, alphas),
            ArchOptimizer::Exponentiated(exponentiated) => {
                exponentiated.restore(steps);
                Ok(())
            }
        }
    }
}
