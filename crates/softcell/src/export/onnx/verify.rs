//! An ONNX file run by an ONNX runtime and compared with the network it was made of.

use std::path::Path;

use burn::tensor::Device;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rand::RngExt;

use super::resizing::PIXELS;
use super::runtime::{OnnxFile, Preparation};
use super::{OnnxOptions, Output};
use crate::config::Resize;
use crate::data::read_image_bytes;
use crate::error::{Error, Result};
use crate::export::{Deviation, Origin, Sample, Verification};
use crate::model::TrainedModel;
use crate::predict::Predictor;
use crate::random::stream;

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
    if file.takes_pictures() {
        return verify_pictures(&file, model, options, &predictor);
    }
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

/// Heights, widths and channels of the images that a file for images of any size is tried on, in parts of the
/// network's: smaller and larger, higher and wider, of all numbers of channels.
const PICTURES: [([f64; 2], u8); 6] = [
    ([1.0, 1.0], 3),
    ([2.37, 3.11], 3),
    ([4.3, 0.71], 4),
    ([0.4, 0.9], 1),
    ([1.63, 1.9], 2),
    ([0.57, 2.6], 3),
];
/// Levels that pixels may differ by, and the share of them that may: sums in another order are rounded to another level
/// where they are in the middle between two.
const LEVELS: f32 = 1.0;
const SHARE: f64 = 0.01;
/// More than any of them has.
const MOST_PIXELS: usize = 1_000_000_000;
/// In small images a few pixels are a larger share.
const FEW: usize = 2;

/// An image that is made up, and what the file makes of it.
pub struct Tried {
    pixels: Vec<u8>,
    shape: [usize; 3],
    /// At the size of the network's, by the file.
    resized: Vec<u8>,
}

/// Compares what a file makes of images of other sizes with what prediction makes of them.
///
/// # Errors
/// What the runtime says; pixels that differ by more than a level, or too many that differ at all.
pub fn check_pictures(file: &OnnxFile, model: &TrainedModel) -> Result<Vec<Tried>> {
    let image_shape @ [_, height, width] = model.manifest.image_shape;
    PICTURES
        .iter()
        .enumerate()
        .map(|(i, &([rows, columns], channels))| {
            let side = |side: usize, by: f64| ((side as f64 * by).round() as usize).max(1);
            let shape = [side(height, rows), side(width, columns), usize::from(channels)];
            let mut random = stream(1, "export/pictures", &[i as u64]);
            let pixels: Vec<u8> = (0..shape.iter().product()).map(|_| random.random()).collect();
            let expected = decoded(&pixels, shape, image_shape, model.manifest.resize)?;
            let found = file.values_of_picture(&pixels, shape, &[PIXELS])?.swap_remove(0);
            let differences = || expected.iter().zip(&found).map(|(&a, &b)| (f32::from(a) - b).abs());
            let differ = differences().filter(|&difference| difference > 0.0).count();
            let share = differ as f64 / expected.len() as f64;
            if found.len() != expected.len()
                || differences().any(|d| d.is_nan() || d > LEVELS)
                || (share > SHARE && differ > FEW)
            {
                return Err(Error::invalid(
                    "the ONNX file that was made",
                    format!(
                        "{:.1} % of the pixels of an image of {shape:?} brought to other levels",
                        share * 100.0
                    ),
                    "those of prediction",
                    "nothing was written; this is a fault of Softcell: please report it",
                ));
            }
            Ok(Tried { pixels, shape, resized: found.iter().map(|&level| level as u8).collect() })
        })
        .collect()
}

/// An image file of these pixels, `[height, width, channels]`, read as for prediction.
fn decoded(pixels: &[u8], shape: [usize; 3], to: [usize; 3], resize: Resize) -> Result<Vec<u8>> {
    let [height, width, channels] = shape;
    let color = match channels {
        1 => ExtendedColorType::L8,
        2 => ExtendedColorType::La8,
        3 => ExtendedColorType::Rgb8,
        _ => ExtendedColorType::Rgba8,
    };
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(pixels, width as u32, height as u32, color)
        .expect("pixels of this shape are written to memory");
    read_image_bytes(&file, Path::new("made-up image"), to, resize, MOST_PIXELS)
}

fn verify_pictures(
    file: &OnnxFile,
    model: &TrainedModel,
    options: &OnnxOptions,
    predictor: &Predictor,
) -> Result<Verification> {
    let names: &[&str] = match options.output {
        Output::Logits => &["logits"],
        Output::Probabilities => &["logits", "probabilities"],
    };
    let mut deviation = Deviation::default();
    let tried = check_pictures(file, model)?;
    for Tried { pixels, shape, resized } in &tried {
        let mut found = file.values_of_picture(pixels, *shape, names)?.into_iter();
        let logits = found.next().expect("a value for each name");
        let expected = predictor.logits(std::slice::from_ref(resized));
        deviation.add(&expected, &logits, found.next().as_deref(), model.network.classes);
    }
    let images = tried.into_iter().map(|tried| tried.pixels).collect::<Vec<_>>();
    let batches = vec![1; images.len()];
    Verification::of(&Sample { images, origin: Origin::MadeUp }, batches, deviation)
}
