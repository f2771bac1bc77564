//! The time of a run: forecast, and settings that are chosen for a given one, written down before they are used.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use softcell::Error;
use softcell::config::{Config, Preset, Section};
use softcell::data::Dataset;
use softcell::device::Device;
use softcell::forecast::{Budgeting, TimeForecast, allowed_bytes, stand_in, time_search, time_training};
use softcell::run::{FixedSettings, RunBudget};
use softcell::sizing::sized;
use softcell::space::Genotype;

use crate::args::{TimeLimit, USUAL};
use crate::output::duration;
use crate::plan::MemoryCheck;
use crate::progress::Progress;
use crate::session::Session;
use crate::settings::Given;

/// Longest time that a stage's steps are timed for, where there are several.
const PATIENCE: Duration = Duration::from_secs(3);

/// A run whose time is known.
pub struct Timed {
    /// Its settings; with a budget the search's are chosen.
    pub config: Config,
    /// What was found and chosen, in sentences.
    pub notes: Vec<String>,
    /// What the run is to remember, where there is a budget.
    pub budget: Option<RunBudget>,
    /// What these settings take, where there is none.
    pub forecast: Option<Forecast>,
}

/// Says how long a run will take, and chooses the search's settings where it is to end within a time after `begun`:
/// where one was given, and with the preset `auto` where it would take longer than [`USUAL`]. Nothing is written: with
/// too little time there is no run.
///
/// # Errors
/// Too little time.
#[allow(clippy::too_many_arguments)]
pub fn choose(
    limit: TimeLimit,
    begun: Instant,
    given: &Given,
    config: Config,
    memory: MemoryCheck,
    dataset: &Dataset,
    device: &Device,
    progress: &mut Progress,
) -> Result<Timed> {
    let mut notes = Vec::new();
    let time = match limit {
        TimeLimit::Within(time) => time,
        _ => {
            let forecast = forecast(&config, dataset, device, progress)?;
            progress.clear();
            let mut tell = |note: String| {
                progress.line(&note);
                notes.push(note);
            };
            tell(format!(
                "time: about {} in all, {} for the search and {} for the training with a cell such as DARTS_V2",
                duration(forecast.search.seconds() + forecast.train.seconds() + forecast.test),
                duration(forecast.search.seconds()),
                duration(forecast.train.seconds() + forecast.test)
            ));
            let long =
                forecast.search.seconds() + forecast.train.seconds() + forecast.test > USUAL.as_secs_f64();
            let fixed = fixed(given);
            let free = given.preset() == Preset::Auto && !(fixed.search_epochs && fixed.train_epochs);
            if !(long && limit == TimeLimit::Usual && free) {
                // Measured times are no part of a run that can be repeated.
                return Ok(Timed { config, notes: Vec::new(), budget: None, forecast: Some(forecast) });
            }
            tell(format!(
                "that is more than {}: sizes and epochs are chosen to fit into it; --budget TIME sets another time, \
                 --budget none any",
                duration(USUAL.as_secs_f64())
            ));
            USUAL
        }
    };
    let by_default = limit == TimeLimit::Usual;
    let chosen = choose_search((begun, time), given, &config, memory, dataset, device, progress);
    let (config, note) = match chosen {
        Err(error) if by_default && is_too_short(&error) => {
            progress.clear();
            let note = format!("it takes longer all the same: {error}");
            progress.line(&note);
            notes.push(note);
            return Ok(Timed { config, notes, budget: None, forecast: None });
        }
        chosen => chosen?,
    };
    notes.push(note);
    let (seconds, before) = (time.as_secs_f64(), begun.elapsed().as_secs_f64());
    let budget = RunBudget { seconds, before, fixed: fixed(given), by_default, training_chosen: false };
    Ok(Timed { config, notes, budget: Some(budget), forecast: None })
}

/// What the stages of a run will take.
#[derive(Debug, Clone, Copy)]
pub struct Forecast {
    /// The search.
    pub search: TimeForecast,
    /// The training.
    pub train: TimeForecast,
    /// Seconds of the answers for the test images.
    test: f64,
}

/// From a few steps of the search, and of a training with a cell that stands for the one that will be found.
fn forecast(
    config: &Config,
    dataset: &Dataset,
    device: &Device,
    progress: &mut Progress,
) -> Result<Forecast> {
    let search = time_search(dataset, config, device, PATIENCE, progress)?;
    let genotype = stand_in();
    let config = sized(&genotype, config, &dataset.train)?;
    let train = time_training(dataset, &genotype, &config, device, PATIENCE, progress)?;
    Ok(Forecast { search, train, test: train.answer_seconds * dataset.test.len() as f64 })
}

/// Chooses the search's settings for a run that is to end `time` after `begun`, and says so.
///
/// # Errors
/// Too little time.
pub fn choose_search(
    (begun, time): (Instant, Duration),
    given: &Given,
    config: &Config,
    memory: MemoryCheck,
    dataset: &Dataset,
    device: &Device,
    progress: &mut Progress,
) -> Result<(Config, String)> {
    let (fixed, room) = (fixed(given), room(memory));
    let budgeting = Budgeting { dataset, device, fixed, whole: time, end: begun + time, room };
    let (config, note) = budgeting.choose_search(config, progress)?;
    progress.clear();
    progress.line(&note);
    Ok((config, note))
}

/// The training's settings for what a search of the chosen settings leaves of the time, with a cell that stands for the
/// one that would be found: for a run that does not begin.
///
/// # Errors
/// Too little time.
pub fn suppose_training(
    (begun, time): (Instant, Duration),
    given: &Given,
    config: &Config,
    memory: MemoryCheck,
    dataset: &Dataset,
    device: &Device,
    progress: &mut Progress,
) -> Result<(Config, String)> {
    let measuring = Instant::now();
    let search = time_search(dataset, config, device, PATIENCE, progress)?.seconds();
    // A run would not measure this.
    let taken = Duration::from_secs_f64(search).saturating_sub(measuring.elapsed());
    let end = (begun + time).checked_sub(taken).unwrap_or(begun);
    let budgeting = Budgeting { dataset, device, fixed: fixed(given), whole: time, end, room: room(memory) };
    Ok(budgeting.choose_training(&stand_in(), config, progress)?)
}

/// Bytes that a stage may take.
fn room(memory: MemoryCheck) -> Option<u64> {
    allowed_bytes().filter(|_| memory == MemoryCheck::On)
}

/// Whether a time cannot be kept to.
pub fn is_too_short(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Setting { name, .. }) if name == "budget")
}

/// What was given and is left alone.
fn fixed(given: &Given) -> FixedSettings {
    let has = |section, name| given.has(section, name);
    FixedSettings {
        search_epochs: has(Section::Search, "epochs"),
        search_size: has(Section::Search, "layers") || has(Section::Search, "init_channels"),
        arch_learning_rate: has(Section::Search, "arch_learning_rate"),
        train_epochs: has(Section::Train, "epochs"),
        train_size: has(Section::Train, "layers") || has(Section::Train, "init_channels"),
        drop_path: has(Section::Train, "drop_path_prob") || given.preset() != Preset::Auto,
    }
}

/// Refuses another time than the run began with.
///
/// # Errors
/// When it was another, or none.
pub fn check(session: &Session, limit: Option<TimeLimit>) -> Result<()> {
    let stored = session.folder.read_budget()?;
    match (stored, limit) {
        (Some(stored), Some(TimeLimit::Unlimited)) => bail!(
            "the run began with a budget of {}, none was given: leave it out, or begin a new run with another --out",
            duration(stored.seconds)
        ),
        (Some(stored), Some(TimeLimit::Within(time))) if stored.seconds != time.as_secs_f64() => bail!(
            "the run began with a budget of {}, {} was given: leave it out, or begin a new run with another --out",
            duration(stored.seconds),
            duration(time.as_secs_f64())
        ),
        (None, Some(TimeLimit::Within(_))) if session.is_resumed() => {
            bail!("the run began without a budget: go on without one, or begin a new run with another --out")
        }
        _ => Ok(()),
    }
}

/// Chooses the training's settings for what the search has left of the time, where that has not been done.
///
/// # Errors
/// Too little time.
pub fn choose_training(session: &mut Session, genotype: &Genotype, search_seconds: f64) -> Result<()> {
    let Some(mut budget) = session.folder.read_budget()?.filter(|budget| !budget.training_chosen) else {
        return Ok(());
    };
    let used = match session.is_resumed() {
        false => session.begun().elapsed().as_secs_f64(),
        true => budget.before + search_seconds,
    };
    let begun = Instant::now().checked_sub(Duration::from_secs_f64(used)).unwrap_or(session.begun());
    let whole = Duration::from_secs_f64(budget.seconds);
    let budgeting = Budgeting {
        dataset: &session.dataset,
        device: &session.device,
        fixed: budget.fixed,
        whole,
        end: begun + whole,
        room: room(session.memory()),
    };
    let chosen = budgeting.choose_training(genotype, &session.config, &mut session.progress);
    let (config, note) = match chosen.map_err(anyhow::Error::from) {
        Err(error) if budget.by_default && is_too_short(&error) => {
            (session.config.clone(), format!("it takes longer all the same: {error}"))
        }
        chosen => chosen?,
    };
    session.progress.clear();
    session.progress.line(&note);
    session.folder.write_config(&config)?;
    if let Some(mut manifest) = session.folder.read_manifest()? {
        manifest.notes.push(note);
        session.folder.write_manifest(&manifest)?;
    }
    session.config = config;
    budget.training_chosen = true;
    Ok(session.folder.write_budget(&budget)?)
}
