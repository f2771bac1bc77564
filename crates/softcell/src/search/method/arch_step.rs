//! How the alphas' gradient sees the weights.

use serde::{Deserialize, Serialize};

/// The gradient of the alphas: Liu et al. 2019, section 2.3.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ArchStep {
    /// `∇_α L_val(w, α)`.
    #[default]
    FirstOrder,
    /// `∇_α L_val(w − ξ·(μm + ∇_w L_train(w, α) + λw), α)`, ξ being the weights' learning rate.
    Unrolled,
}

impl ArchStep {
    /// Both.
    pub const ALL: [ArchStep; 2] = [ArchStep::FirstOrder, ArchStep::Unrolled];

    /// The name, as settings have it: `first-order` or `unrolled`.
    pub const fn name(self) -> &'static str {
        match self {
            ArchStep::FirstOrder => "first-order",
            ArchStep::Unrolled => "unrolled",
        }
    }

    /// The order of the derivatives in a word, as records and reports have it: `first` or `second`.
    pub const fn order(self) -> &'static str {
        match self {
            ArchStep::FirstOrder => "first",
            ArchStep::Unrolled => "second",
        }
    }

    /// What the original's flag `--unrolled` says, and the setting `search.unrolled`.
    pub const fn of_unrolled(unrolled: bool) -> ArchStep {
        if unrolled { ArchStep::Unrolled } else { ArchStep::FirstOrder }
    }
}
