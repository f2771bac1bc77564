//! A run at work: its folder, settings, images and device.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use softcell::Error;
use softcell::config::{Config, ImageSize, Preset, word_to_text};
use softcell::data::Dataset;
use softcell::device::Device;
use softcell::pipeline::Job;
use softcell::run::files::GENOTYPE_TEXT;
use softcell::run::{Manifest, Overwrite, RunFolder, SetAside};
use softcell::shown;

use crate::args::{RunArgs, TimeLimit};
use crate::budget::choose;
use crate::interrupt::{self, Work};
use crate::output::{quoted, size};
use crate::plan::{MemoryCheck, Plan, Stages, plan, read_data, shape, start};
use crate::progress::Progress;
use crate::settings::Given;

/// A run that can be worked on.
pub struct Session {
    /// Its folder.
    pub folder: RunFolder,
    /// Its settings.
    pub config: Config,
    /// Its images.
    pub dataset: Dataset,
    /// Where it is computed.
    pub device: Device,
    /// Where the work speaks.
    pub progress: Progress,
    /// Longest time between two checkpoints.
    pub checkpoint_interval: Duration,
    /// The command that goes on with it.
    pub resume: String,
    memory: MemoryCheck,
    /// When this process began to work on it.
    begun: Instant,
    origin: Origin,
}

/// A run that is asked for.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The command that goes on with it, up to the folder.
    pub resume: &'a str,
    pub args: &'a RunArgs,
    /// The settings given as flags.
    pub flags: &'a toml::Table,
    pub stages: Stages<'a>,
    /// The time that the whole of it may take; none where only a stage is asked for.
    pub time: Option<TimeLimit>,
}

/// Where the work on a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// At its beginning.
    New,
    /// Where an earlier process left it.
    Resumed,
}

impl Session {
    /// A new run, or the one in `--out` to go on with.
    ///
    /// # Errors
    /// A folder that must not be touched, settings or images that cannot be used, too little time or memory, and on
    /// `--resume` settings that differ from the run's.
    pub fn begin(asked: Asked<'_>) -> Result<Session> {
        let args = asked.args;
        let device = start(&args.machine)?;
        let given = Given::read(args.config.as_deref(), args.preset, asked.flags)?;
        let Some(out) = &args.out else {
            if args.resume {
                let text = "--resume needs the folder of the run: name it with --out\n";
                bail!(clap::Error::raw(clap::error::ErrorKind::MissingRequiredArgument, text));
            }
            return Session::create(asked, &given, device, Progress::of_run(args.voice));
        };
        let progress = Progress::of_run(args.voice);
        if args.resume && RunFolder::exists(out) {
            let folder = RunFolder::create(out, Overwrite::Resume)?;
            return Session::go_on(asked.resume, args, folder, Some(&given), device, progress);
        }
        if args.resume {
            progress.line(&format!("there is no run in {} yet: it begins", out.display()));
        }
        Session::create(asked, &given, device, progress)
    }

    /// A new run.
    fn create(asked: Asked<'_>, given: &Given, device: Device, mut progress: Progress) -> Result<Session> {
        let args = asked.args;
        let begun = Instant::now();
        let overwrite = if args.force { Overwrite::Force } else { Overwrite::Refuse };
        // A folder that is in the way is found out before the images are read; a run in it is set aside only after.
        let claimed = match &args.out {
            Some(out) if args.force && RunFolder::exists(out) => {
                RunFolder::check_place(out, overwrite)?;
                None
            }
            Some(out) if out.exists() => Some(RunFolder::create(out, overwrite)?),
            _ => None,
        };
        let Plan { mut config, dataset, mut notes } =
            plan(args, given, asked.stages, asked.time.unwrap_or_default(), &mut progress)?;
        let mut budget = None;
        if let Some(time) = asked.time {
            let chosen =
                choose(time, begun, given, config, MemoryCheck::of(args), &dataset, &device, &mut progress)?;
            (config, budget) = (chosen.config, chosen.budget);
            notes.extend(chosen.notes);
        }
        let folder = match (claimed, &args.out) {
            (Some(folder), _) => folder,
            (None, Some(out)) => RunFolder::create(out, overwrite)?,
            (None, None) => RunFolder::create(&free_folder(&config.data.path)?, Overwrite::Refuse)?,
        };
        progress.line(&format!("run folder: {}", shown::path(folder.path())));
        tell_replaced(&folder, &progress, "run");
        folder.write_config(&config)?;
        if let Some(budget) = budget {
            folder.write_budget(&budget)?;
        }
        let start = (begun, Origin::New);
        let session = Session::new(asked.resume, args, folder, config, dataset, device, progress, start);
        session.write_manifest(args, given.preset().name(), notes)?;
        session.begin_tensorboard(args)?;
        Ok(session)
    }

    /// The run in a folder; with settings, they must be those of the run.
    ///
    /// # Errors
    /// When they differ, or the images have changed.
    pub fn go_on(
        resume: &str,
        args: &RunArgs,
        folder: RunFolder,
        given: Option<&Given>,
        device: Device,
        mut progress: Progress,
    ) -> Result<Session> {
        let begun = Instant::now();
        let (config, asked) = (folder.read_config()?, folder.read_asked_config()?);
        progress.line(&format!("run folder: {}", shown::path(folder.path())));
        refuse_imported(&folder)?;
        if let Some(given) = given {
            given.check_same(&asked, None)?;
        }
        let dataset = read_data(&of_run(&config, &folder)?, &mut progress)?;
        // With a budget other values were chosen than the preset's; `auto` fits itself to the machine, too.
        let began = folder.read_manifest()?.map(|manifest| manifest.preset);
        let fitted =
            |given: &Given| given.preset() == Preset::Auto && began.as_deref() == Some(Preset::Auto.name());
        if let Some(given) = given
            && folder.read_budget()?.is_none()
            && !fitted(given)
        {
            given.check_same(&asked, Some(&shape(&dataset)))?;
        }
        let start = (begun, Origin::Resumed);
        let mut session = Session::new(resume, args, folder, config, dataset, device, progress, start);
        session.parts().0.check_data()?;
        if session.folder.read_manifest()?.is_none() {
            session.write_manifest(args, args.preset.map_or("", Preset::name), Vec::new())?;
        }
        session.begin_tensorboard(args)?;
        Ok(session)
    }

    /// A run that has an event file keeps it, whether it is asked for again or not.
    fn begin_tensorboard(&self, args: &RunArgs) -> Result<()> {
        if args.tensorboard {
            self.folder.write_tensorboard()?;
            let place = quoted(&self.folder.tensorboard().display().to_string());
            self.progress.line(&format!("event files: look at them with `tensorboard --logdir {place}`"));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn new(
        resume: &str,
        args: &RunArgs,
        folder: RunFolder,
        config: Config,
        dataset: Dataset,
        device: Device,
        mut progress: Progress,
        (begun, origin): (Instant, Origin),
    ) -> Session {
        progress.watch(folder.path(), &config.search.candidates);
        let place = quoted(&folder.path().display().to_string());
        let on = match args.machine.device.as_str() {
            "cpu" => String::new(),
            other => format!(" --device {}", quoted(other)),
        };
        Session {
            folder,
            config,
            dataset,
            device,
            progress,
            checkpoint_interval: Duration::from_secs(args.checkpoint_seconds),
            resume: format!("{resume} {place} --resume{on}"),
            memory: MemoryCheck::of(args),
            begun,
            origin,
        }
    }

    fn write_manifest(&self, args: &RunArgs, preset: &str, reasons: Vec<String>) -> Result<()> {
        let train = &self.dataset.train;
        let mut notes = self.dataset.summary.notes.clone();
        notes.extend(reasons);
        self.folder.write_manifest(&Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: std::env::args_os().map(|word| word_to_text(&word)).collect(),
            preset: preset.to_owned(),
            seed: self.config.seed,
            data_fingerprint: self.dataset.summary.fingerprint.clone(),
            images: [train.len(), self.dataset.test.len()],
            classes: train.classes.to_vec(),
            image_shape: [train.channels, train.height, train.width],
            normalization: self.dataset.normalization.clone(),
            resize: self.config.data.resize,
            device: args.machine.device.clone(),
            threads: rayon::current_num_threads(),
            notes,
            imported_from: None,
            started_from: None,
        })?;
        Ok(())
    }

    /// When this process began to work on it.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Whether stages are refused for which there is too little memory.
    pub fn memory(&self) -> MemoryCheck {
        self.memory
    }

    /// Whether an earlier process worked on it.
    pub fn is_resumed(&self) -> bool {
        self.origin == Origin::Resumed
    }

    /// The stages of the run and the place where they speak.
    pub fn parts(&mut self) -> (Job<'_>, &mut Progress) {
        let job = Job {
            folder: &self.folder,
            config: &self.config,
            dataset: &self.dataset,
            device: &self.device,
            checkpoint_interval: self.checkpoint_interval,
        };
        (job, &mut self.progress)
    }

    /// Refuses stages for which there is too little memory.
    ///
    /// # Errors
    /// When there is too little, with the largest batch that fits.
    pub fn check_memory(&self, stages: Stages<'_>) -> Result<()> {
        self.memory.check(stages, &self.config, &self.dataset.train)
    }

    /// Does work that can be interrupted; says how to go on if it was.
    ///
    /// # Errors
    /// Those of the work, but not an interruption.
    pub fn work(mut self, work: impl FnOnce(&mut Session) -> Result<()>) -> Result<ExitCode> {
        let guard = Work::begin();
        let outcome = work(&mut self);
        drop(guard);
        self.progress.clear();
        match outcome {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => match error.downcast_ref() {
                Some(Error::Interrupted { epoch, step }) => {
                    self.progress.stopped(*epoch, *step, &self.resume);
                    Ok(ExitCode::from(interrupt::exit_code()))
                }
                _ => {
                    match self.folder.give_back() {
                        Ok(false) => {}
                        Ok(true) => self
                            .progress
                            .urgent("nothing was replaced: what was set aside is back in its place"),
                        Err(error) => self.progress.urgent(&format!(
                            "what was set aside could not be put back ({error}): that is done when the run is \
                             opened again"
                        )),
                    }
                    Err(error)
                }
            },
        }
    }
}

/// Says what is replaced by the work that begins, which is set aside until there is a checkpoint.
pub fn tell_replaced(folder: &RunFolder, progress: &Progress, what: &str) {
    let Some(SetAside { files, bytes }) = folder.take_replaced() else { return };
    let mut told: Vec<String> = Vec::new();
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &files {
        match file.split_once('/') {
            Some((folder, _)) => *folders.entry(folder).or_default() += 1,
            None => told.push(file.clone()),
        }
    }
    told.extend(folders.iter().map(|(folder, count)| format!("{folder}/ ({count})")));
    progress.line(&format!(
        "the earlier {what} is set aside, and removed once this one has a checkpoint: {} ({})",
        told.join(", "),
        size(bytes)
    ));
}

/// The settings by which the images of a run are read again: at the size that they had, whatever would be chosen now.
///
/// # Errors
/// When the manifest is damaged.
pub fn of_run(config: &Config, folder: &RunFolder) -> Result<Config> {
    let mut config = config.clone();
    if let Some(Manifest { image_shape: [_, height, width], .. }) = folder.read_manifest()? {
        // Formats of one size have it anyway.
        config.data.image_size = ImageSize::Fixed { height, width }.to_string();
    }
    Ok(config)
}

/// Refuses to go on with a run whose weights were imported: there is no training to go on with, and a new one would
/// replace them.
fn refuse_imported(folder: &RunFolder) -> Result<()> {
    let imported = folder.read_manifest()?.is_some_and(|manifest| manifest.imported_from.is_some());
    if imported {
        let place = folder.path().display().to_string();
        let genotype = folder.path().join(GENOTYPE_TEXT).display().to_string();
        bail!(
            "run {place} was imported: its network is trained; to train the same cells anew: softcell train \
             --genotype {} --data PATH",
            quoted(&genotype)
        );
    }
    Ok(())
}

/// The first `runs/NAME-N` that is not there, created so that no other run takes it; `data` is a path that gives the
/// name.
///
/// # Errors
/// What the file system says.
pub fn free_folder(data: &str) -> Result<PathBuf> {
    let name = Path::new(data).file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = if name.is_empty() { "images" } else { &name };
    let runs = Path::new("runs");
    std::fs::create_dir_all(runs).map_err(Error::io("create the folder", runs))?;
    for n in 1.. {
        let path = runs.join(format!("{name}-{n}"));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("create the folder", path)(e).into()),
        }
    }
    unreachable!("there is always a next number")
}
