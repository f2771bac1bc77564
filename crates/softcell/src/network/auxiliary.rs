//! The auxiliary classifier.

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData, activation::relu};

use crate::ops::{
    BatchNorm, BatchNormConfig, Linear, LinearConfig, Pass, conv_weight, global_average_pool, values,
};
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

/// Channels behind the first and the second convolution.
const WIDTHS: [usize; 2] = [128, 768];

impl AuxiliaryHeadConfig {
    /// Builds the head.
    pub fn init(&self, device: &Device) -> AuxiliaryHead {
        let norm = |channels| BatchNormConfig { channels, affine: true }.init(device);
        let [first, second] = WIDTHS;
        AuxiliaryHead {
            conv1: conv_weight([first, self.channels_in, 1, 1], device),
            norm1: norm(first),
            conv2: conv_weight([second, first, 2, 2], device),
            norm2: self.norms_twice().then(|| norm(second)),
            classifier: self.classifier().init(device),
            stride: match self.stem {
                StemKind::Cifar => 3,
                StemKind::Imagenet => 2,
            },
        }
    }
}

impl AuxiliaryHeadConfig {
    fn norms_twice(&self) -> bool {
        self.stem == StemKind::Cifar
    }

    fn classifier(&self) -> LinearConfig {
        LinearConfig { features_in: WIDTHS[1], features_out: self.classes }
    }

    /// Number of weights and running statistics.
    pub(super) fn parameters(&self) -> f64 {
        let [first, second] = WIDTHS;
        let convolutions = values(&[first, self.channels_in]) + values(&[second, first, 4]);
        let normalised = first + if self.norms_twice() { second } else { 0 };
        convolutions + 4.0 * normalised as f64 + self.classifier().parameters()
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
        let x = average_windows(relu(x), window, stride);
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

/// The mean of every window, without padding: `[N, C, H, W]` to `[N, C, H', W']`.
///
/// The windows are few and wide, so this is a product with a constant matrix; the gradient of a stock pooling
/// takes several times as long.
fn average_windows(x: Tensor<4>, window: [usize; 2], stride: [usize; 2]) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let [rows, columns] = [(h - window[0]) / stride[0] + 1, (w - window[1]) / stride[1] + 1];
    let share = 1.0 / (window[0] * window[1]) as f32;
    let mut matrix = vec![0.0f32; h * w * rows * columns];
    for (index, value) in matrix.iter_mut().enumerate() {
        let (pixel, out) = (index / (rows * columns), index % (rows * columns));
        let first = [out / columns * stride[0], out % columns * stride[1]];
        let inside = |at: usize, axis: usize| (first[axis]..first[axis] + window[axis]).contains(&at);
        if inside(pixel / w, 0) && inside(pixel % w, 1) {
            *value = share;
        }
    }
    let matrix = TensorData::new(matrix, [h * w, rows * columns]);
    let matrix = Tensor::<2>::from_data(matrix, (&x.device(), x.dtype()));
    x.reshape([n * c, h * w]).matmul(matrix).reshape([n, c, rows, columns])
}

#[cfg(test)]
mod tests {
    use burn::tensor::ops::AvgPoolOptions;
    use burn::tensor::{Int, module::avg_pool2d};

    use super::*;

    #[test]
    fn windows_are_averaged_as_by_stock_pooling() {
        let device = Device::flex();
        for (size, window, stride) in
            [([8, 8], [5, 5], [3, 3]), ([7, 9], [5, 4], [2, 3]), ([2, 3], [1, 2], [1, 1])]
        {
            let values = Tensor::<1, Int>::arange(0..(6 * size[0] * size[1]) as i64, &device).float();
            let x = values.cos().reshape([2, 3, size[0], size[1]]);
            let stock = avg_pool2d(
                x.clone(),
                AvgPoolOptions::new(window).with_stride(stride).with_count_include_pad(false),
            );
            let own = average_windows(x, window, stride);
            assert_eq!(own.dims(), stock.dims());
            assert!((own - stock).abs().max().into_scalar::<f32>() < 1e-6);
        }
    }
}
