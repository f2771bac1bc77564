//! Alignment of a cell's two input states.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::conv::{FactorizedReduce, FactorizedReduceConfig, ReluConvBn, ReluConvBnConfig};
use super::pass::Pass;

/// Brings an input state to the cell's width, and to its size where the previous cell was a reduction.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum Preprocess {
    /// Same size.
    Keep(ReluConvBn),
    /// Half the size.
    Halve(FactorizedReduce),
}

/// Configuration of [`Preprocess`].
#[derive(Debug, Clone, Copy)]
pub struct PreprocessConfig {
    /// Channels in.
    pub channels_in: usize,
    /// Channels of the cell.
    pub channels_out: usize,
    /// Whether the size must be halved.
    pub halve: bool,
    /// Affine normalisation.
    pub affine: bool,
}

impl PreprocessConfig {
    /// Builds the layers.
    pub fn init(&self, device: &Device) -> Preprocess {
        let Self { channels_in, channels_out, halve, affine } = *self;
        if halve {
            Preprocess::Halve(FactorizedReduceConfig { channels_in, channels_out, affine }.init(device))
        } else {
            Preprocess::Keep(ReluConvBnConfig { channels_in, channels_out, affine }.init(device))
        }
    }
}

impl Preprocess {
    /// # Shapes
    /// - Input `[N, C_in, H, W]`
    /// - Output `[N, C_out, H, W]`, or half of H and W rounded up
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        match self {
            Preprocess::Keep(op) => op.forward(x, pass),
            Preprocess::Halve(op) => op.forward(x, pass),
        }
    }
}
