//! `--dry-run`: what a command would do, and what it would take. Nothing is written.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use softcell::config::Config;
use softcell::data::Dataset;
use softcell::device::Device;
use softcell::forecast::{MemoryModel, TimeForecast, time_search, time_training};
use softcell::memory::{available_bytes, resident_bytes};
use softcell::pipeline::network_cost;
use softcell::run::RunFolder;
use softcell::sizing::sized;
use softcell::space::{Genotype, supernet_parameters};
use toml::Table;

use crate::args::{RunArgs, TimeLimit};
use crate::budget::{Forecast, choose, is_too_short, suppose_training};
use crate::output::{duration, grouped, print, size};
use crate::plan::{MemoryCheck, Plan, Stages, check_memory, plan, read_data, shape, start};
use crate::progress::Progress;
use crate::settings::Given;

/// Time for the steps of a stage.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of a run that would begin.
///
/// # Errors
/// What would stop it.
pub fn of_new(
    args: &RunArgs,
    flags: &Table,
    stages: Stages<'_>,
    limit: Option<TimeLimit>,
) -> Result<ExitCode> {
    let begun = Instant::now();
    let device = start(&args.machine)?;
    let given = Given::read(args.config.as_deref(), args.preset, flags)?;
    let mut progress = Progress::new(args.voice.common);
    let time = limit.unwrap_or_default();
    let Plan { mut config, dataset, .. } = plan(args, &given, stages, time, &mut progress)?;
    // Before steps are measured, which leave memory behind.
    let resident = resident_bytes();
    let mut forecast = None;
    let fits = fits(args, stages, &config, &dataset);
    if let (Stages::Fit, memory, true) = (stages, MemoryCheck::of(args), fits) {
        let chosen = choose(time, begun, &given, config, memory, &dataset, &device, &mut progress)?;
        (config, forecast) = (chosen.config, chosen.forecast);
        if let Some(budget) = chosen.budget {
            let time = (begun, Duration::from_secs_f64(budget.seconds));
            let supposed = suppose_training(time, &given, &config, memory, &dataset, &device, &mut progress);
            progress.clear();
            let (trained, note) = match supposed {
                Err(error) if budget.by_default && is_too_short(&error) => {
                    (config, format!("it takes longer all the same: {error}"))
                }
                supposed => {
                    let (trained, note) = supposed?;
                    (trained, format!("{note}, with a cell such as DARTS_V2"))
                }
            };
            progress.line(&note);
            config = trained;
        }
    }
    tell(&config, &dataset, stages, &device, &mut progress, (resident, forecast, fits))
}

/// Whether there is memory for the stages, whatever `--ignore-memory` says: what there is none for is not built, not
/// even to time a few steps.
fn fits(args: &RunArgs, stages: Stages<'_>, config: &Config, dataset: &Dataset) -> bool {
    args.machine.device != "cpu" || check_memory(stages, config, &dataset.train).is_ok()
}

/// Of the training of a run that was searched.
///
/// # Errors
/// What would stop it.
pub fn of_training(
    args: &RunArgs,
    given: &Given,
    folder: &RunFolder,
    genotype: &Genotype,
    device: &Device,
) -> Result<ExitCode> {
    let mut progress = Progress::new(args.voice.common);
    let asked = folder.read_asked_config()?;
    let dataset = read_data(&asked, &mut progress)?;
    let began = folder.read_manifest()?.map_or(String::new(), |manifest| manifest.preset);
    let config = given.over_training(&asked, &shape(&dataset), &began)?;
    let resident = resident_bytes();
    let stages = Stages::Train(genotype);
    let fits = fits(args, stages, &config, &dataset);
    tell(&config, &dataset, stages, device, &mut progress, (resident, None, fits))
}

fn tell(
    config: &Config,
    dataset: &Dataset,
    stages: Stages<'_>,
    device: &Device,
    progress: &mut Progress,
    (now, forecast, fits): (Option<u64>, Option<Forecast>, bool),
) -> Result<ExitCode> {
    let images = &dataset.train;
    let mut text = String::new();
    let mut seconds = 0.0;
    let mut memory = 0;
    let mut known = true;
    let mut note = |model: &MemoryModel, batch_size: usize| match model.bytes(batch_size) {
        Some(bytes) => memory = memory.max(bytes),
        None => known = false,
    };
    if stages.search() {
        let settings = &config.search;
        note(&MemoryModel::of_search(settings, images)?, settings.batch_size);
        let time = match forecast {
            Some(forecast) => Some(forecast.search),
            None if fits => Some(time_search(dataset, config, device, PATIENCE, progress)?),
            None => None,
        };
        let space = settings.space([images.height, images.width]);
        let parameters = supernet_parameters(&space, images.channels, images.classes.len());
        text.push_str(&format!(
            "search        {} cells from {} channels, {} parameters\n{}",
            settings.layers,
            settings.init_channels,
            grouped(parameters),
            time.as_ref().map_or(String::new(), timed)
        ));
        seconds += time.map_or(0.0, |time| time.seconds());
    }
    if let Some(genotype) = stages.trained() {
        let config = sized(&genotype, config, images)?;
        let settings = &config.train;
        note(&MemoryModel::of_training(&genotype, settings, images)?, settings.batch_size);
        let time = match forecast {
            Some(forecast) => Some(forecast.train),
            None if fits => Some(time_training(dataset, &genotype, &config, device, PATIENCE, progress)?),
            None => None,
        };
        let whose = match stages {
            Stages::Train(_) => "",
            _ => " with a cell such as DARTS_V2 (the one that is found may take half as long, or twice)",
        };
        text.push_str(&format!(
            "training      {} cells from {} channels, {} parameters{whose}\n{}",
            settings.layers,
            settings.init_channels,
            grouped(network_cost(&genotype, &config, images).parameters),
            time.as_ref().map_or(String::new(), timed)
        ));
        seconds += time.map_or(0.0, |time| time.seconds());
    }
    progress.clear();
    let memory = match now.filter(|_| known) {
        Some(now) => format!("at most about {}", size(now.saturating_add(memory))),
        None => "not known for this network".to_owned(),
    };
    let time = match fits {
        true => format!("about {}", duration(seconds)),
        false => "not measured: there is too little memory for a step".to_owned(),
    };
    let available =
        available_bytes().map_or(String::new(), |bytes| format!(", {} are available", size(bytes)));
    print(&format!(
        "{}\n{text}time          {time}\nmemory        {memory}{available}\n\n\
         This was a dry run: nothing was written.\n",
        config.to_toml(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn timed(time: &TimeForecast) -> String {
    let s = if time.epochs == 1 { "" } else { "s" };
    format!(
        "              {} epoch{s} of {}, {:.1} ms a step: about {}\n",
        time.epochs,
        duration(time.epoch_seconds),
        time.step_seconds * 1e3,
        duration(time.seconds())
    )
}
