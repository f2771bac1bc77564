//! A run that a command works on, and how it goes on after an interruption.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use softcell::Error;
use softcell::config::word_to_text;
use softcell::experiment::{Experiment, Machine, MemoryCheck, Run, Settings, Stages};
use softcell::program::shown;
use softcell::report::Warning;
use softcell::run::{Overwrite, RunFolder};

use crate::args::{JobsArgs, RunArgs};
use crate::interrupt::{self, Work};
use crate::output::quoted;
use crate::progress::Progress;
use crate::ranks;
use crate::remedies;
use crate::workers::Processes;

/// A run that can be worked on.
pub struct Session {
    /// The run.
    pub run: Run,
    /// Where the work speaks.
    pub progress: Progress,
    /// The command that goes on with it.
    resume: String,
}

/// What the flags ask for.
pub fn experiment(args: &RunArgs, settings: Settings, machine: Machine) -> Experiment {
    let overwrite = match (args.resume, args.force) {
        (true, _) => Overwrite::Resume,
        (false, true) => Overwrite::Force,
        (false, false) => Overwrite::Refuse,
    };
    let experiment = Experiment::of(settings)
        .on(machine)
        .check_memory(if args.ignore_memory { MemoryCheck::Off } else { MemoryCheck::On })
        .checkpoint_every(Duration::from_secs(args.checkpoint_seconds))
        .asked_by(std::env::args_os().map(|word| word_to_text(&word)).collect());
    let experiment = match &args.out {
        Some(out) => experiment.run_folder(out, overwrite),
        None => experiment.next_run_folder(),
    };
    if args.tensorboard { experiment.tensorboard() } else { experiment }
}

impl Session {
    /// A new run, or the one in `--out` to go on with; `resume` is the command that goes on with it, up to the folder.
    ///
    /// # Errors
    /// As [`Experiment::begin`].
    pub fn begin(resume: &str, args: &RunArgs, experiment: &Experiment, stages: Stages) -> Result<Session> {
        if args.resume && args.out.is_none() {
            let text = "--resume needs the folder of the run: name it with --out\n";
            let kind = clap::error::ErrorKind::MissingRequiredArgument;
            return Err(clap::Error::raw(kind, text).into());
        }
        let mut progress = Progress::of_run(args.voice);
        let run = experiment.begin(stages, &mut progress)?;
        Ok(Session::of(resume, args, run, progress))
    }

    /// The session of a run that was begun.
    pub fn of(resume: &str, args: &RunArgs, run: Run, progress: Progress) -> Session {
        let on = match args.machine.device.as_str() {
            "cpu" => String::new(),
            other => format!(" --device {}", quoted(other)),
        };
        let place = run.folder().map_or(String::new(), |folder| folder.path().display().to_string());
        Session { run, progress, resume: format!("{resume} {} --resume{on}", quoted(&place)) }
    }

    /// With processes for the parts of a selection, if it has one.
    pub fn with_jobs(mut self, jobs: &JobsArgs, args: &RunArgs) -> Session {
        if !self.run.config().select.is_on() {
            return self;
        }
        // Ranks do them as they become free.
        if ranks::current().is_some() {
            return self;
        }
        let threads = rayon::current_num_threads();
        let jobs = match jobs.jobs {
            Some(jobs) => jobs as usize,
            // Other devices are not shared unasked.
            None if args.machine.device != "cpu" => 1,
            None => self.run.parts_that_fit().map_or(threads, |fit| fit.clamp(1, threads)),
        };
        if jobs > 1 {
            // Without /proc, as in a bare chroot, the system does not tell.
            match std::env::current_exe() {
                Ok(program) => {
                    let workers =
                        Processes::new(program, jobs, &args.machine.device, args.checkpoint_seconds);
                    self.run.leave_parts_to(Box::new(workers));
                }
                Err(_) => self.progress.line(
                    "cells are searched and trained one after another: the system does not tell where this program lies",
                ),
            }
        }
        self
    }

    /// Its folder.
    ///
    /// # Panics
    /// If the run is in memory: those of this program have folders.
    pub fn folder(&self) -> &RunFolder {
        self.run.folder().expect("the runs of this program have folders")
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
                    match self.is_selecting() {
                        true => self.progress.stopped_selecting(&self.resume),
                        false => self.progress.stopped(*epoch, *step, &self.resume),
                    }
                    Ok(ExitCode::from(interrupt::exit_code()))
                }
                _ => {
                    match self.folder().give_back() {
                        Ok(false) => {}
                        Ok(true) => self
                            .progress
                            .urgent("nothing was replaced: what was set aside is back in its place"),
                        Err(error) => self.progress.urgent(&format!(
                            "what was set aside could not be put back ({}): that is done when the run is opened \
                             again",
                            error.worded(&remedies::words)
                        )),
                    }
                    Err(error)
                }
            },
        }
    }

    /// Whether a selection is under way.
    fn is_selecting(&self) -> bool {
        self.folder().read_selection().ok().flatten().is_some_and(|selection| selection.chosen.is_none())
    }

    /// Writes the report of the run, which has just ended. The run is what counts: a report that cannot be written is
    /// told, and no error. Says what is to be said against the run.
    pub fn report(&self) {
        match self.run.write_report().with_context(|| "the report could not be written") {
            Err(error) => {
                let cause = error.downcast_ref::<Error>().map(|cause| cause.worded(&remedies::words));
                self.progress.urgent(&format!("{error}: {}", cause.unwrap_or_default()));
            }
            Ok(warnings) => {
                for Warning { what, advice, .. } in warnings {
                    self.progress.warn(&shown::escaped(&format!("warning: {what} {advice}")));
                }
            }
        }
    }
}
