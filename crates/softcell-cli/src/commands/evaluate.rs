//! `softcell evaluate`: the trained network of a run on the test images.

use std::process::ExitCode;

use anyhow::Result;
use softcell::data::Wanted;
use softcell::experiment::{Tested, TestedOn, evaluate_run};
use softcell::export::Destination;
use softcell::program::shown;
use softcell::run::RunFolder;

use super::data::format_named;
use super::existing;
use crate::args::{EvaluateArgs, PartArg};
use crate::machine::start;
use crate::mistakes::as_csv;
use crate::output::{print_json, print_result, quoted, scores_in_words};
use crate::progress::Progress;

/// Runs the command.
///
/// # Errors
/// When the run is not trained, its images have changed, or the file of the wrong answers cannot be written.
pub fn run(args: &EvaluateArgs) -> Result<ExitCode> {
    let device = start(&args.machine)?;
    let destination =
        args.mistakes.as_deref().map(|out| Destination::new(out, existing(args.force))).transpose()?;
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
    let Tested { scores, wrong } = evaluate_run(&folder, images, &device, &mut progress)?;
    progress.clear();
    if let Some(destination) = &destination {
        destination.write(as_csv(&scores.classes, &wrong)?.as_bytes())?;
        progress.line(&format!("wrong answers: {}", shown::path(destination.path())));
    }
    if args.json {
        print_json(&scores)?;
    } else {
        let place = quoted(&args.run.display().to_string());
        let elsewhere = format!("the output of `softcell evaluate --run {place} --json`");
        print_result(&scores_in_words(&scores, &elsewhere))?;
    }
    Ok(ExitCode::SUCCESS)
}
