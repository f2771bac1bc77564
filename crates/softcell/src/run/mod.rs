//! The run folder: everything a run leaves on disk, written so that a kill at any moment loses nothing.

mod agreement;
mod aside;
mod augmented;
mod budget_record;
mod calibration;
mod checkpoint;
mod contents;
mod directory;
pub mod files;
mod folder;
mod history;
mod identity;
mod keeper;
mod listing;
mod manifest;
mod parts;
mod record;
mod samples;
pub(crate) mod seal;
mod size;
mod states;
mod tensor_file;
mod tensorboard;
mod verify;

pub use crate::records::{
    Calibration, CalibrationBin, CalibrationVerdict, Candidate, CandidateKind, Comparison, Group, PartScore,
    RunResult, Rung, SelectionRecord, Standing, Verdict,
};
pub(crate) use agreement::Agreement;
pub use aside::SetAside;
pub use augmented::{Augmented, AugmentedImage};
pub use budget_record::{FixedSettings, RunBudget};
pub use checkpoint::Loaded;
pub use files::Weights;
pub use folder::{Activity, Overwrite, RunFolder, full_path};
pub use history::HistoryLine;
pub use keeper::Keeper;
pub(crate) use keeper::rewind;
pub use listing::{RunState, RunSummary, find_runs, list_runs, list_runs_in_words};
pub use manifest::Manifest;
pub use record::{Checked, Contradiction, Record};
pub use samples::{ClassSamples, ListedMistake, Mistake, Mistakes, Samples};
pub use size::ChosenSize;
pub use tensor_file::encode_weights;
pub use verify::{Damage, Verified, verify_run, verify_run_in_words};
