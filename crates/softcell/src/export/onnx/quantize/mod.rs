//! The network in whole numbers of eight bits, calibrated on images and measured beside the network itself.
//!
//! Weights become int8 with a step for each channel, levels of −127 to 127; the maps between nodes uint8 with one step
//! and one zero each, over the range that they have on calibration images; biases int32. The normalisation of the
//! image, the first convolution and all behind the last cell stay numbers with a point.

mod calibrate;
mod insert;
mod measure;
mod rectifiers;
mod scale;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use burn::tensor::Device;

use self::calibrate::calibrate;
use self::insert::Plan;
use self::measure::{Measured, measure};
use self::rectifiers::rectify_before_joining;
use self::scale::Scale;
use super::runtime::{OnnxFile, Preparation};
use super::verify::check_pictures;
use super::{BatchNorms, Contents, OnnxOptions, Pictures, described, encoded, proto, trained_graph};
use crate::data::ImageSet;
use crate::destination::Destination;
use crate::error::{Error, Remedy, Result};
use crate::export::onnx::{Int8Options, Quantization};
use crate::export::{ExportFormat, Written};
use crate::model::TrainedModel;
use crate::predict::Predictor;

/// Images that the network in whole numbers is made and measured with.
#[derive(Debug, Clone, Copy)]
pub struct Int8Images<'a> {
    /// Training images, some of which it is calibrated on.
    pub train: &'a ImageSet,
    /// Test images, which nothing is chosen by.
    pub test: &'a ImageSet,
}

/// Writes the network in whole numbers of eight bits as an ONNX file, if it knows at most so many points less of the test
/// images than the network does. `told` is called with the test images that are done, and all.
///
/// # Errors
/// As [`to_bytes`](super::to_bytes); normalisations that are kept; no images; a network that knows less than is
/// allowed. Nothing is left at the destination then but what was there.
pub fn write_int8(
    model: &TrainedModel,
    options: &OnnxOptions,
    int8: &Int8Options,
    images: Int8Images<'_>,
    destination: &Destination,
    device: &Device,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Written<Contents>> {
    int8.check()?;
    check(model, options, images)?;
    let count = int8.calibration_images.min(images.train.len());
    let sample: Vec<_> = (0..count).map(|i| images.train.image(i * images.train.len() / count)).collect();
    let f32_bytes = super::to_bytes(model, options)?.len() as u64;
    // Images are brought to the size here: what is made of them before the network is the same in both.
    let sized = OnnxOptions { pictures: Pictures::Sized, ..*options };
    let (graph, convolutions) = quantized(model, &sized, &sample)?;
    let bytes = encoded(&described(graph.clone(), model, &sized))?;
    let file = OnnxFile::load(bytes, Preparation::Optimized)?;
    let predictor = Predictor::new(model.clone(), "weights", device)?;
    let measured = measure(&file, &predictor, images.test, int8.test_images, told)?;
    allowed(&measured, int8.max_drop)?;
    let quantization = Quantization {
        calibration_images: count,
        convolutions,
        f32_bytes,
        test_images: measured.images,
        f32_accuracy: measured.share(measured.known_by_network),
        accuracy: measured.share(measured.known_by_file),
        agreement: measured.share(measured.same),
    };
    let mut file = described(graph, model, options);
    let told = serde_json::to_string(&quantization).expect("numbers serialise");
    file.metadata_props.push(proto::Property { key: Some("quantization".into()), value: Some(told) });
    let bytes = encoded(&file)?;
    if options.pictures == Pictures::AnySize {
        check_pictures(&OnnxFile::load(bytes.clone(), Preparation::Optimized)?, model)?;
    }
    destination.write(&bytes)?;
    Ok(Written {
        path: destination.path().to_path_buf(),
        format: ExportFormat::Onnx,
        bytes: bytes.len() as u64,
        verification: None,
        contents: Contents { quantization: Some(quantization), ..Contents::of(model, options) },
    })
}

fn check(model: &TrainedModel, options: &OnnxOptions, images: Int8Images<'_>) -> Result<()> {
    let fault = |found: String, expected: String, remedy: &'static str| {
        Err(Error::invalid("a network in whole numbers", found, expected, remedy))
    };
    if options.norms == BatchNorms::Kept {
        let expected = "normalisations that go into the convolutions before them".into();
        return fault("normalisations that are kept".into(), expected, "let them be folded");
    }
    for (part, set) in [("training", images.train), ("test", images.test)] {
        if set.is_empty() {
            let expected = "images to calibrate on and images to measure it on".into();
            return fault(format!("no {part} images"), expected, "give images that have such a part");
        }
        let shape = [set.channels, set.height, set.width];
        if shape != model.manifest.image_shape {
            let expected = format!("{:?}, as the manifest says", model.manifest.image_shape);
            return fault(format!("{part} images of {shape:?}"), expected, "restore the manifest of the run");
        }
    }
    Ok(())
}

/// The graph in whole numbers, calibrated on images, and its convolutions in whole numbers and all.
fn quantized<I: AsRef<[u8]>>(
    model: &TrainedModel,
    options: &OnnxOptions,
    images: &[I],
) -> Result<(proto::Graph, [usize; 2])> {
    let mut graph = trained_graph(model, options)?;
    rectify_before_joining(&mut graph);
    let first = graph.node.iter().find(|node| node.op_type() == "Conv").map(|node| node.name().to_owned());
    let plan = Plan::of(&graph, &first.iter().map(String::as_str).collect::<Vec<_>>());
    let file = OnnxFile::load(encoded(&described(graph.clone(), model, options))?, Preparation::AsWritten)?;
    let ranges = calibrate(&file, &plan.values, images)?;
    let scales: HashMap<String, Scale> =
        plan.values.iter().cloned().zip(ranges.into_iter().map(Scale::over)).collect();
    let convolutions = plan.convolutions(&graph);
    Ok((plan.apply(graph, scales), convolutions))
}

/// Whether a network in whole numbers knows enough.
fn allowed(measured: &Measured, max_drop: f64) -> Result<()> {
    let Measured { images, known_by_network, known_by_file, .. } = *measured;
    let lost = known_by_network.saturating_sub(known_by_file) as f64 / images as f64 * 100.0;
    // Counts are whole: what is exactly the limit is allowed, however it is rounded.
    if lost <= max_drop + 1e-9 {
        return Ok(());
    }
    let percent = |known| 100.0 * measured.share(known);
    Err(Error::invalid(
        "the network in whole numbers",
        format!(
            "{:.2} % of the {images} test images known, where the network knows {:.2} %: {lost:.2} points less",
            percent(known_by_file),
            percent(known_by_network)
        ),
        format!("at most {max_drop} points less"),
        "nothing was written; allow more by "
            + Remedy::Setting("max_drop")
            + ", calibrate it on more images by "
            + Remedy::Setting("calibration_images")
            + ", or export the network without quantisation",
    ))
}
