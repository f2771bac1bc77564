//! Drop path (scheduled): whole operations are left out, image by image.

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Drops an operation's output for some images of a batch and rescales the others by `1 / keep`.
///
/// One Bernoulli draw per image and operation (A4: shape `[N, 1, 1, 1]`); where a cell mixes operations, one per image
/// and edge, for all that the edge adds to its node (RobustDARTS, Zela et al. 2020).
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
        let scales = self.scales(x.dims()[0]);
        scaled(x, scales.as_deref())
    }

    /// For each of some edges, what all that it adds is multiplied with, image by image.
    pub(super) fn of_edges(&mut self, edges: usize, images: usize) -> Vec<Option<Vec<f32>>> {
        (0..edges).map(|_| self.scales(images)).collect()
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

/// `[N, C, H, W]` times a number for each image.
pub(super) fn scaled(x: Tensor<4>, scales: Option<&[f32]>) -> Tensor<4> {
    match scales {
        Some(scales) => {
            let scales = TensorData::new(scales.to_vec(), [scales.len(), 1, 1, 1]);
            let scales = Tensor::<4>::from_data(scales, &x.device()).cast(x.dtype());
            x * scales
        }
        None => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    /// Four standard deviations of the number of dropped ones among so many.
    #[test]
    fn edges_are_dropped_with_their_probability() {
        let mut drop_path = DropPath::new(0.3, stream(4, "test/drop_path", &[]));
        let edges = drop_path.of_edges(50, 400);
        let scales: Vec<f32> = edges.iter().flatten().flatten().copied().collect();
        assert_eq!(scales.len(), 20_000);
        assert!(scales.iter().all(|&scale| scale == 0.0 || (scale - 1.0 / 0.7).abs() < 1e-6));
        let dropped = scales.iter().filter(|&&scale| scale == 0.0).count() as f64;
        assert!((dropped - 6000.0).abs() < 4.0 * (20_000.0f64 * 0.3 * 0.7).sqrt(), "{dropped}");
        assert_ne!(edges[0], edges[1]);
        assert!(
            DropPath::new(0.0, stream(4, "test/drop_path", &[])).of_edges(2, 3).iter().all(Option::is_none)
        );
    }
}
