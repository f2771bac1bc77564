//! `softcell search`: only the search.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use softcell::experiment::{Stages, network_cost};
use softcell::program::shown::escaped;
use softcell::run::files::{GENOTYPE_JSON, GENOTYPE_TEXT, GENOTYPES, HISTORY};

use super::{dry_run, page_line};
use crate::args::SearchArgs;
use crate::machine;
use crate::output::{Form, duration, grouped, print_json, print_result, quoted};
use crate::progress::CAVEAT;
use crate::remedies;
use crate::session::{Session, experiment};
use crate::settings;

/// Runs the command.
///
/// # Errors
/// What the search finds.
pub fn run(args: &SearchArgs) -> Result<ExitCode> {
    let (run, flags) = (&args.run, &args.settings.table);
    let machine = machine::open(&run.machine)?;
    let settings = settings::read(run.config.as_deref(), run.preset, flags)?;
    let experiment = experiment(run, settings, machine);
    if run.dry_run {
        return dry_run::of_new(run, &experiment, &Stages::Search);
    }
    Session::begin("softcell search --out", run, &experiment, Stages::Search)?
        .work(|session| search(session, Form::of(run.json)))
}

/// What `--json` prints of a search.
#[derive(Debug, Serialize)]
struct Found<'a> {
    /// Its folder.
    run: &'a Path,
    /// In the original's text.
    genotype: String,
    /// The epoch, from 0, whose genotype it is.
    epoch: Option<usize>,
    /// Epochs of the search.
    epochs: usize,
    /// Of the network of the run's training settings, auxiliary head excluded.
    parameters: u64,
    /// Multiply-adds of that network for one image.
    macs: u64,
    /// Seconds of the search.
    search_seconds: f64,
}

fn search(session: &mut Session, form: Form) -> Result<()> {
    let place = session.folder().path().display().to_string();
    let found = session.run.search(&mut session.progress)?;
    session.progress.clear();
    let run = quoted(&place);
    // The cell is found, whatever becomes of the limits on its training.
    let config = session.run.sized(&found.genotype).unwrap_or_else(|error| {
        let error = error.worded(&remedies::words);
        let note = format!("the network of this cell cannot be trained as the settings ask: {error}");
        session.progress.line(&note);
        session.run.config().clone()
    });
    let cost = network_cost(&found.genotype, &config, &session.run.dataset().train);
    session.report();
    let epochs = config.search.all_epochs();
    if form == Form::Json {
        return print_json(&Found {
            run: session.folder().path(),
            genotype: found.genotype.to_text(),
            epoch: found.epoch,
            epochs,
            parameters: cost.parameters,
            macs: cost.macs,
            search_seconds: found.seconds,
        });
    }
    let place = escaped(&place);
    print_result(&format!(
        "\ngenotype      {}\n{}\
         network       {} parameters, {} multiply-adds per image, with the run's training settings\n\
         time          {}\n\
         \n\
         {CAVEAT}\n\
         \n\
         {place}\n  \
           {GENOTYPE_TEXT}, {GENOTYPE_JSON}: the cell\n  \
           {}{GENOTYPES}/, {HISTORY}: the cell and the numbers of each epoch\n\
         next\n  \
           softcell train --run {run}\n  \
           softcell genotype show {run}\n",
        found.genotype.to_text(),
        which_epoch(found.epoch, epochs),
        grouped(cost.parameters),
        grouped(cost.macs),
        duration(found.seconds),
        page_line(session.folder()),
    ))
}

/// A line on the epoch whose genotype it is, where that is not the last one of the settings.
fn which_epoch(epoch: Option<usize>, epochs: usize) -> String {
    match epoch {
        Some(epoch) if epoch + 1 < epochs => format!("epoch         {} of {epochs}\n", epoch + 1),
        _ => String::new(),
    }
}
