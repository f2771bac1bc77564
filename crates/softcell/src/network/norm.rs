//! Batch normalisation with the numbers of PyTorch.

use burn::tensor::Tensor;

use super::pass::{BatchStatistics, Mode, Pass};

/// Added to the variance.
pub const EPSILON: f64 = 1e-5;

/// Share of the new batch in the running statistics.
pub const MOMENTUM: f64 = 0.1;

/// Running mean and variance, and which tensors of the network they are.
pub(super) struct Running {
    pub places: [usize; 2],
    pub mean: Tensor<1>,
    pub variance: Tensor<1>,
}

/// `y = (x − μ) / √(σ² + ε) · weight + bias`, per channel, over batch and pixels.
///
/// Training uses the batch's mean and biased variance, and hands the unbiased one to the pass.
///
/// # Shapes
/// - Input and output `[N, C, H, W]`
pub(super) fn batch_norm(
    x: Tensor<4>,
    affine: Option<(Tensor<1>, Tensor<1>)>,
    running: Running,
    pass: &mut Pass,
) -> Tensor<4> {
    match pass.mode() {
        Mode::Train => {
            let [n, _, h, w] = x.dims();
            let out = softcell_kernels::batch_norm_train(x, affine, EPSILON);
            let count = (n * h * w) as f64;
            pass.statistics.push(BatchStatistics {
                running: running.places,
                mean: out.mean,
                variance: out.variance * (count / (count - 1.0).max(1.0)),
            });
            out.y
        }
        Mode::Eval => {
            let channels = running.mean.dims()[0];
            let [mean, variance] = [running.mean, running.variance]
                .map(|tensor| if x.is_autodiff() { Tensor::from_inner(tensor) } else { tensor });
            let mut scale = (variance + EPSILON).sqrt().recip();
            let mut shift = mean.neg() * scale.clone();
            if let Some((weight, bias)) = affine {
                shift = shift * weight.clone() + bias;
                scale = scale * weight;
            }
            x * scale.reshape([1, channels, 1, 1]) + shift.reshape([1, channels, 1, 1])
        }
    }
}
