//! The folder of a run: who may work in it, and what becomes of a run that is there already.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::aside::{self, SetAside};
use super::directory::Directory;
use super::files::{
    CONFIG, FOLDERS, HISTORY, LOCK, MANIFEST, MARKER, REPLACED, is_leftover, is_needed, is_of_training,
};
use super::history::{self, HistoryLine};
use super::identity::{Holds, Marker, is_marked, is_run};
use crate::error::{Error, Remedy, Result};
use crate::reading::MOST_OF_A_TEXT;

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
    /// Those of [`Self::create`], without what other processes do.
    pub fn check_place(path: &Path, overwrite: Overwrite) -> Result<()> {
        Self::may_create(path, overwrite).map(|_| ())
    }

    fn may_create(path: &Path, overwrite: Overwrite) -> Result<Holds> {
        match (Holds::of(path)?, overwrite) {
            (Holds::Run, Overwrite::Refuse) => Err(Error::run(
                path,
                "a run is there already",
                "continue it with "
                    + Remedy::Resume
                    + ", replace it with "
                    + Remedy::Replace
                    + ", or name another folder with "
                    + Remedy::OtherFolder,
            )),
            (Holds::Others(problem), _) => {
                Err(Error::run(path, problem, "name a new or empty folder with " + Remedy::OtherFolder))
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
            return Err(Error::run(
                path,
                problem,
                "name the folder that " + Remedy::OtherFolder + " named when the run began",
            ));
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
        let problem = match path.exists() {
            true => format!("there is no {CONFIG} in it"),
            false => "no such folder".to_owned(),
        };
        Err(Error::run(
            path,
            problem,
            "name the folder that " + Remedy::OtherFolder + " named when the run began",
        ))
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
        let Some(file) = full_path(path) else { return false };
        file.ancestors().skip(1).any(|run| {
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

    /// Does what [`Self::mend`] does for a run that is only read, where there is need of it and nobody works on it.
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
        let read = |name| Ok((name, self.directory.read_text(name, MOST_OF_A_TEXT)?));
        let texts = [read(MANIFEST)?, read(CONFIG)?];
        let lines = history::read(&self.directory)?;
        let was_trained = self.was_trained();
        self.set_aside(files)?;
        if !was_trained {
            // There is nothing of which anybody has to be told.
            self.take_replaced();
        }
        for (name, text) in texts {
            if let Some(text) = text {
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

/// The full path of a file: links are followed in that of its folder, since it may itself not be there yet. `None` where
/// the folder is not there.
pub fn full_path(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(folder.canonicalize().ok()?.join(path.file_name()?))
}

fn busy(path: &Path) -> Error {
    Error::run(
        path,
        "another process is working on this run",
        "wait for it or stop it, or name another folder with " + Remedy::OtherFolder,
    )
}

#[cfg(test)]
mod tests;
