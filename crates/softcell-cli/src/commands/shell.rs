//! `softcell completions` and `softcell man`: the command line for shells and readers of manuals.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use softcell::program::shown;

use crate::args::Cli;
use crate::output::{print, print_data};

/// The name of the program.
const NAME: &str = "softcell";

/// Prints the completions of a shell.
///
/// # Errors
/// As [`print_data`].
pub fn completions(shell: Shell) -> Result<ExitCode> {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), NAME, &mut text);
    print_data(&String::from_utf8(text).context("completions are text")?)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a page for the program and one for each command.
///
/// # Errors
/// What the file system says.
pub fn man(folder: &Path) -> Result<ExitCode> {
    let place = || format!("the manual pages cannot be written to {}", shown::path(folder));
    std::fs::create_dir_all(folder).with_context(place)?;
    clap_mangen::generate_to(Cli::command(), folder).with_context(place)?;
    print(&format!("manual pages in {}: man -l {NAME}.1\n", shown::path(folder)))?;
    Ok(ExitCode::SUCCESS)
}
