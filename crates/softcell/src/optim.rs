//! The optimisers, with state that can be read: the virtual step needs the momentum, checkpoints all.

mod alphas;

use burn::tensor::{Device, Tensor, TensorData};
use softcell_kernels::{Descent, descend, sum_of_squares};

use crate::network::{HostTensor, NamedTensors, WeightList};

pub use self::alphas::{ArchAdam, ArchExponentiated, ArchSgd, clip_alphas};

/// Stochastic gradient descent as `torch.optim.SGD` computes it:
/// `g ← ∇ + λ·w`, `m ← μ·m + g`, `w ← w − η·m`, with `m = 0` before the first step; with Nesterov's momentum
/// `w ← w − η·(g + μ·m)`.
///
/// No dampening. A weight without a gradient (one of an operation that did not run) is left alone, decay
/// and momentum included, as by PyTorch since its `zero_grad` sets gradients to none (2.0).
#[derive(Debug, Clone)]
pub struct Sgd {
    /// μ.
    pub momentum: f64,
    /// Whether a step looks ahead.
    pub nesterov: bool,
    /// λ.
    pub weight_decay: f64,
    velocity: WeightList,
}

impl Sgd {
    /// Without velocity, not Nesterov.
    pub fn new(momentum: f64, weight_decay: f64) -> Self {
        Self { momentum, nesterov: false, weight_decay, velocity: WeightList::new() }
    }

    /// With steps that look ahead or not.
    pub fn with_nesterov(self, nesterov: bool) -> Self {
        Self { nesterov, ..self }
    }

    /// `μ·m_i`, where the i-th weight has a velocity already.
    pub fn momentum_of(&self, i: usize) -> Option<Tensor<1>> {
        self.velocity.get(i).cloned().flatten().map(|v| v * self.momentum)
    }

    /// What a step that has this learning rate does; `factor` multiplies the gradient.
    fn descent(&self, factor: f64, lr: f64) -> Descent {
        Descent { lr, momentum: self.momentum, decay: self.weight_decay, factor, nesterov: self.nesterov }
    }

    /// One step for the i-th weight, its gradient times `factor`; answers the new weight.
    pub fn step(
        &mut self,
        i: usize,
        weight: Tensor<1>,
        gradient: Option<Tensor<1>>,
        factor: f64,
        lr: f64,
    ) -> Tensor<1> {
        let Some(gradient) = gradient else { return weight };
        if self.velocity.len() <= i {
            self.velocity.resize(i + 1, None);
        }
        let descent = self.descent(factor, lr);
        let (weight, velocity) = descend(weight, self.velocity[i].take(), gradient, descent);
        self.velocity[i] = Some(velocity);
        weight
    }

    /// `w − η·(μ·m + ∇ + λ·w)` of the i-th weight: the step of the virtual network, which leaves no velocity. It is the
    /// plain one also where the real step is Nesterov's, as in AutoDL-Projects.
    pub fn virtual_step(
        &self,
        i: usize,
        weight: Tensor<1>,
        gradient: Option<Tensor<1>>,
        lr: f64,
    ) -> Tensor<1> {
        let Some(gradient) = gradient else { return weight };
        let velocity = self.velocity.get(i).cloned().flatten();
        descend(weight, velocity, gradient, Descent { nesterov: false, ..self.descent(1.0, lr) }).0
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

/// `‖g‖₂` over all weights together, and what to multiply gradients with so that it is at most `max`:
/// `min(1, max/(‖g‖ + 1e-6))`.
///
/// `max_norm = 0` switches the scaling off.
pub fn clipping(gradients: &WeightList, max_norm: f64) -> (f64, f64) {
    let norm = global_norm(gradients);
    let factor = max_norm / (norm + 1e-6);
    if max_norm <= 0.0 || factor >= 1.0 || !norm.is_finite() { (1.0, norm) } else { (factor, norm) }
}

/// `‖g‖₂` over all weights together.
pub fn global_norm(gradients: &WeightList) -> f64 {
    sum_of_squares(gradients.iter().flatten().cloned().collect()).sqrt()
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
            weight = sgd.step(1, weight, Some(on_device(&gradient)), 1.0, lr);
            assert_close(&on_host(weight.clone()), &expected);
            assert_close(&on_host(sgd.momentum_of(1).unwrap()), &velocity.map(|v| momentum * v));
        }
        assert!(sgd.momentum_of(0).is_none() && sgd.momentum_of(2).is_none());
    }

    #[test]
    fn nesterov_looks_ahead() {
        let (momentum, decay, lr) = (0.9, 0.05, 0.1);
        let mut sgd = Sgd { nesterov: true, ..Sgd::new(momentum, decay) };
        let mut expected = [1.0, -2.0, 0.3];
        let mut velocity = [0.0; 3];
        let mut weight = on_device(&expected);
        for t in 0..6 {
            for (i, g) in gradient(t).into_iter().enumerate() {
                let g = g + decay * expected[i];
                velocity[i] = momentum * velocity[i] + g;
                expected[i] -= lr * (g + momentum * velocity[i]);
            }
            weight = sgd.step(0, weight, Some(on_device(&gradient(t))), 1.0, lr);
            assert_close(&on_host(weight.clone()), &expected);
        }
    }

    #[test]
    fn sgd_leaves_weights_without_gradient_alone() {
        let mut sgd = Sgd::new(0.9, 0.05);
        let weight = sgd.step(0, on_device(&[1.0, 2.0]), Some(on_device(&[1.0, 1.0])), 1.0, 0.1);
        let kept = sgd.step(0, weight.clone(), None, 1.0, 0.1);
        assert_eq!(on_host(kept), on_host(weight));
    }

    #[test]
    fn sgd_goes_on_after_restoring() {
        let names: Vec<String> = ["stem", "unused", "head"].map(String::from).into();
        let mut sgd = Sgd::new(0.9, 0.05);
        let weight = sgd.step(0, on_device(&[1.0, 2.0]), Some(on_device(&[0.3, -0.7])), 1.0, 0.1);
        sgd.step(2, on_device(&[4.0]), Some(on_device(&[2.0])), 1.0, 0.1);
        let mut restored = Sgd::new(0.9, 0.05);
        restored.restore(&names, &sgd.to_named(&names), &Device::flex());
        assert!(restored.momentum_of(1).is_none());
        assert_eq!(on_host(restored.momentum_of(2).unwrap()), on_host(sgd.momentum_of(2).unwrap()));
        let step =
            |sgd: &mut Sgd| on_host(sgd.step(0, weight.clone(), Some(on_device(&[0.1, 0.2])), 1.0, 0.1));
        assert_eq!(step(&mut restored), step(&mut sgd));
    }

    /// The virtual step is that of a velocity which is not kept, and never Nesterov's.
    #[test]
    fn virtual_steps_leave_no_velocity() {
        let mut sgd = Sgd::new(0.9, 0.05).with_nesterov(true);
        let weight = || on_device(&[1.0, -2.0]);
        let first = sgd.virtual_step(0, weight(), Some(on_device(&[0.5, 0.25])), 0.1);
        assert_close(&on_host(first), &[1.0 - 0.1 * (0.5 + 0.05), -2.0 - 0.1 * (0.25 - 0.1)]);
        assert!(sgd.momentum_of(0).is_none());
        sgd.step(0, weight(), Some(on_device(&[1.0, 1.0])), 1.0, 0.1);
        let momentum = on_host(sgd.momentum_of(0).unwrap());
        let second = sgd.virtual_step(0, weight(), Some(on_device(&[0.5, 0.25])), 0.1);
        let expected = [(1.0, 0.5), (-2.0, 0.25)];
        let expected = [0, 1].map(|i| {
            let (w, g) = expected[i];
            w - 0.1 * (f64::from(momentum[i]) + g + 0.05 * w)
        });
        assert_close(&on_host(second), &expected);
        assert_eq!(on_host(sgd.momentum_of(0).unwrap()), momentum);
    }

    #[test]
    fn clipping_scales_by_the_global_norm() {
        let gradients = vec![Some(on_device(&[3.0])), None, Some(on_device(&[0.0, -4.0]))];
        let (factor, norm) = clipping(&gradients, 2.0);
        assert!((norm - 5.0).abs() < 1e-12, "{norm}");
        assert!((factor - 2.0 / (5.0 + 1e-6)).abs() < 1e-12, "{factor}");
        for off in [5.1, 0.0] {
            let (factor, norm) = clipping(&gradients, off);
            assert!((norm - 5.0).abs() < 1e-12, "{norm}");
            assert_eq!(factor, 1.0);
        }
        assert_eq!(global_norm(&vec![None]), 0.0);
        // The gradient of a step is scaled, its weight decay is not.
        let step = Sgd::new(0.9, 0.05).step(0, on_device(&[2.0]), Some(on_device(&[3.0])), 0.5, 0.1);
        assert_close(&on_host(step), &[2.0 - 0.1 * (0.5 * 3.0 + 0.05 * 2.0)]);
    }
}
