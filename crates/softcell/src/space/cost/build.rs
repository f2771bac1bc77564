//! From the description of a network to its forward pass.

use super::shape::{Grid, Map, NetworkShape};
use super::trace::{MapId, Norm, Trace};
use crate::space::genotype::{CellGene, EdgeGene, Genotype};
use crate::space::primitive::Primitive;
use crate::space::topology::{CellKind, Edge, MacroLayout, N_INPUTS, StemKind};

/// Channels of the stem of small images, in multiples of the first cell's.
const STEM_MULTIPLIER: u64 = 3;

/// The forward pass of the network built from `genotype`, the auxiliary head left out.
pub(super) fn derived(genotype: &Genotype, shape: &NetworkShape) -> Trace {
    let channels = shape.init_channels as u64;
    let mut trace = Trace::of(image(shape.image_shape));
    let inputs = match shape.stem {
        StemKind::Cifar => cifar_stem(&mut trace, STEM_MULTIPLIER.saturating_mul(channels)),
        StemKind::Imagenet => imagenet_stem(&mut trace, channels),
    };
    let plan = |kind| CellPlan::of(genotype.cell(kind));
    let stack = Stack { n_cells: shape.n_cells, channels, norm: Norm::Affine, plan: &plan };
    let features = stack.build(&mut trace, inputs);
    head(&mut trace, features, shape.classes as u64);
    trace
}

/// Map 0.
pub(super) fn image([channels, height, width]: [usize; 3]) -> Map {
    Map { channels: channels as u64, grid: Grid { height: height as u64, width: width as u64 } }
}

/// The two inputs of a cell: node 0 and node 1.
#[derive(Copy, Clone)]
pub(super) struct Inputs {
    pub older: MapId,
    pub newer: MapId,
    /// Whether the older one has twice the size of the newer.
    pub after_reduction: bool,
}

/// A convolution 3×3 and normalisation.
fn conv3x3(trace: &mut Trace, x: MapId, channels: u64, stride: u64) -> MapId {
    let Map { channels: from, grid } = trace.map(x);
    let weights = 9u64.saturating_mul(from).saturating_mul(channels);
    let y = trace.convolution(x, weights, Map { channels, grid: grid.strided(stride) });
    trace.norm(y, Norm::Affine)
}

pub(super) fn cifar_stem(trace: &mut Trace, channels: u64) -> Inputs {
    let stem = trace.block("stem".into(), None, |trace| {
        trace.layer("stem".into(), "conv_3x3", None, |trace| conv3x3(trace, 0, channels, 1))
    });
    Inputs { older: stem, newer: stem, after_reduction: false }
}

/// Three convolutions of stride 2: to a quarter of the sides, and on to an eighth.
fn imagenet_stem(trace: &mut Trace, channels: u64) -> Inputs {
    let mut older = 0;
    let newer = trace.block("stem".into(), None, |trace| {
        older = trace.layer("stem0".into(), "conv_3x3_twice", None, |trace| {
            let half = conv3x3(trace, 0, channels / 2, 2);
            let half = trace.relu(half);
            conv3x3(trace, half, channels, 2)
        });
        trace.layer("stem1".into(), "relu_conv_3x3", None, |trace| {
            let quarter = trace.relu(older);
            conv3x3(trace, quarter, channels, 2)
        })
    });
    Inputs { older, newer, after_reduction: true }
}

/// Mean over all pixels and classifier.
pub(super) fn head(trace: &mut Trace, features: MapId, classes: u64) {
    let pooled = trace.block("global_pooling".into(), None, |trace| {
        trace.layer("global_pooling".into(), "mean_of_pixels", None, |trace| trace.mean(features))
    });
    trace.block("classifier".into(), None, |trace| {
        trace.layer("classifier".into(), "linear", None, |trace| trace.linear(pooled, classes))
    });
}

/// What a cell does, node by node.
pub(super) struct CellPlan {
    /// Operations and their sources, for each node.
    pub nodes: Vec<Vec<(Primitive, usize)>>,
    /// The nodes joined as its output.
    pub concat: Vec<usize>,
}

impl CellPlan {
    fn of(cell: &CellGene) -> CellPlan {
        let node = |genes: &Vec<EdgeGene>| genes.iter().map(|gene| (gene.primitive, gene.source)).collect();
        CellPlan { nodes: cell.nodes.iter().map(node).collect(), concat: cell.concat.clone() }
    }
}

/// The cells between stem and classifier.
pub(super) struct Stack<'a> {
    pub n_cells: usize,
    /// Of the first cell.
    pub channels: u64,
    pub norm: Norm,
    pub plan: &'a dyn Fn(CellKind) -> CellPlan,
}

impl Stack<'_> {
    /// All cells; returns the output of the last.
    pub fn build(&self, trace: &mut Trace, mut inputs: Inputs) -> MapId {
        let plans = CellKind::ALL.map(|kind| (kind, (self.plan)(kind)));
        let mut channels = self.channels;
        for (i, kind) in (MacroLayout { n_cells: self.n_cells }).kinds().into_iter().enumerate() {
            if kind == CellKind::Reduction {
                channels = channels.saturating_mul(2);
            }
            let (_, plan) = plans.iter().find(|(of, _)| *of == kind).expect("there is a plan for each kind");
            let name = format!("cells.{i}");
            let cell = Cell { name: &name, kind, channels, norm: self.norm, plan };
            let output = trace.block(name.clone(), Some(kind), |trace| cell.build(trace, inputs));
            let after_reduction = kind == CellKind::Reduction;
            inputs = Inputs { older: inputs.newer, newer: output, after_reduction };
        }
        inputs.newer
    }
}

pub(super) struct Cell<'a> {
    pub name: &'a str,
    pub kind: CellKind,
    pub channels: u64,
    pub norm: Norm,
    pub plan: &'a CellPlan,
}

impl Cell<'_> {
    /// Each node is the sum of its operations, taken in order; the output joins the nodes of `concat`.
    pub fn build(&self, trace: &mut Trace, inputs: Inputs) -> MapId {
        let halve = inputs.after_reduction;
        let mut states = vec![
            self.preprocess(trace, "preprocess0", inputs.older, halve),
            self.preprocess(trace, "preprocess1", inputs.newer, false),
        ];
        let mut place = 0;
        for (node, terms) in self.plan.nodes.iter().enumerate() {
            let mut sum = None;
            for &(primitive, source) in terms {
                let name = format!("{}._ops.{place}", self.name);
                place += 1;
                if primitive == Primitive::None {
                    continue;
                }
                let edge = Edge { source, target: node + N_INPUTS };
                let stride = self.kind.stride(source) as u64;
                let term = trace.layer(name, primitive.name(), Some(edge), |trace| {
                    operation(trace, primitive, states[source], stride, self.norm)
                });
                sum = Some(match sum {
                    None => term,
                    Some(sum) => trace.add(sum, term),
                });
            }
            states.push(sum.expect("a checked genotype has an operation at each node"));
        }
        trace.join(self.plan.concat.iter().map(|&node| states[node]).collect())
    }

    /// Brings an input to the cell's channels, and to half its sides where asked to.
    fn preprocess(&self, trace: &mut Trace, name: &str, x: MapId, halve: bool) -> MapId {
        let name = format!("{}.{name}", self.name);
        if halve {
            return trace.layer(name, "factorized_reduce", None, |trace| {
                trace.factorized_reduce(x, self.channels, self.norm)
            });
        }
        trace.layer(name, "relu_conv_1x1", None, |trace| {
            let Map { channels: from, grid } = trace.map(x);
            let x = trace.relu(x);
            let output = Map { channels: self.channels, grid };
            let y = trace.convolution(x, from.saturating_mul(self.channels), output);
            trace.norm(y, self.norm)
        })
    }
}

/// One operation on an edge.
fn operation(trace: &mut Trace, primitive: Primitive, x: MapId, stride: u64, norm: Norm) -> MapId {
    let Map { channels, grid } = trace.map(x);
    let full = channels.saturating_mul(channels);
    let mut separable = |x: MapId, side: u64, stride: u64| {
        let output = Map { channels, grid: trace.map(x).grid.strided(stride) };
        let x = trace.relu(x);
        let x = trace.convolution(x, (side * side).saturating_mul(channels), output);
        let x = trace.convolution(x, full, output);
        trace.norm(x, norm)
    };
    let mut twice = |side: u64| {
        let half_way = separable(x, side, stride);
        separable(half_way, side, 1)
    };
    match primitive {
        Primitive::None => unreachable!("`none` is no operation: it is left out before"),
        Primitive::MaxPool3x3 | Primitive::AvgPool3x3 => trace.pool(x, stride),
        Primitive::SkipConnect if stride == 1 => x,
        Primitive::SkipConnect => trace.factorized_reduce(x, channels, norm),
        Primitive::SepConv3x3 => twice(3),
        Primitive::SepConv5x5 => twice(5),
        Primitive::SepConv7x7 => twice(7),
        Primitive::DilConv3x3 => separable(x, 3, stride),
        Primitive::DilConv5x5 => separable(x, 5, stride),
        Primitive::Conv7x1_1x7 => {
            let weights = full.saturating_mul(7);
            let output = grid.strided(stride);
            let between = Map { channels, grid: Grid { height: grid.height, width: output.width } };
            let x = trace.relu(x);
            let x = trace.convolution(x, weights, between);
            let x = trace.convolution(x, weights, Map { channels, grid: output });
            trace.norm(x, norm)
        }
    }
}
