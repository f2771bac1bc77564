//! What one forward pass carries along: its mode, and what it leaves behind.

use burn::tensor::Tensor;

use super::drop_path::DropPath;
use super::noise::Noise;

/// Which statistics batch normalisation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The batch's own, which are also collected in the [`Pass`].
    Train,
    /// The running ones; nothing is collected.
    Eval,
}

/// What one batch normalisation saw in one training pass.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    /// Which tensors of the network these move: its running mean and variance.
    pub running: [usize; 2],
    /// Mean per channel.
    pub mean: Tensor<1>,
    /// Unbiased variance per channel.
    pub variance: Tensor<1>,
}

/// One forward pass.
///
/// A training pass does not change the network it runs through. The batch statistics it saw are handed
/// back in [`Pass::statistics`]; the caller decides whose running statistics they move
/// ([`absorb`](crate::nn::absorb)), or drops them.
#[derive(Debug)]
pub struct Pass {
    pub(crate) mode: Mode,
    /// Statistics of every batch normalisation passed, in order.
    pub statistics: Vec<BatchStatistics>,
    /// Drop path, where the network uses it.
    pub drop_path: Option<DropPath>,
    /// The same for skip connections of stride 1 alone, in cells that mix operations (P-DARTS, Chen et al. 2019).
    pub skips: Option<DropPath>,
    /// Where the noise of operations that are nothing else comes from.
    pub noise: Noise,
    /// Whether the backward pass computes again what fused blocks have computed between inputs and output, instead of
    /// keeping it.
    pub recompute: bool,
}

impl Pass {
    /// A pass with batch statistics.
    pub fn train() -> Self {
        Self {
            mode: Mode::Train,
            statistics: Vec::new(),
            drop_path: None,
            skips: None,
            noise: Noise::default(),
            recompute: false,
        }
    }

    /// A pass with running statistics.
    pub fn eval() -> Self {
        Self {
            mode: Mode::Eval,
            statistics: Vec::new(),
            drop_path: None,
            skips: None,
            noise: Noise::default(),
            recompute: false,
        }
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }
}
