//! Convolutions, each with the rectifier before and the normalisation after it that the space prescribes.

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, activation::relu};
use softcell_kernels::{Activation, ConvShape, depthwise_conv2d, pointwise_conv2d};

use super::norm::{BatchNorm, BatchNormConfig};
use super::pass::Pass;

/// A convolution's weight, zero until [`initialize`](crate::nn::initialize) draws it.
pub(crate) fn conv_weight(shape: [usize; 4], device: &Device) -> Param<Tensor<4>> {
    Param::from_tensor(Tensor::zeros(shape, device))
}

/// Every second row and column, from `offset`: `[N, C, H, W] → [N, C, ⌈H/2⌉, ⌈W/2⌉]`.
///
/// With offset 1 and an odd side the last row or column falls outside and reads as zero, so that both
/// offsets give the same size.
pub(crate) fn subsample(x: Tensor<4>, offset: usize) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if offset == 0 {
        return x.slice(burn::tensor::s![.., .., 0..h; 2, 0..w; 2]);
    }
    let x = if h % 2 == 1 || w % 2 == 1 { x.pad((0, w % 2, 0, h % 2), 0.0) } else { x };
    let [_, _, h, w] = x.dims();
    x.slice(burn::tensor::s![.., .., 1..h; 2, 1..w; 2])
}

/// ReLU, 1x1 convolution, batch normalisation.
#[derive(Module, Debug)]
pub struct ReluConvBn {
    conv: Param<Tensor<4>>,
    norm: BatchNorm,
}

/// Configuration of [`ReluConvBn`].
#[derive(Debug, Clone, Copy)]
pub struct ReluConvBnConfig {
    /// Channels in.
    pub channels_in: usize,
    /// Channels out.
    pub channels_out: usize,
    /// Affine normalisation.
    pub affine: bool,
}

impl ReluConvBnConfig {
    /// Builds the layers.
    pub fn init(&self, device: &Device) -> ReluConvBn {
        ReluConvBn {
            conv: conv_weight([self.channels_out, self.channels_in, 1, 1], device),
            norm: BatchNormConfig { channels: self.channels_out, affine: self.affine }.init(device),
        }
    }
}

impl ReluConvBn {
    /// # Shapes
    /// - Input `[N, C_in, H, W]`
    /// - Output `[N, C_out, H, W]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        self.norm.forward(pointwise_conv2d(relu(x), self.conv.val()), pass)
    }
}

/// Halves the resolution without throwing pixels away:
/// ReLU, concat(1x1 convolution of the even pixels, of the odd pixels), batch normalisation.
#[derive(Module, Debug)]
pub struct FactorizedReduce {
    even: Param<Tensor<4>>,
    odd: Param<Tensor<4>>,
    norm: BatchNorm,
}

/// Configuration of [`FactorizedReduce`].
#[derive(Debug, Clone, Copy)]
pub struct FactorizedReduceConfig {
    /// Channels in.
    pub channels_in: usize,
    /// Channels out; when odd, the even pixels get the smaller half.
    pub channels_out: usize,
    /// Affine normalisation.
    pub affine: bool,
}

impl FactorizedReduceConfig {
    /// Builds the layers.
    pub fn init(&self, device: &Device) -> FactorizedReduce {
        let half = self.channels_out / 2;
        FactorizedReduce {
            even: conv_weight([half, self.channels_in, 1, 1], device),
            odd: conv_weight([self.channels_out - half, self.channels_in, 1, 1], device),
            norm: BatchNormConfig { channels: self.channels_out, affine: self.affine }.init(device),
        }
    }
}

impl FactorizedReduce {
    /// # Shapes
    /// - Input `[N, C_in, H, W]`
    /// - Output `[N, C_out, ⌈H/2⌉, ⌈W/2⌉]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let x = relu(x);
        let odd = pointwise_conv2d(subsample(x.clone(), 1), self.odd.val());
        // One channel leaves nothing for the even pixels.
        let y = if self.even.dims()[0] == 0 {
            odd
        } else {
            Tensor::cat(vec![pointwise_conv2d(subsample(x, 0), self.even.val()), odd], 1)
        };
        self.norm.forward(y, pass)
    }
}

/// Separable convolution, applied twice:
/// (ReLU, depthwise k×k, pointwise, batch normalisation) with the stride, then again with stride 1.
#[derive(Module, Debug)]
pub struct SepConv {
    depthwise1: Param<Tensor<4>>,
    pointwise1: Param<Tensor<4>>,
    norm1: BatchNorm,
    depthwise2: Param<Tensor<4>>,
    pointwise2: Param<Tensor<4>>,
    norm2: BatchNorm,
    #[module(skip)]
    stride: usize,
}

/// Configuration of [`SepConv`].
#[derive(Debug, Clone, Copy)]
pub struct SepConvConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Stride of the first depthwise convolution.
    pub stride: usize,
    /// Affine normalisation.
    pub affine: bool,
}

impl SepConvConfig {
    /// Builds the layers.
    pub fn init(&self, device: &Device) -> SepConv {
        let Self { channels: c, kernel: k, stride, affine } = *self;
        let norm = || BatchNormConfig { channels: c, affine }.init(device);
        SepConv {
            depthwise1: conv_weight([c, 1, k, k], device),
            pointwise1: conv_weight([c, c, 1, 1], device),
            norm1: norm(),
            depthwise2: conv_weight([c, 1, k, k], device),
            pointwise2: conv_weight([c, c, 1, 1], device),
            norm2: norm(),
            stride,
        }
    }
}

impl SepConv {
    /// # Shapes
    /// - Input `[N, C, H, W]`
    /// - Output `[N, C, ⌈H/stride⌉, ⌈W/stride⌉]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let x = depthwise(x, &self.depthwise1, self.stride, 1);
        let x = self.norm1.forward(pointwise_conv2d(x, self.pointwise1.val()), pass);
        let x = depthwise(x, &self.depthwise2, 1, 1);
        self.norm2.forward(pointwise_conv2d(x, self.pointwise2.val()), pass)
    }
}

/// Dilated separable convolution: ReLU, depthwise k×k with dilation 2, pointwise, batch normalisation.
#[derive(Module, Debug)]
pub struct DilConv {
    depthwise: Param<Tensor<4>>,
    pointwise: Param<Tensor<4>>,
    norm: BatchNorm,
    #[module(skip)]
    stride: usize,
}

/// Configuration of [`DilConv`].
#[derive(Debug, Clone, Copy)]
pub struct DilConvConfig {
    /// Channels in and out.
    pub channels: usize,
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Stride of the depthwise convolution.
    pub stride: usize,
    /// Affine normalisation.
    pub affine: bool,
}

impl DilConvConfig {
    /// Builds the layers.
    pub fn init(&self, device: &Device) -> DilConv {
        let Self { channels: c, kernel: k, stride, affine } = *self;
        DilConv {
            depthwise: conv_weight([c, 1, k, k], device),
            pointwise: conv_weight([c, c, 1, 1], device),
            norm: BatchNormConfig { channels: c, affine }.init(device),
            stride,
        }
    }
}

impl DilConv {
    /// # Shapes
    /// - Input `[N, C, H, W]`
    /// - Output `[N, C, ⌈H/stride⌉, ⌈W/stride⌉]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let x = depthwise(x, &self.depthwise, self.stride, 2);
        self.norm.forward(pointwise_conv2d(x, self.pointwise.val()), pass)
    }
}

/// ReLU and depthwise convolution of odd kernel, padded so that only the stride changes the size.
fn depthwise(x: Tensor<4>, weight: &Param<Tensor<4>>, stride: usize, dilation: usize) -> Tensor<4> {
    let padding = dilation * (weight.dims()[2] - 1) / 2;
    let shape = ConvShape {
        stride: [stride; 2],
        padding: [padding; 2],
        dilation: [dilation; 2],
        activation: Activation::Relu,
    };
    depthwise_conv2d(x, weight.val(), shape)
}

/// ReLU, 1x7 convolution, 7x1 convolution, batch normalisation (occurs in AmoebaNet's cell only).
#[derive(Module, Debug)]
pub struct Conv7x1x7 {
    row: Param<Tensor<4>>,
    column: Param<Tensor<4>>,
    norm: BatchNorm,
    #[module(skip)]
    stride: usize,
}

/// Configuration of [`Conv7x1x7`].
#[derive(Debug, Clone, Copy)]
pub struct Conv7x1x7Config {
    /// Channels in and out.
    pub channels: usize,
    /// Stride over columns in the first, over rows in the second convolution.
    pub stride: usize,
    /// Affine normalisation.
    pub affine: bool,
}

impl Conv7x1x7Config {
    /// Builds the layers.
    pub fn init(&self, device: &Device) -> Conv7x1x7 {
        let Self { channels: c, stride, affine } = *self;
        Conv7x1x7 {
            row: conv_weight([c, c, 1, 7], device),
            column: conv_weight([c, c, 7, 1], device),
            norm: BatchNormConfig { channels: c, affine }.init(device),
            stride,
        }
    }
}

impl Conv7x1x7 {
    /// # Shapes
    /// - Input `[N, C, H, W]`
    /// - Output `[N, C, ⌈H/stride⌉, ⌈W/stride⌉]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let row = ConvOptions::new([1, self.stride], [0, 3], [1, 1], 1);
        let column = ConvOptions::new([self.stride, 1], [3, 0], [1, 1], 1);
        let x = conv2d(relu(x), self.row.val(), None, row);
        let x = conv2d(x, self.column.val(), None, column);
        self.norm.forward(x, pass)
    }
}
