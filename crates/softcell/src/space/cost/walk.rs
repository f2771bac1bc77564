//! From the plan of a network to its forward pass, written down.

use super::Cost;
use super::trace::{MapId, Norm, Trace};
use crate::space::plan::{Bias, Block, Body, CellBlock, MapShape, NetworkPlan, Place, Step};
use crate::space::topology::Edge;

/// The forward pass of a network, the auxiliary classifier left out.
pub(super) fn trace(plan: &NetworkPlan) -> Trace {
    let mut trace = Trace::of(plan.image);
    let mut values: Vec<MapId> = Vec::with_capacity(plan.blocks.len());
    let blocks: Vec<usize> = (0..plan.blocks.len()).collect();
    for part in blocks.chunk_by(|&a, &b| plan.blocks[a].part == plan.blocks[b].part) {
        let first = &plan.blocks[part[0]];
        if let Body::Auxiliary { .. } = first.body {
            values.push(0);
            continue;
        }
        let kind = match &first.body {
            Body::Cell(cell) => Some(plan.cell_type(cell).kind),
            _ => None,
        };
        trace.block(first.part.clone(), kind, |trace| {
            for &index in part {
                let block = &plan.blocks[index];
                let inputs: Vec<MapId> = block
                    .inputs
                    .iter()
                    .map(|place| match place {
                        Place::Image => 0,
                        Place::Block(block) => values[*block],
                    })
                    .collect();
                values.push(self::block(trace, plan, block, &inputs));
            }
            values[values.len() - 1]
        });
    }
    trace
}

/// The cost of a network, the auxiliary classifier left out.
///
/// Cells are many and may be large, but few of them differ: each of those is written down once, and forgotten.
pub(super) fn cost(plan: &NetworkPlan) -> Cost {
    let mut different: Vec<(&CellBlock, Vec<MapShape>, Cost)> = Vec::new();
    let mut total = Cost::default();
    for block in &plan.blocks {
        let shapes: Vec<MapShape> = block.inputs.iter().map(|&place| plan.shape(place)).collect();
        let fresh = || {
            let mut trace = Trace::of(shapes[0]);
            let mut inputs = vec![0];
            inputs.extend(shapes[1..].iter().map(|&shape| trace.given(shape)));
            self::block(&mut trace, plan, block, &inputs);
            trace.cost()
        };
        total += match &block.body {
            Body::Auxiliary { .. } => Cost::default(),
            Body::Cell(cell) => {
                let same = |(other, inputs, _): &&(&CellBlock, Vec<MapShape>, Cost)| {
                    *other == cell && *inputs == shapes
                };
                match different.iter().find(same) {
                    Some(&(.., cost)) => cost,
                    None => {
                        let cost = fresh();
                        different.push((cell, shapes.clone(), cost));
                        cost
                    }
                }
            }
            Body::Steps { .. } | Body::Residual { .. } => fresh(),
        };
    }
    total
}

fn block(trace: &mut Trace, plan: &NetworkPlan, block: &Block, inputs: &[MapId]) -> MapId {
    let name = || block.name.clone();
    match &block.body {
        Body::Steps { operation, steps, .. } => {
            trace.layer(name(), operation, None, |trace| self::steps(trace, steps, inputs[0]))
        }
        Body::Auxiliary { .. } => inputs[0],
        Body::Residual { main, shortcut } => trace.layer(name(), "residual_reduction", None, |trace| {
            let long = self::steps(trace, main, inputs[0]);
            let short = self::steps(trace, shortcut, inputs[0]);
            trace.add(long, short)
        }),
        Body::Cell(cell) => self::cell(trace, plan, block, cell, inputs),
    }
}

pub(super) fn steps(trace: &mut Trace, steps: &[Step], x: MapId) -> MapId {
    steps.iter().fold(x, |x, step| {
        let output = step.output(trace.map(x));
        match step {
            Step::Relu => trace.relu(x),
            Step::Pool(_) | Step::AverageWindows { .. } | Step::Noise { .. } => trace.pool(x, output),
            Step::Convolution(conv) => {
                let weights = conv.shape().iter().fold(1u64, |all, &side| all.saturating_mul(side as u64));
                let y = trace.convolution(x, weights, output);
                if conv.bias == Bias::PerChannel { trace.bias(y) } else { y }
            }
            Step::Halve(halve) => {
                let halves = halve.halves().into_iter().filter(|&half| half > 0);
                let halves: Vec<MapId> = halves
                    .map(|half| {
                        let weights = (halve.inputs as u64).saturating_mul(half as u64);
                        trace.convolution(x, weights, MapShape { channels: half, ..output })
                    })
                    .collect();
                trace.join(halves)
            }
            Step::Norm(norm) => trace.norm(x, if norm.affine { Norm::Affine } else { Norm::Plain }),
            Step::Mean => trace.mean(x),
            Step::Linear(linear) => trace.linear(x, linear.outputs),
        }
    })
}

/// Each node is the sum of its operations, taken in order.
fn cell(trace: &mut Trace, plan: &NetworkPlan, block: &Block, cell: &CellBlock, inputs: &[MapId]) -> MapId {
    let kind = plan.cell_type(cell);
    let mut states = Vec::with_capacity(kind.inputs + kind.nodes);
    for (i, &input) in inputs.iter().enumerate() {
        let (operation, steps) = plan.preparation(block, cell, i);
        let prepared = |trace: &mut Trace| self::steps(trace, &steps, input);
        states.push(match steps.is_empty() {
            true => input,
            false => trace.layer(format!("{}.preprocess{i}", block.name), operation, None, prepared),
        });
    }
    let mut sums: Vec<Option<MapId>> = vec![None; kind.nodes];
    for (at, edge) in kind.edges.iter().enumerate() {
        let target = edge.target - kind.inputs;
        // All earlier nodes are complete: edges come by target.
        while states.len() < edge.target {
            let done = sums[states.len() - kind.inputs];
            states.push(done.unwrap_or_else(|| zero(trace, block, cell)));
        }
        let source = states[edge.source];
        let seen = trace.part(source, kind.seen(cell.channels));
        let mut sum = if kind.share == 1 { sums[target] } else { None };
        for (candidate, &primitive) in edge.candidates.iter().enumerate() {
            let Some(steps) = kind.steps(at, candidate, cell.channels, cell.norms) else { continue };
            let name = format!("{}.{}", block.name, kind.candidate_name(at, candidate));
            let between = Edge { source: edge.source, target: edge.target };
            let term =
                trace.layer(name, primitive.name(), Some(between), |trace| self::steps(trace, &steps, seen));
            sum = Some(match sum {
                None => term,
                Some(sum) => trace.add(sum, term),
            });
        }
        if kind.share > 1 {
            let rest = cell.channels - kind.seen(cell.channels);
            let mut beside = trace.part(source, rest);
            if edge.stride > 1 {
                let map = trace.map(beside);
                let size = map.size.map(|side| side.div_ceil(edge.stride));
                beside = trace.pool(beside, MapShape { size, ..map });
            }
            let whole = trace.join(sum.into_iter().chain([beside]).collect());
            sum = Some(match sums[target] {
                None => whole,
                Some(before) => trace.add(before, whole),
            });
        }
        sums[target] = sum;
    }
    while states.len() < kind.inputs + kind.nodes {
        let done = sums[states.len() - kind.inputs];
        states.push(done.unwrap_or_else(|| zero(trace, block, cell)));
    }
    trace.join(kind.output.nodes().iter().map(|&node| states[node]).collect())
}

/// A node that reads nothing.
fn zero(trace: &mut Trace, block: &Block, cell: &CellBlock) -> MapId {
    trace.given(MapShape { channels: cell.channels, size: block.output.size })
}
