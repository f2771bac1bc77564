//! Noise in place of an operation (the space S4 of Zela et al. 2020).

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use crate::random::stream;

/// Where the noise of a pass comes from: each image of each operation has a stream of its own, so that the numbers
/// depend on nothing but the key, the place of the operation in the pass and the place of the image in the batch.
#[derive(Debug, Clone)]
pub struct Noise {
    seed: u64,
    key: [u64; 3],
    drawn: u64,
}

impl Noise {
    /// With a seed and three counters: epoch, step, and what tells the passes of a step apart.
    pub fn new(seed: u64, key: [u64; 3]) -> Self {
        Self { seed, key, drawn: 0 }
    }

    /// The next operation's output, N(0, 1) throughout, without a gradient: `[N, C, H, W]`.
    pub(super) fn draw(&mut self, shape: [usize; 4], device: &Device, dtype: FloatDType) -> Tensor<4> {
        let [images, rest @ ..] = shape;
        let [epoch, step, pass] = self.key;
        let (seed, drawn) = (self.seed, self.drawn);
        self.drawn += 1;
        let mut values = vec![0f32; images * rest.iter().product::<usize>()];
        let length = (values.len() / images.max(1)).max(1);
        values.par_chunks_mut(length).enumerate().for_each(|(image, values)| {
            let mut random = stream(seed, "noise", &[epoch, step, pass, drawn, image as u64]);
            values.iter_mut().for_each(|value| *value = StandardNormal.sample(&mut random));
        });
        Tensor::<4>::from_data(TensorData::new(values, shape), device).cast(dtype)
    }
}

impl Default for Noise {
    /// That of evaluation: the same for every batch.
    fn default() -> Self {
        Noise::new(0, [0; 3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(noise: &mut Noise, shape: [usize; 4]) -> Vec<f32> {
        noise.draw(shape, &Device::flex(), FloatDType::F32).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn standard_normal_and_never_twice_the_same() {
        let mut noise = Noise::new(3, [1, 2, 0]);
        let first = values(&mut noise, [8, 4, 16, 16]);
        let n = first.len() as f64;
        let moment = |power: i32| first.iter().map(|&v| f64::from(v).powi(power)).sum::<f64>() / n;
        // Six standard deviations of the mean, the variance and the fourth moment of 8192 draws.
        assert!(moment(1).abs() < 6.0 / n.sqrt());
        assert!((moment(2) - 1.0).abs() < 6.0 * (2.0 / n).sqrt());
        assert!((moment(4) - 3.0).abs() < 6.0 * (96.0 / n).sqrt());
        assert_ne!(first, values(&mut noise, [8, 4, 16, 16]), "another operation");
        assert_ne!(first, values(&mut Noise::new(3, [1, 3, 0]), [8, 4, 16, 16]), "another step");
        // An image's numbers do not depend on the images beside it.
        let few = values(&mut Noise::new(3, [1, 2, 0]), [2, 4, 16, 16]);
        assert_eq!(few, first[..few.len()]);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| values(&mut Noise::new(3, [1, 2, 0]), [8, 4, 16, 16])), first);
    }
}
