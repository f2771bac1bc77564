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
pub mod predict;
pub mod replay;
pub mod report;
pub mod runs;
pub mod search;
pub mod train;

use anyhow::Result;
use softcell::event::Stage;
use softcell::run::{RunFolder, RunResult};
use softcell::space::Genotype;

use crate::output::{Scores, duration, percent, print, quoted, size};
use crate::plan::Stages;
use crate::session::Session;

/// Trains, tests and prints the result.
fn train_and_test(session: &mut Session, genotype: &Genotype, search_seconds: Option<f64>) -> Result<()> {
    session.check_memory(Stages::Train(genotype))?;
    let (job, progress) = session.parts();
    let trained = job.train(genotype, progress)?;
    let result = job.finish(genotype, search_seconds, &trained, progress)?;
    progress.clear();
    progress.result(&result);
    report::at_the_end(session);
    print(&summary(&session.folder, &result))
}

/// The genotype of a run that was given one, instead of searching it.
fn given_genotype(folder: &RunFolder) -> Result<Option<Genotype>> {
    let searched = folder.checkpoint(Stage::Search).exists();
    Ok(folder.read_genotype()?.filter(|_| !searched))
}

/// The line that names the report, if it could be written.
fn page_line(folder: &RunFolder) -> &'static str {
    if folder.report().is_file() { "report.html: all of it as a page for the browser\n  " } else { "" }
}

/// What a run came to, where its files are and what to do next.
fn summary(folder: &RunFolder, result: &RunResult) -> String {
    let place = folder.path().display().to_string();
    let validation = result
        .validation_accuracy
        .map_or(String::new(), |accuracy| format!(" with {} on the validation images", percent(accuracy)));
    let searched = result.search_seconds.map_or(String::new(), |s| format!("search {}, ", duration(s)));
    let memory = result.peak_rss_mb.map_or(String::new(), |mb| format!(", at most {mb:.0} MB of memory"));
    let weights = if result.weights == "best" { folder.best_weights() } else { folder.last_weights() };
    let run = quoted(&place);
    let page = page_line(folder);
    format!(
        "\n{}\n\
         weights       of epoch {}, the {}{validation}\n\
         size          {} cells from {} channels, {} of maps at most for one image\n\
         time          {searched}training {}{memory}\n\
         genotype      {}\n\
         \n\
         {place}\n  \
           genotype.txt, genotype.json: the cell\n  \
           {}: the weights\n  \
           {page}result.json, history.jsonl, config.toml, manifest.json: the record\n\
         next\n  \
           softcell predict --run {run} IMAGE...\n  \
           softcell evaluate --run {run}\n  \
           softcell export --run {run} --format onnx\n",
        Scores::from(result).text(&format!("{place}/result.json")),
        result.epoch + 1,
        result.weights,
        result.layers,
        result.init_channels,
        size(result.peak_activation_bytes),
        duration(result.train_seconds),
        result.genotype,
        weights.strip_prefix(folder.path()).unwrap_or(&weights).display(),
    )
}
