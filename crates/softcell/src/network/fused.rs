//! A block of a network as one operation of the kernels.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData};
use softcell_kernels::{
    BlockedMap, CellArguments, CellConfig, CellInput, CellPlan, ConvolutionConfig, InputChannels,
    NormStatistics, Operation, Pool, Preparation as KernelPreparation, Statistics, Term, cell,
};

use super::norm::EPSILON;
use super::pass::{BatchStatistics, Mode, Pass};
use super::weights::host;
use crate::space::plan::{
    Block, Body, CellBlock, Form, Mixing, NetworkPlan, Place, PoolKind, PoolStep, Preparation, Role, Step,
    TensorSpec,
};

/// A block as one operation. Its weights are those of the network, in the order of the plan.
#[derive(Debug, Clone)]
pub(super) struct FusedBlock {
    plan: Arc<CellPlan>,
    /// For each term, whether drop path leaves it alone: identities, what is no operation, and all of a supernet.
    kept: Vec<bool>,
    /// For each term, the place of its weight among those of the operations; none where these are just the terms.
    places: Option<Vec<i64>>,
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

/// What the kernels compute for a block.
///
/// # Errors
/// With the reason, where they cannot.
pub(super) fn kernel_plan(plan: &NetworkPlan, block: &Block, lanes: usize) -> Result<CellPlan, String> {
    match &block.body {
        Body::Cell(cell) => {
            CellPlan::new(cell_config(plan, block, cell, lanes)?.0).map_err(|reason| reason.to_string())
        }
        Body::Steps { steps, .. } => match steps[..] {
            [Step::Convolution(conv), Step::Norm(norm)]
                if conv.kernel == [3; 2]
                    && conv.stride == [1; 2]
                    && conv.dilation == 1
                    && conv.mixing == Mixing::All
                    && norm.affine =>
            {
                Ok(CellPlan::convolution(ConvolutionConfig {
                    input: input_channels(plan, block.inputs[0]),
                    channels: conv.outputs,
                    stride: 1,
                    rectify: false,
                    lanes,
                    epsilon: EPSILON,
                }))
            }
            _ => Err("of steps, the kernels know a 3x3 convolution and its normalisation".to_owned()),
        },
        Body::Residual { .. } | Body::Auxiliary { .. } => Err("the kernels know no such block".to_owned()),
    }
}

/// A cell as the kernels describe it, and for each term which operation it is, in the order of their weights; none for
/// what has no weight of its own.
fn cell_config(
    plan: &NetworkPlan,
    block: &Block,
    cell: &CellBlock,
    lanes: usize,
) -> Result<(CellConfig, Vec<Option<usize>>), String> {
    let kind = plan.cell_type(cell);
    let (mut terms, mut operations) = (Vec::new(), Vec::new());
    let mut next = 0;
    for node in kind.inputs..kind.inputs + kind.nodes {
        let before = terms.len();
        for (at, edge) in kind.edges.iter().enumerate().filter(|(_, edge)| edge.target == node) {
            let mut term = |operation, place| {
                let (source, target, stride) = (edge.source, edge.target, edge.stride);
                terms.push(Term { source, target, operation, stride });
                operations.push(place);
            };
            for candidate in 0..edge.candidates.len() {
                let Some(steps) = kind.steps(at, candidate, cell.channels, cell.norms) else { continue };
                let name = edge.candidates[candidate].name();
                let operation = operation(&steps).ok_or_else(|| format!("the kernels know no {name}"))?;
                term(operation, Some(next));
                next += 1;
            }
            if kind.share > 1 {
                term(Operation::Bypass, None);
            }
        }
        if terms.len() == before {
            // A node that reads nothing has the size of the others.
            let stride =
                kind.edges.iter().find(|edge| edge.source < kind.inputs).map_or(1, |edge| edge.stride);
            terms.push(Term { source: 0, target: node, operation: Operation::Zero, stride });
            operations.push(None);
        }
    }
    let input = |(&place, preparation): (&Place, &Preparation)| CellInput {
        channels: input_channels(plan, place),
        preparation: match preparation {
            Preparation::None => KernelPreparation::None,
            Preparation::Keep => KernelPreparation::Keep,
            Preparation::Halve => KernelPreparation::Halve,
        },
    };
    let config = CellConfig {
        channels: cell.channels,
        share: kind.share,
        inputs: block.inputs.iter().zip(&cell.preparations).map(input).collect(),
        affine: cell.norms.affine,
        nodes: kind.nodes,
        terms,
        output: kind.output.nodes().to_vec(),
        lanes,
        epsilon: EPSILON,
    };
    Ok((config, operations))
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
        Form::Convolution { kernel } => Operation::Convolution { kernel },
        Form::Pool { .. } | Form::RowAndColumn | Form::Noise => return None,
    })
}

impl FusedBlock {
    /// The block whose tensors lie in `range`.
    ///
    /// # Errors
    /// With the reason, where the kernels cannot run it.
    pub fn new(
        plan: &NetworkPlan,
        block: &Block,
        tensors: &[TensorSpec],
        range: Range<usize>,
        lanes: usize,
    ) -> Result<Self, String> {
        let (mut kept, mut places) = (Vec::new(), None);
        let kernel = if let Body::Cell(cell) = &block.body {
            let (config, operations) = cell_config(plan, block, cell, lanes)?;
            let counted = operations.iter().flatten().count();
            let place = |place: &Option<usize>| place.unwrap_or(counted) as i64;
            places = (counted < operations.len()).then(|| operations.iter().map(place).collect());
            let no_operation = [Operation::Identity, Operation::Bypass, Operation::Zero];
            let mixes = plan.cell_type(cell).role == Role::Search;
            kept = config.terms.iter().map(|term| mixes || no_operation.contains(&term.operation)).collect();
            CellPlan::new(config).map_err(|reason| reason.to_string())?
        } else {
            kernel_plan(plan, block, lanes)?
        };
        let (buffers, trained): (Vec<usize>, Vec<usize>) =
            range.partition(|&index| tensors[index].role.is_buffer());
        let (running, _) = buffers.as_chunks::<2>();
        Ok(Self { plan: Arc::new(kernel), kept, places, trained, running: running.to_vec() })
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
        let terms = match (terms, &self.places) {
            (None, _) => Tensor::ones([self.kept.len().max(1)], &device),
            (Some(weights), None) => weights,
            (Some(weights), Some(places)) => {
                let one = Tensor::<1>::ones([1], &weights.device());
                let data = TensorData::new(places.clone(), [places.len()]);
                let places = Tensor::<1, Int>::from_data(data, &weights.device());
                Tensor::cat(vec![weights, one], 0).select(0, places)
            }
        };
        let value = |index: usize| {
            let tensor = tensors[index].clone();
            host(if tensor.is_autodiff() { tensor.inner() } else { tensor })
        };
        let given = (pass.mode() == Mode::Eval).then(|| {
            let norms = self.running.iter().enumerate().map(|(norm, &[mean, variance])| NormStatistics {
                norm,
                mean: value(mean),
                variance: value(variance),
                count: 0,
            });
            Arc::new(Statistics { norms: norms.collect() })
        });
        let scales = match (pass.mode(), pass.drop_path.as_mut()) {
            (Mode::Train, Some(drop_path)) => {
                let scale = |&kept: &bool| {
                    if kept { None } else { drop_path.scales(images) }.unwrap_or_else(|| vec![1.0; images])
                };
                Some(self.kept.iter().flat_map(scale).collect())
            }
            _ => None,
        };
        let weights = Tensor::cat(self.trained.iter().map(|&index| tensors[index].clone()).collect(), 0);
        let (y, statistics) = cell(&self.plan, CellArguments { states, weights, terms, scales, given });
        if pass.mode() == Mode::Train {
            let tensor = |values: Vec<f32>| {
                let n = values.len();
                Tensor::<1>::from_data(TensorData::new(values, [n]), &device)
            };
            for NormStatistics { norm, mean, variance, count } in statistics.norms {
                let unbiased = count as f32 / (count as f32 - 1.0).max(1.0);
                pass.statistics.push(BatchStatistics {
                    running: self.running[norm],
                    mean: tensor(mean),
                    variance: tensor(variance.iter().map(|v| v * unbiased).collect()),
                });
            }
        }
        y
    }
}
