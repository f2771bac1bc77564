//! `--dry-run`: what a command would do, and what it would take. Nothing is written.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use softcell::experiment::{Experiment, Outlook, StageOutlook, Stages, TimeForecast};
use softcell::run::RunFolder;
use softcell::space::Genotype;
use toml::Table;

use crate::args::RunArgs;
use crate::output::{Form, duration, grouped, print, print_json, size};
use crate::progress::Progress;

/// The dry run of a run that would begin.
///
/// # Errors
/// What would stop it.
pub fn of_new(args: &RunArgs, experiment: &Experiment, stages: &Stages) -> Result<ExitCode> {
    let mut progress = Progress::new(args.voice.common);
    let outlook = experiment.outlook(stages, &mut progress)?;
    tell(&outlook, stages, Form::of(args.json), &mut progress)
}

/// The dry run of the training of a run that was searched.
///
/// # Errors
/// What would stop it.
pub fn of_training(
    args: &RunArgs,
    experiment: &Experiment,
    folder: &RunFolder,
    genotype: &Genotype,
) -> Result<ExitCode> {
    let mut progress = Progress::new(args.voice.common);
    let outlook = experiment.outlook_of_training(folder, genotype, &mut progress)?;
    tell(&outlook, &Stages::Train(genotype.clone()), Form::of(args.json), &mut progress)
}

/// What `--json` prints of a dry run.
#[derive(Debug, Serialize)]
struct Foreseen {
    /// All of them, as in config.toml.
    settings: Table,
    search: Option<ForeseenStage>,
    /// Searches of that kind.
    searches: usize,
    training: Option<ForeseenStage>,
    /// Of the trainings by which cells are compared.
    comparison_seconds: Option<f64>,
    /// Of everything.
    seconds: Option<f64>,
    memory_bytes: Option<u64>,
    available_bytes: Option<u64>,
    fits: bool,
}

#[derive(Debug, Serialize)]
struct ForeseenStage {
    layers: usize,
    init_channels: usize,
    parameters: u64,
    time: Option<TimeForecast>,
    seconds: Option<f64>,
}

impl Foreseen {
    fn of(outlook: &Outlook) -> Result<Foreseen> {
        let stage = |stage: &StageOutlook| ForeseenStage {
            layers: stage.layers,
            init_channels: stage.init_channels,
            parameters: stage.parameters,
            time: stage.time,
            seconds: stage.time.map(|time| time.seconds()),
        };
        Ok(Foreseen {
            settings: outlook.config.to_toml().parse()?,
            search: outlook.search.as_ref().map(stage),
            searches: outlook.searches,
            training: outlook.training.as_ref().map(stage),
            comparison_seconds: outlook.comparison_seconds,
            seconds: outlook.seconds(),
            memory_bytes: outlook.memory_bytes,
            available_bytes: outlook.available_bytes,
            fits: outlook.fits,
        })
    }
}

fn tell(outlook: &Outlook, stages: &Stages, form: Form, progress: &mut Progress) -> Result<ExitCode> {
    progress.clear();
    if form == Form::Json {
        print_json(&Foreseen::of(outlook)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    if let Some(search) = &outlook.search {
        text.push_str(&format!("search        {}\n{}", network(search), timed(search.time.as_ref())));
    }
    let select = &outlook.config.select;
    let compares = *stages == Stages::Fit && select.candidates() > 1;
    if compares {
        let time = match outlook.comparison_seconds {
            Some(seconds) => format!("about {}", duration(seconds)),
            None => "not measured".to_owned(),
        };
        let longer = match select.finalists() {
            0 => String::new(),
            finalists => format!(", the best {finalists} for {}", select.longer_epochs),
        };
        text.push_str(&format!(
            "comparison    of {} cells in {} trainings of {} epochs{longer}: {time}\n",
            select.candidates(),
            select.trainings * select.candidates(),
            select.epochs
        ));
    }
    if let Some(training) = &outlook.training {
        let only = select.only().filter(|_| *stages == Stages::Fit);
        let whose = match (stages, only) {
            (Stages::Train(_), _) => "",
            (_, Some(name)) => &format!(" with {name}"),
            _ => " with a cell such as DARTS_V2 (the one that is found may take half as long, or twice)",
        };
        let line = network(training);
        text.push_str(&format!("training      {line}{whose}\n{}", timed(training.time.as_ref())));
    }
    let memory = match outlook.memory_bytes {
        Some(bytes) => format!("at most about {}", size(bytes)),
        None => "not known for this network".to_owned(),
    };
    let time = match outlook.seconds() {
        Some(seconds) => format!("about {}", duration(seconds)),
        None => "not measured: there is too little memory for a step".to_owned(),
    };
    let available =
        outlook.available_bytes.map_or(String::new(), |bytes| format!(", {} are available", size(bytes)));
    print(&format!(
        "{}\n{text}time          {time}\nmemory        {memory}{available}\n\n\
         This was a dry run: nothing was written.\n",
        outlook.config.to_toml(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn network(stage: &StageOutlook) -> String {
    format!(
        "{} cells from {} channels, {} parameters",
        stage.layers,
        stage.init_channels,
        grouped(stage.parameters)
    )
}

fn timed(time: Option<&TimeForecast>) -> String {
    let Some(time) = time else { return String::new() };
    let s = if time.epochs == 1 { "" } else { "s" };
    format!(
        "              {} epoch{s} of {}, {:.1} ms a step: about {}\n",
        time.epochs,
        duration(time.epoch_seconds),
        time.step_seconds * 1e3,
        duration(time.seconds())
    )
}
