//! An ONNX file run by an ONNX runtime and compared with the network it was made of.

use burn::tensor::Device;

use super::runtime::{OnnxFile, Preparation};
use super::{OnnxOptions, Output};
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
    let file = OnnxFile::load(bytes, Preparation::Optimized)?;
    let predictor = Predictor::new(model.clone(), "weights", device)?;
    let names: &[&str] = match options.output {
        Output::Logits => &["logits"],
        Output::Probabilities => &["logits", "probabilities"],
    };
    let mut deviation = Deviation::default();
    let mut batches = Vec::new();
    let mut rest = sample.images.as_slice();
    while !rest.is_empty() {
        let size = BATCHES.get(batches.len()).copied().unwrap_or(LARGE).min(rest.len());
        let (batch, later) = rest.split_at(size);
        let mut found = file.values(batch, names)?.into_iter();
        let logits = found.next().expect("a value for each name");
        let probabilities = found.next();
        let expected = predictor.logits(batch);
        deviation.add(&expected, &logits, probabilities.as_deref(), model.network.classes);
        batches.push(size);
        rest = later;
    }
    Verification::of(sample, batches, deviation)
}
