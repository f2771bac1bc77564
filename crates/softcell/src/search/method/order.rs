//! Which half of a step comes first.

use serde::{Deserialize, Serialize};

/// Half of a step of the search, or both at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Half {
    /// The alphas move, on a batch of their own.
    Alphas,
    /// The weights move, on a batch of theirs.
    Weights,
    /// Alphas and weights move by one pass over a batch of the weights' images.
    Both,
}

impl Half {
    /// The name of the random stream of its relaxation.
    pub(super) const fn draws(self) -> &'static str {
        match self {
            Half::Alphas => "relax/alphas",
            Half::Weights => "relax/weights",
            Half::Both => "relax/both",
        }
    }
}

/// The order of the two halves of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepOrder {
    /// The alphas at the weights as they are, then the weights at the new alphas: the official code of DARTS.
    #[default]
    AlphasFirst,
    /// The weights, then the alphas at the new weights: AutoDL-Projects' DARTS of first order and GDAS.
    WeightsFirst,
    /// One pass moves both, on the images of the weights: SNAS (Xie et al. 2019). There is no second level.
    Joint,
    /// The weights alone; the alphas stay as they were drawn.
    WeightsOnly,
}

impl StepOrder {
    /// All of them.
    pub const ALL: [StepOrder; 4] =
        [StepOrder::AlphasFirst, StepOrder::WeightsFirst, StepOrder::Joint, StepOrder::WeightsOnly];

    /// The name, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            StepOrder::AlphasFirst => "alphas-first",
            StepOrder::WeightsFirst => "weights-first",
            StepOrder::Joint => "joint",
            StepOrder::WeightsOnly => "weights-only",
        }
    }

    /// The halves in their order.
    pub const fn halves(self) -> &'static [Half] {
        match self {
            StepOrder::AlphasFirst => &[Half::Alphas, Half::Weights],
            StepOrder::WeightsFirst => &[Half::Weights, Half::Alphas],
            StepOrder::Joint => &[Half::Both],
            StepOrder::WeightsOnly => &[Half::Weights],
        }
    }

    /// Whether the alphas move on images of their own.
    pub const fn has_alphas_images(self) -> bool {
        matches!(self, StepOrder::AlphasFirst | StepOrder::WeightsFirst)
    }
}
