//! What disturbs the edge weights while the weights learn.

use serde::{Deserialize, Serialize};

use super::relaxation::Moment;
use crate::space::{EdgeGradient, EdgeWeights};

/// The training batch at some edge weights, the network as it is in evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// The loss.
    pub loss: f64,
    /// Its gradient in the edge weights.
    pub gradient: EdgeGradient,
}

/// A disturbance of the edge weights in each step of the weights; the alphas step undisturbed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Perturbation {
    /// None.
    #[default]
    None,
}

impl Perturbation {
    /// The edge weights that a step of the weights sees in the place of `weights`. They are constants of that step.
    ///
    /// `probe` gives loss and gradient of the step's batch at any edge weights, as an adversary wants them; it costs
    /// a forward and a backward pass a time.
    pub fn disturb(
        self,
        weights: EdgeWeights,
        _moment: Moment,
        _probe: &mut dyn FnMut(&EdgeWeights) -> Probed,
    ) -> EdgeWeights {
        match self {
            Perturbation::None => weights,
        }
    }
}
