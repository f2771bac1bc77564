//! The run folder: everything a run leaves on disk, written so that a kill at any moment loses nothing.

mod agreement;
mod aside;
mod budget;
mod checkpoint;
mod contents;
mod directory;
mod examples;
mod files;
mod folder;
mod history;
mod identity;
mod keeper;
mod listing;
mod manifest;
mod record;
pub(crate) mod seal;
mod size;
mod tensorboard;
mod verify;

pub(crate) use agreement::Agreement;
pub use aside::SetAside;
pub use budget::{FixedSettings, RunBudget};
pub use checkpoint::{Loaded, encode_weights};
pub use examples::{ClassSamples, Mistake, Mistakes, Samples};
pub use files::Weights;
pub use folder::{Activity, Overwrite, RunFolder, full_path};
pub use history::HistoryLine;
pub use keeper::Keeper;
pub(crate) use keeper::rewind;
pub use listing::{RunState, RunSummary, find_runs, list_runs, list_runs_in_words};
pub use manifest::{Manifest, RunResult};
pub use record::{Checked, Contradiction, Record};
pub use size::ChosenSize;
pub use verify::{Damage, Verified, verify_run, verify_run_in_words};
