//! The command line of `methods`.

use clap::Args;

use super::bench::{MeasureArgs, StepSizeArgs};

/// Arguments of `methods`.
#[derive(Debug, Args)]
pub struct MethodsArgs {
    /// A method, to say all of it; without it they are listed
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Time steps of each on this machine beside plain DARTS, each in a process of its own
    #[arg(long)]
    pub measure: bool,
    /// What is measured.
    #[command(flatten, next_help_heading = "With --measure")]
    pub size: StepSizeArgs,
    /// How it is measured.
    #[command(flatten, next_help_heading = "With --measure")]
    pub repeats: MeasureArgs,
}
