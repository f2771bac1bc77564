//! The cell as a node of Burn's autodiff graph.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::{
    NodeId,
    checkpoint::{
        base::Checkpointer,
        strategy::{BalancedCheckpointing, CheckpointStrategy, NoCheckpointing},
    },
    grads,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, DispatchKindConversion, DispatchTensor, Flex};
use burn::tensor::{GradientCheckpointingStrategy, Tensor};
use burn_flex::FlexTensor;

use super::backward::{Gradients, InputGradient, Wanted, backward};
use super::config::CellConfig;
use super::forward::forward;
use super::kept::{Kept, Prepared};
use super::pack::pack;
use super::plan::CellPlan;
use super::record::{NormValues, Operands, Outside, Record};
use super::shapes::{Shapes, cut, groups};
use super::statistics::Statistics;
use crate::share::Share;
use crate::support::extension::{primitive, tracked_primitive};
use crate::support::flex::{contiguous, dims, tensor, tensor_of};
use crate::support::parallel::{chunks, for_each};
use crate::support::workspace::Buffer;

/// What a cell is called with beside tensors.
#[derive(Clone)]
pub(super) struct Context {
    pub plan: Arc<CellPlan>,
    pub scales: Option<Vec<f32>>,
    pub given: Option<Arc<Statistics>>,
    /// Of the inputs that are outputs of cells.
    pub inputs: Vec<Option<GradientSlot>>,
    pub output: GradientSlot,
    pub share: Option<Share>,
    pub kept: Option<Arc<Kept>>,
    pub recompute: bool,
}

/// Whether a reader of a cell's output has handed in a gradient during the backward pass that is under way.
/// Burn does not tell; who knows adds to that gradient in place, instead of having Burn add a second one.
#[derive(Clone, Debug, Default)]
pub(super) struct GradientSlot(Arc<Mutex<Option<NodeId>>>);

impl GradientSlot {
    /// Sets the node that has a gradient; answers which one had before.
    fn set(&self, node: Option<NodeId>) -> Option<NodeId> {
        std::mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), node)
    }
}

/// From `[N, C, H, W]` without autodiff, in one pass, to `[N, blocks, H, W, lanes]`, what is left over of the last block
/// zero.
pub(super) fn blocked(x: Tensor<4>, lanes: usize) -> Tensor<5> {
    let [n, channels, h, w] = x.dims();
    let x = contiguous(primitive::<Flex, 4>(x));
    let (blocks, pixels) = (channels.div_ceil(lanes), h * w);
    let mut values = Buffer::dirty(n * blocks * pixels * lanes);
    let x: &[f32] = x.storage();
    for_each(
        chunks(&mut values, pixels * lanes),
        pixels * lanes,
        || (),
        |(), index, block| {
            let first = index % blocks * lanes;
            let planes = x[index / blocks * channels * pixels..].chunks_exact(pixels.max(1));
            let planes: Vec<&[f32]> = planes.take(channels).skip(first).take(lanes).collect();
            for (pixel, to) in block.chunks_exact_mut(lanes).enumerate() {
                to[planes.len()..].fill(0.0);
                to.iter_mut().zip(&planes).for_each(|(to, plane)| *to = plane[pixel]);
            }
        },
    );
    Tensor::from_primitive::<Flex>(tensor_of(values, [n, blocks, h, w, lanes]))
}

pub(super) fn cell(
    states: Vec<Tensor<5>>,
    weights: Tensor<1>,
    terms: Tensor<1>,
    context: Context,
) -> (Tensor<5>, Statistics) {
    let strategy = states
        .iter()
        .find_map(|state| state.gradient_checkpointing_strategy())
        .or_else(|| weights.gradient_checkpointing_strategy())
        .or_else(|| terms.gradient_checkpointing_strategy());
    match strategy {
        None => {
            let states = states.into_iter().map(primitive::<Flex, 5>).collect();
            let (weights, terms) = (primitive::<Flex, 1>(weights), primitive::<Flex, 1>(terms));
            let (y, statistics) = constant(states, weights, terms, &context);
            (Tensor::from_primitive::<Flex>(y), statistics)
        }
        Some(strategy @ GradientCheckpointingStrategy::Disabled) => {
            tracked_inputs::<NoCheckpointing>(states, weights, terms, strategy, context)
        }
        Some(strategy @ GradientCheckpointingStrategy::Balanced) => {
            tracked_inputs::<BalancedCheckpointing>(states, weights, terms, strategy, context)
        }
    }
}

/// The cell as a node with two parents more than it has inputs.
fn tracked_inputs<C: CheckpointStrategy>(
    states: Vec<Tensor<5>>,
    weights: Tensor<1>,
    terms: Tensor<1>,
    strategy: GradientCheckpointingStrategy,
    context: Context,
) -> (Tensor<5>, Statistics)
where
    DispatchTensor: DispatchKindConversion<Autodiff<Flex, C>>,
{
    const { assert!(CellConfig::MAX_INPUTS == 4) };
    match states.len() {
        1 => tracked::<C, 3>(states, weights, terms, strategy, context),
        2 => tracked::<C, 4>(states, weights, terms, strategy, context),
        3 => tracked::<C, 5>(states, weights, terms, strategy, context),
        4 => tracked::<C, 6>(states, weights, terms, strategy, context),
        inputs => unreachable!("a plan of {inputs} inputs"),
    }
}

/// The cell on an autodiff device, with `N` parents; tensors without autodiff become constants of it.
fn tracked<C: CheckpointStrategy, const N: usize>(
    states: Vec<Tensor<5>>,
    weights: Tensor<1>,
    terms: Tensor<1>,
    strategy: GradientCheckpointingStrategy,
    context: Context,
) -> (Tensor<5>, Statistics)
where
    DispatchTensor: DispatchKindConversion<Autodiff<Flex, C>>,
{
    let states: Vec<_> =
        states.into_iter().map(|state| tracked_primitive::<Autodiff<Flex, C>, 5>(state, strategy)).collect();
    let [weights, terms] =
        [weights, terms].map(|tensor| tracked_primitive::<Autodiff<Flex, C>, 1>(tensor, strategy));
    let parents: Vec<_> = states.iter().chain([&weights, &terms]).map(|parent| parent.node()).collect();
    let parents: [_; N] = parents.try_into().expect("N is two more than there are inputs");
    let (y, statistics) = match CellBackward.prepare::<C>(parents).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let states: Vec<_> = states.into_iter().map(|state| contiguous(state.into_primitive())).collect();
            let (weights, terms) = (contiguous(weights.into_primitive()), contiguous(terms.into_primitive()));
            let (y, mut record, statistics) = recorded(&states, &weights, &terms, &context);
            if context.recompute {
                record.forget_all();
            } else {
                record.forget();
            }
            let state = State {
                record: Arc::new(record),
                inputs: states,
                output: y.clone(),
                slots: context.inputs,
                own: context.output,
                recompute: context.recompute,
            };
            (prep.finish(state, y), statistics)
        }
        OpsKind::UnTracked(prep) => {
            let states = states.into_iter().map(|state| state.into_primitive()).collect();
            let (y, statistics) =
                constant(states, weights.into_primitive(), terms.into_primitive(), &context);
            (prep.finish(y), statistics)
        }
    };
    (Tensor::from_primitive::<Autodiff<Flex, C>>(y), statistics)
}

/// The values of the inputs.
fn storages(states: &[FlexTensor]) -> Vec<&[f32]> {
    states.iter().map(FlexTensor::storage).collect()
}

fn shapes(context: &Context, states: &[FlexTensor]) -> Shapes {
    let size = |state: &FlexTensor| {
        let [_, _, height, width, _] = dims::<5>(state);
        [height, width]
    };
    let [images, ..] = dims::<5>(&states[0]);
    let sizes: Vec<_> = states.iter().map(size).collect();
    Shapes { share: context.share.clone(), ..Shapes::new(&context.plan, images, &sizes) }
}

fn output_dims(plan: &CellPlan, shapes: &Shapes) -> [usize; 5] {
    let [height, width] = shapes.states[plan.config.output[0]];
    [shapes.images, plan.config.output.len() * plan.blocks.count(), height, width, plan.blocks.lanes]
}

/// All images at once, with what the backward pass needs.
fn recorded(
    states: &[FlexTensor],
    weights: &FlexTensor,
    terms: &FlexTensor,
    context: &Context,
) -> (FlexTensor, Record, Statistics) {
    let plan = &context.plan;
    let shapes = shapes(context, states);
    let input = Operands {
        states: &storages(states),
        images: shapes.images,
        weights: weights.storage(),
        terms: terms.storage(),
        scales: context.scales.as_deref(),
    };
    let packed = Arc::new(pack(plan, &shapes, input.weights, true));
    let shape = output_dims(plan, &shapes);
    let mut y = Buffer::dirty(shape.iter().product());
    let given = context.given.as_deref().map(|given| Arc::new(NormValues::given(plan, given, input.weights)));
    let groups = groups(input.images);
    let (record, statistics) = forward(plan, shapes, packed, &input, given, groups, &mut y);
    (tensor_of(y, shape), record, statistics)
}

/// The forward pass again, from what is left of a record that forgot all: with the normalisations that it had, so that
/// neither statistics nor weights are needed.
fn again(record: Record, outside: Outside<'_>) -> Record {
    let Record { plan, shapes, packed, norms, terms, scales, given, .. } = record;
    let images = shapes.images;
    let input =
        Operands { states: outside.inputs, images, weights: &[], terms: &terms, scales: scales.as_deref() };
    let mut output = Buffer::dirty(outside.output.len());
    let (new, _) = forward(&plan, shapes, packed, &input, Some(norms), groups(images), &mut output);
    Record { given, ..new }
}

/// Bytes of maps that stay in the cache while images run through a cell.
const CACHED: usize = 512 << 10;

/// Without a backward pass. With given statistics no image depends on another: a few images at a time run through
/// the whole cell, as many as stay in the cache.
fn constant(
    states: Vec<FlexTensor>,
    weights: FlexTensor,
    terms: FlexTensor,
    context: &Context,
) -> (FlexTensor, Statistics) {
    let plan = &context.plan;
    let states: Vec<_> = states.into_iter().map(contiguous).collect();
    let (weights, terms) = (contiguous(weights), contiguous(terms));
    let shapes = shapes(context, &states);
    let input = Operands {
        states: &storages(&states),
        images: shapes.images,
        weights: weights.storage(),
        terms: terms.storage(),
        scales: context.scales.as_deref(),
    };
    let shape = output_dims(plan, &shapes);
    let mut output = Buffer::dirty(shape.iter().product());
    let Some(given) = context.given.as_deref() else {
        let packed = Arc::new(pack(plan, &shapes, input.weights, false));
        let groups = groups(input.images);
        let (_, statistics) = forward(plan, shapes, packed, &input, None, groups, &mut output);
        return (tensor_of(output, shape), statistics);
    };
    let prepare = || Prepared::new(plan, &shapes, input.weights, given);
    let Prepared { packed, norms, .. } = match &context.kept {
        Some(kept) => kept.of(plan, &shapes, prepare),
        None => prepare(),
    };
    let output_len = output.len() / input.images;
    let at_once =
        (CACHED / shapes.bytes(plan)).clamp(1, input.images.div_ceil(4 * rayon::current_num_threads()));
    let cost: usize = packed.iter().map(|p| p.out.height * p.out.width * p.pointwise.len()).sum();
    for_each(
        chunks(&mut output, at_once * output_len),
        at_once * cost,
        || (),
        |(), chunk, output| {
            let images = output.len() / output_len;
            let part = chunk * at_once..chunk * at_once + images;
            let scales = input.scales.map(|scales| -> Vec<f32> {
                scales.chunks_exact(input.images).flat_map(|scales| &scales[part.clone()]).copied().collect()
            });
            let of_part = |state: &&'_ [f32]| {
                let len = state.len() / input.images;
                part.start * len..part.end * len
            };
            let states: Vec<&[f32]> = input.states.iter().map(|state| &state[of_part(state)]).collect();
            let operands = Operands { states: &states, images, scales: scales.as_deref(), ..input };
            let shapes = Shapes { images, share: None, ..shapes.clone() };
            let (packed, norms) = (Arc::clone(&packed), Some(Arc::clone(&norms)));
            forward(plan, shapes, packed, &operands, norms, cut(images, 1), output);
        },
    );
    (tensor_of(output, shape), Statistics::default())
}

#[derive(Debug)]
struct CellBackward;

#[derive(Clone)]
struct State {
    record: Arc<Record>,
    inputs: Vec<FlexTensor>,
    output: FlexTensor,
    /// Of the inputs.
    slots: Vec<Option<GradientSlot>>,
    /// Of the output.
    own: GradientSlot,
    /// Whether the record holds no maps.
    recompute: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("shapes", &self.record.shapes).finish_non_exhaustive()
    }
}

impl<const N: usize> Backward<Flex, N> for CellBackward {
    type State = State;

    fn backward(self, ops: Ops<State, N>, grads: &mut grads::Gradients, _: &mut Checkpointer) {
        let State { record, inputs, output, slots, own, recompute } = ops.state;
        own.set(None);
        // The last one who holds the record has its memory to itself.
        let mut record = Arc::try_unwrap(record).expect("a node of the graph is passed once");
        let storages = storages(&inputs);
        let outside = Outside { inputs: &storages, output: output.storage(), first: 0 };
        if recompute {
            record = again(record, outside);
        } else {
            record.restore(outside);
        }
        // The gradient's own memory is worked in; it is copied only if somebody else holds it.
        let mut gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let mut parents = Vec::from(ops.parents);
        let (terms, weights) = (parents.pop().flatten(), parents.pop().flatten());
        let mut sums: Vec<Option<FlexTensor>> = (parents.iter().zip(&slots))
            .map(|(parent, slot)| {
                let (parent, slot) = parent.as_ref().zip(slot.as_ref())?;
                (slot.set(None) == Some(parent.id)).then(|| contiguous(grads.consume::<Flex>(parent)))
            })
            .collect();
        let wanted = Wanted { weights: weights.is_some(), terms: terms.is_some() };
        let Gradients { inputs: new, weights: weight_gradient, terms: term_gradient } = backward(
            &record,
            outside,
            gradient.storage_mut(),
            (parents.iter().zip(&mut sums).zip(&storages))
                .map(|((parent, sum), input)| match (parent, sum) {
                    (None, _) => InputGradient::Unwanted,
                    (Some(_), None) => InputGradient::Write(Buffer::dirty(input.len())),
                    (Some(_), Some(sum)) => InputGradient::Add(sum.storage_mut()),
                })
                .collect(),
            wanted,
        );
        let written: Vec<_> = new.into_iter().map(InputGradient::written).collect();
        for (k, (written, sum)) in written.into_iter().zip(sums).enumerate() {
            let new = written.map(|gradient| tensor_of(gradient, dims::<5>(&inputs[k])));
            if let (Some(parent), Some(gradient)) = (&parents[k], new.or(sum)) {
                grads.register::<Flex>(parent.id, gradient);
                if let Some(slot) = &slots[k] {
                    slot.set(Some(parent.id));
                }
            }
        }
        for (parent, gradient) in [(weights, weight_gradient), (terms, term_gradient)] {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                let len = gradient.len();
                grads.register::<Flex>(parent.id, tensor(gradient, [len]));
            }
        }
    }
}
