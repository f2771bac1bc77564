//! The layers that networks consist of, as nodes of a graph: convolutions and their normalisations,
//! rectifiers, pools, the factorized reduce.

use std::ops::Range;

use super::BatchNorms;
use super::graph::{GraphBuilder, Map};
use super::proto::Attribute;
use crate::error::{Error, Remedy, Result};
use crate::ops::EPSILON;
use crate::weights::{HostTensor, NamedTensors};

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

/// A convolution without bias.
pub struct Convolution {
    /// Of the node.
    pub name: String,
    /// State-dict name of the weight, without `.weight`.
    pub weight: String,
    /// Channels out.
    pub channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Over rows and columns.
    pub stride: [usize; 2],
    /// Rows above and below, columns left and right.
    pub padding: [usize; 2],
    /// Over rows and columns.
    pub dilation: usize,
    /// Whether channels mix.
    pub channel_use: Channels,
}

/// What a channel of a convolution's output is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Of all channels.
    Mixed,
    /// Of the same channel.
    Separate,
}

impl Convolution {
    /// 1×1.
    pub fn pointwise(name: String, weight: String, channels: usize) -> Convolution {
        Convolution {
            name,
            weight,
            channels,
            kernel: [1; 2],
            stride: [1; 2],
            padding: [0; 2],
            dilation: 1,
            channel_use: Channels::Mixed,
        }
    }

    /// Rows or columns that come out of `side` of them.
    fn side(&self, axis: usize, side: usize) -> usize {
        let reach = self.dilation * (self.kernel[axis] - 1);
        (side + 2 * self.padding[axis] - reach - 1) / self.stride[axis] + 1
    }
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
    pub fn relu(&mut self, x: &Map) -> Map {
        let y = x.named(format!("{}.relu", x.name));
        if self.graph.has(&y.name) {
            return y;
        }
        self.graph.map("Relu", &[&x.name], vec![], y)
    }

    /// A convolution.
    ///
    /// # Errors
    /// As [`Self::tensor`]; a convolution without channels.
    pub fn conv(&mut self, x: &Map, conv: Convolution) -> Result<Map> {
        self.affine_conv(x, conv, None)
    }

    /// A convolution and the batch normalisation of state-dict name `norm` behind it, whose node is called
    /// `norm_name` unless it goes into the convolution.
    ///
    /// # Errors
    /// As [`Self::conv`].
    pub fn conv_norm(&mut self, x: &Map, conv: Convolution, norm: &str, norm_name: String) -> Result<Map> {
        match self.norms {
            BatchNorms::Folded => {
                let affine = self.affine(norm, conv.channels)?;
                self.affine_conv(x, conv, Some(&affine))
            }
            BatchNorms::Kept => {
                let y = self.conv(x, conv)?;
                self.norm(&y, norm, norm_name)
            }
        }
    }

    /// 3×3 max or average pooling with padding 1, which no average counts.
    pub fn pool(&mut self, x: &Map, operator: &str, stride: usize, name: String) -> Map {
        let mut attributes = vec![
            Attribute::ints("kernel_shape", &[3; 2]),
            Attribute::ints("strides", &[stride; 2]),
            Attribute::ints("pads", &[1; 4]),
        ];
        if operator == "AveragePool" {
            attributes.push(Attribute::int("count_include_pad", 0));
        }
        let y = Map { name, channels: x.channels, size: x.size.map(|side| side.div_ceil(stride)) };
        self.graph.map(operator, &[&x.name], attributes, y)
    }

    /// The factorized reduce: ReLU, 1×1 convolutions of the even and of the odd pixels side by side,
    /// batch normalisation.
    ///
    /// # Errors
    /// As [`Self::conv`].
    pub fn halve(&mut self, x: &Map, channels: usize, weight: &str, name: &str) -> Result<Map> {
        let x = self.relu(x);
        let folded = match self.norms {
            BatchNorms::Folded => Some(self.affine(&format!("{weight}.bn"), channels)?),
            BatchNorms::Kept => None,
        };
        let half = channels / 2;
        let mut parts = Vec::new();
        for (part, range, conv) in [("even", 0..half, "conv_1"), ("odd", half..channels, "conv_2")] {
            // One channel leaves nothing for the even pixels.
            if range.is_empty() {
                continue;
            }
            let x = if part == "odd" { self.odd_pixels(&x) } else { x.clone() };
            let conv = Convolution {
                stride: [2; 2],
                ..Convolution::pointwise(format!("{name}.{part}"), format!("{weight}.{conv}"), range.len())
            };
            let affine = folded.as_ref().map(|affine| affine.part(range));
            parts.push(self.affine_conv(&x, conv, affine.as_ref())?);
        }
        let y = self.concat(&parts, format!("{name}.concat"));
        match self.norms {
            BatchNorms::Folded => Ok(y),
            BatchNorms::Kept => self.norm(&y, &format!("{weight}.bn"), format!("{name}.norm")),
        }
    }

    /// Side by side along channels; a single one as it is.
    pub fn concat(&mut self, parts: &[Map], name: String) -> Map {
        if let [only] = parts {
            return only.clone();
        }
        let channels = parts.iter().map(|part| part.channels).sum();
        let inputs: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let y = Map { name, channels, size: parts[0].size };
        self.graph.map("Concat", &inputs, vec![Attribute::int("axis", 1)], y)
    }

    /// All but the first row and column. An odd side is first made even by a row or column of zeros, so that
    /// every second pixel of the result is as many as of `x`.
    fn odd_pixels(&mut self, x: &Map) -> Map {
        let [bottom, right] = x.size.map(|side| side % 2);
        let mut even = x.clone();
        if bottom + right > 0 {
            even =
                Map { size: [x.size[0] + bottom, x.size[1] + right], ..x.named(format!("{}.even", x.name)) };
            if !self.graph.has(&even.name) {
                let pads = format!("pads_{bottom}_{right}");
                self.graph.integers(&pads, &[0, 0, 0, 0, 0, 0, bottom as i64, right as i64]);
                even = self.graph.map("Pad", &[&x.name, &pads], vec![], even);
            }
        }
        let odd = Map { size: even.size.map(|side| side - 1), ..x.named(format!("{}.odd_pixels", x.name)) };
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
    fn norm(&mut self, x: &Map, norm: &str, name: String) -> Result<Map> {
        let parts = ["weight", "bias", "running_mean", "running_var"].map(|part| format!("{norm}.{part}"));
        for part in &parts {
            self.keep(part, &[x.channels])?;
        }
        let inputs: Vec<&str> = std::iter::once(&x.name).chain(&parts).map(String::as_str).collect();
        let attributes = vec![Attribute::float("epsilon", EPSILON as f32)];
        Ok(self.graph.map("BatchNormalization", &inputs, attributes, x.named(name)))
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
    fn affine_conv(&mut self, x: &Map, conv: Convolution, affine: Option<&Affine>) -> Result<Map> {
        if conv.channels == 0 {
            let (found, expected) = (format!("{} with no channels", conv.weight), "at least one channel");
            let remedy = "train it with a larger " + Remedy::Setting("train.init_channels");
            return Err(Error::invalid("network", found, expected, remedy));
        }
        let (inputs, groups) = match conv.channel_use {
            Channels::Mixed => (x.channels, 1),
            Channels::Separate => (1, x.channels),
        };
        let shape = [conv.channels, inputs, conv.kernel[0], conv.kernel[1]];
        let weight = format!("{}.weight", conv.weight);
        let read = match affine {
            None => {
                self.keep(&weight, &shape)?;
                vec![x.name.clone(), weight]
            }
            Some(Affine { scale, shift }) => {
                let values = &self.tensor(&weight, &shape)?.values;
                let filters = values.chunks(values.len() / conv.channels).zip(scale);
                let scaled = filters.flat_map(|(f, s)| f.iter().map(move |&w| (f64::from(w) * s) as f32));
                let bias: Vec<f32> = shift.iter().map(|&shift| shift as f32).collect();
                let names = ["weight", "bias"].map(|part| format!("{}.folded.{part}", conv.weight));
                self.graph.floats(&names[0], &shape, &scaled.collect::<Vec<_>>());
                self.graph.floats(&names[1], &[conv.channels], &bias);
                let [weight, bias] = names;
                vec![x.name.clone(), weight, bias]
            }
        };
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        let [rows, columns] = conv.padding;
        let attributes = vec![
            Attribute::ints("kernel_shape", &conv.kernel),
            Attribute::ints("strides", &conv.stride),
            Attribute::ints("pads", &[rows, columns, rows, columns]),
            Attribute::ints("dilations", &[conv.dilation; 2]),
            Attribute::int("group", groups),
        ];
        let size = [conv.side(0, x.size[0]), conv.side(1, x.size[1])];
        let y = Map { name: conv.name, channels: conv.channels, size };
        Ok(self.graph.map("Conv", &read, attributes, y))
    }
}
