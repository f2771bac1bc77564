//! What a cell computes, as data: from the description that callers give to the steps that bodies take.

use std::ops::Range;
use std::sync::Arc;

use crate::Pool;
use crate::support::vector::{Isa, isa};

/// What an edge does with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The source itself (stride 1).
    Identity,
    /// ReLU, concat(1×1 convolution of the even pixels, of the odd pixels), normalisation (stride 2).
    Halve,
    /// 3×3 pooling with padding 1, with or without a normalisation (never affine) behind it.
    Pool {
        /// Maximum or average.
        kind: Pool,
        /// With a normalisation.
        normalise: bool,
    },
    /// Twice: ReLU, depthwise, pointwise, normalisation; the stride is in the first half.
    Separable {
        /// Side of the depthwise kernel: 3, 5 or 7.
        kernel: usize,
    },
    /// ReLU, depthwise with dilation 2, pointwise, normalisation.
    Dilated {
        /// Side of the depthwise kernel: 3 or 5.
        kernel: usize,
    },
}

/// One summand of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The state it reads: 0 and 1 are the preprocessed inputs, 2 is the first node.
    pub source: usize,
    /// The state it is added to.
    pub target: usize,
    /// What it computes.
    pub operation: Operation,
    /// 1 or 2.
    pub stride: usize,
}

/// An input of a cell: channels in equal groups, each filled up to whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputChannels {
    /// Groups (the nodes of the cell that made it).
    pub groups: usize,
    /// Channels of a group.
    pub channels: usize,
}

impl InputChannels {
    /// All channels.
    pub fn total(&self) -> usize {
        self.groups * self.channels
    }
}

/// Description of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellConfig {
    /// Channels of every state.
    pub channels: usize,
    /// The two inputs.
    pub inputs: [InputChannels; 2],
    /// Whether preprocessing halves an input (as [`Operation::Halve`]) instead of keeping its size (ReLU, 1×1
    /// convolution, normalisation).
    pub halve: [bool; 2],
    /// Whether normalisations have a scale and a shift (those after pooling never have).
    pub affine: bool,
    /// Number of intermediate nodes.
    pub nodes: usize,
    /// The summands, in the order of their weights; sources come before targets.
    pub terms: Vec<Term>,
    /// The states whose concatenation is the output, in ascending order.
    pub output: Vec<usize>,
    /// Channels of a block in memory, 8 or 16: see [`block_lanes`]. The same for all cells of a network.
    pub lanes: usize,
    /// Added to variances.
    pub epsilon: f64,
}

/// Description of a 3×3 convolution and the normalisation behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvolutionConfig {
    /// Channels in.
    pub input: InputChannels,
    /// Channels out.
    pub channels: usize,
    /// 1 or 2.
    pub stride: usize,
    /// With a rectifier in front.
    pub rectify: bool,
    /// Channels of a block in memory, as in [`CellConfig`].
    pub lanes: usize,
    /// Added to the variance.
    pub epsilon: f64,
}

/// How a cell's channels lie in memory: blocks of `lanes` channels, the last of a group filled with zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    /// Real channels of each block; stages of the same width share them.
    pub channels: Arc<[usize]>,
    /// Channels of a block, filling included.
    pub lanes: usize,
}

/// The best block for a network whose narrowest cell has so many channels: 16 channels, or 8 where these few
/// fit in and the CPU works on no more at once.
pub fn block_lanes(channels: usize) -> usize {
    if channels <= 8 && isa() < Isa::Avx512 { 8 } else { 16 }
}

impl Blocks {
    pub fn new(groups: usize, channels: usize, lanes: usize) -> Self {
        let group = (0..channels).step_by(lanes).map(|first| (channels - first).min(lanes));
        Self { channels: std::iter::repeat_n(group, groups).flatten().collect(), lanes }
    }

    /// The same so many times, side by side.
    fn repeated(&self, times: usize) -> Self {
        let channels = (0..times).flat_map(|_| self.channels.iter().copied()).collect();
        Self { channels, lanes: self.lanes }
    }

    /// Number of blocks.
    pub fn count(&self) -> usize {
        self.channels.len()
    }

    /// Values of a pixel, filling included.
    pub fn width(&self) -> usize {
        self.count() * self.lanes
    }

    /// Real channels.
    pub fn total(&self) -> usize {
        self.channels.iter().sum()
    }

    /// Where each real channel lies among the values of a pixel.
    pub fn positions(&self) -> Vec<usize> {
        let lanes = self.lanes;
        (self.channels.iter().enumerate())
            .flat_map(|(block, &channels)| (0..channels).map(move |channel| block * lanes + channel))
            .collect()
    }
}

/// What a stage reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An input of the cell.
    Input(usize),
    /// A state.
    State(usize),
    /// What another stage computed, normalised.
    Stage(usize),
}

/// What a stage does between the rectifier and the pointwise convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// Nothing.
    Keep,
    /// The even and the odd pixels side by side.
    Halve,
    /// A depthwise convolution.
    Depthwise { kernel: usize, dilation: usize },
    /// The nine pixels of a 3×3 window side by side: with the pointwise convolution behind it an ordinary
    /// convolution with padding 1.
    Window,
}

/// Pixels of a [`Spread::Window`].
pub(super) const WINDOW: usize = 9;

/// Where the gradient of a stage's normalised result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// It is a summand.
    Summand(usize),
    /// Another stage reads it.
    Stage(usize),
}

/// ReLU (if wanted), spread, pointwise convolution: everything between two normalisations.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub source: Source,
    /// With a rectifier in front.
    pub rectify: bool,
    pub spread: Spread,
    pub stride: usize,
    /// Channels of the source.
    pub source_blocks: Blocks,
    /// Channels the pointwise convolution reads.
    pub spread_blocks: Blocks,
    /// The depthwise weight, `[C, 1, k, k]`, in the flat weights.
    pub depthwise: Range<usize>,
    /// The pointwise weights, one or two matrices `[O, I]`, in the flat weights.
    pub pointwise: Vec<Range<usize>>,
    pub norm: usize,
    pub reader: Reader,
}

impl Stage {
    /// Margin that the windows need around the source.
    pub fn padding(&self) -> usize {
        match self.spread {
            Spread::Keep => 0,
            Spread::Halve | Spread::Window => 1,
            Spread::Depthwise { kernel, dilation } => dilation * (kernel - 1) / 2,
        }
    }
}

/// A pooled state, computed once for all edges that want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PooledMap {
    pub state: usize,
    pub kind: Pool,
    pub stride: usize,
}

/// A map that normalisations and nodes read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Map {
    Stage(usize),
    Pool(usize),
    State(usize),
}

/// A batch normalisation.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub map: Map,
    /// Scale and shift in the flat weights.
    pub affine: Option<[Range<usize>; 2]>,
}

/// One summand of a state (preprocessing included).
#[derive(Clone, Debug)]
pub(super) struct Summand {
    pub target: usize,
    pub map: Map,
    pub norm: Option<usize>,
    /// Which of the caller's terms it is; `None` for preprocessing.
    pub term: Option<usize>,
}

/// The steps of a cell.
#[derive(Clone, Debug)]
pub struct CellPlan {
    pub(super) config: CellConfig,
    pub(super) blocks: Blocks,
    /// How many inputs there are; as many states come from them directly.
    pub(super) inputs: usize,
    pub(super) stages: Vec<Stage>,
    pub(super) pools: Vec<PooledMap>,
    pub(super) norms: Vec<Norm>,
    pub(super) summands: Vec<Summand>,
    pub(super) weights: usize,
}

impl CellPlan {
    /// The plan of a cell, or `None` if the fast body cannot run it: an operation it does not know, edges of
    /// different stride from one state, an output that is not in ascending order.
    ///
    /// # Panics
    ///
    /// If a term reads a state that is not complete before its target.
    pub fn new(config: CellConfig) -> Option<Self> {
        let ascending = config.output.windows(2).all(|pair| pair[0] < pair[1]);
        let known = config.terms.iter().all(|term| match term.operation {
            Operation::Identity => term.stride == 1,
            Operation::Halve => term.stride == 2,
            Operation::Pool { .. } => true,
            Operation::Separable { kernel } => matches!(kernel, 3 | 5 | 7),
            Operation::Dilated { kernel } => matches!(kernel, 3 | 5),
        });
        let every_node = (2..config.nodes + 2).all(|node| config.terms.iter().any(|t| t.target == node));
        let one_stride = config
            .terms
            .iter()
            .all(|term| config.terms.iter().all(|t| t.source != term.source || t.stride == term.stride));
        if !ascending
            || !known
            || !every_node
            || !one_stride
            || config.output.first().is_none_or(|&first| first < 2)
        {
            return None;
        }
        let lanes = config.lanes;
        let mut plan = Self::empty(config.clone(), 2);
        for input in 0..2 {
            let InputChannels { groups, channels } = config.inputs[input];
            let blocks = Blocks::new(groups, channels, lanes);
            let (spread, stride) = if config.halve[input] { (Spread::Halve, 2) } else { (Spread::Keep, 1) };
            let reader = Reader::Summand(plan.summands.len());
            let stage = plan.stage(Source::Input(input), blocks, spread, stride, reader);
            plan.summand(input, Map::Stage(stage), Some(plan.stages[stage].norm), None);
        }
        for (index, term) in config.terms.iter().enumerate() {
            assert!(
                term.source < term.target && term.target < config.nodes + 2,
                "a term from state {} to state {} in a cell of {} nodes",
                term.source,
                term.target,
                config.nodes
            );
            plan.term(index, *term);
        }
        Some(plan)
    }

    /// The plan of a 3×3 convolution with padding 1 and an affine normalisation behind it. A cell of this plan
    /// has one input (its second one is ignored) and no terms.
    ///
    /// Its flat weights are those of the convolution, `[O, I, 3, 3]`, then scale and shift of the normalisation.
    pub fn convolution(config: ConvolutionConfig) -> Self {
        let ConvolutionConfig { input, channels, stride, rectify, lanes, epsilon } = config;
        let mut plan = Self::empty(
            CellConfig {
                channels,
                inputs: [input; 2],
                halve: [false; 2],
                affine: true,
                nodes: 0,
                terms: Vec::new(),
                output: vec![0],
                lanes,
                epsilon,
            },
            1,
        );
        let blocks = Blocks::new(input.groups, input.channels, lanes);
        let stage = plan.stage(Source::Input(0), blocks, Spread::Window, stride, Reader::Summand(0));
        plan.stages[stage].rectify = rectify;
        plan.summand(0, Map::Stage(stage), Some(plan.stages[stage].norm), None);
        plan
    }

    fn empty(config: CellConfig, inputs: usize) -> Self {
        Self {
            blocks: Blocks::new(1, config.channels, config.lanes),
            config,
            inputs,
            stages: Vec::new(),
            pools: Vec::new(),
            norms: Vec::new(),
            summands: Vec::new(),
            weights: 0,
        }
    }

    fn term(&mut self, index: usize, term: Term) {
        let source = Source::State(term.source);
        let blocks = self.blocks.clone();
        let reader = Reader::Summand(self.summands.len());
        let depthwise = |kernel, dilation| Spread::Depthwise { kernel, dilation };
        let (map, norm) = match term.operation {
            Operation::Identity => (Map::State(term.source), None),
            Operation::Pool { kind, normalise } => {
                let wanted = PooledMap { state: term.source, kind, stride: term.stride };
                let pool = self.pools.iter().position(|&pool| pool == wanted).unwrap_or_else(|| {
                    self.pools.push(wanted);
                    self.pools.len() - 1
                });
                let map = Map::Pool(pool);
                (map, normalise.then(|| self.norm(map, false)))
            }
            Operation::Halve => self.read(source, blocks, Spread::Halve, 2, reader),
            Operation::Dilated { kernel } => {
                self.read(source, blocks, depthwise(kernel, 2), term.stride, reader)
            }
            Operation::Separable { kernel } => {
                let spread = depthwise(kernel, 1);
                let second = Reader::Stage(self.stages.len() + 1);
                let first = self.stage(source, blocks.clone(), spread, term.stride, second);
                self.read(Source::Stage(first), blocks, spread, 1, reader)
            }
        };
        self.summand(term.target, map, norm, Some(index));
    }

    fn summand(&mut self, target: usize, map: Map, norm: Option<usize>, term: Option<usize>) {
        self.summands.push(Summand { target, map, norm, term });
    }

    fn read(
        &mut self,
        source: Source,
        blocks: Blocks,
        spread: Spread,
        stride: usize,
        reader: Reader,
    ) -> (Map, Option<usize>) {
        let stage = self.stage(source, blocks, spread, stride, reader);
        (Map::Stage(stage), Some(self.stages[stage].norm))
    }

    fn stage(
        &mut self,
        source: Source,
        source_blocks: Blocks,
        spread: Spread,
        stride: usize,
        reader: Reader,
    ) -> usize {
        let (inputs, outputs) = (source_blocks.total(), self.config.channels);
        let mut spread_blocks = source_blocks.clone();
        let mut depthwise = 0..0;
        let pointwise = match spread {
            Spread::Halve => {
                spread_blocks = spread_blocks.repeated(2);
                let half = outputs / 2;
                vec![self.take(half * inputs), self.take((outputs - half) * inputs)]
            }
            Spread::Keep => vec![self.take(outputs * inputs)],
            Spread::Window => {
                spread_blocks = spread_blocks.repeated(WINDOW);
                vec![self.take(WINDOW * outputs * inputs)]
            }
            Spread::Depthwise { kernel, .. } => {
                depthwise = self.take(inputs * kernel * kernel);
                vec![self.take(outputs * inputs)]
            }
        };
        let index = self.stages.len();
        let norm = self.norm(Map::Stage(index), self.config.affine);
        self.stages.push(Stage {
            source,
            rectify: true,
            spread,
            stride,
            source_blocks,
            spread_blocks,
            depthwise,
            pointwise,
            norm,
            reader,
        });
        index
    }

    fn norm(&mut self, map: Map, affine: bool) -> usize {
        let channels = self.config.channels;
        let affine = affine.then(|| [self.take(channels), self.take(channels)]);
        self.norms.push(Norm { map, affine });
        self.norms.len() - 1
    }

    fn take(&mut self, count: usize) -> Range<usize> {
        let range = self.weights..self.weights + count;
        self.weights = range.end;
        range
    }

    /// Length of the flat weights: preprocessing, then term by term; each stage's depthwise and pointwise
    /// weights, then the scale and shift of its normalisation.
    pub fn weights(&self) -> usize {
        self.weights
    }

    /// Number of normalisations, in the order of the flat weights.
    pub fn norms(&self) -> usize {
        self.norms.len()
    }

    /// Channels of every state.
    pub fn channels(&self) -> usize {
        self.config.channels
    }

    /// How the output's channels are grouped.
    pub fn output_channels(&self) -> InputChannels {
        InputChannels { groups: self.config.output.len(), channels: self.config.channels }
    }

    /// The number of states, preprocessed inputs included.
    pub(super) fn states(&self) -> usize {
        self.inputs + self.config.nodes
    }

    /// The place of a state in the output.
    pub(super) fn slot(&self, state: usize) -> Option<usize> {
        self.config.output.iter().position(|&output| output == state)
    }

    /// Stages that read this.
    pub(super) fn stages_of(&self, source: Source) -> Vec<usize> {
        (0..self.stages.len()).filter(|&stage| self.stages[stage].source == source).collect()
    }

    /// Stages that read what stages of this state computed.
    pub(super) fn second_stages_of(&self, state: usize) -> Vec<usize> {
        let first = self.stages_of(Source::State(state));
        first.into_iter().flat_map(|stage| self.stages_of(Source::Stage(stage))).collect()
    }

    /// Pooled maps of this state.
    pub(super) fn pools_of(&self, state: usize) -> Vec<usize> {
        (0..self.pools.len()).filter(|&pool| self.pools[pool].state == state).collect()
    }

    /// Summands of this state.
    pub(super) fn summands_of(&self, state: usize) -> Vec<usize> {
        (0..self.summands.len()).filter(|&summand| self.summands[summand].target == state).collect()
    }

    /// Summands that read this map.
    pub(super) fn summands_reading(&self, map: Map) -> Vec<usize> {
        (0..self.summands.len()).filter(|&summand| self.summands[summand].map == map).collect()
    }
}
