//! Pointwise (1×1) convolution.

mod cpu;
mod extension;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::support::device::runs_on_flex;

/// Pointwise convolution with stride 1 and without bias, differentiable in `x` and `weight`.
///
/// `y[n,o,·] = Σ_i weight[o,i] · x[n,i,·]`
///
/// # Shapes
///
/// `x: [N, I, H, W]`, `weight: [O, I, 1, 1]` → `[N, O, H, W]`.
///
/// # Panics
///
/// If the weight does not have the shape `[O, I, 1, 1]` for the channels of `x`.
pub fn pointwise_conv2d(x: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
    let channels = x.dims()[1];
    let [_, inputs, kernel_height, kernel_width] = weight.dims();
    assert!(
        inputs == channels && kernel_height == 1 && kernel_width == 1,
        "a pointwise weight for {channels} channels has shape [O, {channels}, 1, 1], found {:?}",
        weight.dims()
    );
    if runs_on_flex(&x) {
        extension::pointwise_conv2d(x, weight)
    } else {
        reference::pointwise_conv2d(x, weight)
    }
}
