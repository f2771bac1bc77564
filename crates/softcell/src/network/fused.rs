//! A block of a network as one operation of the kernels.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use burn::tensor::{Tensor, TensorData};
use softcell_kernels::{
    BlockedMap, CellArguments, CellConfig, CellInput, CellPart, CellPlan, ConvolutionConfig, InputChannels,
    Kept, NormStatistics, Operation, Pool, Preparation as KernelPreparation, Share, Statistics, Term, cell,
};

use super::mixture::{Mixture, at_places};
use super::norm::EPSILON;
use super::pass::{BatchStatistics, Mode, Pass};
use super::weights::host;
use crate::space::plan::{
    Block, Body, CellBlock, Form, Mixing, NetworkPlan, Place, PoolKind, PoolStep, Preparation, Role, Step,
    TensorSpec,
};

/// What drop path does to a term.
#[derive(Debug, Clone, Copy)]
enum Dropped {
    /// Nothing: to identities of derived cells and to what reads nothing.
    Never,
    /// It draws for the operation.
    Alone,
    /// It draws for all of an edge: in cells that mix operations.
    WithEdge(usize),
}

/// A term's place in the cell.
#[derive(Debug, Clone, Copy)]
struct TermPlace {
    /// Which of the operations it is; none for what has no weight of its own.
    operation: Option<usize>,
    /// Its edge; none for zeros that give a node its size.
    edge: Option<usize>,
}

/// What answers with the same weights have in common.
#[derive(Debug, Clone)]
pub(super) struct Constants {
    weights: Tensor<1>,
    given: Arc<Statistics>,
    kept: Arc<Kept>,
}

/// A block as one operation. Its weights are those of the network, in the order of the plan.
#[derive(Debug, Clone)]
pub(super) struct FusedBlock {
    plan: Arc<CellPlan>,
    /// For each term, what drop path does to it.
    dropped: Vec<Dropped>,
    /// For each term, whether it is a skip connection of a cell that mixes operations.
    skips: Vec<bool>,
    /// Edges of a cell that mixes operations.
    edges: usize,
    /// The terms of a cell.
    places: Vec<TermPlace>,
    /// The block's tensors but running statistics, each with the term that it belongs to.
    trained: Vec<(usize, Option<usize>)>,
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

/// A cell as the kernels describe it, and for each term which operation it is, in the order of their weights.
fn cell_config(
    plan: &NetworkPlan,
    block: &Block,
    cell: &CellBlock,
    lanes: usize,
) -> Result<(CellConfig, Vec<TermPlace>), String> {
    let kind = plan.cell_type(cell);
    let (mut terms, mut places) = (Vec::new(), Vec::new());
    let mut next = 0;
    for node in kind.inputs..kind.inputs + kind.nodes {
        let before = terms.len();
        for (at, edge) in kind.edges.iter().enumerate().filter(|(_, edge)| edge.target == node) {
            let mut term = |kernel, operation| {
                let (source, target, stride) = (edge.source, edge.target, edge.stride);
                terms.push(Term { source, target, operation: kernel, stride });
                places.push(TermPlace { operation, edge: Some(at) });
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
            places.push(TermPlace { operation: None, edge: None });
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
    Ok((config, places))
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
        let (mut dropped, mut skips, mut places, mut edges) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let kernel = if let Body::Cell(cell) = &block.body {
            let config;
            (config, places) = cell_config(plan, block, cell, lanes)?;
            let no_operation = [Operation::Identity, Operation::Bypass, Operation::Zero];
            let kind = plan.cell_type(cell);
            let mixes = kind.role == Role::Search;
            edges = if mixes { kind.edges.len() } else { 0 };
            let drop = |(term, place): (&Term, &TermPlace)| match place.edge {
                Some(edge) if mixes => Dropped::WithEdge(edge),
                Some(_) if !no_operation.contains(&term.operation) => Dropped::Alone,
                _ => Dropped::Never,
            };
            dropped = config.terms.iter().zip(&places).map(drop).collect();
            skips = config.terms.iter().map(|term| mixes && term.operation == Operation::Identity).collect();
            CellPlan::new(config).map_err(|reason| reason.to_string())?
        } else {
            kernel_plan(plan, block, lanes)?
        };
        let (buffers, trained): (Vec<usize>, Vec<usize>) =
            range.partition(|&index| tensors[index].role.is_buffer());
        if trained.is_empty() {
            return Err("there is nothing in it to learn".to_owned());
        }
        let (running, _) = buffers.as_chunks::<2>();
        let mut next = 0;
        let trained = trained.into_iter().map(|index| {
            let values = next..next + tensors[index].count();
            next = values.end;
            let of = |part: &&CellPart| part.tensors.iter().any(|tensor| tensor.range == values);
            (index, kernel.parts().iter().find(of).and_then(|part| part.origin.term()))
        });
        let trained = trained.collect();
        Ok(Self { plan: Arc::new(kernel), dropped, skips, edges, places, trained, running: running.to_vec() })
    }

    /// The weight of each term.
    fn term_weights(&self, mixture: &Mixture) -> Tensor<1> {
        let operations = self.places.iter().filter_map(|place| place.operation).count();
        let weights = mixture.weights.clone();
        if operations == self.places.len() {
            return weights;
        }
        // Operations, then edges, then a number for zeros.
        let edges = mixture.edges.as_ref().map_or(0, |edges| edges.dims()[0]);
        let place = |place: &TermPlace| match *place {
            TermPlace { operation: Some(operation), .. } => operation,
            TermPlace { edge: Some(edge), .. } => operations + edge,
            TermPlace { operation: None, edge: None } => operations + edges,
        };
        let places: Vec<i64> = self.places.iter().map(|term| place(term) as i64).collect();
        let one = Tensor::<1>::ones([1], &weights.device());
        let all = [Some(weights), mixture.edges.clone(), Some(one)].into_iter().flatten();
        at_places(Tensor::cat(all.collect(), 0), places)
    }

    /// What drop path multiplies each term with, image by image; none where nothing is dropped.
    fn scales(&self, pass: &mut Pass, images: usize) -> Option<Vec<f32>> {
        let Pass { drop_path, skips, .. } = pass;
        if drop_path.is_none() && skips.is_none() {
            return None;
        }
        let edges = drop_path.as_mut().map_or_else(Vec::new, |drop| drop.of_edges(self.edges, images));
        let mut scale = |(&dropped, &skip): (&Dropped, &bool)| {
            let all = match (dropped, drop_path.as_mut()) {
                (Dropped::Alone, Some(drop_path)) => drop_path.scales(images),
                (Dropped::WithEdge(edge), Some(_)) => edges[edge].clone(),
                _ => None,
            };
            let own = skips.as_mut().filter(|_| skip).and_then(|skips| skips.scales(images));
            match (all, own) {
                (Some(all), Some(own)) => all.iter().zip(own).map(|(all, own)| all * own).collect(),
                (one, other) => one.or(other).unwrap_or_else(|| vec![1.0; images]),
            }
        };
        Some(self.dropped.iter().zip(&self.skips).flat_map(&mut scale).collect())
    }

    /// The running statistics.
    fn given(&self, tensors: &[Tensor<1>]) -> Arc<Statistics> {
        let value = |index: usize| {
            let tensor = tensors[index].clone();
            host(if tensor.is_autodiff() { tensor.inner() } else { tensor })
        };
        let norms = self.running.iter().enumerate().map(|(norm, &[mean, variance])| NormStatistics {
            norm,
            mean: value(mean),
            variance: value(variance),
            count: 0,
        });
        Arc::new(Statistics { norms: norms.collect() })
    }

    /// The block with these of the network's tensors, of which `constants` are what an earlier call has left; without a
    /// mixture all operations count once. The tensors of operations that do not run are no part of the graph.
    pub fn forward(
        &self,
        (tensors, constants): (&[Tensor<1>], &OnceLock<Constants>),
        states: Vec<BlockedMap>,
        mixture: Option<&Mixture>,
        share: Option<&Share>,
        pass: &mut Pass,
    ) -> BlockedMap {
        let runs: Option<Vec<bool>> = mixture.filter(|mixture| mixture.running.is_some()).map(|mixture| {
            let runs = |place: &TermPlace| place.operation.is_none_or(|at| mixture.runs(at));
            self.places.iter().map(runs).collect()
        });
        let plan =
            runs.as_ref().map_or_else(|| Arc::clone(&self.plan), |runs| Arc::new(self.plan.only(runs)));
        let device = states[0].values.device().without_autodiff();
        let images = share.map_or_else(|| states[0].values.dims()[0], Share::images);
        let terms = match mixture {
            None => Tensor::ones([self.dropped.len().max(1)], &device),
            Some(mixture) => self.term_weights(mixture),
        };
        let scales = if pass.mode() == Mode::Train { self.scales(pass, images) } else { None };
        let weight = |&(index, term): &(usize, Option<usize>)| {
            let runs = term.zip(runs.as_ref()).is_none_or(|(term, runs)| runs[term]);
            if runs { tensors[index].clone() } else { tensors[index].clone().detach() }
        };
        let weights = || Tensor::cat(self.trained.iter().map(weight).collect(), 0);
        let plain = self.trained.iter().all(|&(index, _)| !tensors[index].is_autodiff());
        let (weights, given, kept) = match pass.mode() {
            Mode::Train => (weights(), None, None),
            Mode::Eval if plain && runs.is_none() => {
                let new =
                    || Constants { weights: weights(), given: self.given(tensors), kept: Arc::default() };
                let Constants { weights, given, kept } = constants.get_or_init(new).clone();
                (weights, Some(given), Some(kept))
            }
            Mode::Eval => (weights(), Some(self.given(tensors)), None),
        };
        let (share, recompute) = (share.cloned(), pass.recompute);
        let arguments = CellArguments { states, weights, terms, scales, given, share, kept, recompute };
        let (y, statistics) = cell(&plan, arguments);
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
