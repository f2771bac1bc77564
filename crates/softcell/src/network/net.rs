//! A plan on a device.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Tensor};
use softcell_kernels::{Exchange, Share, block_lanes, cell_runs_on, summed_groups, weighted_sum};

use super::drop_path::scaled;
use super::edges::EdgeTensors;
use super::fused::{Constants, FusedBlock, input_channels};
use super::mixture::{Mixture, Mixtures, at_places};
use super::pass::{Mode, Pass};
use super::steps::{Pointwise, Tensors, pool2x2, run};
use super::value::{Map, Value, read};
use super::weights::{Weighted, Weights, count_weights};
use crate::space::DerivedNetworkConfig;
use crate::space::plan::{
    Block, Body, CellBlock, CellType, NetworkPlan, Place, PoolKind, Preparation, Role, Step,
};

/// A network: its plan and its tensors. It serves as supernet and as derived network.
#[derive(Debug, Clone)]
pub struct Network {
    built: Arc<Built>,
    weights: Weights,
    /// By block: what answers have left for further ones with the same weights.
    constants: Arc<Vec<OnceLock<Constants>>>,
    /// Who computes it, each for a share of a batch; none where this process does all.
    ranks: Option<Arc<dyn Exchange>>,
}

/// All that does not change with the weights.
#[derive(Debug)]
struct Built {
    plan: NetworkPlan,
    /// Where each block's tensors lie.
    ranges: Vec<Range<usize>>,
    /// Blocks that run as one operation where the device has it, or why not.
    fused: Vec<Result<FusedBlock, String>>,
    /// Channels of a block in memory, where cells are fused.
    lanes: usize,
    last_readers: Vec<usize>,
    /// For each kind of cell, the places of the weights that belong to operations (all but `none`); none where
    /// those are all.
    operations: Vec<Option<Vec<i64>>>,
}

/// What a forward pass answers.
#[derive(Debug, Clone)]
pub struct Logits {
    /// `[N, classes]`.
    pub logits: Tensor<2>,
    /// `[N, classes]` of the auxiliary head, in training and where there is one.
    pub auxiliary: Option<Tensor<2>>,
}

impl DerivedNetworkConfig {
    /// Builds the network with weights of zero; [`initialize`](super::initialize) draws them.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn init(&self, device: &Device) -> crate::error::Result<Network> {
        self.check()?;
        Ok(Network::new(self.plan(), device))
    }
}

impl Network {
    /// Builds the network with weights of zero; [`initialize`](super::initialize) draws them.
    pub fn new(plan: NetworkPlan, device: &Device) -> Self {
        let (tensors, ranges) = plan.tensors();
        let lanes = lanes(&plan);
        let fused = plan.blocks.iter().zip(&ranges);
        let fused = fused.map(|(block, range)| FusedBlock::new(&plan, block, &tensors, range.clone(), lanes));
        let operations = plan.cells.iter().map(|kind| {
            let starts = kind.edges.iter().scan(0, |next, edge| {
                *next += edge.candidates.len();
                Some(*next - edge.candidates.len())
            });
            let starts: Vec<usize> = starts.collect();
            let places: Vec<i64> =
                kind.operations().map(|(edge, candidate)| (starts[edge] + candidate) as i64).collect();
            (places.len() < kind.n_weights()).then_some(places)
        });
        let built = Built {
            fused: fused.collect(),
            lanes,
            last_readers: plan.last_readers(),
            operations: operations.collect(),
            ranges,
            plan,
        };
        let constants = no_constants(&built);
        Self { built: Arc::new(built), weights: Weights::new(tensors, device), constants, ranks: None }
    }

    /// The same network, computed by several processes that are given the same batches: what is computed image by image,
    /// each does for its own images. Logits, statistics and gradients have the bits that one process alone comes to.
    pub fn shared(self, ranks: Option<Arc<dyn Exchange>>) -> Self {
        Self { ranks, ..self }
    }

    /// The share of a batch of so many images that this process has; none where it computes all.
    fn share(&self, images: usize) -> Option<Share> {
        let ranks = self.ranks.as_ref()?;
        let blocks = self.built.plan.blocks.iter().zip(&self.built.fused);
        let pixels = blocks.filter(|(_, fused)| fused.is_ok()).map(|(block, _)| block.output.size);
        let groups = pixels.map(|size| summed_groups(images, size.iter().product())).min()?;
        Share::new(ranks, images, groups)
    }

    /// What it is.
    pub fn plan(&self) -> &NetworkPlan {
        &self.built.plan
    }

    /// The blocks of cells that run operation by operation, as they stand in the plan, each with the reason.
    pub fn unfused_cells(&self) -> impl Iterator<Item = (usize, &str)> {
        let cells = self.built.plan.blocks.iter().zip(&self.built.fused).enumerate();
        cells.filter_map(|(index, (block, fused))| match (&block.body, fused) {
            (Body::Cell(_), Err(reason)) => Some((index, reason.as_str())),
            _ => None,
        })
    }

    /// Logits of a batch, of a network whose cells have one operation on each edge.
    ///
    /// # Shapes
    /// - Input `[N, channels, H, W]`
    /// - Output `[N, classes]`, and the same from the auxiliary head in training
    ///
    /// # Panics
    /// If a cell mixes candidates: see [`Self::forward_mixed`].
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Logits {
        let derived = self.built.plan.cells.iter().all(|kind| kind.role == Role::Derived);
        assert!(derived, "cells that mix their candidates need edge weights");
        self.pass(x, &Mixtures::default(), pass)
    }

    /// Logits of a batch, of a network whose cells mix all candidates on their edges.
    ///
    /// # Shapes
    /// - Input `[N, channels, H, W]`
    /// - `weights` for each kind of cell those of all candidates of all edges, `none` included; where only some
    ///   operations run, the others are nowhere in the graph: they have no gradient and no statistics
    /// - Output `[N, classes]`
    ///
    /// # Panics
    /// If the weights are of other cells.
    pub fn forward_mixed(&self, x: Tensor<4>, weights: &EdgeTensors, pass: &mut Pass) -> Tensor<2> {
        let weights = Mixtures::new(&self.built.plan, &self.built.operations, weights, x.dtype());
        self.pass(x, &weights, pass).logits
    }

    fn pass(&self, x: Tensor<4>, mixtures: &Mixtures, pass: &mut Pass) -> Logits {
        let Built { plan, fused, lanes, last_readers, .. } = &*self.built;
        let fast = cell_runs_on(&x);
        let share = if fast { self.share(x.dims()[0]) } else { None };
        let share = share.as_ref();
        let image = Value { map: Map::Plain(x), whole: true };
        let mut values: Vec<Option<Value>> = Vec::with_capacity(plan.blocks.len());
        let mut auxiliary = None;
        let mut cells = 0..;
        for (index, block) in plan.blocks.iter().enumerate() {
            if let Body::Auxiliary { steps } = &block.body {
                if pass.mode() == Mode::Train {
                    let x = read(&image, &mut values, block.inputs[0], false).of_all(share).plain();
                    let y = run(steps, x, &mut self.tensors(index), Pointwise::Stock, pass);
                    auxiliary = Some(vector(y));
                }
                values.push(None);
                continue;
            }
            let is_last = |place: &Place| match place {
                Place::Image => false,
                Place::Block(read) => last_readers[*read] == index,
            };
            let mut inputs = Vec::with_capacity(block.inputs.len());
            for (at, place) in block.inputs.iter().enumerate() {
                // Of several readings of one value in a block, the last takes it.
                let again = block.inputs[at + 1..].contains(place);
                inputs.push(read(&image, &mut values, *place, is_last(place) && !again));
            }
            let mixture = match &block.body {
                Body::Cell(cell) => mixtures.of(cell, cells.next().unwrap_or_default()),
                _ => None,
            };
            let value = match (&fused[index], &block.body) {
                (Ok(fused), _) if fast => {
                    let states = block.inputs.iter().zip(inputs);
                    let states = states.map(|(&place, value)| {
                        value.of_share(share).blocked(input_channels(plan, place), *lanes)
                    });
                    let tensors = (self.weights.tensors(), &self.constants[index]);
                    let map = fused.forward(tensors, states.collect(), mixture, share, pass);
                    Value { map: Map::Blocked(map), whole: false }
                }
                (_, Body::Steps { steps, .. })
                    if matches!((&steps[..], &inputs[0].map), ([Step::Mean], Map::Blocked(_))) =>
                {
                    inputs.swap_remove(0).means()
                }
                (_, body) => {
                    let inputs = inputs.into_iter().map(|value| value.of_all(share).plain()).collect();
                    Value {
                        map: Map::Plain(self.block(index, block, body, inputs, mixture, pass)),
                        whole: true,
                    }
                }
            };
            values.push(Some(value));
        }
        let logits = values.pop().flatten().expect("a network ends in its classifier").of_all(share).plain();
        Logits { logits: vector(logits), auxiliary }
    }

    fn tensors(&self, block: usize) -> Tensors<'_> {
        Tensors::new(self.weights.tensors(), self.built.ranges[block].start)
    }

    /// A block step by step.
    fn block(
        &self,
        index: usize,
        block: &Block,
        body: &Body,
        mut inputs: Vec<Tensor<4>>,
        mixture: Option<&Mixture>,
        pass: &mut Pass,
    ) -> Tensor<4> {
        let mut tensors = self.tensors(index);
        match body {
            Body::Steps { steps, .. } => {
                run(steps, inputs.swap_remove(0), &mut tensors, Pointwise::Fast, pass)
            }
            Body::Residual { main, shortcut } => {
                let x = inputs.swap_remove(0);
                let long = run(main, x.clone(), &mut tensors, Pointwise::Fast, pass);
                long + run(shortcut, x, &mut tensors, Pointwise::Fast, pass)
            }
            Body::Cell(cell) => self.cell(block, cell, inputs, mixture, &mut tensors, pass),
            Body::Auxiliary { .. } => unreachable!("it is no part of the network's way"),
        }
    }

    /// Each node is the sum of its operations, times their weights where the cell mixes them; drop path (in
    /// [`Pass::drop_path`]) acts on every operation but identities, and where the cell mixes them on whole edges.
    fn cell(
        &self,
        block: &Block,
        cell: &CellBlock,
        inputs: Vec<Tensor<4>>,
        mixture: Option<&Mixture>,
        tensors: &mut Tensors<'_>,
        pass: &mut Pass,
    ) -> Tensor<4> {
        let plan = &self.built.plan;
        let kind = plan.cell_type(cell);
        let mut states = Vec::with_capacity(kind.inputs + kind.nodes);
        for (i, x) in inputs.into_iter().enumerate() {
            let (_, steps) = plan.preparation(block, cell, i);
            states.push(match cell.preparations[i] {
                Preparation::None => x,
                _ => run(&steps, x, tensors, Pointwise::Fast, pass),
            });
        }
        let seen = kind.seen(cell.channels);
        let of_edges = match pass.drop_path.as_mut() {
            Some(drop_path) if kind.role == Role::Search && pass.mode == Mode::Train => {
                drop_path.of_edges(kind.edges.len(), states[0].dims()[0])
            }
            _ => vec![None; kind.edges.len()],
        };
        let mut next = 0;
        for node in kind.inputs..kind.inputs + kind.nodes {
            let (mut terms, mut places) = (Vec::new(), Vec::new());
            let mut beside: Option<Tensor<4>> = None;
            for (at, edge) in kind.edges.iter().enumerate().filter(|(_, edge)| edge.target == node) {
                let source = &states[edge.source];
                let part = match kind.share {
                    1 => source.clone(),
                    _ => source.clone().narrow(1, 0, seen),
                };
                for candidate in 0..edge.candidates.len() {
                    let Some(steps) = kind.steps(at, candidate, cell.channels, cell.norms) else { continue };
                    next += 1;
                    let of_skip = match pass.skips.as_mut() {
                        Some(skips)
                            if kind.role == Role::Search && pass.mode == Mode::Train && steps.is_empty() =>
                        {
                            skips.scales(states[0].dims()[0])
                        }
                        _ => None,
                    };
                    if mixture.is_some_and(|mixture| !mixture.runs(next - 1)) {
                        tensors.skip(&steps);
                        continue;
                    }
                    places.push(next as i64 - 1);
                    let y = run(&steps, part.clone(), tensors, Pointwise::Fast, pass);
                    terms.push(match pass.drop_path.as_mut() {
                        Some(drop_path)
                            if kind.role == Role::Derived
                                && pass.mode == Mode::Train
                                && !steps.is_empty() =>
                        {
                            drop_path.forward(y)
                        }
                        _ => scaled(scaled(y, of_edges[at].as_deref()), of_skip.as_deref()),
                    });
                }
                if kind.share > 1 {
                    let rest = source.clone().narrow(1, seen, cell.channels - seen);
                    let rest = if edge.stride == 1 { rest } else { pool2x2(rest, PoolKind::Max) };
                    let rest = match mixture.and_then(|mixture| mixture.edges.as_ref()) {
                        Some(edges) => rest * edges.clone().narrow(0, at, 1).reshape([1, 1, 1, 1]),
                        None => rest,
                    };
                    let rest = scaled(rest, of_edges[at].as_deref());
                    beside = Some(match beside {
                        None => rest,
                        Some(sum) => sum + rest,
                    });
                }
            }
            let sum = match (terms.is_empty(), mixture) {
                (true, _) => {
                    let [n, ..] = states[0].dims();
                    let channels = if beside.is_some() { seen } else { cell.channels };
                    let [height, width] = block.output.size;
                    let options = (&states[0].device(), states[0].dtype());
                    Tensor::zeros([n, channels, height, width], options)
                }
                (false, Some(Mixture { weights, .. })) => {
                    weighted_sum(terms, at_places(weights.clone(), places))
                }
                (false, None) => terms.into_iter().reduce(|a, b| a + b).expect("there is a term"),
            };
            states.push(match beside {
                None => sum,
                Some(beside) => shuffled(Tensor::cat(vec![sum, beside], 1), kind.share),
            });
        }
        let output = kind.output.nodes().iter().map(|&node| states[node].clone());
        let mut output: Vec<Tensor<4>> = output.collect();
        if output.len() == 1 { output.swap_remove(0) } else { Tensor::cat(output, 1) }
    }

    /// Number of weights that are shipped: the auxiliary head, which only training uses, is left out.
    pub fn parameters(&self) -> u64 {
        count_weights(self, |name| !name.starts_with("auxiliary_head."))
    }
}

impl Weighted for Network {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn weights_mut(&mut self) -> &mut Weights {
        self.constants = no_constants(&self.built);
        &mut self.weights
    }
}

/// Before the first answer.
fn no_constants(built: &Built) -> Arc<Vec<OnceLock<Constants>>> {
    Arc::new(built.fused.iter().map(|_| OnceLock::new()).collect())
}

/// Channels of a block in memory for all fused cells of a network. Where operations see few channels, wide blocks would
/// be mostly filling.
pub(super) fn lanes(plan: &NetworkPlan) -> usize {
    let seen = |kind: &CellType| (kind.share > 1).then(|| kind.seen(plan.init_channels));
    match plan.cells.iter().filter_map(seen).min() {
        Some(..=8) => 8,
        _ => block_lanes(plan.init_channels),
    }
}

/// A map of one pixel as a vector.
fn vector(x: Tensor<4>) -> Tensor<2> {
    let [n, channels, ..] = x.dims();
    x.reshape([n, channels])
}

/// Channels in `groups` parts, dealt out in turn: `[N, G·C, H, W]`, seen as `[N, G, C, …]`, becomes `[N, C, G, …]`.
fn shuffled(x: Tensor<4>, groups: usize) -> Tensor<4> {
    let [n, channels, h, w] = x.dims();
    x.reshape([n, groups, channels / groups, h * w]).swap_dims(1, 2).reshape([n, channels, h, w])
}
