//! The steps of a cell as data, and questions about them.

use std::ops::Range;

use super::blocks::Blocks;
use super::config::{CellConfig, InputChannels, Preparation};
use crate::Pool;

/// What a stage reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An input of the cell.
    Input(usize),
    /// The channels of a state that operations see.
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
    /// The pixels of a square window of this side side by side: with the pointwise convolution behind it an ordinary
    /// convolution whose padding keeps the size.
    Window(usize),
}

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
    /// Channels of the result.
    pub out_blocks: Blocks,
    /// The depthwise weight, `[C, 1, k, k]`, in the flat weights.
    pub depthwise: Range<usize>,
    /// The pointwise weights, one or two matrices `[O, I]`, in the flat weights.
    pub pointwise: Vec<Range<usize>>,
    pub norm: usize,
    pub reader: Reader,
    /// Which of the caller's terms it is a part of; `None` for the preparation of an input.
    pub term: Option<usize>,
}

impl Stage {
    /// Margin that the windows need around the source.
    pub fn padding(&self) -> usize {
        match self.spread {
            Spread::Keep => 0,
            Spread::Halve => 1,
            Spread::Window(kernel) => (kernel - 1) / 2,
            Spread::Depthwise { kernel, dilation } => dilation * (kernel - 1) / 2,
        }
    }
}

/// A pooled state, computed once for all edges that want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PooledMap {
    pub state: usize,
    pub kind: Pool,
    /// Side of the windows: 3 with padding 1, or 2 without.
    pub side: usize,
    pub stride: usize,
    /// The channels that are pooled, from the first on.
    pub blocks: Blocks,
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
    /// None where its term is not in the plan.
    pub map: Option<Map>,
    /// Its channels.
    pub blocks: Blocks,
    /// Scale and shift in the flat weights.
    pub affine: Option<[Range<usize>; 2]>,
}

/// One summand of a state (preparation included).
#[derive(Clone, Debug)]
pub(super) struct Summand {
    pub target: usize,
    pub map: Map,
    pub norm: Option<usize>,
    /// Which of the caller's terms it is; `None` for preparation.
    pub term: Option<usize>,
    /// Which values of a pixel it is added to (before they are shuffled), from the same ones of its map.
    pub values: Range<usize>,
}

/// Where a state lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is an input as it is.
    Input,
    /// It is this part of the output.
    Output(usize),
    /// In a buffer of its own.
    Own,
}

/// What a part of the flat weights is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The preparation of an input.
    Input(usize),
    /// A term.
    Term(usize),
}

impl Origin {
    /// The term, if it is one.
    pub fn term(self) -> Option<usize> {
        match self {
            Self::Input(_) => None,
            Self::Term(term) => Some(term),
        }
    }
}

/// A tensor in the flat weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightTensor {
    /// `[C, 1, k, k]` for a depthwise, `[O, I, k, k]` for any other convolution, `[C]` for a scale or a shift.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub range: Range<usize>,
}

/// The weights and normalisations of a preparation or of a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellPart {
    /// Whose they are.
    pub origin: Origin,
    /// Its weights: each convolution's, then scale and shift of the normalisation behind it.
    pub tensors: Vec<WeightTensor>,
    /// The numbers of its normalisations.
    pub norms: Range<usize>,
}

/// The steps of a cell.
#[derive(Clone, Debug)]
pub struct CellPlan {
    pub(super) config: CellConfig,
    /// Whether each term is in the plan.
    pub(super) terms: Vec<bool>,
    /// Channels of a state.
    pub(super) blocks: Blocks,
    /// Those of them that operations see.
    pub(super) seen: Blocks,
    pub(super) stages: Vec<Stage>,
    pub(super) pools: Vec<PooledMap>,
    pub(super) norms: Vec<Norm>,
    pub(super) summands: Vec<Summand>,
    pub(super) parts: Vec<CellPart>,
    pub(super) weights: usize,
}

impl CellPlan {
    /// Whether a term is in the plan: in one of [some terms](Self::only) not all are.
    pub fn has(&self, term: usize) -> bool {
        self.terms[term]
    }

    /// What the plan was made from.
    pub fn config(&self) -> &CellConfig {
        &self.config
    }

    /// Length of the flat weights: those of [`Self::parts`], one behind the other.
    pub fn weights(&self) -> usize {
        self.weights
    }

    /// What the flat weights and the normalisations are for: the preparation of each input, then each term. They are
    /// the same in a plan of [some terms](Self::only).
    pub fn parts(&self) -> &[CellPart] {
        &self.parts
    }

    /// Number of normalisations, in the order of the flat weights.
    pub fn norms(&self) -> usize {
        self.norms.len()
    }

    /// Channels of a normalisation.
    pub fn norm_channels(&self, norm: usize) -> usize {
        self.norms[norm].blocks.total()
    }

    /// Channels of every state.
    pub fn channels(&self) -> usize {
        self.config.channels
    }

    /// How the output's channels are grouped.
    pub fn output_channels(&self) -> InputChannels {
        InputChannels { groups: self.config.output.len(), channels: self.config.channels }
    }

    /// How many inputs there are; as many states come from them directly.
    pub(super) fn inputs(&self) -> usize {
        self.config.inputs.len()
    }

    /// The number of states, inputs included.
    pub(super) fn states(&self) -> usize {
        self.inputs() + self.config.nodes
    }

    pub(super) fn place(&self, state: usize) -> Place {
        match self.config.output.iter().position(|&output| output == state) {
            Some(slot) => Place::Output(slot),
            None => match self.config.inputs.get(state) {
                Some(input) if input.preparation == Preparation::None => Place::Input,
                _ => Place::Own,
            },
        }
    }

    /// Whether the channels of this state are shuffled when all its summands are there.
    pub(super) fn is_shuffled(&self, state: usize) -> bool {
        self.config.share > 1 && state >= self.inputs()
    }

    /// For each value of a pixel of a shuffled state, where it comes from.
    pub(super) fn shuffle(&self) -> Vec<usize> {
        let (channels, share) = (self.config.channels, self.config.share);
        (0..self.blocks.width())
            .map(|to| if to < channels { to % share * (channels / share) + to / share } else { to })
            .collect()
    }

    /// For each value of a pixel of a shuffled state, where it goes to.
    pub(super) fn shuffled_from(&self) -> Vec<usize> {
        let mut inverse = vec![0; self.blocks.width()];
        self.shuffle().into_iter().enumerate().for_each(|(to, from)| inverse[from] = to);
        inverse
    }

    /// The channels of a map.
    pub(super) fn blocks_of(&self, map: Map) -> &Blocks {
        match map {
            Map::Stage(stage) => &self.stages[stage].out_blocks,
            Map::Pool(pool) => &self.pools[pool].blocks,
            Map::State(_) => &self.blocks,
        }
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

    /// Whether a summand has values of this block.
    pub(super) fn touches(&self, summand: usize, block: usize) -> bool {
        let (values, lanes) = (&self.summands[summand].values, self.blocks.lanes);
        values.start < (block + 1) * lanes && block * lanes < values.end
    }
}
