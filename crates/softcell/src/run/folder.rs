//! Where the files of a run lie.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::atomic;
use super::budget::RunBudget;
use super::examples::{Mistakes, Samples};
use super::history;
use super::manifest::{Manifest, RunResult};
use super::record::Record;
use super::size::ChosenSize;
use super::tensorboard::EventFile;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::Stage;
use crate::reading::{self, MOST_OF_A_RECORD, MOST_OF_A_TEXT, Source};
use crate::shown;
use crate::space::Genotype;

/// What to do with a run that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It is an error.
    Refuse,
    /// Its files are removed.
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
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// None where the folder is only read and has no lock file.
    _lock: Option<File>,
}

const CONFIG: &str = "config.toml";
const MANIFEST: &str = "manifest.json";
const HISTORY: &str = "history.jsonl";
const GENOTYPE_JSON: &str = "genotype.json";
const GENOTYPE_TEXT: &str = "genotype.txt";
const NETWORK: &str = "network.json";
const RESULT: &str = "result.json";
const SAMPLES: &str = "samples.json";
const MISTAKES: &str = "mistakes.json";
const REPORT: &str = "report.html";
const GENOTYPES: &str = "genotypes";
const CHECKPOINTS: &str = "checkpoints";
const WEIGHTS: &str = "weights";
const TENSORBOARD: &str = "tensorboard";
const BUDGET: &str = "budget.json";
/// Exports of the run's network, where no other place was named: beside other weights they would be taken for
/// theirs.
const EXPORTS: [&str; 4] = ["model.onnx", "model.py", "model.safetensors", "state_dict.safetensors"];
pub(super) const LOCK: &str = ".lock";
/// Files by which a run is known.
pub(super) const OWN_FILES: [&str; 7] =
    [CONFIG, MANIFEST, HISTORY, GENOTYPE_JSON, RESULT, GENOTYPES, CHECKPOINTS];

impl RunFolder {
    /// A folder for a run: created, or taken over as `overwrite` says.
    ///
    /// # Errors
    /// A run that is there and must not be touched, a folder that holds other things, a run that another
    /// process is working on, whatever the file system says.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<Self> {
        if path.exists() && !path.is_dir() {
            return Err(Error::run(path, "it is a file", "name another folder with --out"));
        }
        let holds_run = path.join(CONFIG).exists();
        if holds_run && overwrite == Overwrite::Refuse {
            return Err(Error::run(
                path,
                "a run is there already",
                "continue it with --resume, replace it with --force, or name another folder with --out",
            ));
        }
        if !holds_run && path.is_dir() && !Self::is_vacant(path)? {
            return Err(Error::run(
                path,
                "the folder holds files that are not a run",
                "name a new or empty folder with --out",
            ));
        }
        fs::create_dir_all(path).map_err(Error::io("create the folder", path))?;
        let folder = Self::lock(path)?;
        if overwrite == Overwrite::Force {
            folder.clear()?;
        }
        folder.remove_leftovers();
        Ok(folder)
    }

    /// An existing run.
    ///
    /// # Errors
    /// When there is none, or another process is working on it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::check_begun(path)?;
        let folder = Self::lock(path)?;
        folder.remove_leftovers();
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
        let Ok(lock) = reading::open_file(&path.join(LOCK)) else {
            return Ok(Self { path: path.to_path_buf(), _lock: None });
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(Self { path: path.to_path_buf(), _lock: Some(lock) }),
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
        let busy = reading::open_file(&path.join(LOCK))
            .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)));
        let folder = Self { path: path.to_path_buf(), _lock: None };
        Ok((folder, if busy { Activity::Busy } else { Activity::Idle }))
    }

    /// Whether a run has begun at `path`.
    pub fn exists(path: &Path) -> bool {
        path.join(CONFIG).exists()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `path` is, or would be, one of the files that make the run.
    pub fn owns(&self, path: &Path) -> bool {
        // A file that is not there yet has no true path; its folder has.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (Ok(run), Ok(folder), Some(name)) =
            (self.path.canonicalize(), folder.canonicalize(), path.file_name())
        else {
            return false;
        };
        let file = folder.join(name);
        let Ok(inside) = file.strip_prefix(&run) else { return false };
        let first = inside.iter().next().unwrap_or_default();
        let files = [CONFIG, MANIFEST, HISTORY, GENOTYPE_JSON, GENOTYPE_TEXT, NETWORK, RESULT, BUDGET, LOCK];
        let shown = [SAMPLES, MISTAKES, REPORT];
        let folders = [GENOTYPES, CHECKPOINTS, WEIGHTS, TENSORBOARD];
        files.iter().chain(&shown).chain(&folders).any(|own| first == *own)
    }

    fn is_vacant(path: &Path) -> Result<bool> {
        let entries = fs::read_dir(path).map_err(Error::io("read", path))?;
        // A run that was killed before it wrote its settings leaves at most a lock and a temporary file.
        let ours = |name: &str| name == LOCK || name.starts_with(".writing-");
        Ok(entries.flatten().all(|entry| ours(&entry.file_name().to_string_lossy())))
    }

    fn lock(path: &Path) -> Result<Self> {
        let lock_path = path.join(LOCK);
        if lock_path.symlink_metadata().is_ok_and(|data| !data.is_file()) {
            return Err(Error::run(&lock_path, "it is no file", "remove it, and it is made anew"));
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(Error::io("write in", path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_path_buf(), _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(busy(path)),
            Err(TryLockError::Error(e)) => Err(Error::io("lock", lock_path)(e)),
        }
    }

    /// Removes the files of a run, and nothing else.
    ///
    /// The settings go last: they make the folder a run, which a kill in between must leave it.
    fn clear(&self) -> Result<()> {
        for name in
            [RESULT, NETWORK, GENOTYPE_JSON, GENOTYPE_TEXT, GENOTYPES, CHECKPOINTS, WEIGHTS, TENSORBOARD]
        {
            remove(&self.path.join(name))?;
        }
        for name in [SAMPLES, MISTAKES, REPORT].into_iter().chain(EXPORTS) {
            remove(&self.path.join(name))?;
        }
        for name in [HISTORY, BUDGET, MANIFEST, CONFIG] {
            remove(&self.path.join(name))?;
        }
        Ok(())
    }

    /// Removes what the training left, so that it can begin anew from the same genotype.
    ///
    /// # Errors
    /// What the file system says.
    pub fn clear_training(&self) -> Result<()> {
        for name in [RESULT, MISTAKES, REPORT, WEIGHTS].into_iter().chain(EXPORTS) {
            remove(&self.path.join(name))?;
        }
        let checkpoint = self.checkpoint(Stage::Train);
        remove(&checkpoint)?;
        remove(&atomic::previous(&checkpoint))?;
        // After the checkpoints: they must not stand beside another width and depth.
        remove(&self.path.join(NETWORK))?;
        history::retain(&self.history(), |line| !matches!(line, history::HistoryLine::Train(_)))
    }

    fn remove_leftovers(&self) {
        for folder in [self.path.clone(), self.path.join(CHECKPOINTS), self.path.join(WEIGHTS)] {
            atomic::remove_leftovers(&folder);
        }
    }

    /// Where the history lies.
    pub fn history(&self) -> PathBuf {
        self.path.join(HISTORY)
    }

    /// Where a stage's last checkpoint lies.
    pub fn checkpoint(&self, stage: Stage) -> PathBuf {
        self.path.join(CHECKPOINTS).join(format!("{}.safetensors", stage.name()))
    }

    /// Where the weights after the last epoch lie.
    pub fn last_weights(&self) -> PathBuf {
        self.path.join(WEIGHTS).join("last.safetensors")
    }

    /// Where the best weights by validation lie.
    pub fn best_weights(&self) -> PathBuf {
        self.path.join(WEIGHTS).join("best.safetensors")
    }

    /// Where the event file for TensorBoard lies, of a run that has one.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join(TENSORBOARD)
    }

    /// Makes the event file for TensorBoard from what there is; from now on the run keeps it up to date.
    ///
    /// # Errors
    /// What the file system says, and a history that cannot be read.
    pub fn write_tensorboard(&self) -> Result<()> {
        let place = self.tensorboard();
        fs::create_dir_all(&place).map_err(Error::io("create the folder", &place))?;
        EventFile::of(self).map(|_| ())
    }

    /// Where the genotype after an epoch of the search lies.
    pub fn epoch_genotype(&self, epoch: usize) -> PathBuf {
        self.path.join(GENOTYPES).join(format!("epoch-{epoch:03}.txt"))
    }

    /// Where the report lies, once there is one.
    pub fn report(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// Writes a few images of the data.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_samples(&self, samples: &Samples) -> Result<()> {
        self.write_json(SAMPLES, samples)
    }

    /// Reads the images that were kept; `None` where there are none.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_samples(&self) -> Result<Option<Samples>> {
        self.read_json(SAMPLES)
    }

    /// Writes a few test images that got the wrong answer.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_mistakes(&self, mistakes: &Mistakes) -> Result<()> {
        self.write_json(MISTAKES, mistakes)
    }

    /// Reads them; `None` where there are none.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_mistakes(&self) -> Result<Option<Mistakes>> {
        self.read_json(MISTAKES)
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_config(&self, config: &Config) -> Result<()> {
        self.write_text(CONFIG, &config.to_toml())
    }

    /// Reads the settings, with the width and depth that were chosen under limits once the training has
    /// begun.
    ///
    /// # Errors
    /// When a file is missing or is not a complete configuration.
    pub fn read_config(&self) -> Result<Config> {
        let mut config = self.read_asked_config()?;
        if let Some(size) = self.read_size()? {
            config.train.init_channels = size.init_channels;
            config.train.layers = size.layers;
            config.train.check()?;
        }
        Ok(config)
    }

    /// Reads the settings as the run began with them.
    ///
    /// # Errors
    /// When the file is missing or is not a complete configuration.
    pub fn read_asked_config(&self) -> Result<Config> {
        let path = self.path.join(CONFIG);
        let text = reading::read_text(&path, MOST_OF_A_TEXT, Source::File)?;
        Config::from_toml(&text, &path.display().to_string())
    }

    /// Writes the width and depth that were chosen under limits.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_size(&self, size: &ChosenSize) -> Result<()> {
        self.write_json(NETWORK, size)
    }

    /// Reads the width and depth that were chosen under limits; `None` where there are no limits or the
    /// training has not begun.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_size(&self) -> Result<Option<ChosenSize>> {
        self.read_json(NETWORK)
    }

    /// Writes the time that the run was given.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_budget(&self, budget: &RunBudget) -> Result<()> {
        self.write_json(BUDGET, budget)
    }

    /// Reads the time that the run was given; `None` where it was given none.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_budget(&self) -> Result<Option<RunBudget>> {
        self.read_json(BUDGET)
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.write_json(MANIFEST, manifest)
    }

    /// Reads the manifest; `None` where there is none yet.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_manifest(&self) -> Result<Option<Manifest>> {
        self.read_json(MANIFEST)
    }

    /// Writes the genotype in both forms. The JSON form comes last: where it stands, the search is done.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_genotype(&self, genotype: &Genotype) -> Result<()> {
        self.write_text(GENOTYPE_TEXT, &format!("{}\n", genotype.to_text()))?;
        self.write_json(GENOTYPE_JSON, genotype)
    }

    /// Reads the genotype; `None` while the search is not done.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_genotype(&self) -> Result<Option<Genotype>> {
        self.read_json(GENOTYPE_JSON)
    }

    /// Writes the result.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_result(&self, result: &RunResult) -> Result<()> {
        self.write_json(RESULT, result)
    }

    /// Reads the result; `None` while the run is not done.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_result(&self) -> Result<Option<RunResult>> {
        Ok(self.read_json::<RunResult>(RESULT)?.map(RunResult::completed))
    }

    pub(super) fn write_text(&self, name: &str, text: &str) -> Result<()> {
        atomic::write(&self.path.join(name), text.as_bytes())
    }

    fn write_json<T: serde::Serialize + Record>(&self, name: &str, value: &T) -> Result<()> {
        value.check().map_err(|contradiction| contradiction.not_written_to(&self.path.join(name)))?;
        let mut text = serde_json::to_string_pretty(value).expect("records serialise");
        text.push('\n');
        self.write_text(name, &text)
    }

    fn read_json<T: serde::de::DeserializeOwned + Record>(&self, name: &str) -> Result<Option<T>> {
        let path = self.path.join(name);
        let bytes = match reading::read(&path, MOST_OF_A_RECORD, Source::File) {
            Ok(bytes) => bytes,
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(e) => return Err(e),
        };
        let record: T = serde_json::from_slice(&bytes).map_err(|e| {
            Error::invalid(
                shown::path(&path),
                e.to_string(),
                "the file as Softcell wrote it",
                "restore it, or start again with --force",
            )
        })?;
        record.check().map_err(|contradiction| contradiction.read_from(&path))?;
        Ok(Some(record))
    }
}

fn busy(path: &Path) -> Error {
    Error::run(
        path,
        "another process is working on this run",
        "wait for it or stop it, or name another folder with --out",
    )
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, preset};

    fn config() -> Config {
        preset(Preset::PaperCifar10, &DataShape::default()).0
    }

    #[test]
    fn a_run_is_refused_resumed_or_replaced() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        let folder = RunFolder::create(&path, Overwrite::Refuse).unwrap();
        folder.write_config(&config()).unwrap();
        fs::write(path.join("mine.txt"), "kept").unwrap();
        drop(folder);
        let refused = RunFolder::create(&path, Overwrite::Refuse).unwrap_err().to_string();
        assert!(refused.contains("--resume") && refused.contains("--force"), "{refused}");
        drop(RunFolder::create(&path, Overwrite::Resume).unwrap());
        assert!(RunFolder::exists(&path));
        drop(RunFolder::create(&path, Overwrite::Force).unwrap());
        assert!(!RunFolder::exists(&path));
        assert!(path.join("mine.txt").exists(), "only the run's own files go");
    }

    #[test]
    fn other_peoples_folders_are_never_touched() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("thesis.tex"), "years of work").unwrap();
        for overwrite in [Overwrite::Refuse, Overwrite::Force, Overwrite::Resume] {
            let error = RunFolder::create(base.path(), overwrite).unwrap_err().to_string();
            assert!(error.contains("not a run"), "{error}");
        }
        let file = base.path().join("thesis.tex");
        assert!(RunFolder::create(&file, Overwrite::Force).is_err());
        assert!(file.exists());
    }

    #[test]
    fn exports_go_with_the_weights_they_were_made_of() {
        use crate::export::ExportFormat;
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        let begin = || {
            let folder = RunFolder::create(&path, Overwrite::Force).unwrap();
            folder.write_config(&config()).unwrap();
            for format in ExportFormat::ALL {
                fs::write(path.join(format.file_name()), "").unwrap();
            }
            fs::write(path.join("model.safetensors"), "").unwrap();
            fs::write(path.join("notes.txt"), "").unwrap();
            folder
        };
        let names = || {
            let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        begin().clear_training().unwrap();
        assert_eq!(names(), [LOCK, CONFIG, "notes.txt"]);
        drop(begin());
        drop(RunFolder::create(&path, Overwrite::Force).unwrap());
        assert_eq!(names(), [LOCK, "notes.txt"]);
    }

    #[test]
    fn a_run_knows_its_files() {
        let base = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&base.path().join("run"), Overwrite::Refuse).unwrap();
        fs::create_dir(folder.path().join(WEIGHTS)).unwrap();
        let run = folder.path();
        for own in ["config.toml", "weights/last.safetensors", "weights/../manifest.json", "../run/.lock"] {
            assert!(folder.owns(&run.join(own)), "{own}");
        }
        for other in ["model.onnx", "../config.toml", "nowhere/config.toml"] {
            assert!(!folder.owns(&run.join(other)), "{other}");
        }
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
