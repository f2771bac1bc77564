//! A block of a network as one operation of the kernels.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use softcell_kernels::{
    BlockedMap, CellArguments, CellConfig, CellPlan, ConvolutionConfig, InputChannels, Operation, Pool,
    Statistics, Term, cell,
};

use super::norm::{BatchStatistics, EPSILON};
use super::pass::{Mode, Pass};
use super::weights::host;
use crate::space::plan::{
    Block, Body, CellBlock, Form, Mixing, NetworkPlan, Place, PoolKind, PoolStep, Preparation, Step,
    TensorSpec,
};

/// A block as one operation. Its weights are those of the network, in the order of the plan.
#[derive(Debug, Clone)]
pub(super) struct FusedBlock {
    plan: Arc<CellPlan>,
    /// For each term, whether it is an identity, which drop path leaves alone.
    identities: Vec<bool>,
    /// The block's tensors but running statistics.
    trained: Vec<usize>,
    /// Running mean and variance of each normalisation.
    running: Vec<[usize; 2]>,
}

/// How a value's channels lie in blocks.
pub(super) fn input_channels(plan: &NetworkPlan, place: Place) -> InputChannels {
    let groups = plan.groups(place);
    InputChannels { groups, channels: plan.shape(place).channels / groups }
}

/// What the kernels compute for a block; none where they cannot.
pub(super) fn kernel_plan(plan: &NetworkPlan, block: &Block, lanes: usize) -> Option<CellPlan> {
    match &block.body {
        Body::Cell(cell) => CellPlan::new(cell_config(plan, block, cell, lanes)?),
        Body::Steps { steps, .. } => match steps[..] {
            [Step::Convolution(conv), Step::Norm(norm)]
                if conv.kernel == [3; 2]
                    && conv.stride == [1; 2]
                    && conv.mixing == Mixing::All
                    && norm.affine =>
            {
                Some(CellPlan::convolution(ConvolutionConfig {
                    input: input_channels(plan, block.inputs[0]),
                    channels: conv.outputs,
                    stride: 1,
                    rectify: false,
                    lanes,
                    epsilon: EPSILON,
                }))
            }
            _ => None,
        },
        Body::Residual { .. } | Body::Auxiliary { .. } => None,
    }
}

/// A cell as the kernels describe it.
pub(super) fn cell_config(
    plan: &NetworkPlan,
    block: &Block,
    cell: &CellBlock,
    lanes: usize,
) -> Option<CellConfig> {
    let kind = plan.cell_type(cell);
    if kind.inputs != 2 || kind.share != 1 || cell.preparations.contains(&Preparation::None) {
        return None;
    }
    let mut terms = Vec::new();
    for (at, choice) in kind.operations() {
        let edge = &kind.edges[at];
        let steps = kind.steps(at, choice, cell.channels, cell.norms)?;
        let operation = operation(&steps)?;
        terms.push(Term { source: edge.source, target: edge.target, operation, stride: edge.stride });
    }
    let input = |i: usize| input_channels(plan, block.inputs[i]);
    Some(CellConfig {
        channels: cell.channels,
        inputs: [input(0), input(1)],
        halve: [0, 1].map(|i| cell.preparations[i] == Preparation::Halve),
        affine: cell.norms.affine,
        nodes: kind.nodes,
        terms,
        output: kind.output.nodes().to_vec(),
        lanes,
        epsilon: EPSILON,
    })
}

/// The kernels' name for some steps; none where they have none.
fn operation(steps: &[Step]) -> Option<Operation> {
    Some(match Form::of(steps)? {
        Form::Identity => Operation::Identity,
        Form::Halve => Operation::Halve,
        Form::Pool { pool: PoolStep { kind, window: 3, .. }, normalised } => {
            let kind = match kind {
                PoolKind::Max => Pool::Max,
                PoolKind::Average => Pool::Average,
            };
            Operation::Pool { kind, normalise: normalised }
        }
        Form::Separable { kernel } => Operation::Separable { kernel },
        Form::Dilated { kernel } => Operation::Dilated { kernel },
        Form::Pool { .. } | Form::Convolution { .. } | Form::RowAndColumn => return None,
    })
}

impl FusedBlock {
    /// The block whose tensors lie in `range`; none where the kernels cannot run it.
    pub fn new(
        plan: &NetworkPlan,
        block: &Block,
        tensors: &[TensorSpec],
        range: Range<usize>,
        lanes: usize,
    ) -> Option<Self> {
        let identities = match &block.body {
            Body::Cell(cell) => {
                let kind = plan.cell_type(cell);
                let is_identity = |(edge, choice)| {
                    kind.steps(edge, choice, cell.channels, cell.norms).is_some_and(|steps| steps.is_empty())
                };
                kind.operations().map(is_identity).collect()
            }
            _ => Vec::new(),
        };
        let plan = Arc::new(kernel_plan(plan, block, lanes)?);
        let (buffers, trained): (Vec<usize>, Vec<usize>) =
            range.partition(|&index| tensors[index].role.is_buffer());
        let (running, _) = buffers.as_chunks::<2>();
        Some(Self { plan, identities, trained, running: running.to_vec() })
    }

    /// The block with these of the network's tensors; `terms` weighs its operations (all 1 without it).
    pub fn forward(
        &self,
        tensors: &[Tensor<1>],
        states: Vec<BlockedMap>,
        terms: Option<Tensor<1>>,
        pass: &mut Pass,
    ) -> BlockedMap {
        let device = states[0].values.device().without_autodiff();
        let [images, ..] = states[0].values.dims();
        let terms = terms.unwrap_or_else(|| Tensor::ones([self.identities.len().max(1)], &device));
        let value = |index: usize| {
            let tensor = tensors[index].clone();
            host(if tensor.is_autodiff() { tensor.inner() } else { tensor })
        };
        let given = (pass.mode() == Mode::Eval).then(|| {
            let mut given = Statistics::default();
            for &[mean, variance] in &self.running {
                given.mean.extend(value(mean));
                given.variance.extend(value(variance));
            }
            Arc::new(given)
        });
        let scales = match (pass.mode(), pass.drop_path.as_mut()) {
            (Mode::Train, Some(drop_path)) => {
                let scale = |&identity: &bool| {
                    if identity { None } else { drop_path.scales(images) }
                        .unwrap_or_else(|| vec![1.0; images])
                };
                Some(self.identities.iter().flat_map(scale).collect())
            }
            _ => None,
        };
        let weights = Tensor::cat(self.trained.iter().map(|&index| tensors[index].clone()).collect(), 0);
        let states: [BlockedMap; 2] = match <[BlockedMap; 2]>::try_from(states) {
            Ok(states) => states,
            // A convolution reads its first input alone.
            Err(states) => std::array::from_fn(|_| states[0].clone()),
        };
        let (y, statistics) = cell(&self.plan, CellArguments { states, weights, terms, scales, given });
        if pass.mode() == Mode::Train {
            let channels = self.plan.channels();
            let tensor = |values: Vec<f32>| {
                let n = values.len();
                Tensor::<1>::from_data(TensorData::new(values, [n]), &device)
            };
            let parts = statistics.mean.chunks(channels).zip(statistics.variance.chunks(channels));
            for ((&running, (mean, variance)), &count) in
                self.running.iter().zip(parts).zip(&statistics.counts)
            {
                let unbiased = count as f32 / (count as f32 - 1.0).max(1.0);
                pass.statistics.push(BatchStatistics {
                    running,
                    mean: tensor(mean.to_vec()),
                    variance: tensor(variance.iter().map(|v| v * unbiased).collect()),
                });
            }
        }
        y
    }
}
