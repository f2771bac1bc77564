//! Fast body and gradient on slices: one pass over the map for the statistics, one to normalise; one for the
//! sums of the gradient, one to spread them.

use crate::support::parallel::{chunks, for_each};
use crate::support::simd::{multiply_add, multiversion};
use crate::support::sums::{centred_dot, centred_moments, sum};

/// Mean and biased variance per channel.
#[derive(Clone, Debug)]
pub(super) struct Statistics {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

/// Elementary operations per value, for the choice of threads.
const COST: usize = 2;

/// Statistics of `x: [N, C, plane]`.
///
/// Each plane has its own mean and sum of squares around it; planes are merged image by image in `f64`
/// (Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
pub(super) fn statistics(x: &[f32], channels: usize, plane: usize) -> Statistics {
    let mut parts = vec![(0.0f64, 0.0f64); x.len() / plane];
    let items = parts.iter_mut().zip(x.chunks_exact(plane)).collect();
    for_each(items, plane * COST, || (), |(), _, (part, values)| *part = moments(values));

    let plane = plane as f64;
    let mut mean = Vec::with_capacity(channels);
    let mut variance = Vec::with_capacity(channels);
    for channel in 0..channels {
        let (mut count, mut centre, mut squares) = (0.0, 0.0, 0.0);
        for &(part_centre, part_squares) in parts[channel..].iter().step_by(channels) {
            let (total, distance) = (count + plane, part_centre - centre);
            centre += distance * plane / total;
            squares += part_squares + distance * distance * count * plane / total;
            count = total;
        }
        mean.push(centre as f32);
        variance.push((squares / count) as f32);
    }
    Statistics { mean, variance }
}

/// Mean of a plane and the sum of the squared distances from it: two passes, the second of which also finds
/// by how much the first was wrong.
fn moments(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let centre = (sum(values) / count) as f32;
    let (distances, squares) = centred_moments(values, centre);
    (f64::from(centre) + distances / count, squares - distances * distances / count)
}

/// `1 / √(variance + eps)` per channel.
fn inverse_deviations(variance: &[f32], eps: f64) -> Vec<f32> {
    variance.iter().map(|&variance| (1.0 / (f64::from(variance) + eps).sqrt()) as f32).collect()
}

/// `y = (x − mean) · gamma / √(variance + eps) + beta` for `x: [N, C, plane]`.
pub(super) fn normalise(
    x: &[f32],
    plane: usize,
    statistics: &Statistics,
    gamma: &[f32],
    beta: &[f32],
    eps: f64,
) -> Vec<f32> {
    let channels = gamma.len();
    let deviations = inverse_deviations(&statistics.variance, eps);
    let mut y = vec![0.0; x.len()];
    for_each(
        chunks(&mut y, plane),
        plane * COST,
        || (),
        |(), index, y| {
            let channel = index % channels;
            let scale = gamma[channel] * deviations[channel];
            let x = &x[index * plane..][..plane];
            scale_plane(x, statistics.mean[channel], scale, beta[channel], y);
        },
    );
    y
}

#[inline(always)]
fn scale_plane_body<const FMA: bool>(x: &[f32], mean: f32, scale: f32, shift: f32, y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = multiply_add::<FMA>(x - mean, scale, shift);
    }
}

multiversion! {
    /// `y = (x − mean)·scale + shift`.
    fn scale_plane(x: &[f32], mean: f32, scale: f32, shift: f32, y: &mut [f32]) = scale_plane_body
}

/// Gradients per channel.
#[derive(Clone, Debug)]
pub(super) struct AffineGradients {
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
}

/// Turns the gradient `g` for `y` into that for `x` in place if `with_x`, and returns those for gamma and beta.
///
/// With `r = 1/√(variance + eps)`, `S1 = Σ g`, `S2 = Σ g·(x − mean)` per channel and `M = N·plane`:
/// `∂beta = S1`, `∂gamma = r·S2` and `∂x = gamma·r·(g − S1/M − (x − mean)·r²·S2/M)`.
pub(super) fn backward(
    x: &[f32],
    plane: usize,
    statistics: &Statistics,
    gamma: &[f32],
    eps: f64,
    g: &mut [f32],
    with_x: bool,
) -> AffineGradients {
    let channels = gamma.len();
    let mut parts = vec![(0.0f64, 0.0f64); x.len() / plane];
    let items = parts.iter_mut().zip(x.chunks_exact(plane).zip(g.chunks_exact(plane))).collect();
    for_each(
        items,
        plane * COST,
        || (),
        |(), index, (part, (x, g))| *part = (sum(g), centred_dot(x, statistics.mean[index % channels], g)),
    );

    let values = (x.len() / channels) as f64;
    let mut gradients = AffineGradients { gamma: Vec::new(), beta: Vec::new() };
    let mut coefficients = Vec::with_capacity(channels);
    for channel in 0..channels {
        let (mut plain, mut centred) = (0.0, 0.0);
        for part in parts[channel..].iter().step_by(channels) {
            plain += part.0;
            centred += part.1;
        }
        let deviation = 1.0 / (f64::from(statistics.variance[channel]) + eps).sqrt();
        let scale = f64::from(gamma[channel]) * deviation;
        gradients.beta.push(plain as f32);
        gradients.gamma.push((centred * deviation) as f32);
        coefficients.push([
            scale as f32,
            (-scale * deviation * deviation * centred / values) as f32,
            (-scale * plain / values) as f32,
        ]);
    }
    if with_x {
        for_each(
            chunks(g, plane),
            plane * COST,
            || (),
            |(), index, g| {
                let channel = index % channels;
                spread(&x[index * plane..][..plane], statistics.mean[channel], coefficients[channel], g);
            },
        );
    }
    gradients
}

#[inline(always)]
fn spread_body<const FMA: bool>(x: &[f32], mean: f32, [own, slope, constant]: [f32; 3], g: &mut [f32]) {
    for (g, &x) in g.iter_mut().zip(x) {
        *g = multiply_add::<FMA>(own, *g, multiply_add::<FMA>(slope, x - mean, constant));
    }
}

multiversion! {
    /// `g ← own·g + slope·(x − mean) + constant`.
    fn spread(x: &[f32], mean: f32, coefficients: [f32; 3], g: &mut [f32]) = spread_body
}
