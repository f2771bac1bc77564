//! `network.json`: the width and depth that were chosen under limits.

use serde::{Deserialize, Serialize};

use super::record::{Checked, MOST_CHANNELS, MOST_LAYERS, Record, whole};
use crate::space::Cost;

/// Width and depth of the network that is trained, where limits decided on them.
///
/// It takes the place of the settings' own from the moment when the training begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenSize {
    /// Channels of the first cell.
    pub init_channels: usize,
    /// Number of cells.
    pub layers: usize,
    /// What the network costs.
    #[serde(flatten)]
    pub cost: Cost,
}

impl Record for ChosenSize {
    fn check(&self) -> Checked {
        whole("init_channels", self.init_channels, 1..=MOST_CHANNELS)?;
        whole("layers", self.layers, 1..=MOST_LAYERS)
    }
}
