//! A whole cell as one operation.

mod backward;
mod blocks;
mod config;
mod extension;
mod forward;
mod kept;
mod kernels;
mod lower;
mod map;
mod memory;
mod mixture;
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

pub use blocks::block_lanes;
pub use config::{
    CellConfig, CellInput, ConvolutionConfig, InputChannels, Operation, Preparation, Term, Unfused,
};
pub use kept::Kept;
pub use map::BlockedMap;
pub use memory::CellMemory;
pub use plan::{CellPart, CellPlan, Origin, WeightTensor};
pub use shapes::summed_groups;
pub use statistics::{NormStatistics, Statistics};

use crate::share::Share;
use crate::support::device::runs_on_flex;
use extension::{Context, GradientSlot};

/// The tensors and numbers of one call of [`cell`].
#[derive(Clone, Debug)]
pub struct CellArguments {
    /// The inputs.
    pub states: Vec<BlockedMap>,
    /// All weights of the cell in the order of [`CellPlan::parts`].
    pub weights: Tensor<1>,
    /// A weight for each term (one that is ignored where there are none).
    pub terms: Tensor<1>,
    /// Per term and image, `[terms · N]`: what each image's value of the term is multiplied with; of all images of the
    /// batch where this process has a share of it.
    pub scales: Option<Vec<f32>>,
    /// Statistics to normalise with, at least for all normalisations in the plan; without them, those of the batch.
    pub given: Option<Arc<Statistics>>,
    /// What the images are a share of: statistics and gradients of weights are those of all images.
    pub share: Option<Share>,
    /// What calls with given statistics and constant weights leave for further ones with the same of both.
    pub kept: Option<Arc<Kept>>,
    /// Whether the backward pass computes again what the forward pass has computed between inputs and output, instead of
    /// keeping it: less memory, more time, the same bits.
    pub recompute: bool,
}

impl CellArguments {
    /// All images of a batch, normalised by their own statistics, each term's values as they are.
    pub fn new(states: Vec<BlockedMap>, weights: Tensor<1>, terms: Tensor<1>) -> Self {
        Self { states, weights, terms, scales: None, given: None, share: None, kept: None, recompute: false }
    }
}

/// Whether [`cell`] runs on this tensor's device: `f32` on the Flex device, with or without autodiff.
pub fn cell_runs_on<const D: usize>(x: &Tensor<D>) -> bool {
    runs_on_flex(x)
}

/// A cell: preparation of the inputs, then node by node `h_j = Σ_k w_k · s_kn · op_k(h_{source(k)})`, with channels
/// that operations do not see as in [`CellConfig::share`]; the output is the concatenation of some nodes.
/// Differentiable in the inputs, the weights and the terms' weights, the dependence of the batch's statistics included.
///
/// Returns the output and the statistics that the normalisations saw (none with given ones).
///
/// # Shapes
///
/// Inputs of the plan's channels, `[N, H, W]` such that all summands of a node and all nodes of the output have one
/// size; `weights` `[plan.weights()]`, `terms` `[number of terms]`.
///
/// # Panics
///
/// If an argument does not fit the plan, sizes differ that must be one, or the device is not that of [`cell_runs_on`].
pub fn cell(plan: &Arc<CellPlan>, arguments: CellArguments) -> (BlockedMap, Statistics) {
    let CellArguments { states, weights, terms, scales, given, share, kept, recompute } = arguments;
    let config = &plan.config;
    assert_eq!(states.len(), config.inputs.len(), "inputs of a cell");
    let images = states[0].values.dims()[0];
    for (state, expected) in states.iter().zip(config.inputs.iter().map(|input| input.channels)) {
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
    if let Some(share) = &share {
        assert_eq!(images, share.own().len(), "images of this process");
    }
    if let Some(scales) = &scales {
        let images = share.as_ref().map_or(images, Share::images);
        assert_eq!(scales.len(), config.terms.len() * images, "scales of a cell's terms");
    }
    if let Some(given) = &given {
        for (index, norm) in plan.norms.iter().enumerate().filter(|(_, norm)| norm.map.is_some()) {
            let found = given.get(index).map(|given| [given.mean.len(), given.variance.len()]);
            let expected = norm.blocks.total();
            assert_eq!(
                found,
                Some([expected; 2]),
                "channels of the statistics given for normalisation {index}"
            );
        }
    }
    let (states, inputs) = states.into_iter().map(|state| (state.values, state.gradient)).unzip();
    let gradient = GradientSlot::default();
    let output = gradient.clone();
    let context = Context { plan: Arc::clone(plan), scales, given, inputs, output, share, kept, recompute };
    let (values, statistics) = extension::cell(states, weights, terms, context);
    (BlockedMap { values, channels: plan.output_channels(), gradient: Some(gradient) }, statistics)
}

#[cfg(test)]
mod tests;
