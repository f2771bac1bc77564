//! `softcell evaluate`: the trained network of a run on the test images.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use softcell::config::CheckedConfig;
use softcell::data::{Dataset, Normalization, Wanted, open_for_test};
use softcell::experiment::{Job, network_cost, read_images, reading_settings};
use softcell::export::Destination;
use softcell::model::TrainedModel;
use softcell::program::shown;
use softcell::run::files::MANIFEST;
use softcell::run::{Manifest, RunFolder};

use super::data::format_named;
use super::existing;
use crate::args::{EvaluateArgs, PartArg};
use crate::machine::start;
use crate::mistakes::as_csv;
use crate::output::{Scores, grouped, print, print_json, quoted};
use crate::progress::{MOST_SKIPPED, Progress};

/// Runs the command.
///
/// # Errors
/// When the run is not trained, its images have changed, or the file of the wrong answers cannot be written.
pub fn run(args: &EvaluateArgs) -> Result<ExitCode> {
    let device = start(&args.machine)?;
    let destination =
        args.mistakes.as_deref().map(|out| Destination::new(out, existing(args.force))).transpose()?;
    let folder = RunFolder::view(&args.run)?;
    let place = quoted(&args.run.display().to_string());
    let model = TrainedModel::load(&folder)?;
    let mut progress = Progress::new(args.voice);
    let (config, dataset) = images(args, &folder, &mut progress)?;
    let job = Job {
        folder: &folder,
        config: &config,
        dataset: &dataset,
        device: &device,
        checkpoint_interval: Duration::MAX,
    };
    if args.data.is_none() {
        job.check_data()?;
    }
    let genotype = &model.network.genotype;
    let mut wrong = Vec::new();
    let test = job.test_telling(genotype, &model.weights, &mut progress, |answer| wrong.push(answer))?;
    progress.clear();
    if let Some(destination) = &destination {
        destination.write(as_csv(&dataset, wrong)?.as_bytes())?;
        progress.line(&format!("wrong answers: {}", shown::path(destination.path())));
    }
    let cost = network_cost(genotype, &config, &dataset.train);
    let scores = Scores::of(test, cost);
    if args.json {
        print_json(&scores)?;
    } else {
        print(&scores.text(&format!("the output of `softcell evaluate --run {place} --json`")))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The images to test on, and the settings they were read by: those of the run, or others whose classes bear the
/// names of the network's.
fn images(
    args: &EvaluateArgs,
    folder: &RunFolder,
    progress: &mut Progress,
) -> Result<(CheckedConfig, Dataset)> {
    let config = folder.read_config()?;
    let manifest = folder.read_manifest()?;
    let place = quoted(&args.run.display().to_string());
    if let Some(path) = &args.data {
        let format = format_named(&args.data_format)?;
        let config = config.with(|config| {
            config.data.path.clone_from(path);
            config.data.format = format;
            config.data.max_image_pixels = args.max_image_pixels.unwrap_or(config.data.max_image_pixels);
        })?;
        let Some(Manifest { classes, image_shape, normalization, resize, .. }) = manifest else {
            bail!("run {place} has no {MANIFEST}, which tells what its network expects");
        };
        let config = config.with(|config| config.data.resize = resize)?;
        return Ok((
            config.clone(),
            others(args, &config, (&classes, image_shape), normalization, progress)?,
        ));
    }
    let imported = manifest.as_ref().is_some_and(|manifest| manifest.imported_from.is_some());
    let without_images = manifest.as_ref().is_some_and(|manifest| manifest.data_fingerprint.is_empty());
    if imported && without_images {
        bail!(
            "run {place} was imported without images: name them with `softcell evaluate --run {place} --data PATH`"
        );
    }
    let mut dataset = read_images(&reading_settings(&config, folder)?, progress)?;
    if let Some(manifest) = manifest.filter(|_| imported) {
        let Manifest { classes, image_shape, normalization, .. } = manifest;
        dataset = dataset.for_network(&classes, image_shape, normalization)?;
    }
    Ok((config, dataset))
}

/// Other images than those of the run.
fn others(
    args: &EvaluateArgs,
    config: &CheckedConfig,
    (classes, image_shape): (&[String], [usize; 3]),
    normalization: Normalization,
    progress: &mut Progress,
) -> Result<Dataset> {
    let wanted = match args.part {
        PartArg::Test => Wanted::TestOrAll,
        PartArg::All => Wanted::All,
    };
    let opened = open_for_test(&config.data, image_shape, wanted, &mut |done, total| {
        progress.count("reading", done, total);
    });
    progress.clear();
    let images = opened?;
    let (some, all) = (images.set.len(), images.in_all);
    let path = &config.data.path;
    progress.line(&match some + images.skipped.len() == all {
        true if some == all => format!("images: all {} of {path}", grouped(all as u64)),
        true => format!(
            "images: {} of {} in {path}, all that can be read",
            grouped(some as u64),
            grouped(all as u64)
        ),
        false => format!(
            "images: {} of {} in {path}, its test part; --part all takes them all",
            grouped(some as u64),
            grouped(all as u64)
        ),
    });
    for note in &images.notes {
        progress.line(&format!("  {note}"));
    }
    for (path, reason) in images.skipped.iter().take(MOST_SKIPPED) {
        progress.line(&format!("  skipped {}: {reason}", shown::path(path)));
    }
    if let Some(more) = images.skipped.len().checked_sub(MOST_SKIPPED).filter(|more| *more > 0) {
        progress.line(&format!("  and {more} more"));
    }
    Ok(Dataset::for_test(images, classes, image_shape, normalization)?)
}
