//! `softcell fit`: search, train and evaluate in one run.

use std::process::ExitCode;

use anyhow::Result;
use softcell::experiment::Stages;

use super::{dry_run, finished};
use crate::args::FitArgs;
use crate::machine;
use crate::output::Form;
use crate::session::{Session, experiment};
use crate::settings;

/// Runs the command.
///
/// # Errors
/// What any of the stages finds.
pub fn run(args: &FitArgs) -> Result<ExitCode> {
    let (run, flags) = (&args.run, &args.settings.table);
    let machine = machine::open(&run.machine)?;
    let settings = settings::read(run.config.as_deref(), run.preset, flags)?;
    let experiment = experiment(run, settings, machine).time_limit(args.budget.unwrap_or_default());
    if run.dry_run {
        return dry_run::of_new(run, &experiment, &Stages::Fit);
    }
    let session = Session::begin("softcell fit --out", run, &experiment, Stages::Fit)?;
    session.with_jobs(&args.jobs, run).work(|session| {
        let result = session.run.fit(&mut session.progress)?;
        finished(session, &result, Form::of(run.json))
    })
}
