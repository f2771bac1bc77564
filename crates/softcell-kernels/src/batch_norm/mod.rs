//! Batch normalisation with the statistics of the batch.

mod cpu;
mod extension;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::support::device::runs_on_flex;

/// What [`batch_norm_train`] returns.
#[derive(Clone, Debug)]
pub struct BatchNormOutput {
    /// The normalised map `[N, C, H, W]`.
    pub y: Tensor<4>,
    /// Mean per channel `[C]`, without autodiff.
    pub mean: Tensor<1>,
    /// Biased variance per channel `[C]` (divided by `N·H·W`), without autodiff.
    pub variance: Tensor<1>,
}

/// Batch normalisation, `y` differentiable in `x` and in the affine parameters.
///
/// `y[n,c,·] = (x[n,c,·] − mean[c]) / √(variance[c] + eps) · gamma[c] + beta[c]` with mean and biased variance
/// of the `N·H·W` values of each channel, and gamma = 1, beta = 0 without `affine`. The gradient includes the
/// dependence of the statistics on `x`.
///
/// # Shapes
///
/// `x: [N, C, H, W]`, `affine`: gamma and beta `[C]` each → `y: [N, C, H, W]`, statistics `[C]`.
///
/// # Panics
///
/// If `x` has no values or an affine parameter has another shape than `[C]`.
pub fn batch_norm_train(x: Tensor<4>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> BatchNormOutput {
    let [images, channels, height, width] = x.dims();
    assert!(
        images * height * width > 0,
        "batch normalisation needs at least one value, found {:?}",
        x.dims()
    );
    if let Some((gamma, beta)) = &affine {
        assert!(
            gamma.dims() == [channels] && beta.dims() == [channels],
            "affine parameters for {channels} channels have shape [{channels}], found {:?} and {:?}",
            gamma.dims(),
            beta.dims()
        );
    }
    if runs_on_flex(&x) {
        extension::batch_norm_train(x, affine, eps)
    } else {
        reference::batch_norm_train(x, affine, eps)
    }
}
