//! The flags that say how much is said while the work goes on, and in which form.

use clap::{Args, ValueEnum};

/// How the program speaks while it works.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Progress (on standard error)")]
pub struct Voice {
    /// Say nothing but errors and the result
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: a line every ten seconds, and the weights of all operations after each epoch of a search
    #[arg(short, long)]
    pub verbose: bool,
    /// Lines for people, or JSON for machines (see --help)
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub log_format: LogFormat,
}

/// How a run speaks.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Progress (on standard error)")]
pub struct RunVoice {
    /// As all commands.
    #[command(flatten)]
    pub common: Voice,
    /// Draw curves and the current cell below the bars, on a terminal of at least 60 columns and 16 lines
    #[arg(long, conflicts_with_all = ["quiet", "log_format"])]
    pub tui: bool,
}

/// The form of what is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Bars on a terminal, lines elsewhere
    #[default]
    Text,
    /// One object a line
    Json,
}

/// What is said below the settings, for the help: where their defaults come from, and what `--log-format json` writes.
pub const SETTINGS_NOTES: &str = "\
Defaults are those of the preset auto: \"from the data\" means sized to the data, and to the memory and the
time that there are; after it stands what the paper has. --dry-run says what all settings would be.

With --log-format json standard error gets one JSON object a line, with the keys time (seconds
since 1970) and event:
  note     text
  count    what (reading, testing, measuring; searching, comparing cells and comparing the best of a
           selection), done, total
  begin    stage (search or train), epochs, steps (of an epoch), done (steps done before)
  step     stage, epoch and step (from 0), epoch_number (from 1, as in lines for people), loss, accuracy, learning_rate, images_per_second,
           seconds_left (of the stage), and of a search entropy_normal, entropy_reduction,
           skips_normal, skips_reduction; every ten seconds, with -v for every step
  epoch    stage, epochs, epoch_number, images_per_second, seconds_left, and as in
           history.jsonl epoch (from 0), learning_rate, train_loss, train_accuracy, train_top5_accuracy, valid_loss,
           valid_accuracy, seconds; of a search entropy_normal, entropy_reduction,
           skips_normal, skips_reduction, genotype, guard (what it measured and thinks), and where the
           settings ask for them tabulated, resources and frozen; with -v alphas and edge_weights;
           of a training drop_path_prob, valid_balanced_accuracy, best_epoch
  candidate
           candidate (as in selection.json), rung (from 0; null after its search)
  end      stage, seconds
  result   as in result.json
  stopped  epoch (from 0), epoch_number, step (none in a selection), resume (the command that goes on)
  error    text, causes
Accuracies are fractions. Keys may be added; those that are there keep their meaning.";
