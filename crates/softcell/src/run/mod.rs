//! The run folder: everything a run leaves on disk, written so that a kill at any moment loses nothing.

mod agreement;
mod atomic;
mod budget;
mod checkpoint;
mod examples;
mod folder;
mod history;
mod keeper;
mod listing;
mod manifest;
mod record;
pub(crate) mod seal;
mod size;
mod tensorboard;

pub(crate) use agreement::Agreement;
pub use atomic::write as write_atomically;
pub(crate) use atomic::write_checked;
pub use budget::{FixedSettings, RunBudget};
pub use checkpoint::{load_search, load_train, read_weights, save_search, save_train, write_weights};
pub use examples::{ClassSamples, Mistake, Mistakes, Samples};
pub use folder::{Activity, Overwrite, RunFolder};
pub use history::{HistoryLine, read_history};
pub use keeper::Keeper;
pub(crate) use keeper::rewind;
pub use listing::{RunState, RunSummary, list_runs};
pub use manifest::{Manifest, RunResult};
pub use record::{Checked, Contradiction, Record};
pub use size::ChosenSize;
