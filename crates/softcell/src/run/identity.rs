//! Whether a folder is a run's: by its marker, never by one file's name.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::aside;
use super::directory::Directory;
use super::files::{CONFIG, LOCK, MANIFEST, MARKER, REPLACED, is_leftover};
use super::manifest::Manifest;
use crate::config::Config;
use crate::error::{Error, Remedy, Result};
use crate::reading::{MOST_OF_A_TEXT, Source, read_text};

/// `softcell.json`: by which a folder is known as a run's.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marker {
    /// What the folder holds: [`Marker::WHAT`].
    what: String,
    /// The version of Softcell that began it.
    version: String,
}

impl Marker {
    const WHAT: &str = "a run of softcell";

    pub fn text() -> String {
        let marker = Marker { what: Marker::WHAT.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        serde_json::to_string_pretty(&marker).expect("texts serialise") + "\n"
    }

    fn is_marker(text: &str) -> bool {
        serde_json::from_str(text).is_ok_and(|marker: Marker| marker.what == Marker::WHAT)
    }
}

/// What is in a folder.
pub(super) enum Holds {
    /// Nothing, or what a run leaves that was killed before it wrote its settings.
    Nothing,
    /// A run.
    Run,
    /// Other things, and why they are not taken for a run.
    Others(String),
}

impl Holds {
    pub fn of(path: &Path) -> Result<Holds> {
        if !path.exists() {
            return Ok(Holds::Nothing);
        }
        if !path.is_dir() {
            return Err(Error::run(path, "it is a file", "name another folder with " + Remedy::OtherFolder));
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
pub(super) fn is_run(path: &Path) -> bool {
    is_marked(path) || (path.join(CONFIG).exists() && of_an_earlier_version(path).is_ok())
}

/// Whether a folder has the marker of a run.
pub(super) fn is_marked(path: &Path) -> bool {
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
