//! Tensor operations for convolutional networks that Burn's CPU backend runs slowly, each with a fast body
//! and a hand-written gradient for that backend.
//!
//! | function | computes |
//! |---|---|
//! | [`cell`] | a whole cell: preparation of inputs, all operations of all edges, statistics and sums |
//! | [`depthwise_conv2d`] | one filter per channel, with an optional ReLU in front |
//! | [`pointwise_conv2d`] | a 1×1 convolution: a matrix product per image |
//! | [`pool3x3`] | maximum or average of a 3×3 window |
//! | [`batch_norm_train`] | normalisation with the statistics of the batch |
//! | [`weighted_sum`] | a sum of equally shaped maps, each with a scalar weight |
//! | [`descend`], [`blend`], [`sum_of_squares`] | what moves flat weights: no gradient of their own |
//!
//! [`Share`] deals out the images of a batch to several processes.
//!
//! Every operation is a folder with the same files. `mod.rs` has the public function: formula, shapes,
//! panics. `reference.rs` has a readable body in stock tensor operations; it *defines* the operation, Burn
//! differentiates it, and it runs on every device that has nothing faster. `cpu.rs` has the fast body and its
//! gradient on plain `&[f32]` slices, without a Burn type. `extension.rs` makes a Burn backend extension of it.
//!
//! # Choice of body
//!
//! The fast body runs when the first argument is an `f32` tensor on Burn's Flex device, with or without
//! autodiff; otherwise the reference body runs. A tensor without autodiff next to one with autodiff is a
//! constant. Gradients that nobody asked for are not computed.
//!
//! # Determinism
//!
//! Work is cut by the shape of the data alone and partial results are added in a fixed order, so on one
//! machine the result has the same bits on any number of threads. Machines with other vector instructions
//! may round differently.

#![warn(missing_docs)]

mod batch_norm;
mod cell;
mod depthwise_conv;
mod pointwise_conv;
mod pool;
mod share;
mod support;
mod update;
mod weighted_sum;

pub use batch_norm::{BatchNormOutput, batch_norm_train};
pub use cell::{
    BlockedMap, CellArguments, CellConfig, CellInput, CellMemory, CellPart, CellPlan, ConvolutionConfig,
    InputChannels, Kept, NormStatistics, Operation, Origin, Preparation, Statistics, Term, Unfused,
    WeightTensor, block_lanes, cell, cell_runs_on, summed_groups,
};
pub use depthwise_conv::{Activation, ConvShape, depthwise_conv2d};
pub use pointwise_conv::pointwise_conv2d;
pub use pool::{Pool, pool3x3};
pub use share::{Exchange, InProcess, Share};
pub use support::allocator::{Watched, last_words};
pub use support::vector::{isa_name, unknown_isa};
pub use support::workspace::OUT_OF_MEMORY;
pub use update::{Descent, blend, descend, sum_of_squares};
pub use weighted_sum::weighted_sum;

/// The readable bodies, in stock tensor operations: what the fast ones are compared with.
pub mod reference {
    pub use crate::batch_norm::reference::batch_norm_train;
    pub use crate::cell::reference::cell;
    pub use crate::depthwise_conv::reference::depthwise_conv2d;
    pub use crate::pointwise_conv::reference::pointwise_conv2d;
    pub use crate::pool::reference::pool3x3;
    pub use crate::update::reference::{blend, descend, sum_of_squares};
    pub use crate::weighted_sum::reference::weighted_sum;
}
