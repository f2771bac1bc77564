//! `budget.json`: the time that a run was given, and what of it was used before the search.

use serde::{Deserialize, Serialize};

use super::record::{Checked, Record, seconds};

/// The time of a run whose sizes are chosen to fit into it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RunBudget {
    /// Seconds in all.
    pub seconds: f64,
    /// Seconds that were used before the search began, on reading images and on measuring.
    pub before: f64,
    /// What the user has chosen and is left alone.
    pub fixed: FixedSettings,
    /// Whether nobody asked for this time: then it does not keep settings that take longer from being used.
    #[serde(default)]
    pub by_default: bool,
    /// Whether the training's settings are chosen already, as the search's are before the run begins; until
    /// then those in the settings are a guess.
    pub training_chosen: bool,
}

/// Settings that were given and that a budget leaves alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedSettings {
    /// Epochs of the search.
    pub search_epochs: bool,
    /// Width and depth of the search's network.
    pub search_size: bool,
    /// Learning rate of the alphas.
    pub arch_learning_rate: bool,
    /// First epoch in which the alphas move.
    #[serde(default = "yes")]
    pub schedule: bool,
    /// Epochs of the training.
    pub train_epochs: bool,
    /// Width and depth of the trained network.
    pub train_size: bool,
    /// Width and depth of the networks of a selection.
    #[serde(default)]
    pub select_size: bool,
    /// Epochs of its first trainings.
    #[serde(default)]
    pub select_epochs: bool,
    /// Trainings of each of its cells.
    #[serde(default)]
    pub select_trainings: bool,
    /// Its random cells.
    #[serde(default)]
    pub select_random: bool,
    /// Drop path; a run that is older than this left it alone.
    #[serde(default = "yes")]
    pub drop_path: bool,
}

fn yes() -> bool {
    true
}

impl Record for RunBudget {
    fn check(&self) -> Checked {
        seconds("seconds", self.seconds)?;
        seconds("before", self.before)
    }
}
