//! Where a run is kept.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::run::Overwrite;

/// Where a run is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// Nowhere: it is in memory.
    #[default]
    Memory,
    /// In the next free `runs/NAME-N`.
    Next,
    /// In this folder.
    Folder(PathBuf, Overwrite),
}

/// The first `runs/NAME-N` that is not there, created so that no other run takes it; `data` is a path that gives the
/// name.
///
/// # Errors
/// What the file system says.
pub fn free_folder(data: &str) -> Result<PathBuf> {
    let name = Path::new(data).file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = if name.is_empty() { "images" } else { &name };
    let runs = Path::new("runs");
    fs::create_dir_all(runs).map_err(Error::io("create the folder", runs))?;
    for n in 1.. {
        let path = runs.join(format!("{name}-{n}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("create the folder", path)(e)),
        }
    }
    unreachable!("there is always a next number")
}
