//! `softcell report`: runs as a page for the browser.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use softcell::destination::Destination;
use softcell::reading::{MOST_OF_A_RECORD, Source, read_text};
use softcell::report::{COMPARISON_TITLE, RunRecord, Warning, comparison, findings, report};
use softcell::run::{Activity, RunFolder, full_path};
use softcell::shown;

use super::existing;
use crate::args::ReportArgs;
use crate::output::print;
use crate::session::Session;

/// Runs the command.
///
/// # Errors
/// When there is no such run, a file of it is damaged, or the page cannot be written.
pub fn run(args: &ReportArgs) -> Result<ExitCode> {
    let out = match (&args.run, &args.out) {
        (Some(run), None) => {
            let (folder, activity) = RunFolder::peek(run)?;
            folder.write_report(&report(&RunRecord::read(&folder, activity)?))?;
            folder.report()
        }
        (Some(run), Some(out)) => {
            let (folder, activity) = RunFolder::peek(run)?;
            let record = RunRecord::read(&folder, activity)?;
            // The place where it goes by itself.
            if full_path(out).is_some_and(|out| Some(out) == full_path(&folder.report())) {
                folder.write_report(&report(&record))?;
            } else {
                Destination::new(out, existing(args.force))?.write(report(&record).as_bytes())?;
            }
            out.clone()
        }
        (None, out) => {
            let destination = match out {
                Some(out) => Destination::new(out, existing(args.force))?,
                None => {
                    let out = Path::new("compare.html");
                    Destination::new(out, existing(args.force || is_comparison(out)))?
                }
            };
            let mut records = Vec::new();
            for run in &args.compare {
                let (folder, activity) = RunFolder::peek(run)?;
                records.push(RunRecord::read(&folder, activity)?);
            }
            destination.write(comparison(&records).as_bytes())?;
            destination.path().to_path_buf()
        }
    };
    print(&format!("{}\n", shown::path(&out)))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a file is a comparison that was made earlier, which is made anew under the same name.
fn is_comparison(path: &Path) -> bool {
    read_text(path, MOST_OF_A_RECORD, Source::File)
        .is_ok_and(|page| page.contains(COMPARISON_TITLE) && page.contains("name=\"generator\""))
}

/// Writes the report of a run that has just ended. The run is what counts: a report that cannot be written is
/// told, and no error. Says what is to be said against the run.
pub fn at_the_end(session: &Session) {
    let folder = &session.folder;
    let mut warnings = Vec::new();
    let written = RunRecord::read(folder, Activity::Idle)
        .and_then(|record| {
            warnings = findings(&record);
            folder.write_report(&report(&record))
        })
        .with_context(|| "the report could not be written");
    if let Err(error) = written {
        session.progress.urgent(&format!("{error:#}"));
    }
    for Warning { what, advice } in warnings {
        session.progress.line(&shown::escaped(&format!("warning: {what} {advice}")));
    }
}
