//! What is asked for, before anything is done.

use std::path::Path;
use std::time::Duration;

use super::machine::Machine;
use super::origin::Origin;
use super::place::Place;
use super::selecting::GivenCell;
use super::settings::Settings;
use super::stages::{MemoryCheck, Stages, TimeLimit};
use crate::config::{Preset, path_to_text};
use crate::data::DIGITS;
use crate::error::Result;
use crate::event::Observer;
use crate::model::TrainedModel;
use crate::report::Warning;
use crate::run::{Overwrite, RunResult};
use crate::search::SearchOutcome;
use crate::space::Genotype;

/// Longest time between two checkpoints where nobody says otherwise.
const CHECKPOINTS: Duration = Duration::from_secs(60);

/// A search, a training or both: on which images, with which settings, and where the run is kept.
///
/// Sizes, epochs and augmentation are chosen for the images unless they are given, memory and time are looked at before
/// anything begins, and the test part of the images is read once, at the end. Without a folder nothing is written.
///
/// ```
/// use softcell::event::Silent;
/// use softcell::experiment::Experiment;
///
/// let small = Experiment::digits()
///     .set("data.images_per_class", 16)?
///     .set("search.epochs", 1)?
///     .set("search.nodes", 1)?
///     .set("train.epochs", 1)?
///     .set("train.layers", 2)?
///     .set("train.init_channels", 4)?;
/// let fitted = small.fit(&mut Silent)?;
/// assert_eq!(fitted.result.classes.len(), 10);
/// assert!(fitted.result.parameters < 10_000);
/// # Ok::<(), softcell::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Experiment {
    pub(super) settings: Settings,
    machine: Option<Machine>,
    pub(super) place: Place,
    pub(super) limit: TimeLimit,
    memory: MemoryCheck,
    pub(super) checkpoint_interval: Duration,
    pub(super) command: Vec<String>,
    pub(super) tensorboard: bool,
    pub(super) origin: Option<Origin>,
    pub(super) given: Vec<GivenCell>,
}

/// What a run came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fitted {
    /// Accuracies, sizes and times.
    pub result: RunResult,
    /// The trained network.
    pub model: TrainedModel,
    /// What is to be said against the run; none where it has no folder, whose records tell.
    pub warnings: Vec<Warning>,
}

impl Default for Experiment {
    fn default() -> Experiment {
        Experiment::of(Settings::new())
    }
}

impl Experiment {
    /// On the embedded handwritten digits, if the settings name no other images.
    pub fn of(settings: Settings) -> Experiment {
        Experiment {
            settings,
            machine: None,
            place: Place::Memory,
            limit: TimeLimit::Usual,
            memory: MemoryCheck::On,
            checkpoint_interval: CHECKPOINTS,
            command: Vec::new(),
            tensorboard: false,
            origin: None,
            given: Vec::new(),
        }
    }

    /// On the embedded handwritten digits: 1,797 images of 8x8 pixels.
    pub fn digits() -> Experiment {
        Experiment::of_text(DIGITS.to_owned())
    }

    /// On the images in this folder or file, with one folder for each class or in another format that is read.
    pub fn of_images(path: impl AsRef<Path>) -> Experiment {
        Experiment::of_text(path_to_text(path.as_ref()))
    }

    fn of_text(path: String) -> Experiment {
        let settings = Settings::new().with("data.path", path).expect("every text is a path");
        Experiment::of(settings)
    }

    /// With another preset than [`Preset::Auto`].
    pub fn preset(mut self, preset: Preset) -> Experiment {
        self.settings = self.settings.with_preset(preset);
        self
    }

    /// With the settings of a known method, such as `pc-darts`, as far as no others are given.
    ///
    /// # Errors
    /// A name that is not known; the nearest is named.
    pub fn method(mut self, name: &str) -> Result<Experiment> {
        self.settings = self.settings.with_method(name)?;
        Ok(self)
    }

    /// In a known space, such as `s2`, or in that of a TOML file, as far as no other settings of it are given.
    ///
    /// # Errors
    /// A name that is not known, and a file that holds no space.
    pub fn space(mut self, name: &str) -> Result<Experiment> {
        self.settings = self.settings.with_space(name)?;
        Ok(self)
    }

    /// With this value of a setting, by its key, such as `search.epochs`; [`KEYS`](crate::config::KEYS) are all of them.
    ///
    /// # Errors
    /// A key that there is not, and a value that is not of its kind.
    pub fn set(mut self, key: &str, value: impl ToString) -> Result<Experiment> {
        self.settings = self.settings.with(key, value)?;
        Ok(self)
    }

    /// On another machine than the CPU.
    pub fn on(mut self, machine: Machine) -> Experiment {
        self.machine = Some(machine);
        self
    }

    /// Kept in this folder.
    pub fn run_folder(mut self, path: impl AsRef<Path>, overwrite: Overwrite) -> Experiment {
        self.place = Place::Folder(path.as_ref().to_path_buf(), overwrite);
        self
    }

    /// Kept in the next free folder `runs/NAME-N`, where `NAME` is that of the images.
    pub fn next_run_folder(mut self) -> Experiment {
        self.place = Place::Next;
        self
    }

    /// Within this time, where a search and a training are asked for ([`Self::fit`]). A search or a training alone has
    /// no limit: this changes nothing there, except in how images of many sizes are read.
    pub fn time_limit(mut self, limit: TimeLimit) -> Experiment {
        self.limit = limit;
        self
    }

    /// Whether stages are refused for which there is too little memory.
    pub fn check_memory(mut self, check: MemoryCheck) -> Experiment {
        self.memory = check;
        self
    }

    /// The longest time between two checkpoints; zero saves after every step. A run in memory has no checkpoints.
    pub fn checkpoint_every(mut self, interval: Duration) -> Experiment {
        self.checkpoint_interval = interval;
        self
    }

    /// Remembers the command by which it was asked for.
    pub fn asked_by(mut self, command: Vec<String>) -> Experiment {
        self.command = command;
        self
    }

    /// Also writes an event file for TensorBoard into the folder of the run; a run in memory writes none.
    pub fn tensorboard(mut self) -> Experiment {
        self.tensorboard = true;
        self
    }

    /// The training begins from the weights of this run, as far as they fit. It is for [`Self::train`] in a folder:
    /// in memory, and where the cell is searched first, it is refused.
    pub fn start_from(mut self, origin: Origin) -> Experiment {
        self.origin = Some(origin);
        self
    }

    /// Takes the cells of runs that have searched for those to select among, in place of searches of its own. They must
    /// have searched on the same images, divided by the same seed.
    ///
    /// # Errors
    /// A folder that holds no run, or one whose search is not done.
    pub fn select_among(mut self, runs: &[impl AsRef<Path>]) -> Result<Experiment> {
        self.given = runs.iter().map(|run| GivenCell::read(run.as_ref())).collect::<Result<_>>()?;
        self.set("select.seeds", runs.len())
    }

    /// Searches a cell.
    ///
    /// # Errors
    /// Those of [`Self::begin`] and [`Run::search`](super::Run::search).
    pub fn search(&self, observer: &mut dyn Observer) -> Result<SearchOutcome> {
        let mut run = self.begin(Stages::Search, observer)?;
        let found = run.search(observer)?;
        run.write_report()?;
        Ok(found)
    }

    /// Searches a cell, trains its network and tests it.
    ///
    /// # Errors
    /// Those of [`Self::begin`] and [`Run::fit`](super::Run::fit).
    pub fn fit(&self, observer: &mut dyn Observer) -> Result<Fitted> {
        let mut run = self.begin(Stages::Fit, observer)?;
        let result = run.fit(observer)?;
        run.fitted(result)
    }

    /// Trains the network of a genotype and tests it.
    ///
    /// # Errors
    /// Those of [`Self::begin`] and [`Run::train`](super::Run::train).
    pub fn train(&self, genotype: &Genotype, observer: &mut dyn Observer) -> Result<Fitted> {
        let mut run = self.begin(Stages::Train(genotype.clone()), observer)?;
        let result = run.train(genotype, observer)?;
        run.fitted(result)
    }

    /// Where it is computed.
    pub(super) fn machine(&self) -> Result<Machine> {
        self.machine.clone().map_or_else(|| Machine::open("cpu"), Ok)
    }

    /// Whether memory is looked at: not on devices whose memory is not the machine's.
    pub(super) fn memory_check(&self) -> Result<MemoryCheck> {
        Ok(if self.machine()?.is_cpu() { self.memory } else { MemoryCheck::Off })
    }

    /// The time that the whole of it may take; none where only a stage is asked for.
    pub(super) fn time_of(&self, stages: &Stages) -> Option<TimeLimit> {
        (*stages == Stages::Fit).then_some(self.limit)
    }
}
