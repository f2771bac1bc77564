//! A derived network as a graph: the walk of the derived network, with nodes in place of modules.
//!
//! Drop path and the auxiliary head, which only training uses, are left out.

use super::BatchNorms;
use super::graph::Map;
use super::layers::{Channels, Convolution, Layers};
use super::proto::Attribute;
use crate::error::{Error, Result};
use crate::network::{DerivedNetworkConfig, StemKind};
use crate::space::{CellGene, CellKind, MacroLayout, Primitive};
use crate::weights::NamedTensors;

/// Output channels of the stem of small images, in channels of the first cell.
const STEM_MULTIPLIER: usize = 3;

/// A network on its way into a graph.
pub struct Network<'a> {
    config: &'a DerivedNetworkConfig,
    layers: Layers<'a>,
}

impl<'a> Network<'a> {
    /// A network without layers.
    pub fn new(config: &'a DerivedNetworkConfig, weights: &'a NamedTensors, norms: BatchNorms) -> Self {
        Self { config, layers: Layers::new(weights, norms) }
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
    /// A genotype that is not valid; weights that are missing or have another shape.
    pub fn forward(&mut self, images: &Map) -> Result<()> {
        let config = self.config;
        config.genotype.check()?;
        let [mut s0, mut s1] = match config.stem {
            StemKind::Cifar => {
                let s = self.cifar_stem(images)?;
                [s.clone(), s]
            }
            StemKind::Imagenet => self.imagenet_stem(images)?,
        };
        let mut after_reduction = config.stem == StemKind::Imagenet;
        let mut channels = config.init_channels;
        for (i, kind) in (MacroLayout { n_cells: config.n_cells }).kinds().into_iter().enumerate() {
            if kind == CellKind::Reduction {
                channels *= 2;
            }
            let cell = Cell { name: format!("cells.{i}"), gene: config.genotype.cell(kind), kind, channels };
            let s2 = cell.forward(&mut self.layers, [&s0, &s1], after_reduction)?;
            (s0, s1) = (s1, s2);
            after_reduction = kind == CellKind::Reduction;
        }
        self.classifier(&s1)
    }

    fn cifar_stem(&mut self, x: &Map) -> Result<Map> {
        let channels = STEM_MULTIPLIER * self.config.init_channels;
        self.stem_conv(x, "stem", ["stem.0", "stem.1"], channels, 1)
    }

    /// A quarter and an eighth of the size.
    fn imagenet_stem(&mut self, x: &Map) -> Result<[Map; 2]> {
        let channels = self.config.init_channels;
        let half = self.stem_conv(x, "stem.half", ["stem0.0", "stem0.1"], channels / 2, 2)?;
        let half = self.layers.relu(&half);
        let quarter = self.stem_conv(&half, "stem.quarter", ["stem0.3", "stem0.4"], channels, 2)?;
        let relu = self.layers.relu(&quarter);
        let eighth = self.stem_conv(&relu, "stem.eighth", ["stem1.1", "stem1.2"], channels, 2)?;
        Ok([quarter, eighth])
    }

    /// A 3×3 convolution and its normalisation, by the state-dict names of both.
    fn stem_conv(&mut self, x: &Map, name: &str, from: [&str; 2], channels: usize, s: usize) -> Result<Map> {
        let conv = Convolution {
            kernel: [3; 2],
            stride: [s; 2],
            padding: [1; 2],
            ..Convolution::pointwise(format!("{name}.conv"), from[0].to_owned(), channels)
        };
        self.layers.conv_norm(x, conv, from[1], format!("{name}.norm"))
    }

    /// The mean over all pixels, and a linear layer: `logits`.
    fn classifier(&mut self, x: &Map) -> Result<()> {
        let classes = self.config.classes;
        self.layers.keep("classifier.weight", &[classes, x.channels])?;
        self.layers.keep("classifier.bias", &[classes])?;
        let graph = &mut self.layers.graph;
        let mean = graph.map(
            "GlobalAveragePool",
            &[&x.name],
            vec![],
            Map { name: "global_pool".into(), channels: x.channels, size: [1; 2] },
        );
        graph.node("Flatten", "features", &[&mean.name], vec![], &[x.channels]);
        let inputs = ["features", "classifier.weight", "classifier.bias"];
        let transposed = vec![Attribute::int("transB", 1)];
        graph.node("Gemm", "logits", &inputs, transposed, &[classes]);
        Ok(())
    }
}

/// A cell of the network.
struct Cell<'a> {
    name: String,
    gene: &'a CellGene,
    kind: CellKind,
    channels: usize,
}

/// An operation on an edge.
struct Edge {
    /// Of its nodes.
    name: String,
    /// State-dict name of its weights.
    weight: String,
    primitive: Primitive,
    stride: usize,
}

impl Cell<'_> {
    /// `states` are the outputs of the cell before the previous one and of the previous one.
    fn forward(&self, layers: &mut Layers<'_>, states: [&Map; 2], after_reduction: bool) -> Result<Map> {
        let name = &self.name;
        let mut values = Vec::new();
        for (i, state) in states.into_iter().enumerate() {
            let (of, weight) = (format!("{name}.preprocess_{i}"), format!("{name}.preprocess{i}"));
            values.push(if i == 0 && after_reduction {
                layers.halve(state, self.channels, &weight, &of)?
            } else {
                let x = layers.relu(state);
                let conv =
                    Convolution::pointwise(format!("{of}.conv"), format!("{weight}.op.1"), self.channels);
                layers.conv_norm(&x, conv, &format!("{weight}.op.2"), format!("{of}.norm"))?
            });
        }
        let mut ops = 0;
        for (node, genes) in (2..).zip(&self.gene.nodes) {
            let node = format!("{name}.node_{node}");
            let mut sum: Option<Map> = None;
            for (i, gene) in genes.iter().enumerate() {
                let edge = Edge {
                    name: format!("{node}.op_{i}.{}", gene.primitive),
                    weight: format!("{name}._ops.{ops}"),
                    primitive: gene.primitive,
                    stride: self.kind.stride(gene.source),
                };
                ops += 1;
                let y = edge.forward(layers, &values[gene.source])?;
                sum = Some(match sum {
                    None => y,
                    Some(sum) => {
                        let last = i + 1 == genes.len();
                        let total = if last { node.clone() } else { format!("{node}.sum_{i}") };
                        layers.graph.map("Add", &[&sum.name, &y.name], vec![], sum.named(total))
                    }
                });
            }
            values.push(sum.expect("a checked genotype has an operation at each node"));
        }
        let joined: Vec<Map> = self.gene.concat.iter().map(|&node| values[node].clone()).collect();
        Ok(layers.concat(&joined, format!("{name}.output")))
    }
}

impl Edge {
    fn forward(&self, layers: &mut Layers<'_>, x: &Map) -> Result<Map> {
        let name = &self.name;
        match self.primitive {
            Primitive::None => Err(Error::invalid(
                "genotype",
                "`none`",
                "an operation that has an output",
                "correct the genotype, or derive it again from the search",
            )),
            Primitive::MaxPool3x3 => Ok(layers.pool(x, "MaxPool", self.stride, name.clone())),
            Primitive::AvgPool3x3 => Ok(layers.pool(x, "AveragePool", self.stride, name.clone())),
            Primitive::SkipConnect if self.stride == 1 => Ok(x.clone()),
            Primitive::SkipConnect => layers.halve(x, x.channels, &self.weight, name),
            Primitive::SepConv3x3 => self.separable_twice(layers, x, 3),
            Primitive::SepConv5x5 => self.separable_twice(layers, x, 5),
            Primitive::SepConv7x7 => self.separable_twice(layers, x, 7),
            Primitive::DilConv3x3 => self.separable(layers, x, Separable { kernel: 3, dilation: 2, ..FIRST }),
            Primitive::DilConv5x5 => self.separable(layers, x, Separable { kernel: 5, dilation: 2, ..FIRST }),
            Primitive::Conv7x1_1x7 => self.row_and_column(layers, x),
        }
    }

    fn separable_twice(&self, layers: &mut Layers<'_>, x: &Map, kernel: usize) -> Result<Map> {
        let x = self.separable(layers, x, Separable { kernel, suffix: "_1", ..FIRST })?;
        self.separable(layers, &x, Separable { kernel, suffix: "_2", first: 5, strided: false, ..FIRST })
    }

    /// ReLU, depthwise convolution, pointwise convolution, batch normalisation.
    fn separable(&self, layers: &mut Layers<'_>, x: &Map, part: Separable) -> Result<Map> {
        let Separable { kernel, dilation, first, suffix, strided } = part;
        let (name, weight) = (&self.name, &self.weight);
        let depthwise = Convolution {
            kernel: [kernel; 2],
            stride: [if strided { self.stride } else { 1 }; 2],
            padding: [dilation * (kernel - 1) / 2; 2],
            dilation,
            channel_use: Channels::Separate,
            ..Convolution::pointwise(
                format!("{name}.depthwise{suffix}"),
                format!("{weight}.op.{first}"),
                x.channels,
            )
        };
        let pointwise = Convolution::pointwise(
            format!("{name}.pointwise{suffix}"),
            format!("{weight}.op.{}", first + 1),
            x.channels,
        );
        let x = layers.relu(x);
        let x = layers.conv(&x, depthwise)?;
        let norm = format!("{weight}.op.{}", first + 2);
        layers.conv_norm(&x, pointwise, &norm, format!("{name}.norm{suffix}"))
    }

    /// ReLU, 1×7 convolution, 7×1 convolution, batch normalisation.
    fn row_and_column(&self, layers: &mut Layers<'_>, x: &Map) -> Result<Map> {
        let (name, weight, stride) = (&self.name, &self.weight, self.stride);
        let row = Convolution {
            kernel: [1, 7],
            stride: [1, stride],
            padding: [0, 3],
            ..Convolution::pointwise(format!("{name}.row"), format!("{weight}.1"), x.channels)
        };
        let column = Convolution {
            kernel: [7, 1],
            stride: [stride, 1],
            padding: [3, 0],
            ..Convolution::pointwise(format!("{name}.column"), format!("{weight}.2"), x.channels)
        };
        let x = layers.relu(x);
        let x = layers.conv(&x, row)?;
        layers.conv_norm(&x, column, &format!("{weight}.3"), format!("{name}.norm"))
    }
}

/// One half of a separable convolution.
struct Separable {
    kernel: usize,
    dilation: usize,
    /// Place of the depthwise convolution in the operation's sequence; the others follow it.
    first: usize,
    /// Of the names of its nodes.
    suffix: &'static str,
    /// Whether it has the stride of the operation, else 1.
    strided: bool,
}

/// The first half, with what its users fill in.
const FIRST: Separable = Separable { kernel: 1, dilation: 1, first: 1, suffix: "", strided: true };
