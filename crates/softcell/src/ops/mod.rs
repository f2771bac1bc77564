//! Candidate operations: the only map from a [`Primitive`] to a module.
//!
//! Field names are the glossary's; the module `weights` translates them into the original's state-dict
//! names, so that checkpoints and recordings speak one language.

mod conv;
mod drop_path;
mod fused;
mod memory;
mod norm;
mod pass;
mod pool;
mod preprocess;
mod stem;

pub use conv::{
    Conv7x1x7, Conv7x1x7Config, DilConv, DilConvConfig, FactorizedReduce, FactorizedReduceConfig, ReluConvBn,
    ReluConvBnConfig, SepConv, SepConvConfig,
};
pub use drop_path::DropPath;
pub(crate) use fused::{FusedCell, FusedCellConfig};
pub(crate) use memory::{NetworkSize, values};
pub use norm::{BatchNorm, BatchNormConfig, BatchStatistics, EPSILON, MOMENTUM};
pub use pass::{Mode, Pass};
pub use pool::{Pool, PoolConfig};
pub use preprocess::{Preprocess, PreprocessConfig};
pub use stem::{
    CifarStem, CifarStemConfig, ImagenetStem, ImagenetStemConfig, Linear, LinearConfig, global_average_pool,
};

pub(crate) use conv::conv_weight;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use softcell_kernels::{Operation, Pool as PoolKind};

use crate::space::Primitive;

/// Where an operation is used, which decides its normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// In the supernet: batch normalisation without affine parameters, and also after pooling.
    Search,
    /// In a derived network: affine batch normalisation, none after pooling.
    Derived,
}

/// A candidate operation on an edge, `[N, C, H, W] → [N, C, ⌈H/s⌉, ⌈W/s⌉]`.
// The variants differ in size, but cells hold a handful of them: boxing would buy nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum CandidateOp {
    /// Max or average pooling 3x3.
    Pool(Pool),
    /// Identity.
    Identity(Identity),
    /// Skip connection at stride 2.
    FactorizedReduce(FactorizedReduce),
    /// Separable convolution, applied twice.
    SepConv(SepConv),
    /// Dilated separable convolution.
    DilConv(DilConv),
    /// A 1x7 and a 7x1 convolution.
    Conv7x1x7(Conv7x1x7),
}

/// The identity. It has no weights.
#[derive(Module, Debug)]
pub struct Identity {
    #[module(skip)]
    channels: usize,
}

/// Configuration of a [`CandidateOp`].
#[derive(Debug, Clone, Copy)]
pub struct CandidateOpConfig {
    /// Which operation.
    pub primitive: Primitive,
    /// Channels in and out.
    pub channels: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Search or derived.
    pub role: Role,
}

impl CandidateOpConfig {
    /// Builds the operation; `None` for [`Primitive::None`], which adds nothing to a node.
    pub fn init(&self, device: &Device) -> Option<CandidateOp> {
        let Self { primitive, channels, stride, role } = *self;
        let affine = role == Role::Derived;
        let separable =
            |kernel| CandidateOp::SepConv(SepConvConfig { channels, kernel, stride, affine }.init(device));
        let dilated =
            |kernel| CandidateOp::DilConv(DilConvConfig { channels, kernel, stride, affine }.init(device));
        let pool = |kind| {
            CandidateOp::Pool(
                PoolConfig { kind, channels, stride, normalize: role == Role::Search }.init(device),
            )
        };
        Some(match primitive {
            Primitive::None => return None,
            Primitive::MaxPool3x3 => pool(PoolKind::Max),
            Primitive::AvgPool3x3 => pool(PoolKind::Average),
            Primitive::SkipConnect if stride == 1 => CandidateOp::Identity(Identity { channels }),
            Primitive::SkipConnect => CandidateOp::FactorizedReduce(
                FactorizedReduceConfig { channels_in: channels, channels_out: channels, affine }.init(device),
            ),
            Primitive::SepConv3x3 => separable(3),
            Primitive::SepConv5x5 => separable(5),
            Primitive::SepConv7x7 => separable(7),
            Primitive::DilConv3x3 => dilated(3),
            Primitive::DilConv5x5 => dilated(5),
            Primitive::Conv7x1_1x7 => {
                CandidateOp::Conv7x1x7(Conv7x1x7Config { channels, stride, affine }.init(device))
            }
        })
    }
}

impl CandidateOpConfig {
    /// The same as part of a fused cell; `None` if there is no such part.
    pub(crate) fn fused(&self) -> Option<Operation> {
        let pool = |kind| Operation::Pool { kind, normalise: self.role == Role::Search };
        match self.primitive {
            Primitive::None | Primitive::Conv7x1_1x7 => None,
            Primitive::MaxPool3x3 => Some(pool(PoolKind::Max)),
            Primitive::AvgPool3x3 => Some(pool(PoolKind::Average)),
            Primitive::SkipConnect if self.stride == 1 => Some(Operation::Identity),
            Primitive::SkipConnect => Some(Operation::Halve),
            Primitive::SepConv3x3 => Some(Operation::Separable { kernel: 3 }),
            Primitive::SepConv5x5 => Some(Operation::Separable { kernel: 5 }),
            Primitive::SepConv7x7 => Some(Operation::Separable { kernel: 7 }),
            Primitive::DilConv3x3 => Some(Operation::Dilated { kernel: 3 }),
            Primitive::DilConv5x5 => Some(Operation::Dilated { kernel: 5 }),
        }
    }
}

impl CandidateOp {
    /// Applies the operation.
    ///
    /// # Shapes
    /// - Input `[N, C, H, W]`
    /// - Output `[N, C, ⌈H/stride⌉, ⌈W/stride⌉]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        match self {
            CandidateOp::Pool(op) => op.forward(x, pass),
            CandidateOp::Identity(_) => x,
            CandidateOp::FactorizedReduce(op) => op.forward(x, pass),
            CandidateOp::SepConv(op) => op.forward(x, pass),
            CandidateOp::DilConv(op) => op.forward(x, pass),
            CandidateOp::Conv7x1x7(op) => op.forward(x, pass),
        }
    }

    /// Whether drop path leaves this operation alone (it does so with identities).
    pub fn is_identity(&self) -> bool {
        matches!(self, CandidateOp::Identity(_))
    }
}
