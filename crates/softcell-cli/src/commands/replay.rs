//! `softcell replay`: comparison with recordings of the original implementation.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use softcell::program::shown;
use softcell::replay::{Precision, ReplayReport, replay};

use crate::args::ReplayArgs;
use crate::machine::start;
use crate::output::{print, print_data, table};

/// What `--json` prints for a recording.
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    kind: &'a str,
    ok: bool,
    max_relative_error: &'a BTreeMap<String, f64>,
    precision: Precision,
    failures: &'a [String],
    rounding: &'a [String],
}

impl<'a> Verdict<'a> {
    fn of(report: &'a ReplayReport) -> Self {
        let ReplayReport { kind, ok, max_relative_error, failures, precision, rounding } = report;
        Verdict { kind, ok: *ok, max_relative_error, precision: *precision, failures, rounding }
    }
}

/// Runs the command: success if every recording is within its tolerance.
///
/// # Errors
/// When a file is no recording.
pub fn run(args: &ReplayArgs) -> Result<ExitCode> {
    let device = start(&args.machine)?;
    let mut ok = true;
    for (i, file) in args.files.iter().enumerate() {
        let report = replay(file, &device)?;
        ok &= report.ok;
        if args.json {
            print_data(&format!("{}\n", serde_json::to_string(&Verdict::of(&report))?))?;
        } else {
            let gap = if i > 0 { "\n" } else { "" };
            print(&format!("{gap}{}: {}\n{}", shown::path(file), report.kind, text(&report)))?;
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(report: &ReplayReport) -> String {
    let mut rows = vec![["quantity", "largest relative error"].map(str::to_owned).to_vec()];
    rows.extend(
        report.max_relative_error.iter().map(|(name, error)| vec![name.clone(), format!("{error:.2e}")]),
    );
    let failures: String = report.failures.iter().map(|failure| format!("  {failure}\n")).collect();
    let notice = match report.precision {
        Precision::F32 => String::new(),
        Precision::F64 => format!(
            "judged in f64: in f32 rounding decided {} tensors otherwise (--json lists them)\n",
            report.rounding.len()
        ),
    };
    format!("{}{failures}{notice}{}\n", table(&rows), if report.ok { "ok" } else { "FAIL" })
}
