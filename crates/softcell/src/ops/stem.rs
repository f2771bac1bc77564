//! What stands before the first cell and behind the last: stems and the classifier.

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, activation::relu};

use softcell_kernels::{BlockedMap, CellPlan, ConvolutionConfig, InputChannels};

use super::conv::conv_weight;
use super::fused::FusedCell;
use super::memory::values;
use super::norm::{BatchNorm, BatchNormConfig, EPSILON};
use super::pass::Pass;

/// 3x3 convolution and affine batch normalisation, for small images.
#[derive(Module, Debug)]
pub struct CifarStem {
    conv: Param<Tensor<4>>,
    norm: BatchNorm,
    #[module(skip)]
    fused: FusedCell,
    #[module(skip)]
    lanes: usize,
}

/// Configuration of [`CifarStem`].
#[derive(Debug, Clone, Copy)]
pub struct CifarStemConfig {
    /// Channels of the images.
    pub channels_in: usize,
    /// Channels out.
    pub channels_out: usize,
    /// Channels of a block in memory, where the network is fused.
    pub lanes: usize,
}

impl CifarStemConfig {
    /// Builds the layers.
    pub fn init(&self, device: &Device) -> CifarStem {
        CifarStem {
            conv: conv_weight([self.channels_out, self.channels_in, 3, 3], device),
            norm: BatchNormConfig { channels: self.channels_out, affine: true }.init(device),
            fused: FusedCell::convolution(self.plan()),
            lanes: self.lanes,
        }
    }

    /// The same as one operation.
    pub(crate) fn plan(&self) -> CellPlan {
        CellPlan::convolution(ConvolutionConfig {
            input: InputChannels { groups: 1, channels: self.channels_in },
            channels: self.channels_out,
            stride: 1,
            rectify: false,
            lanes: self.lanes,
            epsilon: EPSILON,
        })
    }
}

impl CifarStem {
    /// [`Self::forward`] as one operation, on a device that has it.
    pub fn forward_fused(&self, x: Tensor<4>, pass: &mut Pass) -> BlockedMap {
        let x = BlockedMap::from_nchw(x, self.lanes);
        self.fused.forward(self, vec![x], None, pass)
    }

    /// # Shapes
    /// - Input `[N, C_in, H, W]`
    /// - Output `[N, C_out, H, W]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        self.norm.forward(conv3x3(x, &self.conv, 1), pass)
    }
}

/// Three 3x3 convolutions of stride 2, for large images (A5).
///
/// The first two with their normalisations give the state at a quarter of the size, the third the state
/// at an eighth; a quarter and an eighth are the two inputs of the first cell.
#[derive(Module, Debug)]
pub struct ImagenetStem {
    conv0: Param<Tensor<4>>,
    norm0: BatchNorm,
    conv1: Param<Tensor<4>>,
    norm1: BatchNorm,
    conv2: Param<Tensor<4>>,
    norm2: BatchNorm,
}

/// Configuration of [`ImagenetStem`].
#[derive(Debug, Clone, Copy)]
pub struct ImagenetStemConfig {
    /// Channels of the images.
    pub channels_in: usize,
    /// Channels out of both states; the first convolution has half of them.
    pub channels_out: usize,
}

impl ImagenetStemConfig {
    /// Builds the layers.
    pub fn init(&self, device: &Device) -> ImagenetStem {
        let (c, half) = (self.channels_out, self.channels_out / 2);
        let norm = |channels| BatchNormConfig { channels, affine: true }.init(device);
        ImagenetStem {
            conv0: conv_weight([half, self.channels_in, 3, 3], device),
            norm0: norm(half),
            conv1: conv_weight([c, half, 3, 3], device),
            norm1: norm(c),
            conv2: conv_weight([c, c, 3, 3], device),
            norm2: norm(c),
        }
    }

    /// Number of weights and running statistics.
    pub(crate) fn parameters(&self) -> f64 {
        let (c, half) = (self.channels_out, self.channels_out / 2);
        let weights = values(&[half, self.channels_in, 9]) + values(&[c, half, 9]) + values(&[c, c, 9]);
        weights + 4.0 * (half as f64 + 2.0 * c as f64)
    }

    /// Bytes that its maps and their gradients take in training for an image: those of half the size before and behind
    /// the normalisation and the rectifier, then those of the states.
    pub(crate) fn memory(&self, image: [usize; 2]) -> f64 {
        let map = |channels: usize, part: usize| {
            let [height, width] = image.map(|side| side.div_ceil(part));
            values(&[channels, height, width, size_of::<f32>()])
        };
        let c = self.channels_out;
        4.0 * map(c / 2, 2) + 5.0 * map(c, 4) + 4.0 * map(c, 8)
    }
}

impl ImagenetStem {
    /// # Shapes
    /// - Input `[N, C_in, H, W]`
    /// - Output `[N, C_out, H/4, W/4]` and `[N, C_out, H/8, W/8]`, rounded up
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> (Tensor<4>, Tensor<4>) {
        let x = relu(self.norm0.forward(conv3x3(x, &self.conv0, 2), pass));
        let quarter = self.norm1.forward(conv3x3(x, &self.conv1, 2), pass);
        let eighth = self.norm2.forward(conv3x3(relu(quarter.clone()), &self.conv2, 2), pass);
        (quarter, eighth)
    }
}

fn conv3x3(x: Tensor<4>, weight: &Param<Tensor<4>>, stride: usize) -> Tensor<4> {
    conv2d(x, weight.val(), None, ConvOptions::new([stride; 2], [1; 2], [1; 2], 1))
}

/// `y = x · weightᵀ + bias`, with the weight laid out `[out, in]` as in PyTorch.
#[derive(Module, Debug)]
pub struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

/// Configuration of [`Linear`].
#[derive(Debug, Clone, Copy)]
pub struct LinearConfig {
    /// Features in.
    pub features_in: usize,
    /// Features out.
    pub features_out: usize,
}

impl LinearConfig {
    /// Builds the layer.
    pub fn init(&self, device: &Device) -> Linear {
        Linear {
            weight: Param::from_tensor(Tensor::zeros([self.features_out, self.features_in], device)),
            bias: Param::from_tensor(Tensor::zeros([self.features_out], device)),
        }
    }

    /// Number of weights.
    pub(crate) fn parameters(&self) -> f64 {
        values(&[self.features_out, self.features_in]) + self.features_out as f64
    }
}

impl Linear {
    /// # Shapes
    /// - Input `[N, in]`
    /// - Output `[N, out]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }
}

/// Mean over all pixels: `[N, C, H, W] → [N, C]`.
pub fn global_average_pool(x: Tensor<4>) -> Tensor<2> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h * w]).mean_dim(2).reshape([n, c])
}
