//! `network.json`: the width and depth that were chosen under limits; `ops.json`, the times for one on latency.

use serde::{Deserialize, Serialize};

use super::record::{Checked, Contradiction, MOST_CHANNELS, MOST_LAYERS, Record, whole};
use crate::latency::LatencyFile;
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

impl Record for LatencyFile {
    fn check(&self) -> Checked {
        match self.fault() {
            Some((field, found)) => Err(Contradiction::new(field, found, "times of operations")),
            None => Ok(()),
        }
    }
}

impl Record for ChosenSize {
    fn check(&self) -> Checked {
        whole("init_channels", self.init_channels, 1..=MOST_CHANNELS)?;
        whole("layers", self.layers, 1..=MOST_LAYERS)
    }
}
