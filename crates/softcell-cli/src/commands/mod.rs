//! One file for each command, and what the commands of a run share.

pub mod bench;
pub mod data;
mod draw;
mod dry_run;
pub mod evaluate;
pub mod export;
pub mod fit;
pub mod genotype;
pub mod import;
mod layers;
pub mod methods;
pub mod predict;
pub mod replay;
pub mod report;
pub mod runs;
pub mod search;
pub mod select;
pub mod shell;
pub mod train;

use anyhow::Result;
use softcell::experiment::Scores;
use softcell::export::Existing;
use softcell::nn::{class_images, is_uneven};
use softcell::program::shown::escaped;
use softcell::run::files::{CONFIG, GENOTYPE_JSON, GENOTYPE_TEXT, HISTORY, MANIFEST, REPORT, RESULT};
use softcell::run::{RunFolder, RunResult, Weights};

use crate::output::{duration, grouped, percent, print, quoted, scores_in_words, size, with_interval};
use crate::session::Session;

/// Writes the report of a run that has come to a result, and prints it.
fn finished(session: &mut Session, result: &RunResult) -> Result<()> {
    session.progress.clear();
    session.report();
    print(&summary(session.folder(), result))
}

/// What becomes of a file in the way, by `--force`.
fn existing(force: bool) -> Existing {
    if force { Existing::Replace } else { Existing::Keep }
}

/// The line that names the report, if it could be written.
fn page_line(folder: &RunFolder) -> String {
    if folder.has_report() {
        format!("{REPORT}: all of it as a page for the browser\n  ")
    } else {
        String::new()
    }
}

/// ` with 52.50 % (37.5 to 67.1 %) on 40 validation images`; empty without a validation part.
fn validation(result: &RunResult) -> String {
    let Some(accuracy) = result.validation_accuracy else { return String::new() };
    let said = match result.validation_images {
        Some(images) => {
            let right = (accuracy * images as f64).round() as u64;
            format!(" with {} on {} validation images", with_interval(right, images), grouped(images))
        }
        None => format!(" with {} on the validation images", percent(accuracy)),
    };
    let uneven = is_uneven(class_images(&result.confusion));
    match result.validation_balanced_accuracy.filter(|_| uneven) {
        Some(balanced) => format!("{said}, balanced {}", percent(balanced)),
        None => said,
    }
}

/// What a run came to, where its files are and what to do next.
fn summary(folder: &RunFolder, result: &RunResult) -> String {
    let place = folder.path().display().to_string();
    let validation = validation(result);
    let asked = folder.read_config().map_or(0, |config| config.train.epochs);
    let early = match result.epochs_done {
        done if done > 0 && done < asked => format!("; ended early, after {done} of {asked} epochs"),
        _ => String::new(),
    };
    let searched = result.search_seconds.map_or(String::new(), |s| format!("search {}, ", duration(s)));
    let (selection, compared) = match &result.selection {
        Some(standing) => (
            format!("selection     {}: {}\n", standing.chosen, standing.verdict()),
            format!("comparing cells {}, ", duration(standing.selection_seconds)),
        ),
        None => (String::new(), String::new()),
    };
    let memory = result.peak_rss_mb.map_or(String::new(), |mb| format!(", at most {mb:.0} MB of memory"));
    let weights = if result.weights == "best" { Weights::Best } else { Weights::Last };
    let run = quoted(&place);
    let place = escaped(&place);
    let page = page_line(folder);
    format!(
        "\n{}\n\
         weights       of epoch {}, the {}{validation}{early}\n\
         size          {} cells from {} channels, {} of maps at most for one image\n\
         time          {searched}{compared}training {}{memory}\n\
         {selection}\
         genotype      {}\n\
         \n\
         {place}\n  \
           {GENOTYPE_TEXT}, {GENOTYPE_JSON}: the cell\n  \
           {}: the weights\n  \
           {page}{RESULT}, {HISTORY}, {CONFIG}, {MANIFEST}: the record\n\
         next\n  \
           softcell predict --run {run} IMAGE...\n  \
           softcell evaluate --run {run}\n  \
           softcell export --run {run} --format onnx\n",
        scores_in_words(&Scores::from(result), &format!("{place}/{RESULT}")),
        result.epoch + 1,
        result.weights,
        result.layers,
        result.init_channels,
        size(result.peak_activation_bytes),
        duration(result.train_seconds),
        result.genotype,
        weights.file(),
    )
}
