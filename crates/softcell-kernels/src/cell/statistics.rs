//! Mean and variance of maps: sums image by image, merged in order.

use super::kernels::elementwise::moments;

/// What normalisations saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// By number, ascending; only those that are in the plan.
    pub norms: Vec<NormStatistics>,
}

/// What a normalisation saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NormStatistics {
    /// Its number: see [`CellPlan::parts`](crate::CellPlan::parts).
    pub norm: usize,
    /// The mean of each channel.
    pub mean: Vec<f32>,
    /// The biased variance (divided by the number of values) of each channel.
    pub variance: Vec<f32>,
    /// How many values a channel has.
    pub count: usize,
}

impl Statistics {
    /// Those of a normalisation.
    pub fn get(&self, norm: usize) -> Option<&NormStatistics> {
        self.norms.binary_search_by_key(&norm, |one| one.norm).ok().map(|at| &self.norms[at])
    }
}

/// Sums of one map and one image: centre, sum, sum of squares.
pub(super) const SUMS: usize = 3;

/// The sums of a map, for its statistics.
pub(super) fn sum_map(lanes: usize, map: &[f32], sums: &mut [f32]) {
    let width = sums.len() / SUMS;
    let block = map.len() / (width / lanes);
    let (centre, sums) = sums.split_at_mut(width);
    let (sums, squares) = sums.split_at_mut(width);
    for (index, map) in map.chunks_exact(block).enumerate() {
        let channels = index * lanes..(index + 1) * lanes;
        // The first pixel is close enough to the mean to lose no digits.
        centre[channels.clone()].copy_from_slice(&map[..lanes]);
        sums[channels.clone()].fill(0.0);
        squares[channels.clone()].fill(0.0);
        let (sums, squares) = (&mut sums[channels.clone()], &mut squares[channels.clone()]);
        moments(lanes, map, &centre[channels], sums, squares);
    }
}

/// Mean and sum of squared deviations of each channel, from the sums of all images in order (Chan et al.).
pub(super) fn merge(sums: &[f32], width: usize, pixels: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut mean, mut squares) = (vec![0.0f64; width], vec![0.0f64; width]);
    let n = pixels as f64;
    for (before, image) in sums.chunks_exact(SUMS * width).enumerate() {
        let count = before as f64 * n;
        // What the difference of the means, and its square, are multiplied with.
        let (share, spread) = (n / (count + n), count * n / (count + n));
        let (centre, sums) = image.split_at(width);
        let (sums, image_squares) = sums.split_at(width);
        let image = centre.iter().zip(sums).zip(image_squares);
        for ((mean, squares), ((&centre, &sum), &square)) in mean.iter_mut().zip(&mut squares).zip(image) {
            let [centre, sum, square] = [centre, sum, square].map(f64::from);
            let (image_mean, image_squares) = (centre + sum / n, square - sum * sum / n);
            let difference = image_mean - *mean;
            *squares += image_squares + difference * difference * spread;
            *mean += difference * share;
        }
    }
    squares.iter_mut().for_each(|squares| *squares = squares.max(0.0));
    (mean, squares)
}
