//! The trained network as an ONNX file, checked by running it.
//!
//! The graph is built here from the network's description and its named weights, not recorded by
//! `burn-onnx`'s exporter: that one cannot leave the batch size open across the slice of a factorized reduce,
//! names nodes by number, and stops at the operations of `softcell-kernels`, so that its result would have
//! to be patched in all the places that matter. From the description, names, the fold of the normalisations,
//! the treatment of the input and the metadata are a line each.

mod graph;
mod layers;
mod metadata;
mod network;
mod proto;
#[cfg(feature = "verify")]
mod quantize;
mod resizing;
#[cfg(feature = "verify")]
mod runtime;
#[cfg(test)]
mod tests;
#[cfg(feature = "verify")]
mod verify;
mod whole_numbers;

use std::path::Path;

use burn::tensor::Device;
use prost::Message;
use serde::Serialize;

use super::{ExportFormat, Sample, Verification, Written};
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::model::TrainedModel;
use crate::network::NamedTensors;
use crate::space::cell_title;
use crate::space::plan::{Body, CellBlock, MapShape, NetworkPlan, Norms, Role};
use graph::FeatureMap;
use network::Network;

/// Edition of ONNX's operators.
pub const OPSET: i64 = 17;

/// Edition of the file format; every onnxruntime since 1.10 reads it.
pub const IR_VERSION: i64 = 8;

/// Name of the input.
pub const INPUT: &str = "image";

/// Largest file that readers take: lengths in it are signed 32-bit numbers.
const MAX_BYTES: usize = i32::MAX as usize;

/// What becomes of batch normalisations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchNorms {
    /// They go into the convolutions before them.
    #[default]
    Folded,
    /// They are nodes of their own, with the trained tensors as they are.
    Kept,
}

/// What the file answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// `logits`.
    #[default]
    Logits,
    /// `probabilities`.
    Probabilities,
}

impl Output {
    /// Of the value in the graph.
    pub fn name(self) -> &'static str {
        match self {
            Output::Logits => "logits",
            Output::Probabilities => "probabilities",
        }
    }
}

/// The numbers that pixels are given in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InputRange {
    /// 0 to 255, as in image files.
    #[default]
    Bytes,
    /// 0 to 1.
    Unit,
}

impl InputRange {
    /// The value of white.
    pub fn white(self) -> u8 {
        match self {
            InputRange::Bytes => 255,
            InputRange::Unit => 1,
        }
    }
}

/// Which images a file takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pictures {
    /// Batches of images at the size of the network's.
    #[default]
    Sized,
    /// One image of any size and one to four channels, which the graph brings to that size as prediction does.
    AnySize,
}

/// How the file is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OnnxOptions {
    /// Batch normalisations.
    pub norms: BatchNorms,
    /// Output.
    pub output: Output,
    /// Input.
    pub input_range: InputRange,
    /// Images.
    pub pictures: Pictures,
}

impl OnnxOptions {
    /// Name of the input.
    pub fn input(&self) -> &'static str {
        match self.pictures {
            Pictures::Sized => INPUT,
            Pictures::AnySize => resizing::INPUT,
        }
    }
}

/// Says what an ONNX file holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contents {
    /// [`OPSET`].
    pub opset: i64,
    /// [`IR_VERSION`].
    pub ir_version: i64,
    /// Name of the input.
    pub input: String,
    /// Channels, height and width of an image.
    pub image_shape: [usize; 3],
    /// The value of white; black is 0.
    pub white: u8,
    /// Name of the output.
    pub output: String,
    /// Its length for one image.
    pub classes: usize,
    /// What is told of a network in whole numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Quantization>,
}

impl Contents {
    fn of(model: &TrainedModel, options: &OnnxOptions) -> Contents {
        Contents {
            opset: OPSET,
            ir_version: IR_VERSION,
            input: options.input().to_owned(),
            image_shape: model.manifest.image_shape,
            white: options.input_range.white(),
            output: options.output.name().to_owned(),
            classes: model.network.classes,
            quantization: None,
        }
    }
}

/// The network as the bytes of an ONNX file.
///
/// Input `image`, `[batch, channels, height, width]` in f32, or `picture`, `[height, width, channels]` in bytes, of any
/// size; output `logits` or `probabilities`,
/// `[batch, classes]`. The input is normalised in the graph; its metadata says with which numbers.
///
/// # Errors
/// Weights or a normalisation that do not fit the network; a network too large for the format.
pub fn to_bytes(model: &TrainedModel, options: &OnnxOptions) -> Result<Vec<u8>> {
    encoded(&described(trained_graph(model, options)?, model, options))
}

/// The graph of a trained network, from images to its answer.
///
/// # Errors
/// As [`to_bytes`].
fn trained_graph(model: &TrainedModel, options: &OnnxOptions) -> Result<proto::Graph> {
    if options.pictures == Pictures::AnySize && options.input_range == InputRange::Unit {
        let (found, expected) =
            ("values from 0 to 1", "bytes, which is what images of any size are given in");
        return Err(Error::invalid("input of the ONNX file", found, expected, "leave out one of the two"));
    }
    let network = &model.network;
    network.genotype.check()?;
    let plan = network.plan();
    exportable(&plan)?;
    let mut graph = Network::new(&plan, &model.weights, options.norms);
    let images = normalized(model, options.input_range, &mut graph)?;
    graph.forward(&images)?;
    let mut graph = graph.into_layers().graph;
    if options.output == Output::Probabilities {
        let axis = proto::Attribute::int("axis", 1);
        graph.node("Softmax", "probabilities", &["logits"], vec![axis], &[network.classes]);
    }
    Ok(graph.finish("softcell", network.genotype.to_text()))
}

/// A file with a graph of this model, and what is to be said of it.
fn described(mut graph: proto::Graph, model: &TrainedModel, options: &OnnxOptions) -> proto::Model {
    if options.pictures == Pictures::AnySize {
        resizing::resize_before(&mut graph, model.manifest.image_shape, model.manifest.resize);
    }
    proto::Model {
        model_version: Some(1),
        doc_string: Some(metadata::summary(&model.network)),
        metadata_props: metadata::properties(model, options),
        ..file(graph)
    }
}

/// A file with this graph and nothing said of it.
fn file(graph: proto::Graph) -> proto::Model {
    proto::Model {
        ir_version: Some(IR_VERSION),
        producer_name: Some("softcell".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(graph),
        opset_import: vec![proto::OperatorSet { domain: Some(String::new()), version: Some(OPSET) }],
        ..proto::Model::default()
    }
}

fn encoded(file: &proto::Model) -> Result<Vec<u8>> {
    match file.encoded_len() {
        length if length > MAX_BYTES => Err(Error::invalid(
            "ONNX file",
            format!("{length} bytes"),
            format!("at most {MAX_BYTES}, which is what the format can hold in one file"),
            "train a smaller network",
        )),
        _ => Ok(file.encode_to_vec()),
    }
}

/// The network of any plan as the bytes of an ONNX file, without normalisation and metadata: input `image`,
/// `[batch, channels, height, width]` in f32 as the network sees it, output `logits`. Its cells have one operation on
/// each edge.
///
/// # Errors
/// A supernet, partial channels, normalisations without scale and shift; weights that do not fit the plan; a network
/// too large for the format.
pub fn plan_to_bytes(plan: &NetworkPlan, weights: &NamedTensors, norms: BatchNorms) -> Result<Vec<u8>> {
    exportable(plan)?;
    let mut network = Network::new(plan, weights, norms);
    let MapShape { channels, size } = plan.image;
    let graph = &mut network.layers().graph;
    graph.input(INPUT, &[channels, size[0], size[1]], String::new());
    network.forward(&FeatureMap { name: INPUT.to_owned(), channels, size })?;
    encoded(&file(network.into_layers().graph.finish("softcell", String::new())))
}

fn exportable(plan: &NetworkPlan) -> Result<()> {
    let refused = |found: String, expected| {
        Err(Error::invalid("network", found, expected, "derive a genotype and train its network"))
    };
    for kind in &plan.cells {
        if kind.role == Role::Search {
            return refused(
                format!("{}s that mix their candidates", cell_title(&kind.name)),
                "one operation on each edge",
            );
        }
        kind.without_noise()?;
        if kind.share > 1 {
            let found =
                format!("{}s whose operations see 1/{} of the channels", cell_title(&kind.name), kind.share);
            return refused(found, "operations on all channels");
        }
    }
    for block in &plan.blocks {
        if let Body::Cell(CellBlock { cell, norms: Norms { affine: false, .. }, .. }) = &block.body {
            let found = format!("{}s whose normalisations do not scale", cell_title(&plan.cells[*cell].name));
            return refused(found, "normalisations with scale and shift");
        }
    }
    Ok(())
}

/// `(x − 255 · mean) / (255 · std)` for bytes, without the 255 for values up to 1.
///
/// The nodes stand before the first convolution and cannot go into it: its padding is zero after
/// normalisation, not before.
fn normalized(model: &TrainedModel, range: InputRange, network: &mut Network<'_>) -> Result<FeatureMap> {
    let [channels, height, width] = model.manifest.image_shape;
    let config = &model.network;
    if channels != config.channels_in || [height, width] != config.image_size {
        return Err(Error::invalid(
            "image shape of the manifest",
            format!("{:?}", model.manifest.image_shape),
            format!("{} channels and {:?} pixels, as the network has", config.channels_in, config.image_size),
            "restore the manifest of the run",
        ));
    }
    let white = f64::from(range.white());
    let description = metadata::input(channels, range);
    let graph = &mut network.layers().graph;
    graph.input(INPUT, &[channels, height, width], description);
    let map = |name: &str| FeatureMap { name: name.to_owned(), channels, size: [height, width] };
    let mut x = map(INPUT);
    let normalization = &model.manifest.normalization;
    let steps = [("Sub", "mean", &normalization.mean), ("Div", "std", &normalization.std)];
    for (operator, name, values) in steps {
        if values.len() != channels {
            return Err(Error::invalid(
                "normalisation of the manifest",
                format!("a {name} of {} channels", values.len()),
                format!("one of {channels}"),
                "restore the manifest of the run",
            ));
        }
        let scaled: Vec<f32> = values.iter().map(|&value| (f64::from(value) * white) as f32).collect();
        let constant = format!("normalize.{name}");
        graph.floats(&constant, &[1, channels, 1, 1], &scaled);
        let output = format!("normalize.{}", operator.to_lowercase());
        x = graph.map(operator, &[&x.name, &constant], vec![], map(&output));
    }
    Ok(x)
}

/// Writes the network as an ONNX file, runs what was written on the sample and puts it in its place only if
/// it answers as the network does. Without the feature `verify` it is not run.
///
/// # Errors
/// As [`to_bytes`]; a file whose answers deviate; what the file system says. Nothing is left at the
/// destination then but what was there.
pub fn write(
    model: &TrainedModel,
    options: &OnnxOptions,
    destination: &Destination,
    sample: &Sample,
    device: &Device,
) -> Result<Written<Contents>> {
    let bytes = to_bytes(model, options)?;
    let verification =
        destination.write_checked(&bytes, |path| check(path, model, options, sample, device))?;
    Ok(Written {
        path: destination.path().to_path_buf(),
        format: ExportFormat::Onnx,
        bytes: bytes.len() as u64,
        verification,
        contents: Contents::of(model, options),
    })
}

/// Runs a file that was written.
#[cfg(feature = "verify")]
fn check(
    path: &Path,
    model: &TrainedModel,
    options: &OnnxOptions,
    sample: &Sample,
    device: &Device,
) -> Result<Option<Verification>> {
    let bytes = std::fs::read(path).map_err(Error::io("read back", path))?;
    verify(bytes, model, options, sample, device).map(Some)
}

/// This build cannot run a file.
#[cfg(not(feature = "verify"))]
fn check(
    _: &Path,
    _: &TrainedModel,
    _: &OnnxOptions,
    _: &Sample,
    _: &Device,
) -> Result<Option<Verification>> {
    Ok(None)
}

#[cfg(feature = "verify")]
pub use quantize::{Int8Images, write_int8};
#[cfg(feature = "verify")]
pub use runtime::{OnnxFile, Preparation, RUNTIME};
#[cfg(feature = "verify")]
pub use verify::verify;
pub use whole_numbers::{Int8Options, Quantization};
