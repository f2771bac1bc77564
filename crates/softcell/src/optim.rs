//! The two optimisers, with state that can be read: the virtual step needs the momentum, checkpoints all.

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::network::{HostTensor, NamedTensors, WeightList};
use crate::space::{AlphaGradient, Alphas};

/// Stochastic gradient descent as `torch.optim.SGD` computes it:
/// `g ← ∇ + λ·w`, `m ← μ·m + g`, `w ← w − η·m`, with `m = 0` before the first step.
///
/// No dampening, not Nesterov. A weight without a gradient (one of an operation that did not run) is left alone, decay
/// and momentum included, as by PyTorch since its `zero_grad` sets gradients to none (2.0).
#[derive(Debug, Clone)]
pub struct Sgd {
    /// μ.
    pub momentum: f64,
    /// λ.
    pub weight_decay: f64,
    velocity: WeightList,
}

impl Sgd {
    /// Without velocity.
    pub fn new(momentum: f64, weight_decay: f64) -> Self {
        Self { momentum, weight_decay, velocity: WeightList::new() }
    }

    /// `μ·m_i`, where the i-th weight has a velocity already.
    pub fn momentum_of(&self, i: usize) -> Option<Tensor<1>> {
        self.velocity.get(i).cloned().flatten().map(|v| v * self.momentum)
    }

    /// The direction `μ·m + ∇ + λ·w` of the i-th weight, which the real step stores and the virtual step
    /// only uses.
    pub fn direction(&self, i: usize, weight: &Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let decayed = gradient + weight.clone() * self.weight_decay;
        match self.momentum_of(i) {
            Some(momentum) => momentum + decayed,
            None => decayed,
        }
    }

    /// One step for the i-th weight; answers the new weight.
    pub fn step(&mut self, i: usize, weight: Tensor<1>, gradient: Option<Tensor<1>>, lr: f64) -> Tensor<1> {
        let Some(gradient) = gradient else { return weight };
        let velocity = self.direction(i, &weight, gradient);
        if self.velocity.len() <= i {
            self.velocity.resize(i + 1, None);
        }
        self.velocity[i] = Some(velocity.clone());
        weight - velocity * lr
    }

    /// The velocities by the weights' names.
    pub fn to_named(&self, names: &[String]) -> NamedTensors {
        let host = |(name, v): (&String, &Option<Tensor<1>>)| {
            let values = v.clone()?.into_data().try_to_vec::<f32>().expect("velocities are f32");
            Some((name.clone(), HostTensor { shape: vec![values.len()], values }))
        };
        names.iter().zip(&self.velocity).filter_map(host).collect()
    }

    /// The inverse of [`Sgd::to_named`].
    pub fn restore(&mut self, names: &[String], tensors: &NamedTensors, device: &Device) {
        let load = |name: &String| {
            let t = tensors.get(name)?;
            Some(Tensor::from_data(TensorData::new(t.values.clone(), [t.values.len()]), device))
        };
        self.velocity = names.iter().map(load).collect();
    }
}

/// `‖g‖₂` over all weights together, and the gradients scaled by `min(1, max/(‖g‖ + 1e-6))`.
///
/// `max_norm = 0` switches the scaling off.
pub fn clip_global_norm(gradients: WeightList, max_norm: f64) -> (WeightList, f64) {
    let norm = global_norm(&gradients);
    let coefficient = max_norm / (norm + 1e-6);
    if max_norm <= 0.0 || coefficient >= 1.0 || !norm.is_finite() {
        return (gradients, norm);
    }
    (gradients.into_iter().map(|g| g.map(|g| g * coefficient)).collect(), norm)
}

/// `‖g‖₂` over all weights together.
pub fn global_norm(gradients: &WeightList) -> f64 {
    let squares: Vec<Tensor<1>> =
        gradients.iter().flatten().map(|g| (g.clone() * g.clone()).sum().reshape([1])).collect();
    if squares.is_empty() {
        return 0.0;
    }
    let squares = Tensor::cat(squares, 0).into_data().convert::<f64>();
    squares.try_to_vec::<f64>().expect("converted to f64").into_iter().sum::<f64>().sqrt()
}

/// Adam as `torch.optim.Adam` computes it, with the L2 term added to the gradient (not decoupled), on the
/// alphas. They are few, so the arithmetic is plain.
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
        let tensor = |v: &Vec<f32>| HostTensor { shape: vec![v.len()], values: v.clone() };
        let tensors =
            [("first".to_string(), tensor(&self.first)), ("second".to_string(), tensor(&self.second))];
        (self.steps, tensors.into())
    }

    /// The inverse of [`ArchAdam::to_named`].
    ///
    /// # Errors
    /// When a moment is missing, or has not as many values as there are alphas once a step was done.
    pub fn restore(&mut self, steps: u64, tensors: &NamedTensors, alphas: usize) -> Result<()> {
        let expected = if steps == 0 { 0 } else { alphas };
        let take = |name: &str| {
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
        };
        self.first = take("first")?;
        self.second = take("second")?;
        self.steps = steps;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_device(values: &[f64]) -> Tensor<1> {
        let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), &Device::flex())
    }

    fn on_host(tensor: Tensor<1>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    fn assert_close(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (&found, &expected) in found.iter().zip(expected) {
            assert!(
                (f64::from(found) - expected).abs() <= 2e-6 * expected.abs().max(0.1),
                "{found} / {expected}"
            );
        }
    }

    /// Gradients of step t for three values.
    fn gradient(t: usize) -> [f64; 3] {
        let t = t as f64;
        [0.5 - 0.2 * t, (t * 1.7).sin(), -0.01 * (t + 1.0)]
    }

    #[test]
    fn sgd_follows_its_formula() {
        let (momentum, decay) = (0.9, 0.05);
        let mut sgd = Sgd::new(momentum, decay);
        let mut expected = [1.0, -2.0, 0.3];
        let mut velocity = [0.0; 3];
        let mut weight = on_device(&expected);
        for t in 0..6 {
            let lr = 0.1 / (t + 1) as f64;
            let gradient = gradient(t);
            for i in 0..3 {
                velocity[i] = momentum * velocity[i] + gradient[i] + decay * expected[i];
                expected[i] -= lr * velocity[i];
            }
            weight = sgd.step(1, weight, Some(on_device(&gradient)), lr);
            assert_close(&on_host(weight.clone()), &expected);
            assert_close(&on_host(sgd.momentum_of(1).unwrap()), &velocity.map(|v| momentum * v));
        }
        assert!(sgd.momentum_of(0).is_none() && sgd.momentum_of(2).is_none());
    }

    #[test]
    fn sgd_leaves_weights_without_gradient_alone() {
        let mut sgd = Sgd::new(0.9, 0.05);
        let weight = sgd.step(0, on_device(&[1.0, 2.0]), Some(on_device(&[1.0, 1.0])), 0.1);
        let kept = sgd.step(0, weight.clone(), None, 0.1);
        assert_eq!(on_host(kept), on_host(weight));
    }

    #[test]
    fn sgd_goes_on_after_restoring() {
        let names: Vec<String> = ["stem", "unused", "head"].map(String::from).into();
        let mut sgd = Sgd::new(0.9, 0.05);
        let weight = sgd.step(0, on_device(&[1.0, 2.0]), Some(on_device(&[0.3, -0.7])), 0.1);
        sgd.step(2, on_device(&[4.0]), Some(on_device(&[2.0])), 0.1);
        let mut restored = Sgd::new(0.9, 0.05);
        restored.restore(&names, &sgd.to_named(&names), &Device::flex());
        assert!(restored.momentum_of(1).is_none());
        assert_eq!(on_host(restored.momentum_of(2).unwrap()), on_host(sgd.momentum_of(2).unwrap()));
        let step = |sgd: &mut Sgd| on_host(sgd.step(0, weight.clone(), Some(on_device(&[0.1, 0.2])), 0.1));
        assert_eq!(step(&mut restored), step(&mut sgd));
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
    fn clipping_scales_by_the_global_norm() {
        let gradients = || vec![Some(on_device(&[3.0])), None, Some(on_device(&[0.0, -4.0]))];
        let (clipped, norm) = clip_global_norm(gradients(), 2.0);
        assert!((norm - 5.0).abs() < 1e-12, "{norm}");
        let coefficient = 2.0 / (5.0 + 1e-6);
        assert_close(&on_host(clipped[0].clone().unwrap()), &[3.0 * coefficient]);
        assert!(clipped[1].is_none());
        assert_close(&on_host(clipped[2].clone().unwrap()), &[0.0, -4.0 * coefficient]);
        for off in [5.1, 0.0] {
            let (kept, norm) = clip_global_norm(gradients(), off);
            assert!((norm - 5.0).abs() < 1e-12, "{norm}");
            assert_eq!(on_host(kept[0].clone().unwrap()), [3.0]);
            assert_eq!(on_host(kept[2].clone().unwrap()), [0.0, -4.0]);
        }
        assert_eq!(global_norm(&vec![None]), 0.0);
    }
}
