//! `softcell completions` and `softcell man`: the command line for shells and readers of manuals. What this build is.

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

/// Prints what this build is.
pub fn print_version() -> ExitCode {
    match print(&version()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What this build is and what it runs with here.
fn version() -> String {
    let features = [
        ("verify", cfg!(feature = "verify")),
        ("raster", cfg!(feature = "raster")),
        ("wgpu", cfg!(feature = "wgpu")),
        ("cuda", cfg!(feature = "cuda")),
        ("rocm", cfg!(feature = "rocm")),
        ("metal", cfg!(feature = "metal")),
    ];
    let on: Vec<&str> = features.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    format!(
        "{NAME} {}\nfeatures  {}\nsystem    {} {}\nvectors   {}\nthreads   {}\n",
        env!("CARGO_PKG_VERSION"),
        if on.is_empty() { "none".to_owned() } else { on.join(", ") },
        std::env::consts::ARCH,
        std::env::consts::OS,
        softcell_kernels::isa_name(),
        std::thread::available_parallelism().map_or(1, usize::from),
    )
}
