//! Sums over slices: `f32` lanes within short blocks, `f64` across blocks, always in the same order.

use super::simd::{multiply_add, multiversion};

/// Independent partial sums, for the vector unit.
const LANES: usize = 32;

/// A block is summed in `f32`: 128 additions per lane.
const BLOCK: usize = 128 * LANES;

/// Adds `term(x, g)` over the pairs of two equally long slices.
#[inline(always)]
fn sum_pairs<const FMA: bool>(x: &[f32], g: &[f32], term: impl Fn(f32, f32, f32) -> f32) -> f64 {
    if x.len() < LANES {
        // Small planes are many: adding up idle lanes would cost more than the plane.
        return f64::from(x.iter().zip(g).fold(0.0, |sum, (&x, &g)| term(x, g, sum)));
    }
    let mut total = 0.0f64;
    for (x, g) in x.chunks(BLOCK).zip(g.chunks(BLOCK)) {
        let mut lanes = [0.0f32; LANES];
        let (whole_x, rest_x) = x.as_chunks::<LANES>();
        let (whole_g, rest_g) = g.as_chunks::<LANES>();
        for (x, g) in whole_x.iter().zip(whole_g) {
            for lane in 0..LANES {
                lanes[lane] = term(x[lane], g[lane], lanes[lane]);
            }
        }
        for ((lane, &x), &g) in lanes.iter_mut().zip(rest_x).zip(rest_g) {
            *lane = term(x, g, *lane);
        }
        total += lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
    }
    total
}

#[inline(always)]
fn dot_body<const FMA: bool>(x: &[f32], g: &[f32]) -> f64 {
    sum_pairs::<FMA>(x, g, multiply_add::<FMA>)
}

#[inline(always)]
fn sum_body<const FMA: bool>(x: &[f32]) -> f64 {
    sum_pairs::<FMA>(x, x, |x, _, sum| sum + x)
}

#[inline(always)]
fn centred_moments_body<const FMA: bool>(x: &[f32], centre: f32) -> (f64, f64) {
    let plain = sum_pairs::<FMA>(x, x, |x, _, sum| sum + (x - centre));
    (plain, sum_pairs::<FMA>(x, x, |x, _, sum| multiply_add::<FMA>(x - centre, x - centre, sum)))
}

#[inline(always)]
fn centred_dot_body<const FMA: bool>(x: &[f32], centre: f32, g: &[f32]) -> f64 {
    sum_pairs::<FMA>(x, g, |x, g, sum| multiply_add::<FMA>(x - centre, g, sum))
}

multiversion! {
    /// `Σ x·g`.
    pub(crate) fn dot(x: &[f32], g: &[f32]) -> f64 = dot_body
}

multiversion! {
    /// `Σ x`.
    pub(crate) fn sum(x: &[f32]) -> f64 = sum_body
}

multiversion! {
    /// `Σ (x − centre)` and `Σ (x − centre)²`.
    pub(crate) fn centred_moments(x: &[f32], centre: f32) -> (f64, f64) = centred_moments_body
}

multiversion! {
    /// `Σ (x − centre)·g`.
    pub(crate) fn centred_dot(x: &[f32], centre: f32, g: &[f32]) -> f64 = centred_dot_body
}
