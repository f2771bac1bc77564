//! An ONNX file run by an ONNX runtime and compared with the network it was made of.

use std::sync::Arc;

use burn::tensor::Device;
use rten::{Model, ModelOptions, RunOptions, ThreadPool, Value, op_registry};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::{INPUT, InputRange, OnnxOptions, Output};
use crate::error::{Error, Result};
use crate::export::{Deviation, Sample, Verification};
use crate::model::TrainedModel;
use crate::predict::Predictor;

/// Images of the first batches; those that are left go 16 at a time.
const BATCHES: [usize; 2] = [1, 7];
const LARGE: usize = 16;

/// Runs the bytes of a file on the sample and compares its answers with the network's.
///
/// # Errors
/// Bytes that the runtime does not take; images of another shape; answers that deviate by more than [`Verification::LIMIT`]; weights
/// that do not fit the network.
pub fn verify(
    bytes: Vec<u8>,
    model: &TrainedModel,
    options: &OnnxOptions,
    sample: &Sample,
    device: &Device,
) -> Result<Verification> {
    let image_shape = model.manifest.image_shape;
    let length: usize = image_shape.iter().product();
    if let Some(image) = sample.images.iter().find(|image| image.len() != length) {
        return Err(Error::invalid(
            "images to try the file on",
            format!("one of {} values", image.len()),
            format!("{length} of them, because the manifest says {image_shape:?}"),
            "restore the manifest of the run",
        ));
    }
    let file = OnnxFile::load(bytes, image_shape, options)?;
    let predictor = Predictor::new(model.clone(), "weights", device)?;
    let mut deviation = Deviation::default();
    let mut batches = Vec::new();
    let mut rest = sample.images.as_slice();
    while !rest.is_empty() {
        let size = BATCHES.get(batches.len()).copied().unwrap_or(LARGE).min(rest.len());
        let (batch, later) = rest.split_at(size);
        let (logits, probabilities) = file.answers(batch)?;
        let expected = predictor.logits(batch);
        deviation.add(&expected, &logits, probabilities.as_deref(), model.network.classes);
        batches.push(size);
        rest = later;
    }
    Verification::of(sample, batches, deviation)
}

/// A file loaded to run.
struct OnnxFile {
    model: Model,
    image_shape: [usize; 3],
    options: OnnxOptions,
    run: RunOptions,
}

impl OnnxFile {
    /// With the operators that are ever written, so that the rest of the runtime need not be built in.
    fn load(bytes: Vec<u8>, image_shape: [usize; 3], options: &OnnxOptions) -> Result<OnnxFile> {
        let registry = op_registry!(
            Add,
            AveragePool,
            BatchNormalization,
            Concat,
            Conv,
            Div,
            Flatten,
            Gemm,
            GlobalAveragePool,
            MaxPool,
            Pad,
            Relu,
            Slice,
            Softmax,
            Sub
        );
        let model = ModelOptions::with_ops(registry).load(bytes).map_err(refused)?;
        let threads = ThreadPool::with_num_threads(rayon::current_num_threads());
        let run = RunOptions::default().with_thread_pool(Some(Arc::new(threads)));
        Ok(OnnxFile { model, image_shape, options: *options, run })
    }

    /// Logits of images given as bytes, image after image, and probabilities where the file answers those.
    fn answers(&self, images: &[Vec<u8>]) -> Result<(Vec<f32>, Option<Vec<f32>>)> {
        let [channels, height, width] = self.image_shape;
        let value = |&byte: &u8| match self.options.input_range {
            InputRange::Bytes => f32::from(byte),
            InputRange::Unit => f32::from(byte) / 255.0,
        };
        let values: Vec<f32> = images.iter().flatten().map(value).collect();
        let input = NdTensor::from_data([images.len(), channels, height, width], values);
        let names: &[&str] = match self.options.output {
            Output::Logits => &["logits"],
            Output::Probabilities => &["logits", "probabilities"],
        };
        let node = |name: &str| self.model.node_id(name).map_err(refused);
        let outputs = names.iter().map(|name| node(name)).collect::<Result<Vec<_>>>()?;
        let inputs = vec![(node(INPUT)?, input.view().into())];
        let found = self.model.run(inputs, &outputs, Some(self.run.clone())).map_err(refused)?;
        let values = |value: Value| NdTensor::<f32, 2>::try_from(value).map(|v| v.to_vec()).map_err(refused);
        let mut found = found.into_iter().map(values);
        let logits = found.next().expect("a value for each output")?;
        Ok((logits, found.next().transpose()?))
    }
}

fn refused(reason: impl std::fmt::Display) -> Error {
    Error::invalid(
        "the ONNX file that was made",
        format!("one that does not run ({reason})"),
        "a file that an ONNX runtime takes",
        "this is a fault of Softcell: please report it with the genotype of the run",
    )
}
