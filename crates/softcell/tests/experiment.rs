//! Whole runs through the library: in memory and in a folder, stopped and gone on with, refused and forecast.

use softcell::config::CheckedConfig;
use softcell::event::{Event, Observer, Signal, Silent};
use softcell::experiment::{Experiment, Fitted, MemoryCheck, Stages, TimeLimit};
use softcell::run::{Overwrite, RunFolder};
use softcell::space::known_genotype;
use softcell::{Error, Remedy, Result};

/// A run of a second.
fn small() -> Experiment {
    let settings = [
        ("data.images_per_class", "16"),
        ("search.epochs", "2"),
        ("search.nodes", "1"),
        ("search.layers", "2"),
        ("search.init_channels", "2"),
        ("search.batch_size", "32"),
        ("train.epochs", "2"),
        ("train.layers", "2"),
        ("train.init_channels", "2"),
        ("train.batch_size", "32"),
        ("train.auxiliary", "false"),
    ];
    let set = |experiment: Experiment, (key, value): (&str, &str)| experiment.set(key, value).unwrap();
    settings.into_iter().fold(Experiment::digits(), set)
}

/// Keeps what it is told, and stops after so many steps.
#[derive(Default)]
struct Watch {
    notes: Vec<String>,
    preset: Option<String>,
    folders: usize,
    steps: usize,
    most: Option<usize>,
}

impl Observer for Watch {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Note(note) => self.notes.push(note.to_string()),
            Event::Settings { preset, .. } => self.preset = Some(preset.to_string()),
            Event::Folder { .. } => self.folders += 1,
            Event::Step(_) => self.steps += 1,
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        if self.most.is_some_and(|most| self.steps >= most) { Signal::Stop } else { Signal::Continue }
    }
}

/// What two runs of the same settings have in common.
fn assert_same(first: &Fitted, second: &Fitted) {
    assert_eq!(first.result.genotype, second.result.genotype);
    assert_eq!(first.result.confusion, second.result.confusion);
    assert_eq!(first.model.network.n_cells, second.model.network.n_cells);
    assert_eq!(first.model.weights, second.model.weights);
}

#[test]
fn memory_and_folder_come_to_the_same() {
    let mut watch = Watch::default();
    let in_memory = small().fit(&mut watch).unwrap();
    assert_eq!((watch.preset.as_deref(), watch.folders), (Some("auto"), 0));
    assert!(watch.notes.iter().any(|note| note.starts_with("time: about")), "{:?}", watch.notes);
    assert!(in_memory.warnings.is_empty() && in_memory.result.search_seconds.is_some());
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("run");
    let kept = small().run_folder(&path, Overwrite::Refuse);
    let in_folder = kept.fit(&mut Silent).unwrap();
    assert_same(&in_memory, &in_folder);
    assert_eq!(in_memory.model.manifest, in_folder.model.manifest);
    assert!(!in_folder.warnings.is_empty(), "32 test images are few");
    assert!(path.join("report.html").exists());
    // A finished run tells its result again.
    let mut watch = Watch::default();
    let again = small().run_folder(&path, Overwrite::Resume).fit(&mut watch).unwrap();
    assert_eq!(again.result, in_folder.result);
    assert_eq!((watch.steps, watch.notes), (0, vec!["the run is finished; this is its result".to_owned()]));
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_same() {
    let base = tempfile::tempdir().unwrap();
    let run = |name: &str, overwrite| {
        small().time_limit(TimeLimit::Unlimited).run_folder(base.path().join(name), overwrite)
    };
    let whole = run("whole", Overwrite::Refuse).fit(&mut Silent).unwrap();
    let stages = Stages::Fit;
    let begun = run("stopped", Overwrite::Refuse).begin(stages, &mut Silent).unwrap();
    drop(begun);
    let mut watch = Watch { most: Some(3), ..Watch::default() };
    let stopped = run("stopped", Overwrite::Resume).fit(&mut watch).unwrap_err();
    assert!(matches!(stopped, Error::Interrupted { .. }), "{stopped}");
    let ended = run("stopped", Overwrite::Resume).fit(&mut Silent).unwrap();
    assert_same(&whole, &ended);
}

#[test]
fn what_helps_is_typed() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("run");
    let genotype = known_genotype("DARTS_V2").unwrap();
    small().run_folder(&path, Overwrite::Refuse).begin(Stages::Train(genotype.clone()), &mut Silent).unwrap();
    // A run is there already.
    let error = small().run_folder(&path, Overwrite::Refuse).fit(&mut Silent).unwrap_err();
    let Error::Run { remedy, .. } = &error else { panic!("{error}") };
    let remedies: Vec<&Remedy> = remedy.remedies().collect();
    assert_eq!(remedies, [&Remedy::Resume, &Remedy::Replace, &Remedy::OtherFolder]);
    assert!(error.to_string().contains("`Overwrite::Resume`"), "{error}");
    assert!(error.worded(&|_| "THIS".to_owned()).contains("continue it with THIS, replace it with THIS"));
    // Other settings.
    let other = small().set("seed", 9).unwrap().run_folder(&path, Overwrite::Resume);
    let error = other.train(&genotype, &mut Silent).unwrap_err();
    assert!(
        matches!(&error, Error::Refused(advice) if advice.remedies().eq([&Remedy::OtherFolder])),
        "{error}"
    );
    assert!(error.to_string().starts_with("seed is 2 in the run, 9 was given"), "{error}");
    // Too little memory.
    let large = small().set("search.layers", 20).unwrap().set("search.init_channels", 4096).unwrap();
    let error = large.plan(&Stages::Search, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("(`MemoryCheck::Off` goes on all the same)"), "{error}");
    assert!(large.check_memory(MemoryCheck::Off).plan(&Stages::Search, &mut Silent).is_ok());
}

#[test]
fn settings_that_cannot_run_are_refused_before_anything_is_read() {
    let error = small().set("search.momentum", 2).unwrap().fit(&mut Silent).unwrap_err();
    assert!(matches!(&error, Error::Setting { name, .. } if name == "search.momentum"), "{error}");
    let nowhere = Experiment::of_images("no/such/folder").fit(&mut Silent).unwrap_err();
    assert!(nowhere.to_string().contains("no/such/folder"), "{nowhere}");
}

#[test]
fn an_outlook_writes_nothing() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("run");
    let outlook = small().run_folder(&path, Overwrite::Refuse).outlook(&Stages::Fit, &mut Silent).unwrap();
    assert!(!RunFolder::exists(&path) && !path.exists());
    assert!(outlook.fits && outlook.seconds().unwrap() > 0.0);
    let config: &CheckedConfig = &outlook.config;
    let training = outlook.training.unwrap();
    assert_eq!((training.layers, training.init_channels), (config.train.layers, 2));
    assert!(outlook.search.unwrap().parameters > training.parameters / 10);
}
