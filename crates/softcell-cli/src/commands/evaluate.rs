//! `softcell evaluate`: the trained network of a run on the test images.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use softcell::model::chosen_weights;
use softcell::pipeline::{Job, network_cost};
use softcell::run::RunFolder;

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
    let config = folder.read_config()?;
    let mut progress = Progress::new(args.voice);
    let dataset = read_data(&config, &mut progress)?;
    let job = Job {
        folder: &folder,
        config: &config,
        dataset: &dataset,
        device: &device,
        checkpoint_interval: Duration::MAX,
    };
    job.check_data()?;
    let test = job.test(&genotype, &weights, &mut progress)?;
    progress.clear();
    let cost = network_cost(&genotype, &config, &dataset.train);
    let scores = Scores {
        test_accuracy: test.accuracy,
        test_top5_accuracy: test.top5_accuracy,
        test_images: test.images,
        parameters: cost.parameters,
        macs: cost.macs,
        classes: test.classes,
        per_class_accuracy: test.per_class_accuracy,
        confusion: test.confusion,
    };
    if args.json {
        print_json(&scores)?;
    } else {
        print(&scores.text(&format!("the output of `softcell evaluate --run {place} --json`")))?;
    }
    Ok(ExitCode::SUCCESS)
}
