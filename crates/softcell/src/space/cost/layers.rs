//! Cost and memory of a derived network, layer by layer.

use serde::Serialize;

use super::Cost;
use super::shape::NetworkShape;
use super::trace::Trace;
use super::walk;
use crate::space::genotype::Genotype;
use crate::space::plan::NetworkPlan;
use crate::space::topology::{CellKind, Edge};

/// Cost and memory of a network and of its parts, for one image; the auxiliary head is left out.
///
/// The memory is that of the maps between the layers, weights left out, in f32 and for a batch of one. The
/// layers run in the order of the table, each as its elementary operations (ReLU, convolution,
/// normalisation, pooling, sum, joining, mean, linear): none is merged with another, none works in place,
/// each writes a map of its own, and a map is given back after the last operation that reads it. What an
/// operation needs within itself is not counted. So this is what a plain interpreter of the graph takes;
/// one that folds normalisations and rectifies in place takes less.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LayerTable {
    /// Of the whole network: the sum over the blocks.
    #[serde(flatten)]
    pub cost: Cost,
    /// Most memory that the maps take at the same time, in bytes, the image included.
    pub peak_activation_bytes: u64,
    /// Name of the first block in which they do.
    pub peak_block: String,
    /// Stem, cells, pooling, classifier.
    pub blocks: Vec<BlockCost>,
}

/// A part of the network: the stem, a cell, the pooling or the classifier.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct BlockCost {
    /// `stem`, `cells.0`, …, `global_pooling`, `classifier`.
    pub name: String,
    /// Kind of the cell; none for a block that is no cell.
    pub kind: Option<CellKind>,
    /// Channels, height and width of its output.
    pub output: [u64; 3],
    /// The sum over its layers: sums of nodes and their joining cost nothing.
    #[serde(flatten)]
    pub cost: Cost,
    /// Memory of its output, in bytes.
    pub output_bytes: u64,
    /// Most memory that maps take at the same time while it runs, those kept for later included.
    pub peak_activation_bytes: u64,
    /// Its layers, in the order in which they run.
    pub layers: Vec<LayerCost>,
}

/// A layer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LayerCost {
    /// Its prefix in the original's state dict, such as `cells.3.preprocess0` or `cells.3._ops.7`.
    pub name: String,
    /// What it does, such as `sep_conv_3x3`.
    pub operation: String,
    /// From which node of the cell to which; none for a layer that is on no edge.
    pub edge: Option<Edge>,
    /// Channels, height and width of its output.
    pub output: [u64; 3],
    /// Its weights and multiply-adds.
    #[serde(flatten)]
    pub cost: Cost,
    /// Memory of its output, in bytes; an identity has its input's.
    pub output_bytes: u64,
}

/// Cost and memory of the network built from `genotype`, layer by layer.
///
/// # Panics
/// If the genotype does not pass [`Genotype::check`].
pub fn derived_layers(genotype: &Genotype, shape: &NetworkShape) -> LayerTable {
    NetworkPlan::derived(genotype, &shape.into()).layers()
}

impl NetworkPlan {
    /// Cost and memory, layer by layer.
    pub fn layers(&self) -> LayerTable {
        layers(&walk::trace(self))
    }
}

fn layers(trace: &Trace) -> LayerTable {
    let alive = trace.alive();
    let blocks: Vec<BlockCost> = trace
        .blocks()
        .iter()
        .map(|block| {
            let layers = block.label.layers.iter().map(|layer| {
                let output = trace.map(layer.output);
                LayerCost {
                    name: layer.label.name.clone(),
                    operation: layer.label.operation.to_owned(),
                    edge: layer.label.edge,
                    output: output.dims(),
                    cost: trace.cost_of(&layer.steps),
                    output_bytes: output.bytes(),
                }
            });
            let output = trace.map(block.output);
            BlockCost {
                name: block.label.name.clone(),
                kind: block.label.kind,
                output: output.dims(),
                cost: trace.cost_of(&block.steps),
                output_bytes: output.bytes(),
                peak_activation_bytes: alive[block.steps.clone()].iter().copied().max().unwrap_or(0),
                layers: layers.collect(),
            }
        })
        .collect();
    let peak = blocks.iter().map(|block| block.peak_activation_bytes).max().unwrap_or(0);
    let at = blocks.iter().find(|block| block.peak_activation_bytes == peak);
    LayerTable {
        cost: trace.cost(),
        peak_activation_bytes: peak,
        peak_block: at.map_or(String::new(), |block| block.name.clone()),
        blocks,
    }
}
