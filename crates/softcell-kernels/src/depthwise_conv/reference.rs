//! The definition of the operation in stock tensor operations.

use burn::tensor::{Tensor, activation::relu, module::conv2d, ops::ConvOptions};

use super::{Activation, ConvShape};

/// [`depthwise_conv2d`](crate::depthwise_conv2d) as a grouped convolution with one group per channel.
pub fn depthwise_conv2d(x: Tensor<4>, weight: Tensor<4>, options: ConvShape) -> Tensor<4> {
    let channels = x.dims()[1];
    let x = match options.activation {
        Activation::Identity => x,
        Activation::Relu => relu(x),
    };
    conv2d(x, weight, None, ConvOptions::new(options.stride, options.padding, options.dilation, channels))
}
