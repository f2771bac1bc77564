//! Runs that are begun, gone on with and trained.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use softcell::experiment::{Experiment, MemoryCheck, Origin, Settings, Stages, TimeLimit};
use softcell::run::{Overwrite, RunFolder};
use softcell::space::{Genotype, known_genotype, parse_genotype};
use softcell::{Remedy, Result};

use crate::watch::{Outcome, Relay, watched};

/// What is asked for, as the Python side names it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked {
    settings: Vec<(String, String)>,
    preset: Option<String>,
    config: Option<PathBuf>,
    overwrite: String,
    budget: Option<String>,
    threads: Option<usize>,
    checkpoint_seconds: u64,
    ignore_memory: bool,
    tensorboard: bool,
    start_from: Option<PathBuf>,
    command: Vec<String>,
}

impl Asked {
    fn overwrite(&self) -> Overwrite {
        match self.overwrite.as_str() {
            "resume" => Overwrite::Resume,
            "force" => Overwrite::Force,
            _ => Overwrite::Refuse,
        }
    }

    /// The run whose weights the training begins from.
    fn origin(&self) -> Result<Option<Origin>> {
        self.start_from.as_deref().map(Origin::read).transpose()
    }

    fn settings(&self) -> Result<Settings> {
        let mut settings = self.config.as_deref().map_or_else(|| Ok(Settings::new()), Settings::read)?;
        for (key, value) in &self.settings {
            settings = match key.as_str() {
                "search.space" => settings.with_space(value)?,
                "search.method.name" => settings.with_method(value)?,
                _ => settings.with(key, value)?,
            };
        }
        match &self.preset {
            Some(preset) => Ok(settings.with_preset(preset.parse()?)),
            None => Ok(settings),
        }
    }

    fn experiment(&self, settings: Settings) -> Result<Experiment> {
        let limit: TimeLimit = self.budget.as_deref().map_or(Ok(TimeLimit::Usual), str::parse)?;
        let experiment = Experiment::of(settings)
            .time_limit(limit)
            .check_memory(if self.ignore_memory { MemoryCheck::Off } else { MemoryCheck::On })
            .checkpoint_every(Duration::from_secs(self.checkpoint_seconds))
            .asked_by(self.command.clone());
        let experiment = if self.tensorboard { experiment.tensorboard() } else { experiment };
        Ok(match self.origin()? {
            Some(origin) => experiment.start_from(origin),
            None => experiment,
        })
    }
}

/// Begins a run in a folder, or in the next free one, and does all of `stage`; answers whether it is done, or was stopped.
#[pyfunction]
#[pyo3(signature = (stage, asked, out, genotype, tell))]
pub fn begin(
    py: Python<'_>,
    stage: String,
    asked: Asked,
    out: Option<PathBuf>,
    genotype: Option<String>,
    tell: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    done(watched(py, tell, asked.threads, |relay| {
        let mut settings = asked.settings()?;
        let stages = match (stage.as_str(), genotype, asked.origin()?) {
            ("train", Some(text), _) => Stages::Train(read_genotype(&text)?),
            ("train", None, Some(origin)) => {
                let goes_on =
                    asked.overwrite() == Overwrite::Resume && out.as_deref().is_some_and(RunFolder::exists);
                if !goes_on {
                    // With other sizes its weights would not fit.
                    settings = settings.sized_as(&origin)?;
                }
                Stages::Train(origin.genotype)
            }
            ("search", ..) => Stages::Search,
            _ => Stages::Fit,
        };
        let experiment = asked.experiment(settings)?;
        let experiment = match &out {
            Some(out) => experiment.run_folder(out, asked.overwrite()),
            None => experiment.next_run_folder(),
        };
        all_of(experiment.begin(stages.clone(), relay)?, &stages, relay)
    })?)
}

/// Goes on with the run in a folder, with the settings that it has.
#[pyfunction]
pub fn go_on(
    py: Python<'_>,
    stage: String,
    asked: Asked,
    out: PathBuf,
    tell: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    done(watched(py, tell, asked.threads, |relay| {
        let folder = RunFolder::open(&out)?;
        let stages = match (stage.as_str(), folder.read_genotype()?) {
            ("search", None) => Stages::Search,
            ("train", Some(genotype)) => Stages::Train(genotype),
            _ => Stages::Fit,
        };
        let run = asked.experiment(Settings::new())?.go_on(folder, relay)?;
        all_of(run, &stages, relay)
    })?)
}

/// Trains the network of a run whose genotype is there.
#[pyfunction]
pub fn train_run(py: Python<'_>, asked: Asked, out: PathBuf, tell: &Bound<'_, PyAny>) -> PyResult<bool> {
    done(watched(py, tell, asked.threads, |relay| {
        let folder = RunFolder::open(&out)?;
        let refused =
            |begin: String, end: Remedy| Err(softcell::Error::Refused(softcell::Advice::from(begin) + end));
        let place = out.display();
        let Some(genotype) = folder.read_genotype()? else {
            return refused(
                format!("run {place} has no genotype yet: finish its search with "),
                Remedy::Resume,
            );
        };
        let (begun, overwrite) = (folder.was_trained(), asked.overwrite());
        if begun && overwrite == Overwrite::Refuse {
            return refused(
                format!(
                    "run {place} is trained already, or being trained: go on with Run.resume(), or train it anew with "
                ),
                Remedy::Replace,
            );
        }
        let experiment = asked.experiment(asked.settings()?)?;
        let run = if begun && overwrite == Overwrite::Resume {
            experiment.go_on(folder, relay)?
        } else {
            experiment.train_anew(folder, &genotype, overwrite, relay)?
        };
        all_of(run, &Stages::Train(genotype), relay)
    })?)
}

fn all_of(mut run: softcell::experiment::Run, stages: &Stages, relay: &mut Relay<'_>) -> Result<()> {
    match stages {
        Stages::Search => run.search(relay).map(|_| ())?,
        Stages::Train(genotype) => run.train(genotype, relay).map(|_| ())?,
        _ => run.fit(relay).map(|_| ())?,
    }
    run.write_report()?.iter().for_each(|warning| relay.warn(warning));
    Ok(())
}

fn done(outcome: Outcome<()>) -> PyResult<bool> {
    Ok(matches!(outcome, Outcome::Done(())))
}

/// A published name, or the text of a genotype in any dialect.
pub fn read_genotype(text: &str) -> Result<Genotype> {
    known_genotype(text.trim()).map_or_else(|| parse_genotype(text), Ok)
}
