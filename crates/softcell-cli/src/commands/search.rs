//! `softcell search`: only the search.

use std::process::ExitCode;

use anyhow::{Result, bail};
use softcell::pipeline::network_cost;
use softcell::run::files::{GENOTYPE_JSON, GENOTYPE_TEXT, GENOTYPES, HISTORY};
use softcell::shown::escaped;

use super::{dry_run, given_genotype, page_line, report};
use crate::args::SearchArgs;
use crate::output::{duration, grouped, print, quoted};
use crate::plan::Stages;
use crate::progress::CAVEAT;
use crate::session::{Asked, Session};

/// Runs the command.
///
/// # Errors
/// What the search finds.
pub fn run(args: &SearchArgs) -> Result<ExitCode> {
    let (run, flags) = (&args.run, &args.settings.table);
    if run.dry_run {
        return dry_run::of_new(run, flags, Stages::Search, None);
    }
    let asked =
        Asked { resume: "softcell search --out", args: run, flags, stages: Stages::Search, time: None };
    Session::begin(asked)?.work(search)
}

fn search(session: &mut Session) -> Result<()> {
    let place = session.folder.path().display().to_string();
    let run = quoted(&place);
    if given_genotype(&session.folder)?.is_some() {
        bail!(
            "run {place} was given its genotype: there is nothing to search; train it: softcell train --run {run}"
        );
    }
    if session.folder.read_genotype()?.is_none() {
        session.check_memory(Stages::Search)?;
    }
    let (job, progress) = session.parts();
    let found = job.search(progress)?;
    progress.clear();
    // The cell is found, whatever becomes of the limits on its training.
    let config = job.sized(&found.genotype).unwrap_or_else(|error| {
        progress.line(&format!("the network of this cell cannot be trained as the settings ask: {error}"));
        job.config.clone()
    });
    let cost = network_cost(&found.genotype, &config, &job.dataset.train);
    report::at_the_end(session);
    let place = escaped(&place);
    print(&format!(
        "\ngenotype      {}\n\
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
        grouped(cost.parameters),
        grouped(cost.macs),
        duration(found.seconds),
        page_line(&session.folder),
    ))
}
