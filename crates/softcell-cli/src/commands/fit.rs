//! `softcell fit`: search, train and evaluate in one run.

use std::process::ExitCode;

use anyhow::Result;

use super::{dry_run, given_genotype, report, summary, train_and_test};
use crate::args::{FitArgs, TimeLimit};
use crate::budget;
use crate::output::print;
use crate::plan::Stages;
use crate::session::{Asked, Session};

/// Runs the command.
///
/// # Errors
/// What any of the stages finds.
pub fn run(args: &FitArgs) -> Result<ExitCode> {
    let (run, flags) = (&args.run, &args.settings.table);
    if run.dry_run {
        return dry_run::of_new(run, flags, Stages::Fit, args.budget);
    }
    let time = Some(args.budget.unwrap_or_default());
    let asked = Asked { resume: "softcell fit --out", args: run, flags, stages: Stages::Fit, time };
    Session::begin(asked)?.work(|session| fit(session, args.budget))
}

fn fit(session: &mut Session, time: Option<TimeLimit>) -> Result<()> {
    budget::check(session, time)?;
    if let Some(result) = session.folder.read_result()? {
        session.progress.line("the run is finished; this is its result");
        report::at_the_end(session);
        return print(&summary(&session.folder, &result));
    }
    if let Some(genotype) = given_genotype(&session.folder)? {
        session.progress.line("the run was given its genotype: there is nothing to search");
        return train_and_test(session, &genotype, None);
    }
    if session.folder.read_genotype()?.is_none() {
        session.check_memory(Stages::Fit)?;
    }
    let (job, progress) = session.parts();
    let found = job.search(progress)?;
    progress.line(&format!("found {}", found.genotype.to_text()));
    budget::choose_training(session, &found.genotype, found.seconds)?;
    train_and_test(session, &found.genotype, Some(found.seconds))
}
