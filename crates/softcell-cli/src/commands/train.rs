//! `softcell train`: the network of a finished search, or of a given genotype.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use softcell::config::DataShape;
use softcell::experiment::{Origin, Stages};
use softcell::run::{Overwrite, RunFolder};
use softcell::space::Genotype;

use super::{dry_run, finished};
use crate::args::TrainArgs;
use crate::genotypes::resolve_in;
use crate::machine;
use crate::output::{Form, quoted};
use crate::progress::Progress;
use crate::session::{Session, experiment};
use crate::settings;

const RESUME: &str = "softcell train --run";

/// Runs the command.
///
/// # Errors
/// What the training finds.
pub fn run(args: &TrainArgs) -> Result<ExitCode> {
    let from = args.from.as_deref().map(|path| origin(args, path)).transpose()?;
    match (&args.of_run, &args.genotype, from) {
        (Some(path), None, from) => of_run(args, path, from),
        (None, Some(text), from) => {
            let run = &args.run;
            let settings = settings::read(run.config.as_deref(), run.preset, &args.settings.table)?;
            let space = settings.build(&DataShape::default())?.0.search.space([1, 1]);
            of_genotype(args, resolve_in(text, &space)?, from, Sized::AsGiven)
        }
        (None, None, Some(origin)) => {
            of_genotype(args, origin.genotype.clone(), Some(origin), Sized::AsOrigin)
        }
        _ => bail!("name either a run with --run or a genotype with --genotype"),
    }
}

/// Where width and depth come from that are not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sized {
    AsGiven,
    /// With others its weights would not fit.
    AsOrigin,
}

/// The run whose weights the training begins from.
fn origin(args: &TrainArgs, path: &Path) -> Result<Origin> {
    let full = |path: &Path| path.canonicalize().ok();
    let own = args.of_run.as_ref().or(args.run.out.as_ref()).and_then(|own| full(own));
    if own.is_some() && own == full(path) {
        bail!("--from names the run that is to be trained; to go on with it, use --resume alone");
    }
    Ok(Origin::read(path)?)
}

/// Trains the network of a genotype in a new run.
fn of_genotype(args: &TrainArgs, genotype: Genotype, from: Option<Origin>, sized: Sized) -> Result<ExitCode> {
    let run = &args.run;
    let machine = machine::open(&run.machine)?;
    let mut settings = settings::read(run.config.as_deref(), run.preset, &args.settings.table)?;
    let goes_on = run.resume && run.out.as_deref().is_some_and(RunFolder::exists);
    if let Some(from) = from.as_ref().filter(|_| sized == Sized::AsOrigin && !goes_on) {
        settings = settings.sized_as(from)?;
    }
    let mut experiment = experiment(run, settings, machine);
    if let Some(from) = from {
        experiment = experiment.start_from(from);
    }
    let stages = Stages::Train(genotype.clone());
    if run.dry_run {
        return dry_run::of_new(run, &experiment, &stages);
    }
    Session::begin(RESUME, run, &experiment, stages)?
        .work(|session| train(session, &genotype, Form::of(run.json)))
}

/// Trains the network of a run whose genotype is there.
fn of_run(args: &TrainArgs, path: &Path, from: Option<Origin>) -> Result<ExitCode> {
    let run = &args.run;
    let machine = machine::open(&run.machine)?;
    let settings = settings::read(run.config.as_deref(), run.preset, &args.settings.table)?;
    let folder = if run.dry_run { RunFolder::view(path)? } else { RunFolder::open(path)? };
    let place = quoted(&path.display().to_string());
    let Some(genotype) = folder.read_genotype()? else {
        bail!(
            "run {place} has no genotype yet: finish its search with `softcell search --out {place} --resume`, or \
             give one with `softcell train --genotype GENOTYPE --out {place} --resume`"
        );
    };
    let mut experiment = experiment(run, settings, machine);
    if let Some(from) = from {
        experiment = experiment.start_from(from);
    }
    if run.dry_run {
        return dry_run::of_training(run, &experiment, &folder, &genotype);
    }
    let begun = folder.was_trained();
    if begun && !run.resume && !run.force {
        let (state, done) = match folder.read_result()? {
            Some(_) => ("is trained already", "see its result"),
            None => ("is being trained", "go on"),
        };
        bail!("run {place} {state}: {done} with `{RESUME} {place} --resume`, or train it anew with --force");
    }
    let mut progress = Progress::of_run(run.voice);
    let begun_run = if begun && run.resume {
        experiment.go_on(folder, &mut progress)?
    } else {
        let overwrite = if run.resume { Overwrite::Resume } else { Overwrite::Force };
        experiment.train_anew(folder, &genotype, overwrite, &mut progress)?
    };
    Session::of(RESUME, run, begun_run, progress)
        .work(|session| train(session, &genotype, Form::of(run.json)))
}

fn train(session: &mut Session, genotype: &Genotype, form: Form) -> Result<()> {
    let result = session.run.train(genotype, &mut session.progress)?;
    finished(session, &result, form)
}
