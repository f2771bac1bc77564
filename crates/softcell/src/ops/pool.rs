//! Pooling.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use softcell_kernels::{Pool as PoolKind, pool3x3};

use super::norm::{BatchNorm, BatchNormConfig};
use super::pass::Pass;

/// Max or average pooling over 3x3 windows with padding 1; the average counts no padding.
///
/// In the supernet a batch normalisation without affine parameters follows; in a derived network none.
#[derive(Module, Debug)]
pub struct Pool {
    norm: Option<BatchNorm>,
    #[module(skip)]
    kind: PoolKind,
    #[module(skip)]
    stride: usize,
}

/// Configuration of [`Pool`].
#[derive(Debug, Clone, Copy)]
pub struct PoolConfig {
    /// Max or average.
    pub kind: PoolKind,
    /// Channels.
    pub channels: usize,
    /// 1 or 2.
    pub stride: usize,
    /// With a batch normalisation after it.
    pub normalize: bool,
}

impl PoolConfig {
    /// Builds the operation.
    pub fn init(&self, device: &Device) -> Pool {
        Pool {
            norm: self
                .normalize
                .then(|| BatchNormConfig { channels: self.channels, affine: false }.init(device)),
            kind: self.kind,
            stride: self.stride,
        }
    }
}

impl Pool {
    /// Pools.
    ///
    /// # Shapes
    /// - Input `[N, C, H, W]`
    /// - Output `[N, C, ⌈H/stride⌉, ⌈W/stride⌉]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let y = pool3x3(x, self.kind, self.stride);
        match &self.norm {
            Some(norm) => norm.forward(y, pass),
            None => y,
        }
    }
}
