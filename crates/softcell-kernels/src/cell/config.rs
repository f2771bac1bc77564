//! What a cell computes, as callers describe it, and which cells the fused body refuses.

use std::fmt;
use std::ops::Range;

use crate::Pool;

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
    /// ReLU, convolution of all channels with all (padding keeps the size), normalisation.
    Convolution {
        /// Side of the kernel: 1 or 3.
        kernel: usize,
    },
    /// The channels that operations do not see ([`CellConfig::share`]): as they are with stride 1, the maximum of 2×2
    /// windows with stride 2. Windows at the end of an odd side have what is left of it, so that the size is that of
    /// all operations, half rounded up; for even sides this is the usual pooling without padding.
    Bypass,
    /// Nothing: a summand of zeros.
    Zero,
}

/// One summand of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The state it reads: the inputs come first (prepared), then the nodes.
    pub source: usize,
    /// The state it is added to.
    pub target: usize,
    /// What it computes.
    pub operation: Operation,
    /// 1 or 2.
    pub stride: usize,
}

/// An input's channels: equal groups, each filled up to whole blocks.
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

/// What is done to an input before operations read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// Nothing: the state is the input, which has the cell's width.
    None,
    /// ReLU, 1×1 convolution, normalisation.
    Keep,
    /// As [`Operation::Halve`].
    Halve,
}

/// An input of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellInput {
    /// Its channels.
    pub channels: InputChannels,
    /// How a state is made of it.
    pub preparation: Preparation,
}

/// Description of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellConfig {
    /// Channels C of every state.
    pub channels: usize,
    /// The part K of a state's channels that operations see: the first C/K, all of them with 1. With more than 1 a
    /// node is `shuffle([Σ op(x[..C/K]), Σ x[C/K..]])`: the operations' sum beside that of its
    /// [bypasses](Operation::Bypass), whose channel `g·C/K + i` becomes channel `i·K + g`.
    pub share: usize,
    /// The inputs, one to [`CellConfig::MAX_INPUTS`]. As many states come first; the nodes follow.
    pub inputs: Vec<CellInput>,
    /// Whether normalisations have a scale and a shift (those after pooling never have).
    pub affine: bool,
    /// Number of intermediate nodes.
    pub nodes: usize,
    /// The summands, in the order of their weights; each leads from a state to a later one, a node.
    pub terms: Vec<Term>,
    /// The nodes whose concatenation is the output, in ascending order. They must have one size, which depends on those
    /// of the inputs: [`cell`](crate::cell) and [`CellPlan::memory`](crate::CellPlan::memory) check it, a plan does not.
    pub output: Vec<usize>,
    /// Channels of a block in memory, 8 or 16, as the inputs have them and the output gets them: cells that read one
    /// another have the same. [`block_lanes`](crate::block_lanes) chooses.
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

/// Why a cell has no plan: what was found and what is expected instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfused {
    /// Blocks of a width that there are no inner loops for.
    Lanes {
        /// Channels of a block.
        lanes: usize,
    },
    /// No input, or too many.
    Inputs {
        /// How many there are.
        count: usize,
    },
    /// States or an input without channels.
    Empty {
        /// Which input; `None` for the states.
        input: Option<usize>,
    },
    /// An input that is a state as it is, but does not lie in memory as one does.
    Unprepared {
        /// Which input.
        input: usize,
        /// Its channels.
        found: InputChannels,
        /// Channels of a state.
        channels: usize,
    },
    /// A share of channels that is not whole.
    Share {
        /// Channels of a state.
        channels: usize,
        /// The part that operations should see.
        share: usize,
    },
    /// A term that leads to no node, or to one that is not behind its source.
    Order {
        /// Which term.
        term: usize,
        /// The state it reads.
        source: usize,
        /// The state it is added to.
        target: usize,
        /// The states that are nodes.
        nodes: Range<usize>,
    },
    /// An operation that is not known with this kernel or stride, or a bypass where operations see all channels.
    Operation {
        /// Which term.
        term: usize,
        /// What it computes.
        operation: Operation,
        /// Its stride.
        stride: usize,
    },
    /// A node that is the target of no term.
    EmptyNode {
        /// Its state.
        node: usize,
    },
    /// A state that operations (other than [`Operation::Zero`], which reads nothing) read with stride 1 and with stride 2.
    Strides {
        /// Which state.
        state: usize,
    },
    /// An output that is empty, not in ascending order, or has a state that is no node.
    Output {
        /// Its states.
        found: Vec<usize>,
    },
}

impl fmt::Display for Unfused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lanes { lanes } => write!(f, "blocks of {lanes} channels: expected 8 or 16"),
            Self::Inputs { count } => {
                write!(f, "a cell of {count} inputs: one to {} are supported", CellConfig::MAX_INPUTS)
            }
            Self::Empty { input: None } => write!(f, "states without channels: expected one or more"),
            Self::Empty { input: Some(input) } => {
                write!(f, "input {input} has no channels: expected one or more")
            }
            Self::Unprepared { input, found, channels } => write!(
                f,
                "input {input} without a preparation has {} groups of {} channels: expected {channels} channels \
                 in one group or in groups that fill whole blocks",
                found.groups, found.channels
            ),
            Self::Share { channels, share } => {
                write!(f, "operations on one of {share} parts of {channels} channels: expected equal parts")
            }
            Self::Order { term, source, target, nodes } => write!(
                f,
                "term {term} leads from state {source} to state {target}: expected one of the nodes {nodes:?} behind \
                 its source"
            ),
            Self::Operation { term, operation: Operation::Bypass, .. } => {
                write!(f, "term {term} is a bypass, but operations see all channels")
            }
            Self::Operation { term, operation, stride } => {
                write!(f, "term {term} is {operation:?} with stride {stride}, which has no fused form")
            }
            Self::EmptyNode { node } => write!(f, "no term leads to state {node}"),
            Self::Strides { state } => {
                write!(f, "state {state} is read with stride 1 and with stride 2: one stride is supported")
            }
            Self::Output { found } => {
                write!(f, "the output is {found:?}: expected one or more nodes in ascending order")
            }
        }
    }
}

impl std::error::Error for Unfused {}

impl CellConfig {
    /// Most inputs that a fused cell can have.
    pub const MAX_INPUTS: usize = 4;

    /// Whether the fused body can run this cell.
    pub(super) fn check(&self) -> Result<(), Unfused> {
        if !known_lanes(self.lanes) {
            return Err(Unfused::Lanes { lanes: self.lanes });
        }
        let count = self.inputs.len();
        if !(1..=Self::MAX_INPUTS).contains(&count) {
            return Err(Unfused::Inputs { count });
        }
        if self.channels == 0 {
            return Err(Unfused::Empty { input: None });
        }
        if let Some(input) = self.inputs.iter().position(|input| input.channels.total() == 0) {
            return Err(Unfused::Empty { input: Some(input) });
        }
        for (input, CellInput { channels: found, preparation }) in self.inputs.iter().enumerate() {
            let blocks = found.groups == 1 || found.channels.is_multiple_of(self.lanes);
            if *preparation == Preparation::None && (found.total() != self.channels || !blocks) {
                return Err(Unfused::Unprepared { input, found: *found, channels: self.channels });
            }
        }
        if self.share == 0 || !self.channels.is_multiple_of(self.share) {
            return Err(Unfused::Share { channels: self.channels, share: self.share });
        }
        let nodes = count..count + self.nodes;
        for (term, &Term { source, target, operation, stride }) in self.terms.iter().enumerate() {
            if source >= target || !nodes.contains(&target) {
                return Err(Unfused::Order { term, source, target, nodes });
            }
            if !operation.known(stride) || (operation == Operation::Bypass && self.share == 1) {
                return Err(Unfused::Operation { term, operation, stride });
            }
            // A term of zeros has a size, but reads nothing.
            let mut readers = self.terms.iter().filter(|other| other.operation != Operation::Zero);
            if operation != Operation::Zero
                && readers.any(|other| other.source == source && other.stride != stride)
            {
                return Err(Unfused::Strides { state: source });
            }
        }
        if let Some(node) = nodes.clone().find(|&node| self.terms.iter().all(|term| term.target != node)) {
            return Err(Unfused::EmptyNode { node });
        }
        let ascending = self.output.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.output.is_empty() || self.output.iter().any(|state| !nodes.contains(state)) {
            return Err(Unfused::Output { found: self.output.clone() });
        }
        Ok(())
    }
}

/// Whether there are inner loops for blocks of so many channels.
pub(super) fn known_lanes(lanes: usize) -> bool {
    matches!(lanes, 8 | 16)
}

impl Operation {
    fn known(self, stride: usize) -> bool {
        matches!(stride, 1 | 2)
            && match self {
                Self::Identity => stride == 1,
                Self::Halve => stride == 2,
                Self::Pool { .. } | Self::Bypass | Self::Zero => true,
                Self::Convolution { kernel } => matches!(kernel, 1 | 3),
                Self::Separable { kernel } => matches!(kernel, 3 | 5 | 7),
                Self::Dilated { kernel } => matches!(kernel, 3 | 5),
            }
    }
}
