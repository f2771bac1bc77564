//! Drop path (scheduled): whole operations are left out, image by image.

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Drops an operation's output for some images of a batch and rescales the others by `1 / keep`.
///
/// One Bernoulli draw per image and operation (A4: shape `[N, 1, 1, 1]`).
#[derive(Debug)]
pub struct DropPath {
    probability: f64,
    random: ChaCha8Rng,
}

impl DropPath {
    /// With drop probability in [0, 1), drawing from `random`.
    pub fn new(probability: f64, random: ChaCha8Rng) -> Self {
        Self { probability, random }
    }

    /// Applies one draw per image.
    ///
    /// # Shapes
    /// - Input and output `[N, C, H, W]`
    pub fn forward(&mut self, x: Tensor<4>) -> Tensor<4> {
        let n = x.dims()[0];
        match self.scales(n) {
            Some(scales) => {
                let scales = constant(scales, n, &x.device()).cast(x.dtype());
                x * scales
            }
            None => x,
        }
    }

    /// What the next operation's output is multiplied with, image by image; `None` if nothing is dropped.
    pub(crate) fn scales(&mut self, images: usize) -> Option<Vec<f32>> {
        if self.probability <= 0.0 {
            return None;
        }
        let keep = 1.0 - self.probability;
        let mut scale = || if self.random.random::<f64>() < keep { (1.0 / keep) as f32 } else { 0.0 };
        Some((0..images).map(|_| scale()).collect())
    }
}

fn constant(mask: Vec<f32>, n: usize, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(mask, [n, 1, 1, 1]), device)
}
