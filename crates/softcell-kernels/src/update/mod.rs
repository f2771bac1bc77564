//! What moves flat lists of weights: in place where nobody else holds them, in one pass, not differentiable.

mod cpu;
mod extension;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::support::device::runs_on_flex;

/// A step of stochastic gradient descent, without dampening.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// η.
    pub lr: f64,
    /// μ.
    pub momentum: f64,
    /// λ, of the weight decay.
    pub decay: f64,
    /// φ, which the gradient is multiplied with first: that of clipping.
    pub factor: f64,
    /// Whether the step looks ahead.
    pub nesterov: bool,
}

/// `d = φ·g + λ·w`, `m ← μ·m + d`, `w ← w − η·m`, or `w ← w − η·(d + μ·m)` with Nesterov's momentum; without a velocity
/// m is 0 before. Answers w and m.
///
/// # Shapes
///
/// All `[n]`, of one type, without autodiff.
///
/// # Panics
///
/// If the shapes differ.
pub fn descend(
    weight: Tensor<1>,
    velocity: Option<Tensor<1>>,
    gradient: Tensor<1>,
    descent: Descent,
) -> (Tensor<1>, Tensor<1>) {
    assert_eq!(weight.dims(), gradient.dims(), "a weight and its gradient");
    assert!(velocity.as_ref().is_none_or(|m| m.dims() == weight.dims()), "a weight and its velocity");
    if runs_on_flex(&weight) {
        extension::descend(weight, velocity, gradient, descent)
    } else {
        reference::descend(weight, velocity, gradient, descent)
    }
}

/// `keep · old + take · new`.
///
/// # Shapes
///
/// All `[n]`, of one type, without autodiff.
///
/// # Panics
///
/// If the shapes differ.
pub fn blend(old: Tensor<1>, new: Tensor<1>, [keep, take]: [f64; 2]) -> Tensor<1> {
    assert_eq!(old.dims(), new.dims(), "two lists of weights");
    if runs_on_flex(&old) {
        extension::blend(old, new, [keep, take])
    } else {
        reference::blend(old, new, [keep, take])
    }
}

/// `Σ x²` over all values of tensors without autodiff, which live on one device.
pub fn sum_of_squares(tensors: Vec<Tensor<1>>) -> f64 {
    match tensors.iter().all(runs_on_flex) {
        true => tensors.into_iter().map(extension::sum_of_squares).sum(),
        false => reference::sum_of_squares(tensors),
    }
}
