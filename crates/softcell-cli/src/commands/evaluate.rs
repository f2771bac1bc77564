//! `softcell evaluate`: the trained network of a run on the test images.

use std::process::ExitCode;

use anyhow::Result;
use softcell::data::Wanted;
use softcell::experiment::{TestedOn, evaluate_run};
use softcell::run::RunFolder;

use super::data::format_named;
use crate::args::{EvaluateArgs, PartArg};
use crate::machine::start;
use crate::output::{print, print_json, quoted, scores_in_words};
use crate::progress::Progress;

/// Runs the command.
///
/// # Errors
/// When the run is not trained, or its images have changed.
pub fn run(args: &EvaluateArgs) -> Result<ExitCode> {
    let device = start(&args.machine)?;
    let folder = RunFolder::view(&args.run)?;
    let images = match &args.data {
        None => TestedOn::Own,
        Some(path) => TestedOn::Others {
            path: path.clone(),
            format: format_named(&args.data_format)?,
            max_image_pixels: args.max_image_pixels,
            wanted: match args.part {
                PartArg::Test => Wanted::TestOrAll,
                PartArg::All => Wanted::All,
            },
        },
    };
    let mut progress = Progress::new(args.voice);
    let scores = evaluate_run(&folder, images, &device, &mut progress)?;
    progress.clear();
    if args.json {
        print_json(&scores)?;
    } else {
        let place = quoted(&args.run.display().to_string());
        let elsewhere = format!("the output of `softcell evaluate --run {place} --json`");
        print(&scores_in_words(&scores, &elsewhere))?;
    }
    Ok(ExitCode::SUCCESS)
}
