//! A run at work: its folder, settings, images and device.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::builder::Experiment;
use super::difference::{differences, refuse};
use super::images::{read_images, reading_settings};
use super::latencies;
use super::machine::Machine;
use super::origin::{Origin, forget_origin, refuse_origin};
use super::place::{Place, free_folder};
use super::plan::Plan;
use super::selecting::GivenCell;
use super::settings::Settings;
use super::stages::{MemoryCheck, Stages, TimeLimit};
use super::timing::Timing;
use crate::config::{CheckedConfig, Preset, Section};
use crate::data::Dataset;
use crate::error::{Advice, Error, Remedy, Result};
use crate::event::{Event, Observer};
use crate::pipeline::Job;
use crate::ranks::PartsOnRanks;
use crate::records::Standing;
use crate::report::{quoted, size};
use crate::run::{Manifest, Overwrite, RunBudget, RunFolder, SetAside};
use crate::selection::Workers;
use crate::shown;
use crate::sizing::sized;
use crate::space::Genotype;
use crate::train::TrainOutcome;

/// Why a run that searches begins from no weights.
pub(super) const SEARCHED: &str = "this run searches its cell first";

/// A run that can be worked on: [`Experiment::begin`] makes it, and what it does is in [`search`](Run::search),
/// [`fit`](Run::fit) and [`train`](Run::train).
#[derive(Debug)]
pub struct Run {
    /// None where it is in memory.
    pub(super) folder: Option<RunFolder>,
    pub(super) config: CheckedConfig,
    pub(super) dataset: Dataset,
    pub(super) machine: Machine,
    pub(super) checkpoint_interval: Duration,
    pub(super) limit: TimeLimit,
    pub(super) memory: MemoryCheck,
    pub(super) origin: Option<Origin>,
    /// When this process began to work on it.
    pub(super) begun: Instant,
    pub(super) beginning: Beginning,
    pub(super) kept: Kept,
    /// Runs whose cells are compared, in place of searches of its own.
    pub(super) given: Vec<GivenCell>,
    pub(super) workers: Option<Box<dyn Workers>>,
}

/// What a run in memory remembers that others have in their folder.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub manifest: Option<Manifest>,
    pub budget: Option<RunBudget>,
    pub standing: Option<Standing>,
    pub trained: Option<(Genotype, CheckedConfig, TrainOutcome)>,
}

/// Where the work on a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// At its beginning.
    New,
    /// Where an earlier process left it.
    Resumed,
}

/// Whether the settings that are given must be those of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Settings,
    Nothing,
}

impl Experiment {
    /// Makes a new run, or opens the one in the folder to go on with.
    ///
    /// # Errors
    /// A folder that must not be touched, settings or images that cannot be used, too little time or memory, another
    /// run to start from where nothing is trained in a folder, and on [`Overwrite::Resume`] settings that differ from
    /// the run's.
    pub fn begin(&self, stages: Stages, observer: &mut dyn Observer) -> Result<Run> {
        if stages.search() {
            refuse_origin(self.origin.as_ref(), SEARCHED)?;
        } else if matches!(self.place, Place::Memory) {
            refuse_origin(self.origin.as_ref(), "this one is in memory")?;
        }
        if let Place::Folder(path, Overwrite::Resume) = &self.place {
            if RunFolder::exists(path) {
                return self.go_on(RunFolder::create(path, Overwrite::Resume)?, observer);
            }
            let note = format!("there is no run in {} yet: it begins", path.display());
            observer.on(Event::Note(note.into()))?;
        }
        self.create(stages, observer)
    }

    /// A new run.
    fn create(&self, stages: Stages, observer: &mut dyn Observer) -> Result<Run> {
        let begun = Instant::now();
        let machine = self.machine()?;
        // A folder that is in the way is found out before the images are read; a run in it is set aside only after.
        let (path, overwrite) = match &self.place {
            Place::Folder(path, Overwrite::Force) => (Some(path), Overwrite::Force),
            Place::Folder(path, _) => (Some(path), Overwrite::Refuse),
            Place::Memory | Place::Next => (None, Overwrite::Refuse),
        };
        let claimed = match path {
            Some(path) if overwrite == Overwrite::Force && RunFolder::exists(path) => {
                RunFolder::check_place(path, overwrite)?;
                None
            }
            Some(path) if path.exists() => Some(RunFolder::create(path, overwrite)?),
            _ => None,
        };
        let Plan { mut config, dataset, mut notes, open, .. } = self.plan(&stages, observer)?;
        let mut budget = None;
        if let Some(limit) = self.time_of(&stages) {
            let (memory, device) = (self.memory_check()?, &machine.device);
            let timing = Timing { begun, settings: &self.settings, memory, dataset: &dataset, device };
            let timed = timing.choose(limit, config, open, observer)?;
            (config, budget) = (timed.config, timed.budget);
            notes.extend(timed.notes);
        }
        let folder = match (claimed, &self.place) {
            (Some(folder), _) => Some(folder),
            (None, Place::Folder(path, _)) => Some(RunFolder::create(path, overwrite)?),
            (None, Place::Next) => {
                Some(RunFolder::create(&free_folder(&config.data.path)?, Overwrite::Refuse)?)
            }
            (None, Place::Memory) => None,
        };
        if let Some(folder) = &folder {
            observer.on(Event::Folder { path: folder.path(), config: &config })?;
            tell_replaced(folder, "run", observer)?;
            folder.write_config(&config)?;
            if let Some(budget) = &budget {
                folder.write_budget(budget)?;
            }
        }
        let mut run = self.run(folder, config, dataset, machine, (begun, Beginning::New))?;
        run.kept.budget = budget;
        run.begin_manifest(self, self.settings.preset().name(), notes)?;
        run.begin_tensorboard(self, observer)?;
        Ok(run)
    }

    /// The run in a folder, whose settings must be those that are given.
    ///
    /// # Errors
    /// When they differ, or the images have changed.
    pub fn go_on(&self, folder: RunFolder, observer: &mut dyn Observer) -> Result<Run> {
        self.reopen(folder, Compared::Settings, observer)
    }

    /// The run in a folder, whose training begins anew with the training settings that are given; what an earlier
    /// training left is set aside. `overwrite` says whether it also forgets from which run's weights that began:
    /// it does not with [`Overwrite::Resume`].
    ///
    /// # Errors
    /// Other settings than those of training that differ from the run's, limits that cannot be met, or images that have
    /// changed.
    pub fn train_anew(
        &self,
        folder: RunFolder,
        genotype: &Genotype,
        overwrite: Overwrite,
        observer: &mut dyn Observer,
    ) -> Result<Run> {
        let mut run = self.reopen(folder, Compared::Nothing, observer)?;
        run.choose_settings(&self.settings, genotype, observer)?;
        if overwrite != Overwrite::Resume
            && let Some(folder) = &run.folder
        {
            forget_origin(folder)?;
        }
        Ok(run)
    }

    fn reopen(&self, folder: RunFolder, compared: Compared, observer: &mut dyn Observer) -> Result<Run> {
        let begun = Instant::now();
        let settings = Some(&self.settings).filter(|_| compared == Compared::Settings);
        let (config, asked) = (folder.read_config()?, folder.read_asked_config()?);
        observer.on(Event::Folder { path: folder.path(), config: &config })?;
        refuse_imported(&folder)?;
        let config = match settings {
            Some(settings) => {
                settings.check_same(&asked, None)?;
                settings.going_on(config)?
            }
            None => config,
        };
        let dataset = read_images(&reading_settings(&config, &folder)?, observer)?;
        // With a budget other values were chosen than the preset's; `auto` fits itself to the machine, too.
        let began = folder.read_manifest()?.map(|manifest| manifest.preset);
        let fitted = |settings: &Settings| {
            settings.preset() == Preset::Auto && began.as_deref() == Some(Preset::Auto.name())
        };
        if let Some(settings) = settings
            && folder.read_budget()?.is_none()
            && !fitted(settings)
        {
            settings.check_same(&asked, Some(&dataset.shape()))?;
        }
        let begins_anew = folder.read_manifest()?.is_none();
        let mut run =
            self.run(Some(folder), config, dataset, self.machine()?, (begun, Beginning::Resumed))?;
        if let Some(job) = run.job() {
            job.check_data()?;
        }
        if begins_anew {
            run.begin_manifest(self, self.settings.named_preset().map_or("", Preset::name), Vec::new())?;
        }
        run.begin_tensorboard(self, observer)?;
        Ok(run)
    }

    fn run(
        &self,
        folder: Option<RunFolder>,
        config: CheckedConfig,
        dataset: Dataset,
        machine: Machine,
        (begun, beginning): (Instant, Beginning),
    ) -> Result<Run> {
        let workers = machine.ranks.clone().map(|ranks| -> Box<dyn Workers> {
            Box::new(PartsOnRanks::new(ranks, machine.clone(), self.checkpoint_interval))
        });
        Ok(Run {
            folder,
            config,
            dataset,
            machine,
            checkpoint_interval: self.checkpoint_interval,
            limit: self.limit,
            memory: self.memory_check()?,
            origin: self.origin.clone(),
            begun,
            beginning,
            kept: Kept::default(),
            given: self.given.clone(),
            workers,
        })
    }
}

impl Run {
    /// The folder; none where it is in memory.
    pub fn folder(&self) -> Option<&RunFolder> {
        self.folder.as_ref()
    }

    /// The settings, as far as they have been chosen.
    pub fn config(&self) -> &CheckedConfig {
        &self.config
    }

    /// The images.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The settings with the width and depth of the network of a genotype that honour their limits.
    ///
    /// # Errors
    /// When the limits cannot be met.
    pub fn sized(&self, genotype: &Genotype) -> Result<CheckedConfig> {
        sized(genotype, &self.config, &self.dataset.train)
    }

    /// The stages in the folder, if there is one.
    pub(super) fn job(&self) -> Option<Job<'_>> {
        Some(Job {
            folder: self.folder.as_ref()?,
            config: &self.config,
            dataset: &self.dataset,
            device: &self.machine.device,
            checkpoint_interval: self.checkpoint_interval,
            ranks: self.machine.ranks.as_ref(),
        })
    }

    /// Whether an earlier process worked on it.
    pub fn is_resumed(&self) -> bool {
        self.beginning == Beginning::Resumed
    }

    fn begin_manifest(&mut self, experiment: &Experiment, preset: &str, reasons: Vec<String>) -> Result<()> {
        let mut manifest = Manifest::of_run(&self.dataset, &self.config);
        manifest.command.clone_from(&experiment.command);
        manifest.preset = preset.to_owned();
        manifest.device.clone_from(&self.machine.name);
        manifest.threads = rayon::current_num_threads();
        manifest.notes.extend(reasons);
        match &self.folder {
            Some(folder) => folder.write_manifest(&manifest),
            None => {
                self.kept.manifest = Some(manifest);
                Ok(())
            }
        }
    }

    /// A run that has an event file keeps it, whether it is asked for again or not.
    fn begin_tensorboard(&self, experiment: &Experiment, observer: &mut dyn Observer) -> Result<()> {
        let Some(folder) = self.folder.as_ref().filter(|_| experiment.tensorboard) else { return Ok(()) };
        folder.write_tensorboard()?;
        let place = quoted(&folder.tensorboard().display().to_string());
        let note = format!("event files: look at them with `tensorboard --logdir {place}`");
        observer.on(Event::Note(note.into()))
    }

    /// Clears what an earlier training left and takes over the training settings that were given.
    fn choose_settings(
        &mut self,
        settings: &Settings,
        genotype: &Genotype,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let asked = folder.read_asked_config()?;
        let began = folder.read_manifest()?.map_or(String::new(), |manifest| manifest.preset);
        let config = settings.over_training(&asked, &self.dataset.shape(), &began)?;
        let changes = differences(&asked, &config)?;
        let (training, fixed): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|d| d.key.section == Section::Train);
        refuse(&fixed, "only the training settings of a run can still be chosen")?;
        let stages = Stages::Train(genotype.clone());
        let config = latencies::timed(config, &stages, &self.dataset.train, &self.machine, observer)?;
        // Found out while the earlier training is still there.
        sized(genotype, &config, &self.dataset.train)?;
        // In this order: a checkpoint must never stand beside settings it was not made with.
        folder.clear_training()?;
        tell_replaced(folder, "training", observer)?;
        if !training.is_empty() {
            for change in training {
                let note = format!("  {} = {} (was {})", change.key.dotted(), change.second, change.first);
                observer.on(Event::Note(note.into()))?;
            }
            folder.write_config(&config)?;
        }
        self.config = config;
        Ok(())
    }
}

/// Says what is replaced by the work that begins, which is set aside until there is a checkpoint.
///
/// # Errors
/// Whatever the observer answers.
pub fn tell_replaced(folder: &RunFolder, what: &str, observer: &mut dyn Observer) -> Result<()> {
    let Some(SetAside { files, bytes }) = folder.take_replaced() else { return Ok(()) };
    let mut told: Vec<String> = Vec::new();
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &files {
        match file.split_once('/') {
            Some((folder, _)) => *folders.entry(folder).or_default() += 1,
            None => told.push(file.clone()),
        }
    }
    told.extend(folders.iter().map(|(folder, count)| format!("{folder}/ ({count})")));
    let note = format!(
        "the earlier {what} is set aside, and removed once this one has a checkpoint: {} ({})",
        told.join(", "),
        size(bytes)
    );
    observer.on(Event::Note(note.into()))
}

/// Refuses to go on with a run whose weights were imported: there is no training to go on with, and a new one would
/// replace them.
fn refuse_imported(folder: &RunFolder) -> Result<()> {
    if folder.read_manifest()?.is_none_or(|manifest| manifest.imported_from.is_none()) {
        return Ok(());
    }
    let begin = format!(
        "run {} was imported: its network is trained; to train the same cells anew: ",
        shown::path(folder.path())
    );
    Err(Error::Refused(
        Advice::from(begin) + Remedy::TrainGenotype(folder.path().join(crate::run::files::GENOTYPE_TEXT)),
    ))
}
