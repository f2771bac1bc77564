//! `softcell report`: runs as a page for the browser.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use softcell::report::{RunRecord, Warning, comparison, findings, report};
use softcell::run::{Activity, RunFolder, write_atomically};
use softcell::shown;

use crate::args::ReportArgs;
use crate::output::print;
use crate::session::Session;

/// Runs the command.
///
/// # Errors
/// When there is no such run, a file of it is damaged, or the page cannot be written.
pub fn run(args: &ReportArgs) -> Result<ExitCode> {
    let (page, out) = match &args.run {
        Some(run) => {
            let (folder, activity) = RunFolder::peek(run)?;
            let page = report(&RunRecord::read(&folder, activity)?);
            (page, place(args.out.as_deref(), std::slice::from_ref(&folder))?.unwrap_or(folder.report()))
        }
        None => {
            let (mut records, mut folders) = (Vec::new(), Vec::new());
            for run in &args.compare {
                let (folder, activity) = RunFolder::peek(run)?;
                records.push(RunRecord::read(&folder, activity)?);
                folders.push(folder);
            }
            let out = place(args.out.as_deref(), &folders)?;
            (comparison(&records), out.unwrap_or_else(|| PathBuf::from("compare.html")))
        }
    };
    write_atomically(&out, page.as_bytes())?;
    print(&format!("{}\n", shown::path(&out)))?;
    Ok(ExitCode::SUCCESS)
}

/// Where the page goes if that was said: never over another file of a run.
fn place(out: Option<&Path>, folders: &[RunFolder]) -> Result<Option<PathBuf>> {
    let Some(out) = out else { return Ok(None) };
    if out.is_dir() {
        bail!(
            "{} is a folder: name a file with --out, such as {}",
            shown::path(out),
            shown::path(&out.join("report.html"))
        );
    }
    let page =
        out.extension().is_some_and(|e| e.eq_ignore_ascii_case("html") || e.eq_ignore_ascii_case("htm"));
    if out.exists() && !page {
        bail!("{} is there already and no page: name a file that ends in .html with --out", shown::path(out));
    }
    for folder in folders.iter().filter(|folder| folder.owns(out)) {
        if out.file_name() != folder.report().file_name() {
            bail!("{} is a file of the run: name another with --out", shown::path(out));
        }
    }
    Ok(Some(out.to_path_buf()))
}

/// Writes the report of a run that has just ended. The run is what counts: a report that cannot be written is
/// told, and no error. Says what is to be said against the run.
pub fn at_the_end(session: &Session) {
    let folder = &session.folder;
    let mut warnings = Vec::new();
    let written = RunRecord::read(folder, Activity::Idle)
        .and_then(|record| {
            warnings = findings(&record);
            write_atomically(&folder.report(), report(&record).as_bytes())
        })
        .with_context(|| "the report could not be written");
    if let Err(error) = written {
        session.progress.line(&format!("{error:#}"));
    }
    for Warning { what, advice } in warnings {
        session.progress.line(&shown::escaped(&format!("warning: {what} {advice}")));
    }
}
