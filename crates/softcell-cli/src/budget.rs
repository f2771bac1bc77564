//! `fit --budget`: settings that are chosen for a given time, and written down before they are used.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use softcell::config::{Config, Section};
use softcell::data::Dataset;
use softcell::device::Device;
use softcell::forecast::Budgeting;
use softcell::run::{FixedSettings, RunBudget};
use softcell::space::Genotype;

use crate::output::duration;
use crate::progress::Progress;
use crate::session::Session;
use crate::settings::Given;

/// A run for which settings are chosen.
pub struct Budgeted {
    /// With the search's settings chosen.
    pub config: Config,
    /// What was chosen, in a sentence.
    pub note: String,
    /// What the run is to remember.
    pub budget: RunBudget,
}

/// Chooses the search's settings for a run that is to end `time` after `begun`. Nothing is written: with too little
/// time there is no run.
///
/// # Errors
/// Too little time.
pub fn choose_search(
    (begun, time): (Instant, Duration),
    given: &Given,
    config: &Config,
    dataset: &Dataset,
    device: &Device,
    progress: &mut Progress,
) -> Result<Budgeted> {
    let fixed = fixed(given);
    let budgeting = Budgeting { dataset, device, fixed, whole: time, end: begun + time };
    let (config, note) = budgeting.choose_search(config, progress)?;
    progress.clear();
    progress.line(&note);
    let (seconds, before) = (time.as_secs_f64(), begun.elapsed().as_secs_f64());
    Ok(Budgeted { config, note, budget: RunBudget { seconds, before, fixed, training_chosen: false } })
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
    }
}

/// Refuses another time than the run began with.
///
/// # Errors
/// When it was another, or none.
pub fn check(session: &Session, time: Option<Duration>) -> Result<()> {
    let stored = session.folder.read_budget()?;
    match (stored, time) {
        (Some(stored), Some(time)) if stored.seconds != time.as_secs_f64() => bail!(
            "the run began with a budget of {}, {} was given: leave it out, or begin a new run with another --out",
            duration(stored.seconds),
            duration(time.as_secs_f64())
        ),
        (None, Some(_)) if session.is_resumed() => {
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
    };
    let (config, note) = budgeting.choose_training(genotype, &session.config, &mut session.progress)?;
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
