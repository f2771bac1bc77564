//! The auxiliary classifier.

use burn::module::{Module, Param};
use burn::tensor::module::{avg_pool2d, conv2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions};
use burn::tensor::{Device, Tensor, activation::relu};

use crate::ops::{BatchNorm, BatchNormConfig, Linear, LinearConfig, Pass, conv_weight, global_average_pool};
use crate::space::StemKind;

/// ReLU, average pooling, 1x1 convolution to 128, BN, ReLU, 2x2 convolution to 768, (BN,) ReLU, mean,
/// linear (A4). It stands on the cell at two thirds of the depth and is used in training only.
///
/// The pooling window is 5 where the map allows it, its stride 3 (small images) or 2 (ImageNet stem), as
/// in the original; on smaller maps both shrink so that the 2x2 convolution always has 2x2 to work on.
/// As in the original, the head of the ImageNet network lacks the second normalisation.
#[derive(Module, Debug)]
pub struct AuxiliaryHead {
    conv1: Param<Tensor<4>>,
    norm1: BatchNorm,
    conv2: Param<Tensor<4>>,
    norm2: Option<BatchNorm>,
    classifier: Linear,
    #[module(skip)]
    stride: usize,
}

/// Configuration of an [`AuxiliaryHead`].
#[derive(Debug, Clone, Copy)]
pub struct AuxiliaryHeadConfig {
    /// Channels of the map it stands on.
    pub channels_in: usize,
    /// Number of classes.
    pub classes: usize,
    /// Which of the original's two heads.
    pub stem: StemKind,
}

/// Smallest side of the map the head can stand on.
pub(super) const SMALLEST_SIDE: usize = 2;

const WINDOW: usize = 5;

impl AuxiliaryHeadConfig {
    /// Builds the head.
    pub fn init(&self, device: &Device) -> AuxiliaryHead {
        let norm = |channels| BatchNormConfig { channels, affine: true }.init(device);
        AuxiliaryHead {
            conv1: conv_weight([128, self.channels_in, 1, 1], device),
            norm1: norm(128),
            conv2: conv_weight([768, 128, 2, 2], device),
            norm2: (self.stem == StemKind::Cifar).then(|| norm(768)),
            classifier: LinearConfig { features_in: 768, features_out: self.classes }.init(device),
            stride: match self.stem {
                StemKind::Cifar => 3,
                StemKind::Imagenet => 2,
            },
        }
    }
}

impl AuxiliaryHead {
    /// # Shapes
    /// - Input `[N, C, H, W]` with H, W ≥ 2
    /// - Output `[N, classes]`
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<2> {
        let [_, _, h, w] = x.dims();
        let window = [h, w].map(|side| WINDOW.min(side - 1));
        let stride = [self.stride.min(h - window[0]), self.stride.min(w - window[1])];
        let x = avg_pool2d(
            relu(x),
            AvgPoolOptions::new(window).with_stride(stride).with_count_include_pad(false),
        );
        let plain = || ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        let x = relu(self.norm1.forward(conv2d(x, self.conv1.val(), None, plain()), pass));
        let x = conv2d(x, self.conv2.val(), None, plain());
        let x = match &self.norm2 {
            Some(norm) => norm.forward(x, pass),
            None => x,
        };
        self.classifier.forward(global_average_pool(relu(x)))
    }
}
