//! `softcell export --quantize int8`.

use anyhow::Result;
use softcell::export::onnx::{Contents, OnnxOptions, Quantization};
use softcell::export::{Destination, Written};
use softcell::model::TrainedModel;
use softcell::nn::Device;
use softcell::run::RunFolder;

use crate::args::ExportArgs;
use crate::output::{grouped, percent};
use crate::progress::Progress;

/// Writes the network of a run in whole numbers.
///
/// # Errors
/// Images that cannot be had; a network that loses more than is allowed.
#[cfg(feature = "verify")]
pub fn write(
    args: &ExportArgs,
    folder: &RunFolder,
    model: &TrainedModel,
    options: &OnnxOptions,
    destination: &Destination,
    device: &Device,
    progress: &mut Progress,
) -> Result<Written<Contents>> {
    use softcell::export::images_of_run;
    use softcell::export::onnx::{Int8Images, Int8Options, write_int8};

    use crate::remedies;

    let int8 = Int8Options {
        calibration_images: args.calibration_images.unwrap_or(Int8Options::CALIBRATION_IMAGES),
        test_images: args.test_images.unwrap_or(Int8Options::TEST_IMAGES),
        max_drop: args.max_drop.unwrap_or(Int8Options::MAX_DROP),
    };
    int8.check()?;
    let read = images_of_run(folder, model, &mut |done, total| progress.count("reading", done, total));
    progress.clear();
    let dataset = read.map_err(|reason| {
        anyhow::anyhow!(
            "--quantize takes images of the run to calibrate the network and to measure it, and they cannot be used: {}",
            reason.worded(&remedies::words)
        )
    })?;
    let images = Int8Images { train: &dataset.train, test: &dataset.test };
    let mut told = |done, total| progress.count("measuring", done, total);
    let written = write_int8(model, options, &int8, images, destination, device, &mut told);
    progress.clear();
    Ok(written?)
}

/// This build cannot run what it would write.
///
/// # Errors
/// Always.
#[cfg(not(feature = "verify"))]
pub fn write(
    _: &ExportArgs,
    _: &RunFolder,
    _: &TrainedModel,
    _: &OnnxOptions,
    _: &Destination,
    _: &Device,
    _: &mut Progress,
) -> Result<Written<Contents>> {
    anyhow::bail!(
        "--quantize takes an ONNX runtime to calibrate the network and to measure it, and this build has none: build it with the feature `verify`"
    )
}

/// How it was made, and how it does.
pub fn said(quantization: &Quantization, bytes: u64) -> String {
    let Quantization { calibration_images, convolutions: [whole, all], f32_bytes, .. } = *quantization;
    let Quantization { test_images, f32_accuracy, accuracy, agreement, .. } = *quantization;
    format!(
        "  int8    {whole} of {all} convolutions; weights int8 per channel, maps uint8, calibrated on {} training images\n  \
           size    {} of {} bytes in f32\n  \
           test    {} of {} test images known, in f32 {}; the same class for {}\n",
        grouped(calibration_images as u64),
        percent(bytes as f64 / f32_bytes as f64),
        grouped(f32_bytes),
        percent(accuracy),
        grouped(test_images as u64),
        percent(f32_accuracy),
        percent(agreement),
    )
}
