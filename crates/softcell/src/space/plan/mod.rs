//! A network as plain data: its blocks, its cells, each operation's steps, and the names of all tensors.
//!
//! A [`NetworkPlan`] is lowered once, from a [`SearchSpace`](super::SearchSpace) or a [`Genotype`](super::Genotype)
//! and the sizes around it. Modules, fused cells, costs, memory, exports and drawings are read off it: nobody else
//! knows where channels double, what a stem is, or what a primitive does.

mod cell;
mod lower;
mod network;
mod steps;
mod tensors;

#[cfg(test)]
mod tests;

pub use cell::{CellType, EdgePlan, Naming, Output, Role};
pub use lower::Skeleton;
pub(crate) use lower::auxiliary_cell;
pub use network::{Block, Body, CellBlock, NetworkPlan, Place, Preparation};
pub use steps::{
    Bias, Convolution, Form, Halve, Linear, MapShape, Mixing, Norm, Norms, PoolKind, PoolStep, Step, Windows,
    average_windows, primitive_steps,
};
pub use tensors::{TensorRole, TensorSpec};
pub(crate) use tensors::{step_tensors, step_values};
