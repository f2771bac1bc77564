//! A run at work: its folder, settings, images and device.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use softcell::Error;
use softcell::config::{Config, DataShape, Section};
use softcell::data::{Dataset, open};
use softcell::device::{Device, open_device};
use softcell::pipeline::Job;
use softcell::run::{Manifest, Overwrite, RunFolder};
use softcell::sizing::{check_limits, sized};
use softcell::space::{Genotype, known_genotype};
use softcell::train::build_network;

use crate::args::{Machine, RunArgs};
use crate::interrupt::{self, Work};
use crate::output::{grouped, quoted};
use crate::progress::Progress;
use crate::settings::Given;

/// The path that stands for the embedded digits.
const DIGITS: &str = "digits";

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
}

/// Sets the number of threads and opens the device.
///
/// # Errors
/// When this build has no such device.
pub fn start(machine: &Machine) -> Result<Device> {
    if let Some(threads) = machine.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads as usize).build_global()?;
    }
    Ok(open_device(&machine.device)?)
}

/// Reads and divides the images of a run.
///
/// # Errors
/// When they cannot be used.
pub fn read_data(config: &Config, progress: &mut Progress) -> Result<Dataset> {
    let opened = open(&config.data, &mut |done, total| progress.count("reading", done, total));
    progress.clear();
    let dataset = Dataset::new(opened?, &config.data, config.search.train_portion, config.seed)?;
    let summary = &dataset.summary;
    progress.line(&format!(
        "images: {}, {} to train on ({} of them for validation), {} to test on, {} classes, {}x{}, {}",
        config.data.path,
        grouped(dataset.train.len() as u64),
        grouped(dataset.split.validation.len() as u64),
        grouped(dataset.test.len() as u64),
        summary.classes.len(),
        summary.height,
        summary.width,
        if summary.channels == 1 { "gray" } else { "colour" },
    ));
    for note in &summary.notes {
        progress.line(&format!("  {note}"));
    }
    for (path, reason) in &summary.skipped {
        progress.line(&format!("  skipped {path}: {reason}"));
    }
    Ok(dataset)
}

/// What the presets look at.
pub fn shape(dataset: &Dataset) -> DataShape {
    DataShape {
        train_images: dataset.train.len(),
        classes: dataset.train.classes.len(),
        channels: dataset.train.channels,
        height: dataset.train.height,
        width: dataset.train.width,
    }
}

impl Session {
    /// A new run, or the one in `--out` to go on with; `flags` are the settings given as flags, `genotype`
    /// is that of the run where it is not to be searched.
    ///
    /// `resume` is the command that goes on with it, up to the folder.
    ///
    /// # Errors
    /// A folder that must not be touched, settings or images that cannot be used, and on `--resume` settings
    /// that differ from the run's.
    pub fn begin(
        resume: &str,
        args: &RunArgs,
        flags: &toml::Table,
        genotype: Option<&Genotype>,
    ) -> Result<Session> {
        let device = start(&args.machine)?;
        let given = Given::read(args.config.as_deref(), args.preset, flags)?;
        let Some(out) = &args.out else {
            if args.resume {
                let text = "--resume needs the folder of the run: name it with --out\n";
                bail!(clap::Error::raw(clap::error::ErrorKind::MissingRequiredArgument, text));
            }
            return Session::create(resume, args, &given, genotype, device, Progress::new());
        };
        let progress = Progress::new();
        if args.resume && RunFolder::exists(out) {
            let folder = RunFolder::create(out, Overwrite::Resume)?;
            return Session::go_on(resume, args, folder, Some(&given), device, progress);
        }
        if args.resume {
            progress.line(&format!("there is no run in {} yet: it begins", out.display()));
        }
        Session::create(resume, args, &given, genotype, device, progress)
    }

    /// A new run.
    fn create(
        resume: &str,
        args: &RunArgs,
        given: &Given,
        genotype: Option<&Genotype>,
        device: Device,
        mut progress: Progress,
    ) -> Result<Session> {
        let overwrite = if args.force { Overwrite::Force } else { Overwrite::Refuse };
        // A folder that is in the way is found out before the images are read; it is emptied only after.
        let claimed = match &args.out {
            Some(out) if out.exists() && !(args.force && RunFolder::exists(out)) => {
                Some(RunFolder::create(out, overwrite)?)
            }
            _ => None,
        };
        let (reading, _) = given.build(&DataShape::default())?;
        if reading.data.path == DIGITS && !given.has(Section::Data, "path") {
            progress.line("using the built-in handwritten digits; --data PATH takes your own images");
        }
        let dataset = read_data(&reading, &mut progress)?;
        let shape = shape(&dataset);
        let (config, reasons) = given.build(&shape)?;
        check_network(genotype, &config, &dataset, &device)?;
        progress.line(&format!("settings: {}", given.preset()));
        for reason in &reasons {
            progress.line(&format!("  {reason}"));
        }
        let overrides = given.overrides(&shape)?;
        if !overrides.is_empty() {
            progress.line("  instead, as given:");
            overrides.iter().for_each(|line| progress.line(&format!("    {line}")));
        }
        let folder = match (claimed, &args.out) {
            (Some(folder), _) => folder,
            (None, Some(out)) => RunFolder::create(out, overwrite)?,
            (None, None) => RunFolder::create(&free_folder(&config.data.path)?, Overwrite::Refuse)?,
        };
        progress.line(&format!("run folder: {}", folder.path().display()));
        folder.write_config(&config)?;
        let session = Session::new(resume, args, folder, config, dataset, device, progress);
        let mut notes = reasons;
        notes.extend(overrides);
        session.write_manifest(args, notes)?;
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
        let (config, asked) = (folder.read_config()?, folder.read_asked_config()?);
        progress.line(&format!("run folder: {}", folder.path().display()));
        refuse_imported(&folder)?;
        if let Some(given) = given {
            given.check_same(&asked, None)?;
        }
        let dataset = read_data(&config, &mut progress)?;
        if let Some(given) = given {
            given.check_same(&asked, Some(&shape(&dataset)))?;
        }
        let mut session = Session::new(resume, args, folder, config, dataset, device, progress);
        session.parts().0.check_data()?;
        if session.folder.read_manifest()?.is_none() {
            session.write_manifest(args, Vec::new())?;
        }
        Ok(session)
    }

    fn new(
        resume: &str,
        args: &RunArgs,
        folder: RunFolder,
        config: Config,
        dataset: Dataset,
        device: Device,
        progress: Progress,
    ) -> Session {
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
        }
    }

    fn write_manifest(&self, args: &RunArgs, reasons: Vec<String>) -> Result<()> {
        let train = &self.dataset.train;
        let mut notes = self.dataset.summary.notes.clone();
        notes.extend(reasons);
        self.folder.write_manifest(&Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            seed: self.config.seed,
            data_fingerprint: self.dataset.summary.fingerprint.clone(),
            images: [train.len(), self.dataset.test.len()],
            classes: train.classes.to_vec(),
            image_shape: [train.channels, train.height, train.width],
            normalization: self.dataset.normalization.clone(),
            device: args.machine.device.clone(),
            threads: rayon::current_num_threads(),
            notes,
            imported_from: None,
        })?;
        Ok(())
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
                    self.progress.line(&format!(
                        "stopped in epoch {} after step {step}; all is saved. To go on:\n  {}",
                        epoch + 1,
                        self.resume
                    ));
                    Ok(ExitCode::from(interrupt::EXIT_CODE))
                }
                _ => Err(error),
            },
        }
    }
}

/// Refuses to go on with a run whose weights were imported: there is no training to go on with, and a new one would
/// replace them.
fn refuse_imported(folder: &RunFolder) -> Result<()> {
    let imported = folder.read_manifest()?.is_some_and(|manifest| manifest.imported_from.is_some());
    if imported {
        let place = folder.path().display().to_string();
        let genotype = folder.path().join("genotype.txt").display().to_string();
        bail!(
            "run {place} was imported: its network is trained; to train the same cells anew: softcell train \
             --genotype {} --data PATH",
            quoted(&genotype)
        );
    }
    Ok(())
}

/// Refuses a network that cannot be built, and limits that cannot be met, before a folder is made and hours
/// are spent on the search for it.
fn check_network(
    genotype: Option<&Genotype>,
    config: &Config,
    dataset: &Dataset,
    device: &Device,
) -> Result<()> {
    let images = &dataset.train;
    let any = known_genotype("DARTS_V2").expect("it is a published one");
    match genotype {
        Some(genotype) => {
            build_network(genotype, &sized(genotype, config, images)?.train, images, device)?;
        }
        None => {
            check_limits(config, images)?;
            build_network(&any, &config.train, images, device)?;
        }
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
