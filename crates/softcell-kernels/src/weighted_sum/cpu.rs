//! Fast body and gradient on slices: one pass over all terms.

use crate::support::parallel::{chunks, for_each};
use crate::support::simd::{multiply_add, multiversion};
use crate::support::sums::dot;

/// Values of the result that are worked on at once, so that they stay in the cache from term to term.
const BLOCK: usize = 4096;

/// `Σ_k weights[k]·terms[k]`.
pub(super) fn forward(terms: &[&[f32]], weights: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; terms[0].len()];
    for_each(
        chunks(&mut y, BLOCK),
        BLOCK * terms.len(),
        || (),
        |(), block, y| {
            for (term, &weight) in terms.iter().zip(weights) {
                add_scaled(&term[block * BLOCK..][..y.len()], weight, y);
            }
        },
    );
    y
}

#[inline(always)]
fn add_scaled_body<const FMA: bool>(x: &[f32], weight: f32, y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = multiply_add::<FMA>(x, weight, *y);
    }
}

multiversion! {
    /// `y ← y + weight·x`.
    fn add_scaled(x: &[f32], weight: f32, y: &mut [f32]) = add_scaled_body
}

/// `∂weights[k] = Σ g·terms[k]`.
pub(super) fn weight_gradients(terms: &[&[f32]], g: &[f32]) -> Vec<f32> {
    let mut parts = vec![0.0f64; g.len().div_ceil(BLOCK) * terms.len()];
    let items = parts.chunks_exact_mut(terms.len()).zip(g.chunks(BLOCK)).collect();
    for_each(
        items,
        BLOCK * terms.len(),
        || (),
        |(), block, (parts, g)| {
            for (part, term) in parts.iter_mut().zip(terms) {
                *part = dot(&term[block * BLOCK..][..g.len()], g);
            }
        },
    );
    (0..terms.len()).map(|k| parts[k..].iter().step_by(terms.len()).sum::<f64>() as f32).collect()
}

/// `∂terms[k] = weights[k]·g` for the terms that have a weight here.
pub(super) fn term_gradients(g: &[f32], weights: &[Option<f32>]) -> Vec<Option<Vec<f32>>> {
    let mut gradients = vec![None; weights.len()];
    let items = gradients.iter_mut().zip(weights).collect();
    for_each(
        items,
        g.len(),
        || (),
        |(), _, (gradient, weight)| {
            *gradient = weight.map(|weight| g.iter().map(|&g| weight * g).collect());
        },
    );
    gradients
}
