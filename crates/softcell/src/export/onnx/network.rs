//! A plan as a graph: the walk of [`crate::nn::Network`], with nodes in place of tensors.
//!
//! Drop path and the auxiliary head, which only training uses, are left out.

use super::BatchNorms;
use super::graph::FeatureMap;
use super::layers::Layers;
use super::proto::Attribute;
use crate::error::Result;
use crate::network::NamedTensors;
use crate::space::plan::{Block, Body, CellBlock, Linear, NetworkPlan, Place, Step};

/// A network on its way into a graph.
pub struct Network<'a> {
    plan: &'a NetworkPlan,
    layers: Layers<'a>,
}

impl<'a> Network<'a> {
    /// A network without layers.
    pub fn new(plan: &'a NetworkPlan, weights: &'a NamedTensors, norms: BatchNorms) -> Self {
        Self { plan, layers: Layers::new(weights, norms) }
    }

    /// Where layers go that are no part of the network.
    pub fn layers(&mut self) -> &mut Layers<'a> {
        &mut self.layers
    }

    /// The finished layers.
    pub fn into_layers(self) -> Layers<'a> {
        self.layers
    }

    /// From normalised images to `logits`, `[batch, classes]`.
    ///
    /// # Errors
    /// Weights that are missing or have another shape.
    pub fn forward(&mut self, images: &FeatureMap) -> Result<()> {
        let plan = self.plan;
        let mut values: Vec<FeatureMap> = Vec::with_capacity(plan.blocks.len());
        for block in &plan.blocks {
            let inputs: Vec<FeatureMap> = block
                .inputs
                .iter()
                .map(|place| match place {
                    Place::Image => images.clone(),
                    Place::Block(block) => values[*block].clone(),
                })
                .collect();
            values.push(self.block(block, &inputs)?);
        }
        Ok(())
    }

    fn block(&mut self, block: &Block, inputs: &[FeatureMap]) -> Result<FeatureMap> {
        let name = &block.name;
        match &block.body {
            Body::Auxiliary { .. } => Ok(inputs[0].clone()),
            Body::Steps { steps, .. } => match steps[..] {
                [Step::Mean] => Ok(self.mean(&inputs[0])),
                [Step::Linear(linear)] => self.logits(&inputs[0], linear),
                _ => self.steps(&inputs[0], steps, "", &block.part),
            },
            Body::Residual { main, shortcut } => {
                let prefix = format!("{name}.");
                let long = self.steps(&inputs[0], main, &prefix, &format!("{name}.main"))?;
                let short = self.steps(&inputs[0], shortcut, &prefix, &format!("{name}.shortcut"))?;
                Ok(self.add(&long, &short, name.clone()))
            }
            Body::Cell(cell) => self.cell(block, cell, inputs),
        }
    }

    fn add(&mut self, x: &FeatureMap, y: &FeatureMap, name: String) -> FeatureMap {
        self.layers.graph.map("Add", &[&x.name, &y.name], vec![], x.named(name))
    }

    /// The mean over all pixels.
    fn mean(&mut self, x: &FeatureMap) -> FeatureMap {
        let mean = FeatureMap { name: "global_pool".into(), channels: x.channels, size: [1; 2] };
        self.layers.graph.map("GlobalAveragePool", &[&x.name], vec![], mean)
    }

    /// The classifier: `logits`.
    fn logits(&mut self, x: &FeatureMap, linear: Linear) -> Result<FeatureMap> {
        let (weight, bias) = (format!("{}.weight", linear.name), format!("{}.bias", linear.name));
        self.layers.keep(&weight, &[linear.outputs, linear.inputs])?;
        self.layers.keep(&bias, &[linear.outputs])?;
        let graph = &mut self.layers.graph;
        graph.node("Flatten", "features", &[&x.name], vec![], &[x.channels]);
        let transposed = vec![Attribute::int("transB", 1)];
        graph.node("Gemm", "logits", &["features", &weight, &bias], transposed, &[linear.outputs]);
        Ok(FeatureMap { name: "logits".into(), channels: linear.outputs, size: [1; 2] })
    }

    /// Steps whose tensors' names begin with `prefix`; `name` begins those of the nodes.
    fn steps(&mut self, x: &FeatureMap, steps: &[Step], prefix: &str, name: &str) -> Result<FeatureMap> {
        let mut x = x.clone();
        let mut rest = steps;
        while let [step, behind @ ..] = rest {
            rest = behind;
            // A normalisation goes into the convolution before it.
            let mut norm = None;
            if let (Step::Convolution(_) | Step::Halve(_), [Step::Norm(next), behind @ ..]) = (step, behind) {
                (norm, rest) = (Some(next), behind);
            }
            x = match step {
                Step::Relu => self.layers.relu(&x),
                Step::Pool(pool) => self.layers.pool(&x, *pool, name.to_owned()),
                Step::Convolution(conv) => self.layers.conv(&x, conv, norm, prefix, name)?,
                Step::Halve(halve) => self.layers.halve(&x, halve, norm, prefix, name)?,
                Step::Norm(norm) => self.layers.norm(&x, norm, prefix, name)?,
                Step::Mean => self.mean(&x),
                Step::AverageWindows { .. } | Step::Linear(_) | Step::Noise { .. } => {
                    unreachable!("these are in the auxiliary head, in the classifier, or refused")
                }
            };
        }
        Ok(x)
    }

    fn cell(&mut self, block: &Block, cell: &CellBlock, inputs: &[FeatureMap]) -> Result<FeatureMap> {
        let (plan, name) = (self.plan, &block.name);
        let kind = plan.cell_type(cell);
        let mut values = Vec::new();
        for (i, input) in inputs.iter().enumerate() {
            let (_, steps) = plan.preparation(block, cell, i);
            let prefix = format!("{name}.preprocess{i}.");
            values.push(self.steps(input, &steps, &prefix, &format!("{name}.preprocess_{i}"))?);
        }
        for node in kind.inputs..kind.inputs + kind.nodes {
            let called = format!("{name}.node_{node}");
            let edges = kind.edges.iter().enumerate().filter(|(_, edge)| edge.target == node);
            let operations: Vec<_> = edges
                .flat_map(|(at, edge)| (0..edge.candidates.len()).map(move |candidate| (at, edge, candidate)))
                .filter_map(|(at, edge, candidate)| {
                    Some((at, edge, candidate, kind.steps(at, candidate, cell.channels, cell.norms)?))
                })
                .collect();
            let mut sum: Option<FeatureMap> = None;
            for (i, (at, edge, candidate, steps)) in operations.iter().enumerate() {
                let prefix = format!("{name}.{}.", kind.candidate_name(*at, *candidate));
                let of = format!("{called}.op_{i}.{}", edge.candidates[*candidate]);
                let y = self.steps(&values[edge.source], steps, &prefix, &of)?;
                sum = Some(match sum {
                    None => y,
                    Some(sum) => {
                        let last = i + 1 == operations.len();
                        let total = if last { called.clone() } else { format!("{called}.sum_{i}") };
                        self.add(&sum, &y, total)
                    }
                });
            }
            values.push(match sum {
                Some(sum) => sum,
                None => self.layers.zero(&values[0], block.output.size, called),
            });
        }
        let joined: Vec<FeatureMap> = kind.output.nodes().iter().map(|&node| values[node].clone()).collect();
        Ok(self.layers.concat(&joined, format!("{name}.output")))
    }
}
