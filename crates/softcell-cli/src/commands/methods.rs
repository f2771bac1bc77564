//! `softcell methods`: what the known methods are, and what a step of each takes.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;
use softcell::config::method_settings;
use softcell::search::method::KnownMethod;
use softcell::search::method::presets::{Evaluations, METHODS};
use toml::Table;

use super::bench::time;
use crate::args::Voice;
use crate::args::{MeasureArgs, MethodsArgs, StepSizeArgs};
use crate::output::{print, print_json, table};
use crate::progress::Progress;

/// What is measured against.
const PLAIN: &str = "darts";

/// A method as programs read it.
#[derive(Debug, Serialize)]
struct Described {
    name: &'static str,
    title: &'static str,
    paper: &'static str,
    idea: &'static str,
    code: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'static str,
    /// What it sets.
    settings: Table,
    /// Settings counted in epochs, as shares of those of the search.
    of_epochs: Table,
    /// What it sets with a paper's preset.
    with_paper_preset: Table,
    /// What it sets with a preset of NAS-Bench-201.
    with_nas_bench_201: Table,
    /// Operations that are no candidates in the DARTS space.
    without: Vec<&'static str>,
    evaluations: Evaluated,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
}

/// Arithmetic of a step.
#[derive(Debug, Serialize)]
struct Evaluated {
    passes: f64,
    relative_to_darts: f64,
    #[serde(skip_serializing_if = "str::is_empty")]
    of: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    beside: &'static str,
}

/// A measurement, and what it is of that of plain DARTS.
#[derive(Debug, Clone, Serialize)]
struct Measured {
    seconds_of_darts: Option<f64>,
    memory_of_darts: Option<f64>,
    report: Value,
}

/// Runs the command.
///
/// # Errors
/// A method that is not known, and what measuring finds.
pub fn run(args: &MethodsArgs) -> Result<ExitCode> {
    let methods: Vec<&KnownMethod> = match &args.name {
        Some(name) => vec![KnownMethod::find(name)?],
        None => METHODS.iter().collect(),
    };
    let measured = if args.measure { measure(&methods, args)? } else { vec![None; methods.len()] };
    if args.repeats.json {
        let described: Vec<Described> =
            methods.iter().zip(measured).map(|(method, measured)| described(method, measured)).collect();
        match (&args.name, described.as_slice()) {
            (Some(_), [one]) => print_json(one)?,
            _ => print_json(&described)?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    print(&match (&args.name, args.measure) {
        (None, false) => list(&methods),
        (None, true) => measured_list(&methods, &measured),
        (Some(_), _) => {
            let times = match args.measure {
                true => format!("\n{}", measured_list(&methods, &measured)),
                false => String::new(),
            };
            format!("{}{times}", in_full(methods[0]))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn described(method: &KnownMethod, measured: Option<Measured>) -> Described {
    let KnownMethod { name, title, paper, idea, code, note, shares, without, evaluations, .. } = *method;
    let layers = method_settings(method);
    Described {
        name,
        title,
        paper,
        idea,
        code,
        note,
        settings: layers.always,
        of_epochs: shares.iter().map(|(key, share)| ((*key).to_owned(), (*share).into())).collect(),
        with_paper_preset: layers.with_paper_preset,
        with_nas_bench_201: layers.with_nas_bench_201,
        without: without.iter().map(|primitive| primitive.name()).collect(),
        evaluations: Evaluated {
            passes: evaluations.passes,
            relative_to_darts: evaluations.passes / Evaluations::DARTS,
            of: evaluations.of,
            beside: evaluations.beside,
        },
        measured,
    }
}

fn relative(method: &KnownMethod) -> String {
    let number = format!("{:.1}", method.evaluations.passes / Evaluations::DARTS);
    number.strip_suffix(".0").unwrap_or(&number).to_owned()
}

/// `, of one operation an edge`; empty where it is all of the supernet.
fn of_what(method: &KnownMethod) -> String {
    let of = method.evaluations.of;
    if of.is_empty() { String::new() } else { format!(", of {of}") }
}

fn list(methods: &[&KnownMethod]) -> String {
    let width = |of: fn(&KnownMethod) -> usize| methods.iter().map(|method| of(method)).max().unwrap_or(0);
    let (names, papers) = (width(|m| m.name.len()), width(|m| m.paper.len()));
    let mut text = String::new();
    for method in methods {
        let KnownMethod { name, paper, idea, .. } = method;
        text.push_str(&format!("{name:names$}  {paper:papers$}  {idea}\n"));
    }
    format!(
        "{text}\n\
         `softcell search --method NAME` searches with one, `softcell methods NAME` says all of it, and\n\
         `softcell methods --measure` how long a step of each takes here.\n"
    )
}

fn in_full(method: &KnownMethod) -> String {
    let KnownMethod { name, title, paper, idea, code, note, without, evaluations, .. } = method;
    let line = |name: &str, text: &str| format!("{name:13} {text}\n");
    let mut text = format!("{name}: {title} ({paper})\n\n");
    text.push_str(&line("idea", idea));
    let beside = match evaluations.beside {
        "" => String::new(),
        beside => format!("; {beside}"),
    };
    text.push_str(&line(
        "evaluations",
        &format!("{} times those of plain DARTS a step{}{beside}", relative(method), of_what(method)),
    ));
    let candidates = match without {
        [] => "all that the space has".to_owned(),
        without => {
            let names: Vec<&str> = without.iter().map(|primitive| primitive.name()).collect();
            format!("in the DARTS space without {}; other spaces keep theirs", names.join(", "))
        }
    };
    text.push_str(&line("candidates", &candidates));
    text.push_str(&line("defaults", &format!("as in {code}")));
    if !note.is_empty() {
        text.push_str(&line("note", note));
    }
    text.push_str(&format!("\n{}", toml(method)));
    text
}

/// What a method sets, as settings to be written in a file.
fn toml(method: &KnownMethod) -> String {
    let KnownMethod { name, settings, beside, shares, sizes, training, .. } = method;
    let mut text = format!("[search.method]\nname = \"{name}\"  # which sets the following\n");
    let mut lines =
        |lines: &str| text.push_str(&lines.lines().map(|line| format!("{line}\n")).collect::<String>());
    lines(settings);
    for (key, share) in *shares {
        lines(&format!("# {key}: {share} of the epochs of the search"));
    }
    if !beside.is_empty() {
        lines("\n[search]");
        lines(beside);
    }
    if !sizes.is_empty() {
        lines("\n# With paper-cifar10 or paper-imagenet also:\n[search]");
        lines(sizes);
    }
    if !training.is_empty() {
        lines("\n# With paper-cifar10 also:\n[train]");
        lines(training);
    }
    if !method.nas_bench_201.is_empty() {
        lines(
            "\n# With paper-nas-bench-201 also, and with small-nas-bench-201 but for sizes and rates:\n[search]",
        );
        lines(method.nas_bench_201);
        for (key, share) in method.nas_bench_201_shares {
            lines(&format!("# {key}: {share} of the epochs of the search"));
        }
    }
    text
}

/// Steps of plain DARTS and of each method, one process after the other, so that the memory of each is its own.
fn measure(methods: &[&KnownMethod], args: &MethodsArgs) -> Result<Vec<Option<Measured>>> {
    let progress = Progress::new(Voice::default());
    let quiet = args.repeats.json;
    let tell = |text: &str| {
        if !quiet {
            progress.line(text);
        }
    };
    tell("measuring darts");
    let plain = report(PLAIN, &args.size, &args.repeats)?;
    let mut measured = Vec::with_capacity(methods.len());
    for method in methods {
        // A method without steps has none to time.
        if method.evaluations.passes == 0.0 {
            measured.push(None);
            continue;
        }
        let report = match method.name {
            PLAIN => plain.clone(),
            name => {
                tell(&format!("measuring {name}"));
                match report(name, &args.size, &args.repeats) {
                    Ok(report) => report,
                    // The others can.
                    Err(error) => {
                        progress.line(&format!("{error:#}"));
                        measured.push(None);
                        continue;
                    }
                }
            }
        };
        let ratio = |field: &str| Some(report[field].as_f64()? / plain[field].as_f64()?);
        measured.push(Some(Measured {
            seconds_of_darts: ratio("seconds_per_step"),
            memory_of_darts: ratio("peak_rss_mb"),
            report,
        }));
    }
    Ok(measured)
}

/// What `softcell bench step` says of a method.
fn report(method: &str, size: &StepSizeArgs, measure: &MeasureArgs) -> Result<Value> {
    let program = std::env::current_exe().context("cannot find this program to run it again")?;
    let mut command = Command::new(program);
    command.args(["bench", "step", "--json", "--method", method]);
    for (flag, value) in size.words().into_iter().chain(measure.words()) {
        command.arg(flag).arg(value);
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot measure {method}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("cannot measure {method}: {}", said.trim().trim_start_matches("error: "));
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("what was measured of {method} is no JSON"))
}

fn measured_list(methods: &[&KnownMethod], measured: &[Option<Measured>]) -> String {
    let head = ["method", "step", "of darts", "memory", "of darts", "evaluations of darts"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    for (method, measured) in methods.iter().zip(measured) {
        let Some(Measured { seconds_of_darts, memory_of_darts, report }) = measured else { continue };
        rows.push(vec![
            method.name.to_owned(),
            report["seconds_per_step"].as_f64().map_or("-".to_owned(), time),
            ratio(*seconds_of_darts),
            report["peak_rss_mb"].as_f64().map_or("-".to_owned(), |mb| format!("{mb:.0} MB")),
            ratio(*memory_of_darts),
            format!("{}{}", relative(method), of_what(method)),
        ]);
    }
    format!(
        "{}\nA step is the median of several, memory the peak of a process of its own; an epoch has as many steps with \
         every method.\n",
        table(&rows)
    )
}
