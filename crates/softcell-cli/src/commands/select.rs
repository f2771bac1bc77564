//! `softcell select`: the best cell of several runs, compared with others, trained and tested.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use softcell::experiment::{Settings, Stages};
use softcell::run::RunFolder;
use toml::Table;

use super::{dry_run, finished};
use crate::args::SelectArgs;
use crate::machine;
use crate::output::{Form, quoted};
use crate::session::{Session, experiment};
use crate::settings;

/// Runs the command.
///
/// # Errors
/// What any of the stages finds.
pub fn run(args: &SelectArgs) -> Result<ExitCode> {
    let SelectArgs { runs, fit } = args;
    let run = &fit.run;
    let machine = machine::open(&run.machine)?;
    let given = settings::read(run.config.as_deref(), run.preset, &fit.settings.table)?;
    let first = runs.first().context("name the runs to select from")?;
    let settings = of_run(first)?.laid_under(given)?;
    let experiment =
        experiment(run, settings, machine).select_among(runs)?.time_limit(fit.budget.unwrap_or_default());
    if run.dry_run {
        return dry_run::of_new(run, &experiment, &Stages::Fit);
    }
    let name = |run: &PathBuf| format!(" {}", quoted(&run.display().to_string()));
    let runs: String = runs.iter().map(name).collect();
    let session = Session::begin(&format!("softcell select{runs} --out"), run, &experiment, Stages::Fit)?;
    session.with_jobs(&fit.jobs, run).work(|session| {
        let result = session.run.fit(&mut session.progress)?;
        finished(session, &result, Form::of(run.json))
    })
}

/// The settings of a run that say what was searched: seed, images and space. Those of its training are the preset's.
fn of_run(path: &Path) -> Result<Settings> {
    let folder = RunFolder::view(path)?;
    let text = folder.read_asked_config()?.to_toml();
    let mut table: Table = text.parse().context("the settings of the run cannot be read")?;
    for other in ["repeat", "select", "train"] {
        table.remove(other);
    }
    let settings = Settings::new().with_table(&table)?;
    let preset = folder.read_manifest()?.and_then(|manifest| manifest.preset.parse().ok());
    Ok(match preset {
        Some(preset) => settings.with_preset(preset),
        None => settings,
    })
}
