//! The optimisers of the alphas. These are few, so the arithmetic is plain.

use crate::error::{Error, Result};
use crate::network::{HostTensor, NamedTensors};
use crate::space::{AlphaGradient, Alphas};

/// Adam as `torch.optim.Adam` computes it, with the L2 term added to the gradient (not decoupled), on the
/// alphas.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchAdam {
    /// Learning rate.
    pub lr: f64,
    /// β₁, β₂.
    pub betas: [f64; 2],
    /// L2.
    pub weight_decay: f64,
    steps: u64,
    first: Vec<f32>,
    second: Vec<f32>,
}

/// Added to the root of the second moment.
const ADAM_EPSILON: f32 = 1e-8;

impl ArchAdam {
    /// No state yet.
    pub fn new(lr: f64, betas: [f64; 2], weight_decay: f64) -> Self {
        Self { lr, betas, weight_decay, steps: 0, first: Vec::new(), second: Vec::new() }
    }

    /// One step: `g ← ∇ + λα`, `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`,
    /// `α ← α − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)`.
    pub fn step(&mut self, alphas: &mut Alphas, gradient: &AlphaGradient) {
        let n = alphas.values().count();
        self.first.resize(n, 0.0);
        self.second.resize(n, 0.0);
        self.steps += 1;
        let [beta1, beta2] = self.betas;
        let t = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let step_size = (self.lr / (1.0 - beta1.powi(t))) as f32;
        let root_correction = (1.0 - beta2.powi(t)).sqrt() as f32;
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((alpha, &grad), (m, v)) in alphas.values_mut().zip(gradient.values()).zip(moments) {
            let g = grad as f32 + self.weight_decay as f32 * *alpha;
            *m = *m * beta1 as f32 + (1.0 - beta1) as f32 * g;
            *v = *v * beta2 as f32 + (1.0 - beta2) as f32 * g * g;
            *alpha -= step_size * *m / (v.sqrt() / root_correction + ADAM_EPSILON);
        }
    }

    /// Number of steps and the two moments, as `step`, `first`, `second`.
    pub fn to_named(&self) -> (u64, NamedTensors) {
        let tensors =
            [("first".to_string(), vector(&self.first)), ("second".to_string(), vector(&self.second))];
        (self.steps, tensors.into())
    }

    /// The inverse of [`ArchAdam::to_named`].
    ///
    /// # Errors
    /// When a moment is missing, or has not as many values as there are alphas once a step was done.
    pub fn restore(&mut self, steps: u64, tensors: &NamedTensors, alphas: usize) -> Result<()> {
        let expected = if steps == 0 { 0 } else { alphas };
        self.first = take(tensors, "first", steps, expected)?;
        self.second = take(tensors, "second", steps, expected)?;
        self.steps = steps;
        Ok(())
    }
}

/// Stochastic gradient descent as `torch.optim.SGD` computes it, on the alphas:
/// `g ← ∇ + λα`, `m ← μm + g`, `α ← α − ηm`, with `m = 0` before the first step.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchSgd {
    /// Learning rate.
    pub lr: f64,
    /// μ.
    pub momentum: f64,
    /// L2.
    pub weight_decay: f64,
    steps: u64,
    velocity: Vec<f32>,
}

impl ArchSgd {
    /// No state yet.
    pub fn new(lr: f64, momentum: f64, weight_decay: f64) -> Self {
        Self { lr, momentum, weight_decay, steps: 0, velocity: Vec::new() }
    }

    /// One step.
    pub fn step(&mut self, alphas: &mut Alphas, gradient: &AlphaGradient) {
        self.velocity.resize(alphas.values().count(), 0.0);
        self.steps += 1;
        for ((alpha, &grad), m) in alphas.values_mut().zip(gradient.values()).zip(&mut self.velocity) {
            let moved = self.momentum * f64::from(*m) + grad + self.weight_decay * f64::from(*alpha);
            *m = moved as f32;
            *alpha = (f64::from(*alpha) - self.lr * moved) as f32;
        }
    }

    /// Number of steps and the velocity, as `velocity`.
    pub fn to_named(&self) -> (u64, NamedTensors) {
        (self.steps, [("velocity".to_string(), vector(&self.velocity))].into())
    }

    /// The inverse of [`ArchSgd::to_named`].
    ///
    /// # Errors
    /// When the velocity is missing, or has not as many values as there are alphas once a step was done.
    pub fn restore(&mut self, steps: u64, tensors: &NamedTensors, alphas: usize) -> Result<()> {
        self.velocity = take(tensors, "velocity", steps, if steps == 0 { 0 } else { alphas })?;
        self.steps = steps;
        Ok(())
    }
}

/// Exponentiated gradient on the simplex (GAEA, Li et al. 2021): `α ← max(α·exp(−η·∇), 1e-5)`, over the sum of its row.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchExponentiated {
    /// Learning rate.
    pub lr: f64,
    steps: u64,
}

/// The least share before a row is normalised: whatever has lost everything can still come back.
const LEAST_SHARE: f64 = 1e-5;

impl ArchExponentiated {
    /// Before the first step.
    pub fn new(lr: f64) -> Self {
        Self { lr, steps: 0 }
    }

    /// One step.
    pub fn step(&mut self, alphas: &mut Alphas, gradient: &AlphaGradient) {
        self.steps += 1;
        let rows = alphas.cells_mut().flatten().zip(gradient.cells().flatten());
        for (row, gradient) in rows {
            let moved =
                |(alpha, g): (&f32, &f64)| (f64::from(*alpha) * (-self.lr * g).exp()).max(LEAST_SHARE);
            let shares: Vec<f64> = row.iter().zip(gradient).map(moved).collect();
            let sum: f64 = shares.iter().sum();
            row.iter_mut().zip(shares).for_each(|(alpha, share)| *alpha = (share / sum) as f32);
        }
    }

    /// Number of steps; nothing else is kept.
    pub fn to_named(&self) -> (u64, NamedTensors) {
        (self.steps, NamedTensors::new())
    }

    /// The inverse of [`ArchExponentiated::to_named`].
    pub fn restore(&mut self, steps: u64) {
        self.steps = steps;
    }
}

/// `g · min(1, max/(‖g‖₂ + 1e-6))`, ‖g‖ over all alphas together, as the weights' gradient is clipped; `max_norm = 0`
/// switches it off.
pub fn clip_alphas(gradient: &mut AlphaGradient, max_norm: f64) {
    let norm = gradient.values().map(|g| g * g).sum::<f64>().sqrt();
    let coefficient = max_norm / (norm + 1e-6);
    if max_norm > 0.0 && coefficient < 1.0 && norm.is_finite() {
        gradient.values_mut().for_each(|g| *g *= coefficient);
    }
}

fn vector(values: &[f32]) -> HostTensor {
    HostTensor { shape: vec![values.len()], values: values.to_vec() }
}

/// So many values under this name.
fn take(tensors: &NamedTensors, name: &str, steps: u64, expected: usize) -> Result<Vec<f32>> {
    let values = tensors.get(name).map(|t| &t.values);
    values.filter(|values| values.len() == expected).cloned().ok_or_else(|| {
        let values = values.map_or(0, Vec::len);
        Error::invalid(
            "architecture optimiser",
            format!("{values} values of the {name} moment after {steps} steps"),
            format!("{expected}, one for each alpha"),
            "use a checkpoint that this version wrote",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (&found, &expected) in found.iter().zip(expected) {
            let bound = 2e-6 * expected.abs().max(0.1);
            assert!((f64::from(found) - expected).abs() <= bound, "{found} / {expected}");
        }
    }

    /// Gradients of step t for three values.
    fn gradient(t: usize) -> [f64; 3] {
        let t = t as f64;
        [0.5 - 0.2 * t, (t * 1.7).sin(), -0.01 * (t + 1.0)]
    }

    fn as_alphas(values: &[f64; 3]) -> Alphas {
        let [a, b, c] = values.map(|v| v as f32);
        [("normal", vec![vec![a, b]]), ("reduction", vec![vec![c]])].into_iter().collect()
    }

    fn as_gradient(values: &[f64; 3]) -> AlphaGradient {
        AlphaGradient(as_alphas(values).map_values(|&value| f64::from(value)))
    }

    #[test]
    fn adam_follows_its_formula() {
        let [beta1, beta2] = [0.5, 0.999];
        let lr = 0.02;
        // A gradient of 1e-8 shows the constant in the denominator.
        for (decay, scale) in [(0.1, 1.0), (0.0, 1e-8)] {
            let mut adam = ArchAdam::new(lr, [beta1, beta2], decay);
            let mut expected = [0.5, -0.3, 0.001];
            let mut alphas = as_alphas(&expected);
            let (mut first, mut second) = ([0.0_f64; 3], [0.0_f64; 3]);
            for t in 0..6 {
                let gradient = gradient(t).map(|g| g * scale);
                let power = t as i32 + 1;
                for i in 0..3 {
                    let g = gradient[i] + decay * expected[i];
                    first[i] = beta1 * first[i] + (1.0 - beta1) * g;
                    second[i] = beta2 * second[i] + (1.0 - beta2) * g * g;
                    let m = first[i] / (1.0 - beta1.powi(power));
                    let v = second[i] / (1.0 - beta2.powi(power));
                    expected[i] -= lr * m / (v.sqrt() + 1e-8);
                }
                adam.step(&mut alphas, &as_gradient(&gradient));
                let found: Vec<f32> = alphas.values().copied().collect();
                assert_close(&found, &expected);
            }
        }
    }

    #[test]
    fn adam_goes_on_after_restoring() {
        let mut adam = ArchAdam::new(0.02, [0.5, 0.999], 0.1);
        let mut alphas = as_alphas(&[0.5, -0.3, 0.001]);
        adam.step(&mut alphas, &as_gradient(&gradient(0)));
        let (steps, moments) = adam.to_named();
        let mut restored = ArchAdam::new(0.02, [0.5, 0.999], 0.1);
        restored.restore(steps, &moments, 3).unwrap();
        assert_eq!(restored, adam);
        assert!(restored.restore(steps, &NamedTensors::new(), 3).is_err());
    }

    #[test]
    fn sgd_follows_its_formula_and_goes_on_after_restoring() {
        let (lr, momentum, decay) = (0.1, 0.8, 0.05);
        let mut sgd = ArchSgd::new(lr, momentum, decay);
        let mut expected = [0.5, -0.3, 0.001];
        let mut alphas = as_alphas(&expected);
        let mut velocity = [0.0; 3];
        for t in 0..6 {
            for i in 0..3 {
                velocity[i] = momentum * velocity[i] + gradient(t)[i] + decay * expected[i];
                expected[i] -= lr * velocity[i];
            }
            let (steps, state) = sgd.to_named();
            sgd = ArchSgd::new(lr, momentum, decay);
            sgd.restore(steps, &state, 3).unwrap();
            sgd.step(&mut alphas, &as_gradient(&gradient(t)));
            assert_close(&alphas.values().copied().collect::<Vec<_>>(), &expected);
        }
        assert!(sgd.restore(3, &NamedTensors::new(), 3).is_err());
    }

    /// The minimum of `½‖α − target‖²` on the simplex is its projection, whatever the start; nothing dies for good.
    #[test]
    fn exponentiated_gradients_stay_on_the_simplex_and_find_the_minimum() {
        let mut optimizer = ArchExponentiated::new(0.1);
        let (one, rest) = (vec![0.25f32; 4], vec![0.5f32; 2]);
        let mut alphas: Alphas = [("a", vec![one]), ("b", vec![rest])].into_iter().collect();
        let minimise = |alphas: &mut Alphas, targets: [&[f64]; 2], optimizer: &mut ArchExponentiated| {
            for _ in 0..4000 {
                let slope = |(row, target): (&Vec<Vec<f32>>, &[f64])| {
                    vec![row[0].iter().zip(target).map(|(a, t)| f64::from(*a) - t).collect::<Vec<f64>>()]
                };
                let slopes: Vec<_> = alphas.cells().zip(targets).map(slope).collect();
                let gradient: AlphaGradient = ["a", "b"].into_iter().zip(slopes).collect();
                optimizer.step(alphas, &gradient);
                for row in alphas.cells().flatten() {
                    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6 && row.iter().all(|a| *a > 0.0));
                }
            }
        };
        // Off the simplex: its projection takes 0.1 from each that stays above 0.
        minimise(&mut alphas, [&[0.8, 0.4, -0.7, -0.5], &[1.0, 0.0]], &mut optimizer);
        assert_near(&alphas, &[0.7, 0.3, 0.0, 0.0, 1.0, 0.0]);
        minimise(&mut alphas, [&[0.0, 0.0, 0.0, 1.0], &[0.2, 0.8]], &mut optimizer);
        assert_near(&alphas, &[0.0, 0.0, 0.0, 1.0, 0.2, 0.8]);
        assert_eq!(optimizer.to_named(), (8000, NamedTensors::new()));
    }

    fn assert_near(alphas: &Alphas, expected: &[f64]) {
        for (found, expected) in alphas.values().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 5e-3, "{found} / {expected}");
        }
    }

    #[test]
    fn one_exponentiated_step() {
        let mut alphas: Alphas = [("a", vec![vec![0.5, 0.3, 0.2]])].into_iter().collect();
        let gradient: AlphaGradient = [("a", vec![vec![1.0, -2.0, 200.0]])].into_iter().collect();
        ArchExponentiated::new(0.1).step(&mut alphas, &gradient);
        let moved = [0.5 * (-0.1f64).exp(), 0.3 * 0.2f64.exp(), 1e-5];
        let sum: f64 = moved.iter().sum();
        assert_close(&alphas.values().copied().collect::<Vec<_>>(), &moved.map(|m| m / sum));
    }

    #[test]
    fn the_gradient_of_all_alphas_is_clipped_together() {
        let clipped = |max| {
            let mut gradient = as_gradient(&[2.0, -1.0, 2.0]);
            clip_alphas(&mut gradient, max);
            gradient.values().copied().collect::<Vec<_>>()
        };
        assert_eq!((clipped(0.0), clipped(3.1)), (vec![2.0, -1.0, 2.0], vec![2.0, -1.0, 2.0]));
        let small = clipped(1.5);
        assert!((small[0] - 2.0 * 1.5 / (3.0 + 1e-6)).abs() < 1e-12 && small[1] == -small[2] / 2.0);
    }
}
