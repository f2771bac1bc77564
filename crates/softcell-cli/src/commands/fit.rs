//! `softcell fit`: search, train and evaluate in one run.

use std::process::ExitCode;

use anyhow::Result;

use super::{given_genotype, report, summary, train_and_test};
use crate::args::FitArgs;
use crate::output::print;
use crate::session::Session;

/// Runs the command.
///
/// # Errors
/// What any of the stages finds.
pub fn run(args: &FitArgs) -> Result<ExitCode> {
    Session::begin("softcell fit --out", &args.run, &args.settings.table, None)?.work(fit)
}

fn fit(session: &mut Session) -> Result<()> {
    if let Some(result) = session.folder.read_result()? {
        session.progress.line("the run is finished; this is its result");
        report::at_the_end(session);
        return print(&summary(&session.folder, &result));
    }
    if let Some(genotype) = given_genotype(&session.folder)? {
        session.progress.line("the run was given its genotype: there is nothing to search");
        return train_and_test(session, &genotype, None);
    }
    let (job, progress) = session.parts();
    let found = job.search(progress)?;
    progress.line(&format!("found {}", found.genotype.to_text()));
    train_and_test(session, &found.genotype, Some(found.seconds))
}
