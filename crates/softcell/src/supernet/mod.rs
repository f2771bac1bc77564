//! The relaxed network: every candidate operation on every edge, mixed by edge weights.

mod arch;
mod cell;
mod net;

pub use arch::{ArchParams, EdgeWeights, Relaxation};
pub use cell::{MixedOp, SearchCell, SearchCellConfig};
pub use net::{SuperNet, SuperNetConfig};
