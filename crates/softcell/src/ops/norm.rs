//! Batch normalisation with the numbers of PyTorch.
//!
//! Burn's own module has no switch for the affine parameters, keeps the biased running variance and
//! shares its running state between clones; this one has none of that.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor};

use super::pass::{Mode, Pass};

/// Added to the variance.
pub const EPSILON: f64 = 1e-5;

/// Share of the new batch in the running statistics.
pub const MOMENTUM: f64 = 0.1;

/// `y = (x − μ) / √(σ² + ε) · weight + bias`, per channel, over batch and pixels.
///
/// Training uses the batch's mean and biased variance. The running variance is fed with the unbiased one.
#[derive(Module, Debug)]
pub struct BatchNorm {
    weight: Option<Param<Tensor<1>>>,
    bias: Option<Param<Tensor<1>>>,
    running_mean: Param<Tensor<1>>,
    running_var: Param<Tensor<1>>,
}

/// Configuration of [`BatchNorm`].
#[derive(Debug, Clone, Copy)]
pub struct BatchNormConfig {
    /// Channels.
    pub channels: usize,
    /// With a learned scale and shift.
    pub affine: bool,
}

impl BatchNormConfig {
    /// Weight 1, bias 0, running mean 0, running variance 1.
    pub fn init(&self, device: &Device) -> BatchNorm {
        let shape = [self.channels];
        let buffer = |tensor: Tensor<1>| Param::initialized(ParamId::new(), tensor);
        BatchNorm {
            weight: self.affine.then(|| Param::from_tensor(Tensor::ones(shape, device))),
            bias: self.affine.then(|| Param::from_tensor(Tensor::zeros(shape, device))),
            running_mean: buffer(Tensor::zeros(shape, device)),
            running_var: buffer(Tensor::ones(shape, device)),
        }
    }
}

/// What one batch normalisation saw in one training pass.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    /// Identity of the running mean these belong to.
    pub running_mean: ParamId,
    /// Identity of the running variance these belong to.
    pub running_var: ParamId,
    /// Mean per channel.
    pub mean: Tensor<1>,
    /// Unbiased variance per channel.
    pub variance: Tensor<1>,
}

impl BatchNorm {
    /// Normalises.
    ///
    /// # Shapes
    /// - Input and output `[N, C, H, W]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let affine = || self.weight.as_ref().zip(self.bias.as_ref()).map(|(w, b)| (w.val(), b.val()));
        match pass.mode() {
            Mode::Train => {
                let [n, _, h, w] = x.dims();
                let out = softcell_kernels::batch_norm_train(x, affine(), EPSILON);
                let count = (n * h * w) as f64;
                pass.statistics.push(BatchStatistics {
                    running_mean: self.running_mean.id,
                    running_var: self.running_var.id,
                    mean: out.mean,
                    variance: out.variance * (count / (count - 1.0).max(1.0)),
                });
                out.y
            }
            Mode::Eval => {
                let channels = self.running_mean.dims()[0];
                let (mut scale, mut shift) =
                    normalization_stats(self.running_mean.val(), self.running_var.val());
                if let Some((weight, bias)) = affine() {
                    shift = shift * weight.clone() + bias;
                    scale = scale * weight;
                }
                x * scale.reshape([1, channels, 1, 1]) + shift.reshape([1, channels, 1, 1])
            }
        }
    }
}

/// Scale `1/√(var + ε)` and shift `−mean · scale` that normalise with running statistics.
fn normalization_stats(mean: Tensor<1>, var: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
    let scale = (var + EPSILON).sqrt().recip();
    let shift = mean.neg() * scale.clone();
    (scale, shift)
}
