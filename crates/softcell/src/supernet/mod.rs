//! The relaxed network: every candidate operation on every edge, mixed by edge weights.

mod cell;
mod edges;
mod net;

pub use cell::{MixedOp, SearchCell, SearchCellConfig};
pub use edges::EdgeTensors;
pub use net::{SuperNet, SuperNetConfig};
