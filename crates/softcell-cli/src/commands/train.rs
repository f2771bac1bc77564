//! `softcell train`: the network of a finished search, or of a given genotype.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use softcell::config::{Section, set};
use softcell::event::Stage;
use softcell::model::TrainedModel;
use softcell::run::RunFolder;
use softcell::sizing::sized;
use softcell::space::DerivedNetworkConfig;
use softcell::space::Genotype;
use softcell::train::WARM_START_NOTE;
use toml::Table;

use super::genotype::resolve;
use super::{dry_run, report, summary, train_and_test};
use crate::args::TrainArgs;
use crate::output::{print, quoted};
use crate::plan::{Stages, shape, start};
use crate::progress::Progress;
use crate::session::{Asked, Session, tell_replaced};
use crate::settings::{Given, differences, refuse};

const RESUME: &str = "softcell train --run";

/// Runs the command.
///
/// # Errors
/// What the training finds.
pub fn run(args: &TrainArgs) -> Result<ExitCode> {
    let from = args.from.as_deref().map(|path| Origin::read(args, path)).transpose()?;
    match (&args.of_run, &args.genotype, &from) {
        (Some(path), None, _) => of_run(args, path, from.as_ref()),
        (None, Some(text), _) => of_genotype(args, &args.settings.table, resolve(text)?, from.as_ref()),
        (None, None, Some(origin)) => {
            let flags = origin.sized(args)?;
            of_genotype(args, &flags, origin.genotype.clone(), from.as_ref())
        }
        _ => bail!("name either a run with --run or a genotype with --genotype"),
    }
}

/// The run whose weights a training begins from.
struct Origin {
    /// Its folder, by its full path.
    place: String,
    genotype: Genotype,
    /// Channels of its network's first cell.
    init_channels: usize,
    /// Its cells.
    layers: usize,
}

impl Origin {
    /// Reads it, so that one that cannot be used is found out before anything begins.
    fn read(args: &TrainArgs, path: &Path) -> Result<Origin> {
        let full = |path: &Path| path.canonicalize().ok();
        let own = args.of_run.as_ref().or(args.run.out.as_ref()).and_then(|own| full(own));
        if own.is_some() && own == full(path) {
            bail!("--from names the run that is to be trained; to go on with it, use --resume alone");
        }
        let model = TrainedModel::load(&RunFolder::view(path)?)?;
        let place = full(path).unwrap_or_else(|| path.to_path_buf()).display().to_string();
        let DerivedNetworkConfig { genotype, init_channels, n_cells: layers, .. } = model.network;
        Ok(Origin { place, genotype, init_channels, layers })
    }

    /// The settings given as flags, and for a new run width and depth of this network where no others are given:
    /// with others its weights would not fit.
    fn sized(&self, args: &TrainArgs) -> Result<Table> {
        let mut flags = args.settings.table.clone();
        if args.run.resume && args.run.out.as_deref().is_some_and(RunFolder::exists) {
            return Ok(flags);
        }
        let given = Given::read(args.run.config.as_deref(), args.run.preset, &flags)?;
        for (name, size) in [("init_channels", self.init_channels), ("layers", self.layers)] {
            if !given.has(Section::Train, name) {
                set(&mut flags, Section::Train, name, &size.to_string())?;
            }
        }
        Ok(flags)
    }
}

/// Writes down from which run's weights the training begins, unless it has begun: then it must be the same run.
fn begin_from(folder: &RunFolder, origin: Option<&Origin>) -> Result<()> {
    let Some(mut manifest) = folder.read_manifest()? else { return Ok(()) };
    let given = origin.map(|origin| origin.place.clone());
    // A checkpoint that cannot be read is a beginning as well.
    if !folder.has_checkpoint(Stage::Train) {
        if given.is_some() {
            manifest.started_from = given;
            folder.write_manifest(&manifest)?;
        }
        return Ok(());
    }
    match (given, &manifest.started_from) {
        (Some(given), Some(stored)) if given != *stored => {
            bail!("the training began from the weights of {stored}, not of {given}; leave --from out")
        }
        (Some(given), None) => bail!(
            "the training began without the weights of {given}; leave --from out, or train anew with --force"
        ),
        _ => Ok(()),
    }
}

/// Trains the network of a genotype in a new run.
fn of_genotype(
    args: &TrainArgs,
    flags: &Table,
    genotype: Genotype,
    from: Option<&Origin>,
) -> Result<ExitCode> {
    if args.run.dry_run {
        return dry_run::of_new(&args.run, flags, Stages::Train(&genotype), None);
    }
    let stages = Stages::Train(&genotype);
    let asked = Asked { resume: RESUME, args: &args.run, flags, stages, time: None };
    Session::begin(asked)?.work(|session| {
        let folder = &session.folder;
        let place = folder.path().display();
        match folder.read_genotype()? {
            Some(stored) if stored == genotype => {}
            Some(stored) => {
                bail!("run {place} is of another genotype, {stored}; begin a new run with another --out")
            }
            None if folder.has_checkpoint(Stage::Search) => {
                bail!("run {place} is a search that is not finished; begin a new run with another --out")
            }
            None => folder.write_genotype(&genotype)?,
        }
        begin_from(folder, from)?;
        train(session, &genotype)
    })
}

/// Trains the network of a run whose genotype is there.
fn of_run(args: &TrainArgs, path: &Path, from: Option<&Origin>) -> Result<ExitCode> {
    let device = start(&args.run.machine)?;
    let given = Given::read(args.run.config.as_deref(), args.run.preset, &args.settings.table)?;
    let folder = if args.run.dry_run { RunFolder::view(path)? } else { RunFolder::open(path)? };
    let place = quoted(&path.display().to_string());
    let Some(genotype) = folder.read_genotype()? else {
        bail!(
            "run {place} has no genotype yet: finish its search with `softcell search --out {place} --resume`, or \
             give one with `softcell train --genotype GENOTYPE --out {place} --resume`"
        );
    };
    if args.run.dry_run {
        return dry_run::of_training(&args.run, &given, &folder, &genotype, &device);
    }
    let begun = folder.was_trained();
    if begun && !args.run.resume && !args.run.force {
        let (state, done) = match folder.read_result()? {
            Some(_) => ("is trained already", "see its result"),
            None => ("is being trained", "go on"),
        };
        bail!("run {place} {state}: {done} with `{RESUME} {place} --resume`, or train it anew with --force");
    }
    let progress = Progress::of_run(args.run.voice);
    let session = if begun && args.run.resume {
        Session::go_on(RESUME, &args.run, folder, Some(&given), device, progress)?
    } else {
        let mut session = Session::go_on(RESUME, &args.run, folder, None, device, progress)?;
        choose_settings(&mut session, &given, &genotype)?;
        if !args.run.resume {
            forget_origin(&session.folder)?;
        }
        session
    };
    session.work(|session| {
        begin_from(&session.folder, from)?;
        train(session, &genotype)
    })
}

/// Removes what the manifest says of the run that an earlier training began from.
fn forget_origin(folder: &RunFolder) -> Result<()> {
    if let Some(mut manifest) = folder.read_manifest()?.filter(|manifest| manifest.started_from.is_some()) {
        manifest.started_from = None;
        manifest.notes.retain(|note| !note.starts_with(WARM_START_NOTE));
        folder.write_manifest(&manifest)?;
    }
    Ok(())
}

/// Clears what an earlier training left and takes over the training settings that were given.
fn choose_settings(session: &mut Session, given: &Given, genotype: &Genotype) -> Result<()> {
    let asked = session.folder.read_asked_config()?;
    let began = session.folder.read_manifest()?.map_or(String::new(), |manifest| manifest.preset);
    let config = given.over_training(&asked, &shape(&session.dataset), &began)?;
    let changes = differences(&asked, &config)?;
    let (training, fixed): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|d| d.key.section == Section::Train);
    refuse(&fixed, "only the training settings of a run can still be chosen")?;
    // Found out while the earlier training is still there.
    sized(genotype, &config, &session.dataset.train)?;
    // In this order: a checkpoint must never stand beside settings it was not made with.
    session.folder.clear_training()?;
    tell_replaced(&session.folder, &session.progress, "training");
    if !training.is_empty() {
        for change in training {
            session.progress.line(&format!(
                "  {} = {} (was {})",
                change.key.dotted(),
                change.second,
                change.first
            ));
        }
        session.folder.write_config(&config)?;
    }
    session.config = config;
    Ok(())
}

fn train(session: &mut Session, genotype: &Genotype) -> Result<()> {
    if let Some(result) = session.folder.read_result()? {
        session.progress.line("the run is trained; this is its result");
        report::at_the_end(session);
        return print(&summary(&session.folder, &result));
    }
    let searched = match session.folder.load_search()? {
        Some(loaded) => Some(loaded.state.seconds),
        None => session.folder.searched()?.map(|(_, seconds)| seconds),
    };
    train_and_test(session, genotype, searched)
}
