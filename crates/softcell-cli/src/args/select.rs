//! Arguments of `select` and of the processes that do its parts.

use std::path::PathBuf;

use clap::Args;

use super::{FitArgs, Machine};

/// How the parts of a selection are done.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Selection among cells")]
pub struct JobsArgs {
    /// Cells that are searched or trained side by side, each in a process with its share of the threads; the result is the
    /// same [default: one for each thread, as far as memory goes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
}

/// Arguments of `select`.
#[derive(Debug, Args)]
pub struct SelectArgs {
    /// Folders of runs whose search is done, on the same images with the same --seed, and each with another --repeat
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// As of `fit`.
    #[command(flatten)]
    pub fit: FitArgs,
}

/// Arguments of a process that does parts of a selection.
#[derive(Debug, Args)]
pub struct PartsArgs {
    /// The run.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Longest time between two checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub checkpoint_seconds: u64,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
}
