//! What a run would be: images read, settings merged and checked, before anything is written.

use super::builder::Experiment;
use super::fitted;
use super::images::read_images;
use super::latencies;
use super::machine::useful_threads;
use super::stages::{Stages, TimeLimit};
use crate::benchmark_table::BenchmarkTable;
use crate::config::{CheckedConfig, DataShape, Section};
use crate::data::{DIGITS, Dataset, class_weights};
use crate::error::{Advice, Remedy, Result};
use crate::event::{Event, Observer};
use crate::forecast::{ChosenSide, stand_in};
use crate::sizing::{check_limits, sized};
use crate::train::check_network;

/// Settings and images of a run that is to begin.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// What is to be done.
    pub stages: Stages,
    /// Its settings.
    pub config: CheckedConfig,
    /// Its images.
    pub dataset: Dataset,
    /// What was decided and why, in the observer's words.
    pub notes: Vec<String>,
    /// Whether it was left to the program which cells are searched and compared.
    pub open: bool,
}

impl Experiment {
    /// Reads images and settings in two passes, checks them and tells what was decided: how the images are read does not
    /// depend on them, all other settings do. Nothing is written.
    ///
    /// # Errors
    /// When they cannot be used, or there is too little memory.
    pub fn plan(&self, stages: &Stages, observer: &mut dyn Observer) -> Result<Plan> {
        let settings = &self.settings;
        if let Some(asked) = self.machine()?.asked_threads.filter(|&asked| useful_threads(asked) < asked) {
            let used = useful_threads(asked);
            let note = format!("{used} threads in place of {asked}: more would only be slower");
            observer.on(Event::Note(note.into()))?;
        }
        let (mut reading, _) = settings.build(&DataShape::default())?;
        let (memory, time) = (self.memory_check()?, self.time_of(stages).unwrap_or(TimeLimit::Usual));
        if reading.data.path == DIGITS && !settings.has(Section::Data, "path") {
            let note = "using the built-in handwritten digits; " + Remedy::OwnImages;
            observer.on(Event::Note(note))?;
        }
        let side = fitted::choose_side(settings, &reading, stages, time, memory)?;
        if let Some(ChosenSide { side, why }) = &side {
            reading = reading.with(|reading| reading.data.image_size = side.to_string())?;
            observer.on(Event::Note(why.clone()))?;
        }
        let dataset = read_images(&reading, observer)?;
        let shape = dataset.shape();
        let (base, mut reasons) = settings.build(&shape)?;
        let (config, changes) = fitted::fit(settings, &base, &shape, stages, &dataset.train, memory)?;
        let config = config.with(|config| config.data.image_size.clone_from(&reading.data.image_size))?;
        let config = latencies::timed(config, stages, &dataset.train, &self.machine()?, observer)?;
        check_stages(stages, &config, &dataset)?;
        if let Some(table) = stages.search().then(|| BenchmarkTable::of(&config)).transpose()?.flatten() {
            observer.on(Event::Note(table.baselines().into()))?;
        }
        memory.check(stages, &config, &dataset.train)?;
        reasons.extend(changes.into_iter().map(Advice::from));
        let overrides = settings.overrides(&shape)?;
        observer.on(Event::Settings {
            preset: settings.preset(),
            reasons: &reasons,
            overrides: &overrides,
        })?;
        let words = |note: Advice| note.worded(&|remedy| observer.wording(remedy));
        let mut notes: Vec<String> =
            side.into_iter().map(|side| side.why).chain(reasons).map(words).collect();
        notes.extend(overrides);
        Ok(Plan { stages: stages.clone(), config, dataset, notes, open: fitted::is_open(settings, stages) })
    }
}

/// Refuses a network that cannot be built, and limits that cannot be met, before a folder is made and hours
/// are spent on the search for it.
fn check_stages(stages: &Stages, config: &CheckedConfig, dataset: &Dataset) -> Result<()> {
    let images = &dataset.train;
    class_weights(&config.data.class_weights, images, &dataset.training_indices())?;
    match stages {
        Stages::Train(genotype) => check_network(genotype, &sized(genotype, config, images)?.train, images),
        Stages::Search | Stages::Fit => {
            check_limits(config, images)?;
            check_network(&stand_in(&config.search), &config.train, images)
        }
    }
}
