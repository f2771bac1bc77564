//! The way of a gradient back through a normalisation.

use std::ops::Range;

use super::record::NormValues;

/// `dz = a · g + p · z + q`: the gradient of a map through its normalisation, channel by channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Coefficients {
    pub a: Vec<f32>,
    pub p: Vec<f32>,
    pub q: Vec<f32>,
}

impl Coefficients {
    /// Without a normalisation: the weight for some of the channels.
    pub fn plain(weight: f32, channels: Range<usize>, width: usize) -> Self {
        let mut a = vec![0.0; width];
        a[channels].fill(weight);
        Self { a, p: vec![0.0; width], q: vec![0.0; width] }
    }

    /// Of some channels.
    pub fn of(&self, channels: Range<usize>) -> [&[f32]; 3] {
        [&self.a[channels.clone()], &self.p[channels.clone()], &self.q[channels]]
    }
}

/// Sums over all images and pixels, channel by channel, of the gradient g of a normalised value.
pub(super) struct NormSums {
    /// `S = Σ g`.
    pub plain: Vec<f64>,
    /// `Σ g · (z − μ)`.
    pub centred: Vec<f64>,
}

impl NormSums {
    /// Adds up one of the rows that each image has, in the order of the images, each times its scale.
    pub fn total(sums: &[f32], rows: usize, row: usize, width: usize, scales: Option<&[f32]>) -> Vec<f64> {
        let mut total = vec![0.0f64; width];
        for (at, sums) in sums.chunks_exact(rows * width).enumerate() {
            let scale = scales.map_or(1.0, |scales| f64::from(scales[at]));
            let sums = &sums[row * width..(row + 1) * width];
            total.iter_mut().zip(sums).for_each(|(total, &sum)| *total += scale * f64::from(sum));
        }
        total
    }

    /// `T = Σ g · (z − μ)/σ`.
    pub fn normalised(&self, norm: &NormValues) -> Vec<f64> {
        self.centred.iter().zip(&norm.inverse).map(|(sum, &inverse)| f64::from(inverse) * sum).collect()
    }

    /// The gradient of the weight of the normalised value: `Σ_c γ T + β S`.
    pub fn slope(&self, norm: &NormValues) -> f64 {
        let t = self.normalised(norm);
        let affine = norm.gamma.iter().zip(&norm.beta);
        affine
            .zip(t.iter().zip(&self.plain))
            .map(|((&gamma, &beta), (t, s))| f64::from(gamma) * t + f64::from(beta) * s)
            .sum()
    }

    /// `dz = weight · γ/σ · (g − S/M − (z − μ)/σ · T/M)`, the last two only where μ and σ are the batch's own;
    /// `count` is then M.
    pub fn coefficients(&self, norm: &NormValues, weight: f32, count: Option<usize>) -> Coefficients {
        let t = self.normalised(norm);
        let mut c = Coefficients::plain(0.0, 0..0, t.len());
        for (channel, t) in t.iter().enumerate() {
            let inverse = f64::from(norm.inverse[channel]);
            let a = f64::from(weight) * f64::from(norm.gamma[channel]) * inverse;
            c.a[channel] = a as f32;
            if let Some(count) = count {
                let p = -a * inverse * t / count as f64;
                let q = -a * self.plain[channel] / count as f64 - p * f64::from(norm.mean[channel]);
                (c.p[channel], c.q[channel]) = (p as f32, q as f32);
            }
        }
        c
    }
}
