//! `softcell evaluate`: the trained network of a run on the test images.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use softcell::config::{Config, ImageSize};
use softcell::data::Dataset;
use softcell::model::chosen_weights;
use softcell::pipeline::{Job, network_cost};
use softcell::run::{Manifest, RunFolder};

use super::data::format_named;
use crate::args::EvaluateArgs;
use crate::output::{Scores, print, print_json, quoted};
use crate::plan::{read_data, start};
use crate::progress::Progress;

/// Runs the command.
///
/// # Errors
/// When the run is not trained, or its images have changed.
pub fn run(args: &EvaluateArgs) -> Result<ExitCode> {
    let device = start(&args.machine)?;
    let folder = RunFolder::view(&args.run)?;
    let place = quoted(&args.run.display().to_string());
    let (Some(genotype), Some(weights)) = (folder.read_genotype()?, chosen_weights(&folder)?) else {
        bail!("run {place} has no trained network: train it with `softcell train --run {place}`");
    };
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
    let test = job.test(&genotype, &weights, &mut progress)?;
    progress.clear();
    let cost = network_cost(&genotype, &config, &dataset.train);
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
fn images(args: &EvaluateArgs, folder: &RunFolder, progress: &mut Progress) -> Result<(Config, Dataset)> {
    let mut config = folder.read_config()?;
    let manifest = folder.read_manifest()?;
    if let Some(path) = &args.data {
        config.data.path.clone_from(path);
        config.data.format = format_named(&args.data_format)?;
        if let Some(Manifest { image_shape: [_, height, width], .. }) = manifest {
            config.data.image_size = ImageSize::Fixed { height, width }.to_string();
        }
        config.check()?;
    }
    let imported = manifest.as_ref().is_some_and(|manifest| manifest.imported_from.is_some());
    let without_images = manifest.as_ref().is_some_and(|manifest| manifest.data_fingerprint.is_empty());
    if args.data.is_none() && imported && without_images {
        let place = quoted(&args.run.display().to_string());
        bail!(
            "run {place} was imported without images: name them with `softcell evaluate --run {place} --data PATH`"
        );
    }
    let mut dataset = read_data(&config, progress)?;
    if let Some(manifest) = manifest.filter(|_| args.data.is_some() || imported) {
        let Manifest { classes, image_shape, normalization, .. } = manifest;
        dataset = dataset.for_network(&classes, image_shape, normalization)?;
    }
    Ok((config, dataset))
}
