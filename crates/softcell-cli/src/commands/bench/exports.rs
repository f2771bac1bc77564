//! `softcell bench export`: exported files timed.

use anyhow::Result;

use crate::args::BenchExportArgs;

/// Runs the command.
///
/// # Errors
/// Files that are none of an export.
#[cfg(feature = "verify")]
pub fn run(args: &BenchExportArgs) -> Result<()> {
    with_runtime::run(args)
}

/// This build cannot run a file.
///
/// # Errors
/// Always.
#[cfg(not(feature = "verify"))]
pub fn run(_: &BenchExportArgs) -> Result<()> {
    anyhow::bail!("this build has no ONNX runtime to time files with: build it with the feature `verify`")
}

#[cfg(feature = "verify")]
mod with_runtime {
    use std::path::Path;
    use std::process::{Command, Stdio};

    use anyhow::{Context, Result, bail};
    use serde_json::Value;
    use softcell::bench::ExportBench;

    use super::super::{significant, time};
    use crate::args::BenchExportArgs;
    use crate::machine::start;
    use crate::output::{grouped, print, print_data, table};

    pub fn run(args: &BenchExportArgs) -> Result<()> {
        let reports = match &args.files[..] {
            [file] => {
                let bench = ExportBench { batch_size: args.batch_size, runs: args.runs };
                vec![serde_json::to_value(bench.run(file, &start(&args.machine)?)?)?]
            }
            // What one took of memory is not to be seen beside another.
            files => files.iter().map(|file| apart(file, args)).collect::<Result<_>>()?,
        };
        if args.json {
            return print_data(&format!("{}\n", serde_json::to_string(&reports)?));
        }
        print(&text(&reports))
    }

    /// The report of a file by a process of its own.
    fn apart(file: &Path, args: &BenchExportArgs) -> Result<Value> {
        let program = std::env::current_exe().context("cannot find this program to run it again")?;
        let mut command = Command::new(program);
        command.args(["bench", "export", "--json", "--batch-size"]).arg(args.batch_size.to_string());
        command.arg("--runs").arg(args.runs.to_string()).args(["--device", &args.machine.device]);
        if let Some(threads) = args.machine.threads {
            command.arg("--threads").arg(threads.to_string());
        }
        let output = command.arg("--").arg(file).stdin(Stdio::null()).stderr(Stdio::piped()).output();
        let output = output.with_context(|| format!("cannot measure {}", file.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{}", said.trim().trim_start_matches("error: "));
        }
        let reports: Vec<Value> = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("what was measured of {} is no JSON", file.display()))?;
        reports.into_iter().next().context("a report for the file")
    }

    fn text(reports: &[Value]) -> String {
        let head = ["file", "runs in", "bytes", "ready after", "one image", "images a second", "memory"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for report in reports {
            let number = |key: &str| report[key].as_f64();
            let cell = |key: &str, shown: fn(f64) -> String| number(key).map_or("-".to_owned(), shown);
            let runs = report["runtime"].as_str().unwrap_or("not timed");
            rows.push(vec![
                report["path"].as_str().unwrap_or_default().to_owned(),
                if report["quantized"] == true { format!("{runs}, int8") } else { runs.to_owned() },
                grouped(report["bytes"].as_u64().unwrap_or(0)),
                cell("load_seconds", time),
                cell("latency_seconds", time),
                cell("images_per_second", significant),
                match report["runtime"].is_null() {
                    true => "-".to_owned(),
                    false => cell("peak_rss_mb", |mb| format!("{mb:.0} MB")),
                },
            ]);
        }
        let [threads, batch, runs] =
            [&reports[0]["threads"], &reports[0]["settings"]["batch_size"], &reports[0]["settings"]["runs"]];
        let mut text = table(&rows);
        text.push_str(&format!(
            "\nMedians of {runs} on {threads} threads, from bytes to numbers; images a second in batches of {batch}; memory is the \
             peak of a process, with the program itself.\n"
        ));
        if reports.iter().any(|report| report["runtime"].is_null()) {
            text.push_str("PyTorch source is not timed: that takes PyTorch.\n");
        }
        if reports.iter().any(|report| report["quantized"] == true) {
            text.push_str(
                "RTen computes int8 files in f32, from level to level: for their speed, time them in a runtime with bodies in \
                 whole numbers, such as onnxruntime.\n",
            );
        }
        text
    }
}
