//! The blocks of a network, in the order in which they run.

use super::cell::CellType;
use super::steps::{MapShape, Norms, Step, halving, keeping};

/// A network, lowered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetworkPlan {
    /// The images.
    pub image: MapShape,
    /// Number of classes.
    pub classes: usize,
    /// Channels of the first cell.
    pub init_channels: usize,
    /// The kinds of cells.
    pub cells: Vec<CellType>,
    /// What runs, in order.
    pub blocks: Vec<Block>,
}

/// A value in the network: the image, or what a block hands on.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Place {
    /// The image.
    Image,
    /// The output of a block.
    Block(usize),
}

/// A part of the network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// Which one: `stem`, `stem1`, `cells.3`, `classifier`.
    pub name: String,
    /// The part of the network it belongs to: `stem`, `cells.3`, `classifier`.
    pub part: String,
    /// What it reads.
    pub inputs: Vec<Place>,
    /// What it does.
    pub body: Body,
    /// What it hands on.
    pub output: MapShape,
}

/// What a block does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Body {
    /// One step after the other.
    Steps {
        /// What they are together, such as `conv_3x3`.
        operation: &'static str,
        /// The steps.
        steps: Vec<Step>,
    },
    /// A cell.
    Cell(CellBlock),
    /// `main(x) + shortcut(x)`.
    Residual {
        /// The longer way.
        main: Vec<Step>,
        /// The shorter way.
        shortcut: Vec<Step>,
    },
    /// The auxiliary classifier: steps that only training runs, whose output is no part of the network's.
    Auxiliary {
        /// The steps.
        steps: Vec<Step>,
    },
}

/// A cell in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CellBlock {
    /// Its kind, by its place in [`NetworkPlan::cells`].
    pub cell: usize,
    /// How each input is brought to its channels and size.
    pub preparations: Vec<Preparation>,
    /// Channels of each node.
    pub channels: usize,
    /// Of its operations and preparations.
    pub norms: Norms,
}

/// How an input of a cell is brought to its channels and size.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Preparation {
    /// It has them.
    None,
    /// ReLU, 1×1 convolution, normalisation.
    Keep,
    /// Factorized reduce: it has twice the sides.
    Halve,
}

impl Preparation {
    /// The steps, and what they are together.
    pub fn steps(self, inputs: usize, outputs: usize, affine: bool) -> (&'static str, Vec<Step>) {
        match self {
            Preparation::None => ("identity", Vec::new()),
            Preparation::Keep => ("relu_conv_1x1", keeping(inputs, outputs, affine)),
            Preparation::Halve => ("factorized_reduce", halving(inputs, outputs, affine)),
        }
    }
}

impl NetworkPlan {
    /// Channels, height and width of a value.
    pub fn shape(&self, place: Place) -> MapShape {
        match place {
            Place::Image => self.image,
            Place::Block(block) => self.blocks[block].output,
        }
    }

    /// The shape of a block's i-th input.
    pub fn input(&self, block: &Block, input: usize) -> MapShape {
        self.shape(block.inputs[input])
    }

    /// Equal groups that the channels of a value come in: the nodes that a cell joins.
    pub fn groups(&self, place: Place) -> usize {
        match place {
            Place::Image => 1,
            Place::Block(block) => match &self.blocks[block].body {
                Body::Cell(cell) => self.cells[cell.cell].output.nodes().len(),
                _ => 1,
            },
        }
    }

    /// The cells, as they follow one another.
    pub fn cell_blocks(&self) -> impl Iterator<Item = &CellBlock> {
        self.blocks.iter().filter_map(|block| match &block.body {
            Body::Cell(cell) => Some(cell),
            _ => None,
        })
    }

    /// The kind of a block that is a cell.
    pub fn cell_type(&self, cell: &CellBlock) -> &CellType {
        &self.cells[cell.cell]
    }

    /// Steps of the preparation of a cell's i-th input.
    pub fn preparation(&self, block: &Block, cell: &CellBlock, input: usize) -> (&'static str, Vec<Step>) {
        let channels = self.input(block, input).channels;
        cell.preparations[input].steps(channels, cell.channels, cell.norms.affine)
    }

    /// The auxiliary classifier, whose output no block reads.
    pub fn auxiliary(&self) -> Option<usize> {
        self.blocks.iter().position(|block| matches!(block.body, Body::Auxiliary { .. }))
    }

    /// For each block the last one that reads its output; itself where none does.
    pub fn last_readers(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.blocks.len()).collect();
        for (reader, block) in self.blocks.iter().enumerate() {
            for place in &block.inputs {
                if let Place::Block(read) = place {
                    last[*read] = reader;
                }
            }
        }
        last
    }
}
