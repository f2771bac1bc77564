//! Depthwise convolution: one filter per channel.

mod cpu;
mod extension;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::support::device::runs_on_flex;

/// What is applied to the input before the convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(x, 0)`; its gradient is 0 where `x ≤ 0`.
    Relu,
}

/// Stride, zero padding and dilation of a convolution as `[vertical, horizontal]`, and what comes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Step between neighbouring windows, at least 1.
    pub stride: [usize; 2],
    /// Zeros added on both sides, after the activation.
    pub padding: [usize; 2],
    /// Step between neighbouring taps of a window, at least 1.
    pub dilation: [usize; 2],
    /// What is applied to the input first.
    pub activation: Activation,
}

impl ConvShape {
    /// The same stride, padding and dilation in both directions, without activation.
    pub const fn square(stride: usize, padding: usize, dilation: usize) -> Self {
        Self {
            stride: [stride; 2],
            padding: [padding; 2],
            dilation: [dilation; 2],
            activation: Activation::Identity,
        }
    }

    /// This shape with another activation.
    pub const fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Height and width of the output for an input and a kernel of the given sizes.
    ///
    /// # Panics
    ///
    /// If a stride or dilation is 0, or the window is larger than the padded input.
    pub fn output_size(&self, input: [usize; 2], kernel: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let (stride, dilation) = (self.stride[axis], self.dilation[axis]);
            assert!(stride > 0 && dilation > 0, "stride and dilation must be at least 1, found {self:?}");
            let padded = input[axis] + 2 * self.padding[axis];
            let window = dilation * (kernel[axis] - 1) + 1;
            assert!(window <= padded, "a window of {window} does not fit into a padded input of {padded}");
            (padded - window) / stride + 1
        })
    }
}

/// Depthwise convolution, differentiable in `x` and `weight`.
///
/// `y[n,c,i,j] = Σ_{k,l} weight[c,0,k,l] · f(x)[n, c, i·stride + k·dilation − padding, j·… ]` with
/// `f` the activation of `options` and zeros outside of the map.
///
/// # Shapes
///
/// `x: [N, C, H, W]`, `weight: [C, 1, kh, kw]` → `[N, C, H', W']` with
/// `H' = (H + 2·padding − dilation·(kh − 1) − 1) / stride + 1`.
///
/// # Panics
///
/// If the weight has another number of channels than `x`, or the window does not fit into the padded map.
pub fn depthwise_conv2d(x: Tensor<4>, weight: Tensor<4>, options: ConvShape) -> Tensor<4> {
    let [_, channels, height, width] = x.dims();
    let [filters, per_group, kernel_height, kernel_width] = weight.dims();
    assert!(
        filters == channels && per_group == 1,
        "a depthwise weight for {channels} channels has shape [{channels}, 1, kh, kw], found {:?}",
        weight.dims()
    );
    let _ = options.output_size([height, width], [kernel_height, kernel_width]);
    if runs_on_flex(&x) {
        extension::depthwise_conv2d(x, weight, options)
    } else {
        reference::depthwise_conv2d(x, weight, options)
    }
}
