//! `softcell export`: the trained network of a run for other programs.

mod int8;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde::Serialize;
use softcell::export::Destination;
use softcell::export::onnx::{self, BatchNorms, InputRange, OnnxOptions, Output, Pictures};
use softcell::export::{ExportFormat, Origin, Sample, Verification, Written, pytorch, safetensors};
use softcell::model::TrainedModel;
use softcell::nn::Device;
use softcell::program::shown;
use softcell::run::{RunFolder, files};

use super::existing;
use crate::args::{ExportArgs, QuantizeArg, RangeArg, Voice};
use crate::machine::start;
use crate::output::{grouped, print, print_json};
use crate::progress::Progress;
use crate::remedies;

/// Runs the command.
///
/// # Errors
/// A run that is not trained, options that do not belong to the format, a place where nothing may be written,
/// a file that does not answer as the network does.
pub fn run(args: &ExportArgs) -> Result<ExitCode> {
    check_options(args)?;
    let device = start(&args.machine)?;
    let folder = RunFolder::view(&args.run)?;
    let model = TrainedModel::load(&folder)?;
    let path = args.out.clone().unwrap_or_else(|| default_path(&folder, args));
    let existing = existing(args.force);
    let destination = Destination::new(&path, existing)?;
    match args.format {
        ExportFormat::Onnx => onnx(args, &folder, &model, &destination, &device)?,
        ExportFormat::Safetensors => {
            let bytes = safetensors::write(&model, &destination)?;
            say(args, &[(destination.path(), bytes)])?;
        }
        ExportFormat::Pytorch => {
            let weights = Destination::new(&pytorch::weights_path(&path), existing)?;
            let [source, tensors] = pytorch::write(&model, &destination, &weights)?;
            say(args, &[(destination.path(), source), (weights.path(), tensors)])?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn default_path(folder: &RunFolder, args: &ExportArgs) -> PathBuf {
    folder.path().join(match args.quantize {
        Some(QuantizeArg::Int8) => files::ONNX_INT8,
        None => args.format.file_name(),
    })
}

/// Refuses options that mean nothing for the format.
fn check_options(args: &ExportArgs) -> Result<()> {
    let allowed: &[&str] = match args.format {
        ExportFormat::Onnx => &["--no-fold", "--softmax", "--input-range", "--with-resize", "--quantize"],
        ExportFormat::Safetensors | ExportFormat::Pytorch => &[],
    };
    let given = [
        ("--no-fold", args.no_fold),
        ("--softmax", args.softmax),
        ("--input-range", args.input_range.is_some()),
        ("--with-resize", args.with_resize),
        ("--quantize", args.quantize.is_some()),
    ];
    let strange = given.into_iter().find(|(option, given)| *given && !allowed.contains(option));
    if let Some((option, _)) = strange {
        let text = format!("{option} does not belong to --format {}; leave it out\n", args.format);
        bail!(clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, text));
    }
    Ok(())
}

/// A file that was written.
#[derive(Serialize)]
struct Said<'a> {
    path: &'a Path,
    format: ExportFormat,
    bytes: u64,
}

/// Says which files were written.
fn say(args: &ExportArgs, files: &[(&Path, u64)]) -> Result<()> {
    let said: Vec<Said<'_>> =
        files.iter().map(|&(path, bytes)| Said { path, format: args.format, bytes }).collect();
    if args.json {
        return print_json(&said);
    }
    let line = |file: &Said<'_>| format!("{}: {} bytes\n", shown::path(file.path), grouped(file.bytes));
    print(&said.iter().map(line).collect::<String>())
}

fn onnx(
    args: &ExportArgs,
    folder: &RunFolder,
    model: &TrainedModel,
    destination: &Destination,
    device: &Device,
) -> Result<()> {
    let options = OnnxOptions {
        norms: if args.no_fold { BatchNorms::Kept } else { BatchNorms::Folded },
        output: if args.softmax { Output::Probabilities } else { Output::Logits },
        input_range: match args.input_range {
            Some(RangeArg::One) => InputRange::Unit,
            Some(RangeArg::Bytes) | None => InputRange::Bytes,
        },
        pictures: if args.with_resize { Pictures::AnySize } else { Pictures::Sized },
    };
    let mut progress = Progress::new(Voice::default());
    let written = match args.quantize {
        Some(QuantizeArg::Int8) => {
            int8::write(args, folder, model, &options, destination, device, &mut progress)?
        }
        None => {
            let sample = sample(folder, model, &mut progress);
            onnx::write(model, &options, destination, &sample, device)?
        }
    };
    if args.json {
        return print_json(&written);
    }
    let contents = &written.contents;
    let [channels, height, width] = contents.image_shape;
    let image = match options.pictures {
        Pictures::Sized => {
            format!("[batch, {channels}, {height}, {width}], f32 from 0 to {}", contents.white)
        }
        Pictures::AnySize => format!(
            "[height, width, channels], bytes: one image of any size and 1 to 4 channels,\n          brought to {height}x{width}"
        ),
    };
    print(&format!(
        "{}\n  \
           input   {} {image}\n  \
           output  {} [batch, {}]\n  \
           opset   {}, IR version {}\n\
         {}",
        head(&written),
        contents.input,
        contents.output,
        contents.classes,
        contents.opset,
        contents.ir_version,
        match &contents.quantization {
            Some(quantization) => int8::said(quantization, written.bytes),
            None => checked(written.verification.as_ref()),
        },
    ))
}

/// What was written, and where.
fn head<C>(written: &Written<C>) -> String {
    format!("{}: {}, {} bytes", shown::path(&written.path), written.format, grouped(written.bytes))
}

/// How it answered.
fn checked(verification: Option<&Verification>) -> String {
    let Some(verification) = verification else {
        return "  not checked: this build has no ONNX runtime (feature `verify`)\n".to_owned();
    };
    let images = match verification.origin {
        Origin::Test => "test images",
        Origin::MadeUp => "made-up images",
    };
    let deviation = &verification.deviation;
    format!(
        "  checked by running it on {} {images}: it differs from the network by at most {:.1e} in\n          \
           probability and {:.1e} of the largest logit\n",
        verification.images, deviation.probability_deviation, deviation.logit_deviation,
    )
}

/// Test images of the run; made-up ones, and a line that says why, where they cannot be had.
fn sample(folder: &RunFolder, model: &TrainedModel, progress: &mut Progress) -> Sample {
    let read = Sample::of_run(folder, model, &mut |done, total| progress.count("reading", done, total));
    progress.clear();
    read.unwrap_or_else(|reason| {
        progress.line(&format!(
            "the images of the run cannot be used, so made-up ones are: {}",
            reason.worded(&remedies::words)
        ));
        Sample::made_up(model.manifest.image_shape)
    })
}
