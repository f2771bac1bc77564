//! How the temperature of samples falls.

use serde::{Deserialize, Serialize};

use super::super::rising;

/// The way of the temperature from its first to its last value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TemperatureCurve {
    /// By the same amount in each epoch.
    #[default]
    Linear,
    /// By the same factor in each epoch.
    Exponential,
}

impl TemperatureCurve {
    /// Both.
    pub const ALL: [TemperatureCurve; 2] = [TemperatureCurve::Linear, TemperatureCurve::Exponential];
}

/// τ over the epochs, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature {
    /// In the first epoch.
    pub start: f64,
    /// In the last.
    pub end: f64,
    /// In between.
    pub curve: TemperatureCurve,
}

impl Temperature {
    /// `τ₀ + (τ₁ − τ₀)·e/(E−1)`, or `τ₀·(τ₁/τ₀)^(e/(E−1))`; τ₀ where there is one epoch.
    pub fn at(self, epoch: usize, epochs: usize) -> f64 {
        let done = rising(epoch, epochs);
        match self.curve {
            TemperatureCurve::Linear => self.start + (self.end - self.start) * done,
            TemperatureCurve::Exponential => self.start * (self.end / self.start).powf(done),
        }
    }
}
