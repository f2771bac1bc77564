//! The search: alphas and weights learned in turns.

mod bilevel;
mod driver;
mod latency;
pub mod method;
mod optimizers;
mod phases;
mod scaled;
mod stages;
mod state;
mod trials;
mod widen;

pub use crate::records::{CellLeaning, CellLeanings, Leaning, SearchEpoch, SearchOutcome, SearchState};
pub use bilevel::{ArchReport, Bilevel, StepReport, WeightReport};
pub use driver::search;
pub use method::{ArchStep, Method};
pub use optimizers::ArchOptimizer;
pub(crate) use optimizers::weight_optimizer;
pub use scaled::scaled_for_search;

#[cfg(test)]
mod phase_tests;
#[cfg(test)]
mod tests;
