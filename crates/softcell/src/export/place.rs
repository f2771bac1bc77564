//! Where an exported file goes.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::run::{RunFolder, write_checked};

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
}

impl Destination {
    /// `path`, if a file may be written there.
    ///
    /// # Errors
    /// A folder that is not there; a file that is and must be kept; a file of `run` that the run needs; what is
    /// no ordinary file.
    pub fn new(path: &Path, existing: Existing, run: &RunFolder) -> Result<Destination> {
        let fault = |found: &str, expected: &str, remedy: &str| {
            Err(Error::invalid(format!("output {}", path.display()), found, expected, remedy))
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if path.file_name().is_none() || path.is_dir() {
            return fault("a folder", "the name of a file", "add a file name");
        }
        if !folder.is_dir() {
            let found = format!("no folder {}", folder.display());
            return fault(&found, "a folder that is there", "create it, or name another --out");
        }
        if run.owns(path) {
            return fault("a file that the run needs", "another file", "name another --out");
        }
        if path.exists() && !path.is_file() {
            return fault("no ordinary file", "a file or nothing", "name another --out");
        }
        if path.exists() && existing == Existing::Keep {
            return fault("a file", "nothing", "replace it with --force, or name another --out");
        }
        Ok(Destination { path: path.to_path_buf() })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a temporary sibling, has it checked and renames it, so that the file is there whole or not at
    /// all; answers what the check did.
    ///
    /// # Errors
    /// Those of the check, and what the file system says.
    pub(super) fn write<T>(&self, bytes: &[u8], check: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        write_checked(&self.path, bytes, check)
    }
}
