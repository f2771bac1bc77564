//! One operation by itself.

use burn::tensor::{Device, Tensor};

use super::pass::Pass;
use super::steps::{Pointwise, Tensors, run};
use super::weights::{Weighted, Weights};
use crate::space::plan::Step;
use crate::space::plan::step_tensors;

/// Some steps and their tensors.
#[derive(Debug, Clone)]
pub struct Operation {
    steps: Vec<Step>,
    weights: Weights,
}

impl Operation {
    /// With weights of zero; [`initialize`](super::initialize) draws them.
    pub fn new(steps: Vec<Step>, device: &Device) -> Self {
        let mut tensors = Vec::new();
        step_tensors("", &steps, &mut tensors);
        Self { steps, weights: Weights::new(tensors, device) }
    }

    /// Applies the steps.
    ///
    /// # Shapes
    /// - Input `[N, C, H, W]`; the output as [`Step::output`] says.
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        run(&self.steps, x, &mut Tensors::new(self.weights.tensors(), 0), Pointwise::Fast, pass)
    }
}

impl Weighted for Operation {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }
}
