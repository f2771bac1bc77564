//! The settings as they were given: file and flags.

use std::path::Path;

use anyhow::{Context, Result};
use softcell::config::Preset;
use softcell::experiment::Settings;
use softcell::program::reading::{MOST_OF_A_TEXT, Source, read_text};
use softcell::program::shown;
use toml::Table;

/// Reads the file, if there is one, and lays preset and flags over it.
///
/// # Errors
/// When the file cannot be read or holds what is no setting.
pub fn read(file: Option<&Path>, preset: Option<Preset>, flags: &Table) -> Result<Settings> {
    let settings = match file {
        None => Settings::new(),
        Some(path) => {
            let text = read_text(path, MOST_OF_A_TEXT, Source::Any)
                .with_context(|| format!("cannot read the settings in {}", shown::path(path)))?;
            Settings::from_toml(&text, &shown::path(path))?
        }
    };
    let settings = settings.with_table(flags)?;
    Ok(match preset {
        Some(preset) => settings.with_preset(preset),
        None => settings,
    })
}
