//! The run folder: everything a run leaves on disk, written so that a kill at any moment loses nothing.

mod agreement;
mod aside;
mod budget_record;
mod checkpoint;
mod contents;
mod directory;
mod files;
mod folder;
mod history;
mod identity;
mod keeper;
mod listing;
mod manifest;
mod record;
mod samples;
pub(crate) mod seal;
mod size;
mod tensorboard;
mod verify;

pub(crate) use agreement::Agreement;
pub use aside::SetAside;
pub use budget_record::{FixedSettings, RunBudget};
pub use checkpoint::{Loaded, encode_weights};
pub use files::Weights;
pub use folder::{Activity, Overwrite, RunFolder, full_path};
pub use history::HistoryLine;
pub use keeper::Keeper;
pub(crate) use keeper::rewind;
pub use listing::{RunState, RunSummary, find_runs, list_runs};
pub use manifest::{Manifest, RunResult};
pub use record::{Checked, Contradiction, Record};
pub use samples::{ClassSamples, Mistake, Mistakes, Samples};
pub use size::ChosenSize;
pub use verify::{Damage, Verified, verify_run};
