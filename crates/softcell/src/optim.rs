//! The two optimisers, with state that can be read: the virtual step needs the momentum, checkpoints all.

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::space::ArchWeights;
use crate::weights::{HostTensor, NamedTensors, WeightList};

/// Stochastic gradient descent as `torch.optim.SGD` computes it:
/// `g ← ∇ + λ·w`, `m ← μ·m + g`, `w ← w − η·m`, with `m = 0` before the first step.
///
/// No dampening, not Nesterov. A weight without a gradient is left alone, decay included.
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
    let squares = Tensor::cat(squares, 0).into_data().try_to_vec::<f32>().expect("gradients are f32");
    squares.into_iter().map(f64::from).sum::<f64>().sqrt()
}

/// Adam as `torch.optim.Adam` computes it, with the L2 term added to the gradient (not decoupled), on the
/// two matrices of alphas. They are small, so the arithmetic is plain.
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
    /// β = (0.5, 0.999), the constants of A2; no state yet.
    pub fn new(lr: f64, weight_decay: f64) -> Self {
        Self { lr, betas: [0.5, 0.999], weight_decay, steps: 0, first: Vec::new(), second: Vec::new() }
    }

    /// One step: `g ← ∇ + λα`, `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`,
    /// `α ← α − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)`.
    pub fn step(&mut self, alphas: &mut ArchWeights, gradient: &ArchWeights) {
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
            let g = grad + self.weight_decay as f32 * *alpha;
            *m = *m * beta1 as f32 + (1.0 - beta1) as f32 * g;
            *v = *v * beta2 as f32 + (1.0 - beta2) as f32 * g * g;
            *alpha -= step_size * *m / (v.sqrt() / root_correction + ADAM_EPSILON);
        }
    }

    /// Number of steps and the two moments, as `step`, `first`, `second`.
    pub fn to_named(&self) -> (u64, NamedTensors) {
        let tensor = |v: &Vec<f32>| HostTensor { shape: vec![v.len()], values: v.clone() };
        let tensors = [("first".to_string(), tensor(&self.first)), ("second".to_string(), tensor(&self.second))];
        (self.steps, tensors.into())
    }

    /// The inverse of [`ArchAdam::to_named`].
    ///
    /// # Errors
    /// When a moment is missing.
    pub fn restore(&mut self, steps: u64, tensors: &NamedTensors) -> Result<()> {
        let take = |name: &str| {
            tensors.get(name).map(|t| t.values.clone()).ok_or_else(|| {
                Error::invalid(
                    "architecture optimiser",
                    format!("no tensor {name}"),
                    "first and second moments",
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

impl ArchWeights {
    /// All values, normal cells first, row by row.
    pub fn values(&self) -> impl Iterator<Item = &f32> {
        self.normal.iter().chain(&self.reduction).flatten()
    }

    /// All values, normal cells first, row by row.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.normal.iter_mut().chain(&mut self.reduction).flatten()
    }
}
