//! `softcell import`: weights from elsewhere as a run.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use softcell::config::{DataConfig, DataFormat, ImageSize, word_to_text};
use softcell::data::{Dataset, Normalization};
use softcell::experiment::{free_folder, read_images, tell_replaced};
use softcell::model::{Imported, Importer, Known};
use softcell::nn::Device;
use softcell::program::reading::{MOST_OF_A_TEXT, Source, read_text};
use softcell::program::shown;
use softcell::run::{Overwrite, RunFolder};
use softcell::space::StemKind;

use super::data::format_named;
use crate::args::ImportArgs;
use crate::genotypes::resolve;
use crate::machine::start;
use crate::output::{Form, grouped, print, print_json, quoted};
use crate::progress::Progress;

/// Runs the command. Nothing is written before everything has been checked.
///
/// # Errors
/// A file that is not read, tensors that do not make the network, a folder that must not be touched.
pub fn run(args: &ImportArgs) -> Result<ExitCode> {
    let device = start(&args.machine)?;
    check_place(args)?;
    let mut progress = Progress::new(args.voice);
    let importer = Importer::read(&args.weights, known(args)?)?;
    let imported = finish(args, importer, &device, &mut progress)?;
    let folder = match &args.out {
        Some(out) => RunFolder::create(out, overwrite(args))?,
        None => {
            let weights = args.weights.with_extension("");
            RunFolder::create(&free_folder(&weights.display().to_string())?, Overwrite::Refuse)?
        }
    };
    tell_replaced(&folder, "run", &mut progress)?;
    for note in &imported.model.manifest.notes {
        progress.line(note);
    }
    imported.write(&folder)?;
    match Form::of(args.json) {
        Form::Text => print(&report(&folder, &imported))?,
        Form::Json => print_json(&Made::of(&folder, &imported))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn overwrite(args: &ImportArgs) -> Overwrite {
    if args.force { Overwrite::Force } else { Overwrite::Refuse }
}

/// Refuses a folder that is in the way before anything is read.
fn check_place(args: &ImportArgs) -> Result<()> {
    match &args.out {
        Some(out) => Ok(RunFolder::check_place(out, overwrite(args))?),
        None => Ok(()),
    }
}

fn known(args: &ImportArgs) -> Result<Known> {
    let image_size = match args.image_size.as_deref().map(str::parse).transpose()? {
        Some(ImageSize::Fixed { height, width }) => Some([height, width]),
        Some(ImageSize::Auto) | None => None,
    };
    let normalization =
        (!args.mean.is_empty()).then(|| Normalization { mean: args.mean.clone(), std: args.std.clone() });
    Ok(Known {
        genotype: args.genotype.as_deref().map(resolve).transpose()?,
        init_channels: args.init_channels.map(|channels| channels as usize),
        layers: args.layers.map(|layers| layers as usize),
        classes: args.classes.as_deref().map(class_names).transpose()?,
        image_size,
        normalization,
    })
}

/// The lines of a file, or what stands between commas.
fn class_names(text: &str) -> Result<Vec<String>> {
    let path = Path::new(text);
    if !path.is_file() {
        return Ok(text.split(',').map(|name| name.trim().to_owned()).collect());
    }
    let content = read_text(path, MOST_OF_A_TEXT, Source::File)?;
    Ok(content.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Reads the images, if there are any, and makes the network.
fn finish(
    args: &ImportArgs,
    importer: Importer,
    device: &Device,
    progress: &mut Progress,
) -> Result<Imported> {
    let images = match &args.data {
        None => None,
        Some(path) => Some(images(&importer, path, format_named(&args.data_format)?, progress)?),
    };
    let mut imported = importer.finish(images.as_ref().map(|(data, dataset)| (data, dataset)), device)?;
    let manifest = &mut imported.model.manifest;
    manifest.command = std::env::args_os().map(|word| word_to_text(&word)).collect();
    manifest.device = args.machine.device.clone();
    manifest.threads = rayon::current_num_threads();
    Ok(imported)
}

fn images(
    importer: &Importer,
    path: &str,
    format: DataFormat,
    progress: &mut Progress,
) -> Result<(DataConfig, Dataset)> {
    let config = importer.data_settings(path, format)?;
    let dataset = read_images(&config, progress)?;
    Ok((config.into_config().data, dataset))
}

/// What `--json` prints of an import.
#[derive(Debug, Serialize)]
struct Made<'a> {
    /// The folder of the run.
    run: &'a Path,
    /// In the original's text.
    genotype: String,
    init_channels: usize,
    layers: usize,
    stem: StemKind,
    auxiliary: bool,
    classes: &'a [String],
    /// Channels, height and width.
    image_shape: [usize; 3],
    /// Numbers and tensors that were read.
    numbers: usize,
    tensors: usize,
    notes: &'a [String],
}

impl<'a> Made<'a> {
    fn of(folder: &'a RunFolder, imported: &'a Imported) -> Made<'a> {
        let (network, manifest) = (&imported.model.network, &imported.model.manifest);
        Made {
            run: folder.path(),
            genotype: network.genotype.to_text(),
            init_channels: network.init_channels,
            layers: network.n_cells,
            stem: network.stem,
            auxiliary: network.auxiliary,
            classes: &manifest.classes,
            image_shape: manifest.image_shape,
            numbers: imported.model.weights.values().map(|tensor| tensor.values.len()).sum(),
            tensors: imported.model.weights.len(),
            notes: &manifest.notes,
        }
    }
}

fn report(folder: &RunFolder, imported: &Imported) -> String {
    let (network, manifest) = (&imported.model.network, &imported.model.manifest);
    let [channels, height, width] = manifest.image_shape;
    let stem = match network.stem {
        StemKind::Cifar => "cifar",
        StemKind::Imagenet => "imagenet",
    };
    let auxiliary = if network.auxiliary { ", with an auxiliary head" } else { "" };
    let weights: usize = imported.model.weights.values().map(|tensor| tensor.values.len()).sum();
    let run = quoted(&folder.path().display().to_string());
    let data = if manifest.data_fingerprint.is_empty() { " --data PATH" } else { "" };
    format!(
        "network   {} cells from {} channels, {stem} stem{auxiliary}, {} classes, images of \
         {channels}x{height}x{width}\n\
         weights   {} numbers in {} tensors\n\
         genotype  {}\n\
         run       {}\n\
         next\n  \
           softcell evaluate --run {run}{data}\n  \
           softcell predict --run {run} IMAGE...\n",
        network.n_cells,
        network.init_channels,
        network.classes,
        grouped(weights as u64),
        imported.model.weights.len(),
        network.genotype.to_text(),
        shown::path(folder.path()),
    )
}
