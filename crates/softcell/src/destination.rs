//! Where a file that a person asked for goes.
//!
//! Nothing is overwritten unless that was asked for, no file that a run needs is touched, and the file is there whole or
//! not at all: a temporary file beside it is written, synced and renamed. A link is replaced, not followed.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Advice, Error, Remedy, Result};
use crate::run::RunFolder;
use crate::shown;

/// What becomes of a file that is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is kept, and nothing is written.
    Keep,
    /// It is replaced.
    Replace,
}

/// A place where a file may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    path: PathBuf,
    existing: Existing,
}

impl Destination {
    /// `path`, if a file may be written there.
    ///
    /// # Errors
    /// A folder that is not there; a file that is and must be kept; a file that a run needs, be it this one or another;
    /// what is no ordinary file.
    pub fn new(path: &Path, existing: Existing) -> Result<Destination> {
        let fault = |found: &str, expected: &str, remedy: Advice| {
            Err(Error::invalid(format!("output {}", shown::path(path)), found, expected, remedy))
        };
        let folder = folder_of(path);
        if path.file_name().is_none() || path.is_dir() {
            return fault("a folder", "the name of a file", "add a file name".into());
        }
        if !folder.is_dir() {
            let found = format!("no folder {}", shown::path(folder));
            return fault(
                &found,
                "a folder that is there",
                "create it, or name another " + Remedy::OtherFile,
            );
        }
        if RunFolder::is_file_of_a_run(path) {
            return fault("a file that a run needs", "another file", "name another " + Remedy::OtherFile);
        }
        // A link counts as what it leads to, and one that leads nowhere as a file.
        let there = path.symlink_metadata().is_ok();
        if there && path.exists() && !path.is_file() {
            return fault("no ordinary file", "a file or nothing", "name another " + Remedy::OtherFile);
        }
        if there && existing == Existing::Keep {
            return fault("a file", "nothing", in_the_way());
        }
        Ok(Destination { path: path.to_path_buf(), existing })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the file system says, and a file that has come there meanwhile and must be kept; the path is then as it was.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        self.write_checked(bytes, |_| Ok(()))
    }

    /// Writes the file as [`Self::write`] does, if `check` agrees to the temporary file; answers what it did.
    ///
    /// # Errors
    /// Those of the check, too.
    pub fn write_checked<T>(&self, bytes: &[u8], check: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let (path, folder) = (&self.path, folder_of(&self.path));
        let prefix = self.prefix();
        remove_leftovers(folder, &prefix);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As any other file: what the mask of the process leaves of it.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let mut temporary = builder.tempfile_in(folder).map_err(Error::io("write in", folder))?;
        // By this lock it is told from what a process left that was killed; without locks it is never removed.
        let _ = temporary.as_file().try_lock();
        temporary.write_all(bytes).map_err(Error::io("write", path))?;
        temporary.as_file().sync_all().map_err(Error::io("write", path))?;
        let answer = check(temporary.path())?;
        match self.existing {
            Existing::Replace => temporary.persist(path),
            Existing::Keep => temporary.persist_noclobber(path),
        }
        .map_err(|error| match error.error.kind() {
            ErrorKind::AlreadyExists => Error::invalid(
                format!("output {}", shown::path(path)),
                "a file that has come there meanwhile",
                "nothing",
                in_the_way(),
            ),
            _ => Error::io("write", path)(error.error),
        })?;
        if cfg!(unix) {
            // A rename survives a power cut only when the folder is synced.
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))?;
        }
        Ok(answer)
    }

    /// What the temporary file's name begins with; six letters and digits follow.
    fn prefix(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!(".writing-{name}.")
    }
}

/// What can be done about a file that is in the way.
fn in_the_way() -> Advice {
    "replace it with " + Remedy::ReplaceFile + ", or name another " + Remedy::OtherFile
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes what processes left that were killed while they wrote the same file.
fn remove_leftovers(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let is_ours =
            rest.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // Whoever is writing it holds its lock.
        if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            // One that cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_there_is_kept_unless_it_is_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let keep = Destination::new(&path, Existing::Keep).unwrap();
        keep.write(b"one").unwrap();
        let error = Destination::new(&path, Existing::Keep).unwrap_err().to_string();
        assert!(error.contains("Existing::Replace"), "{error}");
        // It has come there after the destination was looked at.
        let error = keep.write(b"two").unwrap_err().to_string();
        assert!(error.contains("meanwhile"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        Destination::new(&path, Existing::Replace).unwrap().write(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn what_a_check_refuses_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.bin");
        fs::write(&path, "old").unwrap();
        let destination = Destination::new(&path, Existing::Replace).unwrap();
        let refuse = |temporary: &Path| {
            assert_eq!(fs::read(temporary).unwrap(), b"new");
            Err::<(), _>(Error::run(temporary, "wrong", "mend it"))
        };
        destination.write_checked(b"new", refuse).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["b.bin"]);
        assert_eq!(destination.write_checked(b"new", |_| Ok(3)).unwrap(), 3);
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn only_our_own_leftovers_of_the_same_file_go() {
        let folder = tempfile::tempdir().unwrap();
        let others = [".writing-a.txt.abc", ".writing-b.txt.abcdef", ".writing-x"];
        for name in others.iter().chain(&[".writing-a.txt.abcdef", ".writing-a.txt.locked"]) {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        let held = File::open(folder.path().join(".writing-a.txt.locked")).unwrap();
        held.try_lock().unwrap();
        Destination::new(&folder.path().join("a.txt"), Existing::Keep).unwrap().write(b"whole").unwrap();
        let mut expected = [others.as_slice(), &[".writing-a.txt.locked", "a.txt"]].concat();
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_replaced_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("mine"), "mine").unwrap();
        for (link, target) in [("to-mine", "mine"), ("to-nowhere", "nowhere")] {
            std::os::unix::fs::symlink(at(target), at(link)).unwrap();
            assert!(Destination::new(&at(link), Existing::Keep).is_err());
            Destination::new(&at(link), Existing::Replace).unwrap().write(b"ours").unwrap();
            assert_eq!(fs::read(at(link)).unwrap(), b"ours");
        }
        assert_eq!(fs::read(at("mine")).unwrap(), b"mine");
        assert!(!at("nowhere").exists());
    }
}
