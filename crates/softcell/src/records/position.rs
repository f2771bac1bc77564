//! How far a stage is.

/// The two long parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Search for a cell.
    Search,
    /// Training of the derived network.
    Train,
}

impl Stage {
    /// Both.
    pub const ALL: [Stage; 2] = [Stage::Search, Stage::Train];

    /// `search` or `train`.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Search => "search",
            Stage::Train => "train",
        }
    }

    /// `search` or `training`.
    pub const fn noun(self) -> &'static str {
        match self {
            Stage::Search => "search",
            Stage::Train => "training",
        }
    }
}

/// Where a stage stands: the next step to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step of the epoch, from 0.
    pub step: usize,
}
