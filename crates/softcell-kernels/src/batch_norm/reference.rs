//! The definition of the operation in stock tensor operations.

use burn::tensor::Tensor;

use super::BatchNormOutput;

/// [`batch_norm_train`](crate::batch_norm_train) step by step.
pub fn batch_norm_train(x: Tensor<4>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> BatchNormOutput {
    let channels = x.dims()[1];
    let mean = x.clone().mean_dims(&[0, 2, 3]);
    let centred = x - mean.clone();
    let variance = centred.clone().square().mean_dims(&[0, 2, 3]);
    let normal = centred / (variance.clone() + eps).sqrt();
    let per_channel = [1, channels, 1, 1];
    let y = match affine {
        Some((gamma, beta)) => normal * gamma.reshape(per_channel) + beta.reshape(per_channel),
        None => normal,
    };
    BatchNormOutput {
        y,
        mean: mean.without_autodiff().reshape([channels]),
        variance: variance.without_autodiff().reshape([channels]),
    }
}
