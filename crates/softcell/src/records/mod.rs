//! What searches, trainings and runs leave behind, as data: a record of each epoch, a state to go on from, an outcome.

mod calibration;
mod leaning;
mod position;
mod result;
mod search;
mod selection;
mod standing_words;
mod tabulated;
mod train;

pub use crate::search::method::{Latency, Tally};
pub(crate) use calibration::error_of;
pub use calibration::{Calibrating, Calibration, CalibrationBin, CalibrationVerdict};
pub use leaning::{CellLeaning, CellLeanings, Leaning};
pub use position::{Position, Stage};
pub use result::RunResult;
pub use search::{Freezing, Frozen, Kept, SearchEpoch, SearchOutcome, SearchState, Searched};
pub use selection::{
    Candidate, CandidateKind, Comparison, Group, PartScore, Rung, SelectionRecord, Standing, Verdict,
};
pub use tabulated::{Tabulated, TabulatedScore};
pub use train::{Best, Criterion, Score, TrainEpoch, TrainOutcome, TrainState};
