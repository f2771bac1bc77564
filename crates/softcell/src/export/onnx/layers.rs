//! The layers that networks consist of, as nodes of a graph: convolutions and their normalisations,
//! rectifiers, pools, the factorized reduce.

use std::ops::Range;

use super::BatchNorms;
use super::graph::{FeatureMap, GraphBuilder};
use super::proto::Attribute;
use crate::error::{Error, Remedy, Result};
use crate::network::{EPSILON, HostTensor, NamedTensors};
use crate::space::plan::{Convolution, Halve, MapShape, Norm, PoolKind, PoolStep, Step};

/// Puts layers into a graph.
///
/// Tensors keep their state-dict names; a convolution's weight that a normalisation has gone into, and its
/// bias, are called `NAME.folded.weight` and `NAME.folded.bias`.
pub struct Layers<'a> {
    /// Where they go.
    pub graph: GraphBuilder,
    weights: &'a NamedTensors,
    norms: BatchNorms,
}

/// A convolution as a node.
struct Filter {
    /// Of the node.
    name: String,
    /// State-dict name of the weight, without `.weight`.
    weight: String,
    shape: [usize; 4],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: usize,
    groups: usize,
    /// Of the result.
    size: [usize; 2],
}

/// What a batch normalisation does to each channel in evaluation: `y = scale · x + shift`.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Affine {
    fn part(&self, channels: Range<usize>) -> Affine {
        Affine { scale: self.scale[channels.clone()].to_vec(), shift: self.shift[channels].to_vec() }
    }
}

impl<'a> Layers<'a> {
    /// Layers with these weights.
    pub fn new(weights: &'a NamedTensors, norms: BatchNorms) -> Layers<'a> {
        Layers { graph: GraphBuilder::default(), weights, norms }
    }

    /// A tensor of the network.
    ///
    /// # Errors
    /// When there is none of that name, or it has another shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<&'a HostTensor> {
        let fault = |found: String| {
            let remedy = "check that the weights belong to this genotype, width, depth and classes";
            Error::invalid("weights of the network", found, format!("{name} of shape {shape:?}"), remedy)
        };
        match self.weights.get(name) {
            None => Err(fault(format!("no {name}"))),
            Some(tensor) if tensor.shape != shape => Err(fault(format!("shape {:?}", tensor.shape))),
            Some(tensor) if tensor.values.len() != shape.iter().product::<usize>() => {
                Err(fault(format!("{} values", tensor.values.len())))
            }
            Some(tensor) => Ok(tensor),
        }
    }

    /// Puts a tensor into the file under its own name.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn keep(&mut self, name: &str, shape: &[usize]) -> Result<()> {
        let tensor = self.tensor(name, shape)?;
        self.graph.floats(name, shape, &tensor.values);
        Ok(())
    }

    /// `max(x, 0)`; one node for all that read it.
    pub fn relu(&mut self, x: &FeatureMap) -> FeatureMap {
        let y = x.named(format!("{}.relu", x.name));
        if self.graph.has(&y.name) {
            return y;
        }
        self.graph.map("Relu", &[&x.name], vec![], y)
    }

    /// A convolution and the batch normalisation behind it, if there is one; nodes are called `name` and their label.
    ///
    /// # Errors
    /// As [`Self::tensor`]; a convolution without channels.
    pub fn conv(
        &mut self,
        x: &FeatureMap,
        conv: &Convolution,
        norm: Option<&Norm>,
        prefix: &str,
        name: &str,
    ) -> Result<FeatureMap> {
        let filter = Filter {
            name: labelled(name, conv.label),
            weight: format!("{prefix}{}", conv.name),
            shape: conv.shape(),
            stride: conv.stride,
            padding: conv.padding(),
            dilation: conv.dilation,
            groups: conv.mixing.groups(x.channels),
            size: Step::Convolution(*conv).output(MapShape { channels: x.channels, size: x.size }).size,
        };
        match (self.norms, norm) {
            (BatchNorms::Folded, Some(norm)) => {
                let affine = self.affine(&format!("{prefix}{}", norm.name), norm.channels)?;
                self.affine_conv(x, filter, Some(&affine))
            }
            (BatchNorms::Kept, Some(norm)) => {
                let y = self.affine_conv(x, filter, None)?;
                self.norm(&y, norm, prefix, name)
            }
            (_, None) => self.affine_conv(x, filter, None),
        }
    }

    /// Max or average pooling; windows over the border count the pixels inside alone.
    pub fn pool(&mut self, x: &FeatureMap, pool: PoolStep, name: String) -> FeatureMap {
        let PoolStep { kind, window, stride } = pool;
        let before = (window - 1) / 2;
        let size = x.size.map(|side| side.div_ceil(stride));
        // What the last window reaches over the border.
        let behind =
            [0, 1].map(|axis| ((size[axis] - 1) * stride + window).saturating_sub(x.size[axis] + before));
        let pads = match window {
            3 => [1; 4],
            _ => [before, before, behind[0], behind[1]],
        };
        let mut attributes = vec![
            Attribute::ints("kernel_shape", &[window; 2]),
            Attribute::ints("strides", &[stride; 2]),
            Attribute::ints("pads", &pads),
        ];
        let operator = match kind {
            PoolKind::Max => "MaxPool",
            PoolKind::Average => {
                attributes.push(Attribute::int("count_include_pad", 0));
                "AveragePool"
            }
        };
        self.graph.map(operator, &[&x.name], attributes, FeatureMap { name, channels: x.channels, size })
    }

    /// 1×1 convolutions of the even and of the odd pixels side by side, and the batch normalisation behind them.
    ///
    /// # Errors
    /// As [`Self::conv`].
    pub fn halve(
        &mut self,
        x: &FeatureMap,
        halve: &Halve,
        norm: Option<&Norm>,
        prefix: &str,
        name: &str,
    ) -> Result<FeatureMap> {
        let folded = match (self.norms, norm) {
            (BatchNorms::Folded, Some(norm)) => {
                Some(self.affine(&format!("{prefix}{}", norm.name), norm.channels)?)
            }
            _ => None,
        };
        let [even, odd] = halve.halves();
        let mut parts = Vec::new();
        for (part, range, conv) in
            [("even", 0..even, halve.names[0]), ("odd", even..even + odd, halve.names[1])]
        {
            // One channel leaves nothing for the even pixels.
            if range.is_empty() {
                continue;
            }
            let x = if part == "odd" { self.odd_pixels(x) } else { x.clone() };
            let filter = Filter {
                name: format!("{name}.{part}"),
                weight: format!("{prefix}{conv}"),
                shape: [range.len(), halve.inputs, 1, 1],
                stride: [2; 2],
                padding: [0; 2],
                dilation: 1,
                groups: 1,
                size: x.size.map(|side| side.div_ceil(2)),
            };
            let affine = folded.as_ref().map(|affine| affine.part(range));
            parts.push(self.affine_conv(&x, filter, affine.as_ref())?);
        }
        let y = self.concat(&parts, format!("{name}.concat"));
        match (self.norms, norm) {
            (BatchNorms::Kept, Some(norm)) => self.norm(&y, norm, prefix, name),
            _ => Ok(y),
        }
    }

    /// Zeros of the batch's size, with the channels of `like`.
    pub fn zero(&mut self, like: &FeatureMap, size: [usize; 2], name: String) -> FeatureMap {
        let nothing = format!("{name}.nothing");
        self.graph.floats(
            &nothing,
            &[1, like.channels, size[0], size[1]],
            &vec![0.0; like.channels * size[0] * size[1]],
        );
        // One pixel of each image, times zero, spreads over all.
        let starts = "zero.starts";
        self.graph.integers(starts, &[0, 0]);
        self.graph.integers("zero.ends", &[1, 1]);
        self.graph.integers("zero.axes", &[2, 3]);
        let pixel = FeatureMap { name: format!("{name}.pixel"), channels: like.channels, size: [1; 2] };
        let pixel = self.graph.map("Slice", &[&like.name, starts, "zero.ends", "zero.axes"], vec![], pixel);
        let y = FeatureMap { name, channels: like.channels, size };
        self.graph.map("Mul", &[&pixel.name, &nothing], vec![], y)
    }

    /// Side by side along channels; a single one as it is.
    pub fn concat(&mut self, parts: &[FeatureMap], name: String) -> FeatureMap {
        if let [only] = parts {
            return only.clone();
        }
        let channels = parts.iter().map(|part| part.channels).sum();
        let inputs: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let y = FeatureMap { name, channels, size: parts[0].size };
        self.graph.map("Concat", &inputs, vec![Attribute::int("axis", 1)], y)
    }

    /// All but the first row and column. An odd side is first made even by a row or column of zeros, so that
    /// every second pixel of the result is as many as of `x`.
    fn odd_pixels(&mut self, x: &FeatureMap) -> FeatureMap {
        let [bottom, right] = x.size.map(|side| side % 2);
        let mut even = x.clone();
        if bottom + right > 0 {
            even = FeatureMap {
                size: [x.size[0] + bottom, x.size[1] + right],
                ..x.named(format!("{}.even", x.name))
            };
            if !self.graph.has(&even.name) {
                let pads = format!("pads_{bottom}_{right}");
                self.graph.integers(&pads, &[0, 0, 0, 0, 0, 0, bottom as i64, right as i64]);
                even = self.graph.map("Pad", &[&x.name, &pads], vec![], even);
            }
        }
        let odd =
            FeatureMap { size: even.size.map(|side| side - 1), ..x.named(format!("{}.odd_pixels", x.name)) };
        if self.graph.has(&odd.name) {
            return odd;
        }
        self.graph.integers("odd_pixels.starts", &[1, 1]);
        self.graph.integers("odd_pixels.ends", &[i64::MAX; 2]);
        self.graph.integers("odd_pixels.axes", &[2, 3]);
        let inputs = [&even.name, "odd_pixels.starts", "odd_pixels.ends", "odd_pixels.axes"];
        self.graph.map("Slice", &inputs, vec![], odd)
    }

    /// A batch normalisation with running statistics, as a node.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn norm(&mut self, x: &FeatureMap, norm: &Norm, prefix: &str, name: &str) -> Result<FeatureMap> {
        let parts = ["weight", "bias", "running_mean", "running_var"]
            .map(|part| format!("{prefix}{}.{part}", norm.name));
        for part in &parts {
            self.keep(part, &[x.channels])?;
        }
        let inputs: Vec<&str> = std::iter::once(&x.name).chain(&parts).map(String::as_str).collect();
        let attributes = vec![Attribute::float("epsilon", EPSILON as f32)];
        Ok(self.graph.map("BatchNormalization", &inputs, attributes, x.named(labelled(name, norm.label))))
    }

    /// `scale = weight / √(variance + ε)`, `shift = bias − mean · scale`.
    fn affine(&self, norm: &str, channels: usize) -> Result<Affine> {
        let part = |part: &str| Ok(&self.tensor(&format!("{norm}.{part}"), &[channels])?.values);
        let (weight, bias) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let scale = |(&w, &v): (&f32, &f32)| f64::from(w) / (f64::from(v) + EPSILON).sqrt();
        let scale: Vec<f64> = weight.iter().zip(variance).map(scale).collect();
        let shift = bias.iter().zip(mean).zip(&scale).map(|((&b, &m), s)| f64::from(b) - f64::from(m) * s);
        Ok(Affine { shift: shift.collect(), scale })
    }

    /// A convolution whose output is scaled and shifted by its weight and bias.
    fn affine_conv(&mut self, x: &FeatureMap, conv: Filter, affine: Option<&Affine>) -> Result<FeatureMap> {
        let shape = conv.shape;
        let [channels, ..] = shape;
        if channels == 0 {
            let (found, expected) = (format!("{} with no channels", conv.weight), "at least one channel");
            let remedy = "train it with a larger " + Remedy::Setting("train.init_channels");
            return Err(Error::invalid("network", found, expected, remedy));
        }
        let weight = format!("{}.weight", conv.weight);
        let read = match affine {
            None => {
                self.keep(&weight, &shape)?;
                vec![x.name.clone(), weight]
            }
            Some(Affine { scale, shift }) => {
                let values = &self.tensor(&weight, &shape)?.values;
                let filters = values.chunks(values.len() / channels).zip(scale);
                let scaled = filters.flat_map(|(f, s)| f.iter().map(move |&w| (f64::from(w) * s) as f32));
                let bias: Vec<f32> = shift.iter().map(|&shift| shift as f32).collect();
                let names = ["weight", "bias"].map(|part| format!("{}.folded.{part}", conv.weight));
                self.graph.floats(&names[0], &shape, &scaled.collect::<Vec<_>>());
                self.graph.floats(&names[1], &[channels], &bias);
                let [weight, bias] = names;
                vec![x.name.clone(), weight, bias]
            }
        };
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        let [rows, columns] = conv.padding;
        let attributes = vec![
            Attribute::ints("kernel_shape", &shape[2..]),
            Attribute::ints("strides", &conv.stride),
            Attribute::ints("pads", &[rows, columns, rows, columns]),
            Attribute::ints("dilations", &[conv.dilation; 2]),
            Attribute::int("group", conv.groups),
        ];
        let y = FeatureMap { name: conv.name, channels, size: conv.size };
        Ok(self.graph.map("Conv", &read, attributes, y))
    }
}

/// The name of a node of an operation.
fn labelled(name: &str, label: &str) -> String {
    format!("{name}.{label}")
}
