use super::*;
use crate::config::{CheckedConfig, DataShape, Preset, preset};
use crate::data::Normalization;
use crate::network::{HostTensor, NamedTensors};
use crate::run::files::RESULT;
use crate::run::{ChosenSize, Manifest, Weights};

fn config() -> CheckedConfig {
    preset(Preset::PaperCifar10, &DataShape::default()).0.check().unwrap()
}

fn manifest() -> Manifest {
    Manifest {
        version: "0.0.9".to_owned(),
        seed: 1,
        images: [20, 10],
        ..Manifest::new(
            vec!["a".to_owned(), "b".to_owned()],
            [1, 8, 8],
            Normalization { mean: vec![0.5], std: vec![0.25] },
        )
    }
}

fn weights() -> NamedTensors {
    [("a".to_owned(), HostTensor { shape: vec![1], values: vec![1.0] })].into()
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_run_is_refused_resumed_or_replaced() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("run");
    let folder = RunFolder::create(&path, Overwrite::Refuse).unwrap();
    folder.write_config(&config()).unwrap();
    folder.write_weights(Weights::Last, &weights()).unwrap();
    for file in ["mine.txt", "weights/mine.pt", ".writing-mine"] {
        fs::write(path.join(file), "kept").unwrap();
    }
    drop(folder);
    let refused = RunFolder::create(&path, Overwrite::Refuse).unwrap_err().to_string();
    assert!(refused.contains("Overwrite::Resume") && refused.contains("Overwrite::Force"), "{refused}");
    drop(RunFolder::create(&path, Overwrite::Resume).unwrap());
    // A new run that comes to nothing gives the old one back.
    let folder = RunFolder::create(&path, Overwrite::Force).unwrap();
    assert_eq!(folder.take_replaced().unwrap().files, [CONFIG, "weights/last.safetensors"]);
    assert!(folder.read_asked_config().is_err());
    folder.write_manifest(&manifest()).unwrap();
    drop(folder);
    assert!(!path.join(MANIFEST).exists());
    assert_eq!(RunFolder::view(&path).unwrap().read_weights(Weights::Last).unwrap(), Some(weights()));
    // One that has weights, or a checkpoint, replaces it.
    let folder = RunFolder::create(&path, Overwrite::Force).unwrap();
    folder.write_manifest(&manifest()).unwrap();
    folder.write_weights(Weights::Best, &weights()).unwrap();
    drop(folder);
    assert_eq!(names(&path), [LOCK, ".writing-mine", MANIFEST, "mine.txt", MARKER, "weights"]);
    assert_eq!(names(&path.join("weights")), ["best.safetensors", "mine.pt"]);
}

/// A process that is killed cannot put anything back: whoever opens the folder next does.
#[test]
fn what_a_killed_process_set_aside_comes_back() {
    for reader in [
        |path: &Path| RunFolder::open(path),
        |path: &Path| RunFolder::view(path),
        |path: &Path| RunFolder::peek(path).map(|(folder, _)| folder),
        |path: &Path| RunFolder::create(path, Overwrite::Resume),
    ] {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        let folder = RunFolder::create(&path, Overwrite::Refuse).unwrap();
        folder.write_config(&config()).unwrap();
        folder.write_weights(Weights::Last, &weights()).unwrap();
        drop(folder);
        let killed = RunFolder::create(&path, Overwrite::Force).unwrap();
        killed.write_manifest(&manifest()).unwrap();
        killed.waiting.store(false, Ordering::Relaxed);
        drop(killed);
        assert!(RunFolder::exists(&path) && !path.join(CONFIG).exists());
        let folder = reader(&path).unwrap();
        assert_eq!(folder.read_config().unwrap(), config());
        assert_eq!(folder.read_weights(Weights::Last).unwrap(), Some(weights()));
        drop(folder);
        assert_eq!(names(&path), [LOCK, CONFIG, MARKER, "weights"]);
    }
}

#[test]
fn other_peoples_folders_are_never_touched() {
    let base = tempfile::tempdir().unwrap();
    let of = |name: &str, files: &[(&str, &str)]| {
        for (file, text) in files {
            let path = base.path().join(name).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        base.path().join(name)
    };
    let settings = config().to_toml();
    let folders = [
        of("thesis", &[("thesis.tex", "years of work"), (".writing-chapter", "half")]),
        of("site", &[(CONFIG, "title = \"my site\""), ("weights/mine.pt", "mine")]),
        of("settings", &[(CONFIG, &settings), ("weights/last.safetensors", "mine")]),
        of("locked", &[(LOCK, "4711")]),
        of("marked", &[(MARKER, "{}"), ("weights/last.safetensors", "mine")]),
    ];
    for path in folders {
        let before = names(&path);
        for overwrite in [Overwrite::Refuse, Overwrite::Force, Overwrite::Resume] {
            let error = RunFolder::create(&path, overwrite).unwrap_err().to_string();
            assert!(error.contains("not a run"), "{error}");
        }
        assert!(RunFolder::open(&path).is_err());
        assert_eq!(names(&path), before);
    }
    let file = base.path().join("thesis/thesis.tex");
    assert!(RunFolder::create(&file, Overwrite::Force).is_err());
    assert!(file.exists());
}

#[test]
fn runs_of_earlier_versions_are_known_by_settings_and_manifest() {
    let base = tempfile::tempdir().unwrap();
    fs::write(base.path().join(CONFIG), config().to_toml()).unwrap();
    fs::write(base.path().join(MANIFEST), serde_json::to_string(&manifest()).unwrap()).unwrap();
    fs::write(base.path().join(RESULT), "{}").unwrap();
    let folder = RunFolder::create(base.path(), Overwrite::Force).unwrap();
    assert_eq!(folder.take_replaced().unwrap().files, [CONFIG, MANIFEST, RESULT]);
}

#[test]
fn exports_go_with_the_weights_they_were_made_of() {
    use crate::export::ExportFormat;
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("run");
    let begin = |overwrite| {
        let folder = RunFolder::create(&path, overwrite).unwrap();
        folder.write_config(&config()).unwrap();
        for format in ExportFormat::ALL {
            fs::write(path.join(format.file_name()), "").unwrap();
        }
        fs::write(path.join("model.safetensors"), "").unwrap();
        fs::write(path.join("notes.txt"), "").unwrap();
        folder
    };
    let folder = begin(Overwrite::Refuse);
    folder.clear_training().unwrap();
    assert_eq!(names(&path), [LOCK, REPLACED, CONFIG, "notes.txt", MARKER]);
    // Nothing of which anybody would have to be told was trained.
    assert_eq!(folder.take_replaced(), None);
    folder.settle().unwrap();
    drop(folder);
    assert_eq!(names(&path), [LOCK, CONFIG, "notes.txt", MARKER]);
    drop(begin(Overwrite::Resume));
    RunFolder::create(&path, Overwrite::Force).unwrap().settle().unwrap();
    assert_eq!(names(&path), [LOCK, "notes.txt", MARKER]);
}

#[test]
fn a_training_that_comes_to_nothing_gives_the_earlier_one_back() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("run");
    let folder = RunFolder::create(&path, Overwrite::Refuse).unwrap();
    folder.write_config(&config()).unwrap();
    folder.write_manifest(&manifest()).unwrap();
    folder.write_weights(Weights::Last, &weights()).unwrap();
    folder.clear_training().unwrap();
    assert_eq!(folder.take_replaced().unwrap().files.len(), 3);
    assert!(!folder.has_weights(Weights::Last));
    let other = config().with(|config| config.seed = 4711).unwrap();
    folder.write_config(&other).unwrap();
    assert_eq!(folder.read_manifest().unwrap(), Some(manifest()));
    drop(folder);
    let folder = RunFolder::open(&path).unwrap();
    assert_eq!(folder.read_config().unwrap(), config());
    assert_eq!(folder.read_weights(Weights::Last).unwrap(), Some(weights()));
}

#[test]
fn a_run_knows_its_files() {
    let base = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&base.path().join("run"), Overwrite::Refuse).unwrap();
    folder.write_weights(Weights::Last, &weights()).unwrap();
    let run = folder.path();
    for own in ["config.toml", "weights/last.safetensors", "weights/../manifest.json", "../run/.lock"] {
        assert!(RunFolder::is_file_of_a_run(&run.join(own)), "{own}");
    }
    for other in ["model.onnx", "../config.toml", "nowhere/config.toml"] {
        assert!(!RunFolder::is_file_of_a_run(&run.join(other)), "{other}");
    }
    // Settings alone make no run of the folder they lie in.
    fs::write(base.path().join(CONFIG), config().to_toml()).unwrap();
    fs::create_dir(base.path().join("weights")).unwrap();
    assert!(!RunFolder::is_file_of_a_run(&base.path().join("weights/answers.csv")));
}

#[test]
fn a_chosen_size_lies_over_the_settings_until_the_training_is_cleared() {
    let base = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&base.path().join("run"), Overwrite::Refuse).unwrap();
    folder.write_config(&config()).unwrap();
    assert_eq!(folder.read_size().unwrap(), None);
    let size = ChosenSize { init_channels: 12, layers: 7, cost: crate::space::Cost::default() };
    folder.write_size(&size).unwrap();
    assert_eq!(folder.read_size().unwrap(), Some(size));
    let train = &folder.read_config().unwrap().train;
    assert_eq!((train.init_channels, train.layers), (12, 7));
    assert_eq!(folder.read_asked_config().unwrap(), config());
    folder.clear_training().unwrap();
    assert_eq!(folder.read_config().unwrap(), config());
}

#[test]
fn two_processes_cannot_share_a_run() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("run");
    let first = RunFolder::create(&path, Overwrite::Refuse).unwrap();
    first.write_config(&config()).unwrap();
    let error = RunFolder::open(&path).unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
    assert!(RunFolder::view(&path).is_err());
    drop(first);
    assert_eq!(RunFolder::open(&path).unwrap().read_config().unwrap(), config());
    let readers = [RunFolder::view(&path).unwrap(), RunFolder::view(&path).unwrap()];
    assert_eq!(readers[1].read_config().unwrap(), config());
    assert!(RunFolder::open(&path).is_err());
}
