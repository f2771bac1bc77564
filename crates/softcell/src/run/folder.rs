//! The folder of a run: who may work in it, and what becomes of a run that is there already.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::aside::{self, SetAside};
use super::directory::Directory;
use super::files::{
    CONFIG, FOLDERS, HISTORY, LOCK, MANIFEST, MARKER, REPLACED, RESULT, Weights, checkpoint, is_leftover,
    is_needed, is_of_training,
};
use super::history::{self, HistoryLine};
use super::manifest::Manifest;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::Stage;
use crate::reading::{MOST_OF_A_TEXT, Source, read_text};

/// What to do with a run that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It is an error.
    Refuse,
    /// Its files are set aside, and removed once the new run has a checkpoint.
    Force,
    /// It goes on.
    Resume,
}

/// Whether somebody works on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Nobody does: it is finished, or was stopped or killed.
    Idle,
    /// A process does.
    Busy,
}

/// A run folder, held by this process alone until it is dropped.
///
/// It is held by its handle: if it is renamed, removed or replaced meanwhile, the next write is an error. What was set
/// aside for this run is put back when it is dropped before it has a checkpoint.
#[derive(Debug)]
pub struct RunFolder {
    pub(super) directory: Directory,
    /// None where the folder is only read and has no lock file.
    _lock: Option<File>,
    /// Whether an earlier run's files wait for this one to prove itself.
    waiting: AtomicBool,
    replaced: Mutex<Option<SetAside>>,
}

/// `softcell.json`: by which a folder is known as a run's.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    /// What the folder holds: [`Marker::WHAT`].
    what: String,
    /// The version of Softcell that began it.
    version: String,
}

impl Marker {
    const WHAT: &str = "a run of softcell";

    fn text() -> String {
        let marker = Marker { what: Marker::WHAT.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        serde_json::to_string_pretty(&marker).expect("texts serialise") + "\n"
    }

    fn is_marker(text: &str) -> bool {
        serde_json::from_str(text).is_ok_and(|marker: Marker| marker.what == Marker::WHAT)
    }
}

/// What is in a folder.
enum Holds {
    /// Nothing, or what a run leaves that was killed before it wrote its settings.
    Nothing,
    /// A run.
    Run,
    /// Other things, and why they are not taken for a run.
    Others(String),
}

impl Holds {
    fn of(path: &Path) -> Result<Holds> {
        if !path.exists() {
            return Ok(Holds::Nothing);
        }
        if !path.is_dir() {
            return Err(Error::run(path, "it is a file", "name another folder with --out"));
        }
        if is_marked(path) {
            let directory = Directory::open(path)?;
            let begun = directory.is_folder(REPLACED) || !aside::made_files(&directory)?.is_empty();
            return Ok(if begun { Holds::Run } else { Holds::Nothing });
        }
        let others = "the folder holds files that are not a run";
        if path.join(CONFIG).exists() {
            return Ok(match of_an_earlier_version(path) {
                Ok(()) => Holds::Run,
                Err(error) => Holds::Others(format!("{others} ({error})")),
            });
        }
        let entries = fs::read_dir(path).map_err(Error::io("read", path))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let empty = entry.metadata().is_ok_and(|data| data.is_file() && data.len() == 0);
            if !((name == LOCK && empty) || is_leftover("", &name)) {
                return Ok(Holds::Others(others.to_owned()));
            }
        }
        Ok(Holds::Nothing)
    }
}

/// Whether a folder is a run's: by its marker, or of a version that wrote none by settings and manifest.
fn is_run(path: &Path) -> bool {
    is_marked(path) || (path.join(CONFIG).exists() && of_an_earlier_version(path).is_ok())
}

/// Whether a folder has the marker of a run.
fn is_marked(path: &Path) -> bool {
    read_text(&path.join(MARKER), MOST_OF_A_TEXT, Source::File).is_ok_and(|text| Marker::is_marker(&text))
}

/// Whether settings and manifest of a folder are those of a run.
fn of_an_earlier_version(path: &Path) -> Result<()> {
    let read = |name: &str| read_text(&path.join(name), MOST_OF_A_TEXT, Source::File);
    Config::from_toml(&read(CONFIG)?, CONFIG)?;
    let manifest = read(MANIFEST)?;
    serde_json::from_str::<Manifest>(&manifest)
        .map(|_| ())
        .map_err(|error| Error::invalid(MANIFEST, error.to_string(), "the manifest of a run", "look into it"))
}

impl RunFolder {
    /// A folder for a run: created, or taken over as `overwrite` says.
    ///
    /// # Errors
    /// A run that is there and must not be touched, a folder that holds other things, a run that another
    /// process is working on, whatever the file system says.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<Self> {
        Self::may_create(path, overwrite)?;
        fs::create_dir_all(path).map_err(Error::io("create the folder", path))?;
        let folder = Self::lock(path)?;
        // Another process can have been faster.
        let holds = Self::may_create(path, overwrite)?;
        folder.mend()?;
        folder.mark()?;
        if let (Overwrite::Force, Holds::Run) = (overwrite, holds) {
            folder.set_aside(aside::made_files(&folder.directory)?)?;
        }
        Ok(folder)
    }

    /// Checks that [`Self::create`] may make a run at `path`, before anything is done for it.
    ///
    /// # Errors
    /// As [`Self::create`], but for other processes.
    pub fn check_place(path: &Path, overwrite: Overwrite) -> Result<()> {
        Self::may_create(path, overwrite).map(|_| ())
    }

    fn may_create(path: &Path, overwrite: Overwrite) -> Result<Holds> {
        match (Holds::of(path)?, overwrite) {
            (Holds::Run, Overwrite::Refuse) => Err(Error::run(
                path,
                "a run is there already",
                "continue it with --resume, replace it with --force, or name another folder with --out",
            )),
            (Holds::Others(problem), _) => {
                Err(Error::run(path, problem, "name a new or empty folder with --out"))
            }
            (holds, _) => Ok(holds),
        }
    }

    /// An existing run.
    ///
    /// # Errors
    /// When there is none, or another process is working on it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::check_begun(path)?;
        if let Holds::Others(problem) = Holds::of(path)? {
            return Err(Error::run(path, problem, "name the folder that --out named when the run began"));
        }
        let folder = Self::lock(path)?;
        folder.mend()?;
        folder.mark()?;
        Ok(folder)
    }

    fn check_begun(path: &Path) -> Result<()> {
        if Self::exists(path) {
            return Ok(());
        }
        let problem = if path.exists() { "there is no config.toml in it" } else { "no such folder" };
        Err(Error::run(path, problem, "name the folder that --out named when the run began"))
    }

    /// An existing run that is only read, by any number of processes at once.
    ///
    /// # Errors
    /// When there is none, or another process is working on it.
    pub fn view(path: &Path) -> Result<Self> {
        Self::check_begun(path)?;
        Self::mend_if_idle(path)?;
        let directory = Directory::open(path)?;
        let Some(lock) = directory.open_file(LOCK).ok().flatten() else {
            return Ok(Self::of(directory, None));
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(Self::of(directory, Some(lock))),
            Err(TryLockError::WouldBlock) => Err(busy(path)),
            Err(TryLockError::Error(e)) => Err(Error::io("lock", path.join(LOCK))(e)),
        }
    }

    /// An existing run to be looked at, also while a process works on it, and whether one does.
    ///
    /// Each of its files is whole at any moment, but they may be of different ones.
    ///
    /// # Errors
    /// When there is none.
    pub fn peek(path: &Path) -> Result<(Self, Activity)> {
        Self::check_begun(path)?;
        Self::mend_if_idle(path)?;
        let directory = Directory::open(path)?;
        let lock = directory.open_file(LOCK).ok().flatten();
        let busy = lock.is_some_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)));
        Ok((Self::of(directory, None), if busy { Activity::Busy } else { Activity::Idle }))
    }

    fn of(directory: Directory, lock: Option<File>) -> Self {
        Self { directory, _lock: lock, waiting: AtomicBool::new(false), replaced: Mutex::new(None) }
    }

    /// Whether a run has begun at `path`.
    pub fn exists(path: &Path) -> bool {
        path.join(CONFIG).exists() || (path.join(REPLACED).exists() && is_marked(path))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Whether `path` is, or would be, one of the files that make a run: this one or any other.
    pub fn is_file_of_a_run(path: &Path) -> bool {
        // A file that is not there yet has no true path; its folder has.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (Ok(folder), Some(name)) = (folder.canonicalize(), path.file_name()) else { return false };
        let file = folder.join(name);
        folder.ancestors().any(|run| {
            let inside = file.strip_prefix(run).expect("it lies below its folder");
            is_needed(inside) && is_run(run)
        })
    }

    fn lock(path: &Path) -> Result<Self> {
        let directory = Directory::open(path)?;
        let lock = directory.open_lock(LOCK)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self::of(directory, Some(lock))),
            Err(TryLockError::WouldBlock) => Err(busy(path)),
            Err(TryLockError::Error(e)) => Err(Error::io("lock", path.join(LOCK))(e)),
        }
    }

    fn mark(&self) -> Result<()> {
        if is_marked(self.path()) {
            return Ok(());
        }
        self.directory.write(MARKER, Marker::text().as_bytes())
    }

    /// Puts back, or finishes removing, what a process set aside that was killed, and removes its temporary files.
    fn mend(&self) -> Result<()> {
        aside::restore(&self.directory)?;
        aside::settle(&self.directory)?;
        for folder in [""].into_iter().chain(FOLDERS) {
            for name in self.directory.names(folder)?.iter().filter(|name| is_leftover(folder, name)) {
                let file = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                self.directory.remove(&file)?;
            }
        }
        Ok(())
    }

    /// As [`Self::mend`] for a run that is only read, where there is need of it and nobody works on it.
    fn mend_if_idle(path: &Path) -> Result<()> {
        if !path.join(REPLACED).exists() || !is_marked(path) {
            return Ok(());
        }
        match Self::lock(path) {
            Ok(folder) => folder.mend(),
            // Somebody does: it is not left over.
            Err(Error::Run { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn set_aside(&self, files: Vec<String>) -> Result<()> {
        self.waiting.store(true, Ordering::Relaxed);
        let set = aside::set_aside(&self.directory, files)?;
        *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(set);
        Ok(())
    }

    /// Puts back what was set aside for work that came to nothing, and answers whether there was something. It is done
    /// when the folder is dropped, too.
    ///
    /// # Errors
    /// What the file system says; whoever opens the run next tries again.
    pub fn give_back(&self) -> Result<bool> {
        let waiting = self.waiting.swap(false, Ordering::Relaxed);
        if waiting {
            aside::restore(&self.directory)?;
        }
        Ok(waiting)
    }

    /// What was set aside for the work that begins now; told once.
    pub fn take_replaced(&self) -> Option<SetAside> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Lets go of what was set aside: there is a checkpoint, or there are weights, in its place.
    pub(super) fn settle(&self) -> Result<()> {
        if self.waiting.swap(false, Ordering::Relaxed) {
            aside::settle(&self.directory)?;
        }
        Ok(())
    }

    /// Sets aside what the training left, so that it can begin anew from the same genotype.
    ///
    /// # Errors
    /// What the file system says.
    pub fn clear_training(&self) -> Result<()> {
        let changed = [HISTORY, MANIFEST, CONFIG];
        let mut files = aside::made_files(&self.directory)?;
        files.retain(|file| is_of_training(file) || changed.contains(&file.as_str()));
        let texts = [MANIFEST, CONFIG].map(|name| (name, self.directory.read_text(name, MOST_OF_A_TEXT)));
        let lines = history::read(&self.directory)?;
        let trained = |file: &str| {
            file == RESULT
                || file == checkpoint(Stage::Train)
                || Weights::ALL.iter().any(|w| file == w.file())
        };
        let is_trained = files.iter().any(|file| trained(file));
        self.set_aside(files)?;
        if !is_trained {
            // There is nothing of which anybody has to be told.
            self.take_replaced();
        }
        for (name, text) in texts {
            if let Some(text) = text? {
                self.directory.write(name, text.as_bytes())?;
            }
        }
        history::write(&self.directory, lines.iter().filter(|line| !matches!(line, HistoryLine::Train(_))))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // Where it fails, whoever opens the run next tries again.
        let _ = self.give_back();
    }
}

fn busy(path: &Path) -> Error {
    Error::run(
        path,
        "another process is working on this run",
        "wait for it or stop it, or name another folder with --out",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, Resize, preset};
    use crate::data::Normalization;
    use crate::run::{ChosenSize, Weights};
    use crate::weights::{HostTensor, NamedTensors};

    fn config() -> Config {
        preset(Preset::PaperCifar10, &DataShape::default()).0
    }

    fn manifest() -> Manifest {
        Manifest {
            version: "0.0.9".to_owned(),
            command: Vec::new(),
            preset: String::new(),
            seed: 1,
            data_fingerprint: String::new(),
            images: [20, 10],
            classes: vec!["a".to_owned(), "b".to_owned()],
            image_shape: [1, 8, 8],
            normalization: Normalization { mean: vec![0.5], std: vec![0.25] },
            resize: Resize::Crop,
            device: "cpu".to_owned(),
            threads: 1,
            notes: Vec::new(),
            imported_from: None,
            started_from: None,
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
        assert!(refused.contains("--resume") && refused.contains("--force"), "{refused}");
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
        let other = Config { seed: 4711, ..config() };
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
        let train = folder.read_config().unwrap().train;
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
}
