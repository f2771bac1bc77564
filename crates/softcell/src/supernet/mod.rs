//! Architecture parameters and their relaxation to edge weights.

mod arch;

pub use arch::{ArchParams, EdgeWeights, Relaxation};
