//! The search: alphas and weights learned in turns.

mod bilevel;

pub use bilevel::{ArchReport, ArchStep, Bilevel, DeviceBatch, WeightReport};
