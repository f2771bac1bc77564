//! All tensors of a network: names, shapes, what they are for.

use std::ops::Range;

use super::network::{Block, Body, NetworkPlan};
use super::steps::{Bias, Mixing, Step};

/// A tensor of a network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TensorSpec {
    /// In the state dict.
    pub name: String,
    /// Axes.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: TensorRole,
}

/// What a tensor is for.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum TensorRole {
    /// Weight or bias of a convolution or linear layer whose outputs are sums of so many products.
    Weight {
        /// How many.
        fan_in: usize,
    },
    /// Scale of a normalisation: begins as 1.
    Scale,
    /// Shift of a normalisation: begins as 0.
    Shift,
    /// Running mean: begins as 0.
    Mean,
    /// Running variance: begins as 1.
    Variance,
}

impl TensorRole {
    /// Whether it is a running statistic, which no gradient moves.
    pub fn is_buffer(self) -> bool {
        matches!(self, TensorRole::Mean | TensorRole::Variance)
    }

    /// Whether it begins as ones rather than zeros.
    pub fn is_one(self) -> bool {
        matches!(self, TensorRole::Scale | TensorRole::Variance)
    }
}

impl TensorSpec {
    /// Number of values.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The tensors of steps, in order, their names behind `prefix`.
pub(crate) fn step_tensors(prefix: &str, steps: &[Step], tensors: &mut Vec<TensorSpec>) {
    for step in steps {
        let mut add = |name: &str, part: &str, shape: Vec<usize>, role| {
            tensors.push(TensorSpec { name: format!("{prefix}{name}.{part}"), shape, role });
        };
        match step {
            Step::Relu | Step::Pool(_) | Step::AverageWindows { .. } | Step::Noise { .. } | Step::Mean => {}
            Step::Convolution(conv) => {
                let shape = conv.shape();
                let fan_in = shape[1..].iter().product();
                add(conv.name, "weight", shape.to_vec(), TensorRole::Weight { fan_in });
                if conv.bias == Bias::PerChannel {
                    add(conv.name, "bias", vec![conv.outputs], TensorRole::Weight { fan_in });
                }
            }
            Step::Halve(halve) => {
                for (name, outputs) in halve.names.into_iter().zip(halve.halves()) {
                    let role = TensorRole::Weight { fan_in: halve.inputs };
                    add(name, "weight", vec![outputs, halve.inputs, 1, 1], role);
                }
            }
            Step::Norm(norm) => {
                let shape = || vec![norm.channels];
                if norm.affine {
                    add(norm.name, "weight", shape(), TensorRole::Scale);
                    add(norm.name, "bias", shape(), TensorRole::Shift);
                }
                add(norm.name, "running_mean", shape(), TensorRole::Mean);
                add(norm.name, "running_var", shape(), TensorRole::Variance);
            }
            Step::Linear(linear) => {
                let role = TensorRole::Weight { fan_in: linear.inputs };
                add(linear.name, "weight", vec![linear.outputs, linear.inputs], role);
                add(linear.name, "bias", vec![linear.outputs], role);
            }
        }
    }
}

/// Number of values of steps' tensors, running statistics included; however large.
pub(crate) fn step_values(steps: &[Step]) -> f64 {
    let value = |step: &Step| match step {
        Step::Relu | Step::Pool(_) | Step::AverageWindows { .. } | Step::Noise { .. } | Step::Mean => 0.0,
        Step::Convolution(conv) => {
            let bias = if conv.bias == Bias::PerChannel { conv.outputs as f64 } else { 0.0 };
            conv.shape().map(|side| side as f64).iter().product::<f64>() + bias
        }
        Step::Halve(halve) => halve.inputs as f64 * halve.outputs as f64,
        Step::Norm(norm) => {
            let tensors = if norm.affine { 4.0 } else { 2.0 };
            tensors * norm.channels as f64
        }
        Step::Linear(linear) => (linear.inputs as f64 + 1.0) * linear.outputs as f64,
    };
    steps.iter().map(value).sum()
}

impl NetworkPlan {
    /// All tensors, in the order of the original's modules: block by block, the auxiliary classifier before the
    /// network's own; and for each block where its tensors lie.
    pub fn tensors(&self) -> (Vec<TensorSpec>, Vec<Range<usize>>) {
        let mut tensors = Vec::new();
        let mut ranges = vec![0..0; self.blocks.len()];
        let auxiliary = self.auxiliary();
        let head = self.blocks.len().saturating_sub(1);
        let order = (0..head).filter(|&block| Some(block) != auxiliary).chain(auxiliary);
        for block in order.chain((!self.blocks.is_empty()).then_some(head)) {
            let first = tensors.len();
            self.block_tensors(&self.blocks[block], &mut tensors);
            ranges[block] = first..tensors.len();
        }
        (tensors, ranges)
    }

    fn block_tensors(&self, block: &Block, tensors: &mut Vec<TensorSpec>) {
        match &block.body {
            Body::Steps { steps, .. } => step_tensors("", steps, tensors),
            Body::Auxiliary { steps } => step_tensors(&format!("{}.", block.name), steps, tensors),
            Body::Residual { main, shortcut } => {
                let prefix = format!("{}.", block.name);
                step_tensors(&prefix, main, tensors);
                step_tensors(&prefix, shortcut, tensors);
            }
            Body::Cell(cell) => {
                for input in 0..cell.preparations.len() {
                    let (_, steps) = self.preparation(block, cell, input);
                    step_tensors(&format!("{}.preprocess{input}.", block.name), &steps, tensors);
                }
                let kind = self.cell_type(cell);
                for (edge, candidate) in kind.operations() {
                    let steps = kind.steps(edge, candidate, cell.channels, cell.norms);
                    let prefix = format!("{}.{}.", block.name, kind.candidate_name(edge, candidate));
                    step_tensors(&prefix, &steps.unwrap_or_default(), tensors);
                }
            }
        }
    }
}

impl Mixing {
    /// Groups of a convolution of so many channels.
    pub fn groups(self, channels: usize) -> usize {
        match self {
            Mixing::All => 1,
            Mixing::Separate => channels,
        }
    }
}
