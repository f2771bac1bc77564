//! The search: alphas and weights learned in turns.

mod bilevel;
mod curvature;
mod driver;
mod freezing;
#[cfg(test)]
mod guard_tests;
mod lanczos;
mod latency;
mod margins;
pub mod method;
mod optimizers;
mod phases;
mod scaled;
mod stages;
mod state;
mod trials;
mod watcher;
mod widen;

pub use crate::records::{
    CellLeaning, CellLeanings, Freezing, Frozen, Leaning, SearchEpoch, SearchOutcome, SearchState, Searched,
};
pub use bilevel::{ArchReport, Bilevel, StepReport, WeightReport};
pub use driver::search;
pub use freezing::Freezer;
pub use method::{ArchStep, Method, random_genotype};
pub use optimizers::ArchOptimizer;
pub(crate) use optimizers::weight_optimizer;
pub use scaled::scaled_for_search;

#[cfg(test)]
mod phase_tests;
#[cfg(test)]
mod tests;
