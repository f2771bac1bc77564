//! The operation as a node of Burn's autodiff graph.
//!
//! A backend extension takes no list of tensors, so the primitives are taken out of the tensors here.

use burn::backend::autodiff::{
    NodeId,
    checkpoint::{
        base::Checkpointer,
        strategy::{BalancedCheckpointing, CheckpointStrategy, NoCheckpointing},
    },
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{
    Autodiff, DispatchKindConversion, DispatchTensor, Flex, GradientCheckpointingStrategy,
    tensor::FloatTensor,
};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::cpu::{forward, term_gradients, weight_gradients};
use crate::support::extension::{primitive, tracked_primitive};
use crate::support::flex::{contiguous, dims, tensor};

/// Greatest number of terms in one node of the autodiff graph; longer sums are added in parts.
const MOST_TERMS: usize = 10;

pub(super) fn weighted_sum(mut terms: Vec<Tensor<4>>, weights: Tensor<1>) -> Tensor<4> {
    if terms.len() > MOST_TERMS {
        let count = terms.len();
        let rest = terms.split_off(MOST_TERMS);
        return weighted_sum(terms, weights.clone().slice(0..MOST_TERMS))
            + weighted_sum(rest, weights.slice(MOST_TERMS..count));
    }
    let strategy = terms
        .iter()
        .find_map(|term| term.gradient_checkpointing_strategy())
        .or_else(|| weights.gradient_checkpointing_strategy());
    match strategy {
        None => {
            let terms = terms.into_iter().map(primitive::<Flex, 4>).collect();
            Tensor::from_primitive::<Flex>(forward_flex(primitive::<Flex, 1>(weights), terms))
        }
        Some(GradientCheckpointingStrategy::Disabled) => {
            tracked::<NoCheckpointing>(terms, weights, GradientCheckpointingStrategy::Disabled)
        }
        Some(GradientCheckpointingStrategy::Balanced) => {
            tracked::<BalancedCheckpointing>(terms, weights, GradientCheckpointingStrategy::Balanced)
        }
    }
}

/// The sum on an autodiff device; tensors without autodiff become constants of it.
fn tracked<C: CheckpointStrategy>(
    terms: Vec<Tensor<4>>,
    weights: Tensor<1>,
    strategy: GradientCheckpointingStrategy,
) -> Tensor<4>
where
    DispatchTensor: DispatchKindConversion<Autodiff<Flex, C>>,
{
    let count = terms.len();
    let weights = tracked_primitive::<Autodiff<Flex, C>, 1>(weights, strategy);
    let terms =
        terms.into_iter().map(|term| tracked_primitive::<Autodiff<Flex, C>, 4>(term, strategy)).collect();
    let sum = match count {
        1 => node::<C, 2>(weights, terms),
        2 => node::<C, 3>(weights, terms),
        3 => node::<C, 4>(weights, terms),
        4 => node::<C, 5>(weights, terms),
        5 => node::<C, 6>(weights, terms),
        6 => node::<C, 7>(weights, terms),
        7 => node::<C, 8>(weights, terms),
        8 => node::<C, 9>(weights, terms),
        9 => node::<C, 10>(weights, terms),
        10 => node::<C, 11>(weights, terms),
        _ => unreachable!("a weighted sum of {count} terms was not split"),
    };
    Tensor::from_primitive::<Autodiff<Flex, C>>(sum)
}

/// The elements of every tensor; all are contiguous.
fn slices(tensors: &[FlexTensor]) -> Vec<&[f32]> {
    tensors.iter().map(|tensor| tensor.storage()).collect()
}

fn forward_flex(weights: FlexTensor, terms: Vec<FlexTensor>) -> FlexTensor {
    let weights = contiguous(weights);
    let terms: Vec<_> = terms.into_iter().map(contiguous).collect();
    tensor(forward(&slices(&terms), weights.storage()), dims::<4>(&terms[0]))
}

/// A sum whose parents are the weights and `N − 1` terms.
fn node<C: CheckpointStrategy, const N: usize>(
    weights: FloatTensor<Autodiff<Flex, C>>,
    terms: Vec<FloatTensor<Autodiff<Flex, C>>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards: [_; N] =
        std::array::from_fn(|parent| if parent == 0 { weights.node() } else { terms[parent - 1].node() });
    match WeightedSumBackward.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let saved_weights = terms.iter().any(|term| term.is_tracked()).then(|| prep.checkpoint(&weights));
            let saved_terms =
                weights.is_tracked().then(|| terms.iter().map(|term| prep.checkpoint(term)).collect());
            let terms: Vec<_> = terms.into_iter().map(|term| term.into_primitive()).collect();
            let state = State { weights: saved_weights, terms: saved_terms, shape: dims(&terms[0]) };
            prep.finish(state, forward_flex(weights.into_primitive(), terms))
        }
        OpsKind::UnTracked(prep) => {
            let terms = terms.into_iter().map(|term| term.into_primitive()).collect();
            prep.finish(forward_flex(weights.into_primitive(), terms))
        }
    }
}

#[derive(Debug)]
struct WeightedSumBackward;

#[derive(Clone, Debug)]
struct State {
    /// Kept if a term needs a gradient.
    weights: Option<NodeId>,
    /// Kept if the weights need a gradient.
    terms: Option<Vec<NodeId>>,
    shape: [usize; 4],
}

impl<const N: usize> Backward<Flex, N> for WeightedSumBackward {
    type State = State;

    fn backward(self, ops: Ops<State, N>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let State { weights, terms, shape } = ops.state;
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let weights: Option<FlexTensor> = weights.map(|id| contiguous(checkpointer.retrieve_node_output(id)));
        let mut parents = ops.parents.into_iter();
        let weights_parent = parents.next().flatten();
        if let (Some(parent), Some(terms)) = (weights_parent, terms) {
            let terms: Vec<_> = terms
                .into_iter()
                .map(|id| -> FlexTensor { contiguous(checkpointer.retrieve_node_output(id)) })
                .collect();
            let dweights = weight_gradients(&slices(&terms), gradient.storage());
            grads.register::<Flex>(parent.id, tensor(dweights, [N - 1]));
        }
        if let Some(weights) = weights {
            let parents: Vec<_> = parents.collect();
            let wanted: Vec<_> = parents
                .iter()
                .zip(weights.storage::<f32>())
                .map(|(parent, &weight)| parent.as_ref().map(|_| weight))
                .collect();
            for (parent, dx) in parents.into_iter().zip(term_gradients(gradient.storage(), &wanted)) {
                if let (Some(parent), Some(dx)) = (parent, dx) {
                    grads.register::<Flex>(parent.id, tensor(dx, shape));
                }
            }
        }
    }
}
