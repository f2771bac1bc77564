//! `softcell report`: runs as a page for the browser.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use softcell::export::Destination;
use softcell::program::reading::{MOST_OF_A_RECORD, Source, read_text};
use softcell::program::shown;
use softcell::report::{COMPARISON_TITLE, RunRecord, comparison, report};
use softcell::run::{RunFolder, full_path};

use super::existing;
use crate::args::ReportArgs;
use crate::opening::open;
use crate::output::{Form, print, print_json};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Written<'a> {
    path: &'a Path,
}

/// Runs the command.
///
/// # Errors
/// When there is no such run, a file of it is damaged, or the page cannot be written or opened.
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
    match Form::of(args.json) {
        Form::Text => print(&format!("{}\n", shown::path(&out)))?,
        Form::Json => print_json(&Written { path: &out })?,
    }
    if args.open {
        open(&out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a file is a comparison that was made earlier, which is made anew under the same name.
fn is_comparison(path: &Path) -> bool {
    read_text(path, MOST_OF_A_RECORD, Source::File)
        .is_ok_and(|page| page.contains(COMPARISON_TITLE) && page.contains("name=\"generator\""))
}
