//! The search: alphas and weights learned in turns.

mod bilevel;
mod driver;
mod scaled;
mod state;

pub use bilevel::{ArchReport, ArchStep, Bilevel, WeightReport};
pub use driver::search;
pub use scaled::searched;
pub use state::{Leaning, SearchEpoch, SearchOutcome, SearchState};
