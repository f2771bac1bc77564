//! Sum of maps with scalar weights.

mod cpu;
mod extension;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::support::device::runs_on_flex;

/// `y = Σ_k weights[k] · terms[k]`, differentiable in the terms and the weights.
///
/// # Shapes
///
/// `terms`: `K ≥ 1` maps `[N, C, H, W]`, `weights: [K]` → `[N, C, H, W]`.
///
/// # Panics
///
/// If there is no term, the shapes of the terms differ, or there is not one weight per term.
pub fn weighted_sum(terms: Vec<Tensor<4>>, weights: Tensor<1>) -> Tensor<4> {
    assert!(!terms.is_empty(), "a weighted sum needs at least one term");
    assert_eq!(weights.dims(), [terms.len()], "a weighted sum needs one weight per term");
    for term in &terms {
        assert_eq!(term.dims(), terms[0].dims(), "the terms of a weighted sum must have one shape");
    }
    if runs_on_flex(&terms[0]) {
        extension::weighted_sum(terms, weights)
    } else {
        reference::weighted_sum(terms, weights)
    }
}
