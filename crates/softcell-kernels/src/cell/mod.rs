//! A whole cell as one operation.

mod backward;
mod extension;
mod forward;
mod kernels;
mod map;
mod memory;
mod norm_gradient;
mod pack;
mod plan;
mod record;
pub(crate) mod reference;
mod shapes;
mod stage;
mod stage_gradient;
mod statistics;

use std::sync::Arc;

use burn::tensor::Tensor;

pub use map::BlockedMap;
pub use memory::CellMemory;
pub use plan::{CellConfig, CellPlan, ConvolutionConfig, InputChannels, Operation, Term, block_lanes};
pub use statistics::Statistics;

use crate::support::device::runs_on_flex;
use extension::{Context, GradientSlot};

/// The tensors and numbers of one call of [`cell`].
#[derive(Clone, Debug)]
pub struct CellArguments {
    /// The two inputs.
    pub states: [BlockedMap; 2],
    /// All weights of the cell in the order of [`CellPlan::weights`].
    pub weights: Tensor<1>,
    /// A weight for each term (one that is ignored where there are none).
    pub terms: Tensor<1>,
    /// Per term and image, `[terms · N]`: what each image's value of the term is multiplied with.
    pub scales: Option<Vec<f32>>,
    /// Statistics to normalise with; without them, those of the batch.
    pub given: Option<Arc<Statistics>>,
}

/// Whether [`cell`] runs on this tensor's device: `f32` on the Flex device, with or without autodiff.
pub fn cell_runs_on<const D: usize>(x: &Tensor<D>) -> bool {
    runs_on_flex(x)
}

/// A cell: preprocessing of both inputs, then node by node `h_j = Σ_k w_k · s_kn · op_k(h_{source(k)})`; the
/// output is the concatenation of some nodes. Differentiable in the inputs, the weights and the terms'
/// weights, the dependence of the batch's statistics included.
///
/// Returns the output and the statistics that the normalisations saw (empty values with given ones).
///
/// # Shapes
///
/// Inputs of the plan's channels, `[N, H, W]` such that both have one size after preprocessing; `weights`
/// `[plan.weights()]`, `terms` `[number of terms]`.
///
/// # Panics
///
/// If an argument does not fit the plan, or the device is not that of [`cell_runs_on`].
pub fn cell(plan: &Arc<CellPlan>, arguments: CellArguments) -> (BlockedMap, Statistics) {
    let CellArguments { states, weights, terms, scales, given } = arguments;
    let config = &plan.config;
    let images = states[0].values.dims()[0];
    for (state, expected) in states.iter().zip(config.inputs) {
        let [n, blocks, .., lanes] = state.values.dims();
        assert!(
            state.channels == expected
                && state.blocks().count() == blocks
                && lanes == config.lanes
                && n == images,
            "a cell input has {:?} in {blocks} blocks of {lanes} for {n} images, expected {expected:?} in blocks of {}",
            state.channels,
            config.lanes
        );
    }
    assert_eq!(weights.dims(), [plan.weights()], "flat weights of a cell");
    assert_eq!(terms.dims(), [config.terms.len().max(1)], "weights of a cell's terms");
    if let Some(scales) = &scales {
        assert_eq!(scales.len(), config.terms.len() * images, "scales of a cell's terms");
    }
    let [s0, s1] = states;
    let gradient = GradientSlot::default();
    let context = Context {
        plan: Arc::clone(plan),
        scales,
        given,
        inputs: [s0.gradient, s1.gradient],
        output: gradient.clone(),
    };
    let (values, statistics) = extension::cell([s0.values, s1.values], weights, terms, context);
    (BlockedMap { values, channels: plan.output_channels(), gradient: Some(gradient) }, statistics)
}

#[cfg(test)]
mod tests;
