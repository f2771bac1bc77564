//! `fit --budget`: settings that are chosen for a given time, and written down before they are used.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use softcell::config::{Config, Section};
use softcell::run::{FixedSettings, RunBudget};
use softcell::space::Genotype;

use crate::output::duration;
use crate::session::Session;
use crate::settings::Given;

/// What was given and is left alone.
pub fn fixed(given: &Given) -> FixedSettings {
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

/// Chooses the search's settings, where a time is given and that has not been done.
///
/// # Errors
/// Too little time.
pub fn choose_search(session: &mut Session, time: Option<Duration>, fixed: FixedSettings) -> Result<()> {
    let mut budget = match (session.folder.read_budget()?, time) {
        (Some(stored), _) => stored,
        (None, None) => return Ok(()),
        (None, Some(time)) => RunBudget {
            seconds: time.as_secs_f64(),
            before: 0.0,
            fixed,
            search_chosen: false,
            training_chosen: false,
        },
    };
    if budget.search_chosen {
        return Ok(());
    }
    session.folder.write_budget(&budget)?;
    let begun = session.begun();
    let (budgeting, config, progress) = session.budgeting(&budget, begun);
    let (config, note) = budgeting.choose_search(config, progress)?;
    take_over(session, config, note)?;
    (budget.search_chosen, budget.before) = (true, session.begun().elapsed().as_secs_f64());
    Ok(session.folder.write_budget(&budget)?)
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
    let (budgeting, config, progress) = session.budgeting(&budget, begun);
    let (config, note) = budgeting.choose_training(genotype, config, progress)?;
    take_over(session, config, note)?;
    budget.training_chosen = true;
    Ok(session.folder.write_budget(&budget)?)
}

/// Writes down what was chosen.
fn take_over(session: &mut Session, config: Config, note: String) -> Result<()> {
    session.progress.clear();
    session.progress.line(&note);
    session.folder.write_config(&config)?;
    if let Some(mut manifest) = session.folder.read_manifest()? {
        manifest.notes.push(note);
        session.folder.write_manifest(&manifest)?;
    }
    session.config = config;
    Ok(())
}
