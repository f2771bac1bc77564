//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use softcell::Error;
use softcell::config::Preset;
use softcell::experiment::TimeLimit;

use crate::flags::{self, SettingFlags};

mod bench;
mod colour;
mod data;
mod dialects;
mod genotype;
mod methods;
mod model;
mod ops;
mod select;
mod voice;

pub use bench::{
    BenchCommand, BenchEvaluateArgs, BenchExportArgs, BenchStepArgs, BenchTrainArgs, MeasureArgs,
    NetworkArgs, OrderArg, StepSizeArgs,
};
pub use colour::ColorArg;
pub use data::{DataCommand, InspectArgs};
pub use dialects::FromDialect;
pub use genotype::{CellArg, DrawArgs, GenotypeCommand, LayerRows, ShowArgs, StemArg};
pub use methods::MethodsArgs;
use model::IMPORT_NOTES;
pub use model::{
    AnswerFormat, EvaluateArgs, ExportArgs, ImportArgs, PartArg, PredictArgs, QuantizeArg, RangeArg,
};
pub use ops::BenchOpsArgs;
pub use select::{JobsArgs, PartsArgs, SelectArgs};
pub use voice::{LogFormat, RunVoice, SETTINGS_NOTES, Voice};

const EXAMPLES: &str = "\
Examples:
  softcell fit                                  search, train and evaluate on the built-in digits
  softcell fit --data ./my-images               the same on a folder with one folder of images per class
  softcell search --data ./my-images --out runs/a
  softcell train --run runs/a                   train the network that was found
  softcell train --genotype DARTS_V2 --data ./my-images
  softcell evaluate --run runs/a                accuracy on the test images
  softcell predict --run runs/a photos          class and probability of images
  softcell report --run runs/a                  all of a run as a page for the browser
  softcell export --run runs/a --format onnx    a file for onnxruntime and other programs
  softcell import --weights weights.pt --genotype DARTS_V2
                                                published weights as a run to evaluate and use
  softcell fit --seeds 3 --random 8             the best of three searches and eight random cells
  softcell fit --max-params 100k                a network of at most so many parameters
  softcell search --method darts-2nd            another method; `softcell methods` lists them
  softcell runs                                 what has been done, and how it went
  softcell data inspect ./my-images             what is in a folder
  softcell bench step                           how fast this machine searches

A run that was stopped goes on with --resume.";

const DIGITS_NOTE: &str = "Without --data the built-in handwritten digits are used.";

const COMPLETIONS_NOTES: &str = "\
Examples:
  softcell completions bash > ~/.local/share/bash-completion/completions/softcell
  softcell completions zsh > ~/.zfunc/_softcell
  softcell completions fish > ~/.config/fish/completions/softcell.fish";

const REPORT_NOTES: &str = "\
The page needs no network and no file beside it. A run that is going on, or was stopped or killed, has a report \
too. `fit` and `train` write it at their end.";

/// Differentiable architecture search (DARTS) for images: searches a network, trains it, uses it.
#[derive(Debug, Parser)]
#[command(name = "softcell", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(arg_required_else_help = true, infer_long_args = false)]
pub struct Cli {
    /// Colours in what people read: on a terminal, unless NO_COLOR is set; always; never
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        global = true,
        hide_possible_values = true
    )]
    pub color: ColorArg,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The form of what is said on standard error.
    pub fn log_format(&self) -> LogFormat {
        match &self.command {
            Command::Fit(args) => args.run.voice.common.log_format,
            Command::Select(args) => args.fit.run.voice.common.log_format,
            Command::Search(args) => args.run.voice.common.log_format,
            Command::Train(args) => args.run.voice.common.log_format,
            Command::Evaluate(args) => args.voice.log_format,
            Command::Predict(args) => args.voice.log_format,
            Command::Import(args) => args.voice.log_format,
            _ => LogFormat::Text,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Search, train and evaluate in one go
    #[command(after_help = DIGITS_NOTE, after_long_help = format!("{DIGITS_NOTE}\n\n{SETTINGS_NOTES}"))]
    Fit(FitArgs),
    /// Search for a cell only
    #[command(after_long_help = SETTINGS_NOTES)]
    Search(SearchArgs),
    /// Compare the cells of several searches with random ones, and train the best
    #[command(after_long_help = SETTINGS_NOTES)]
    Select(SelectArgs),
    /// Do parts of a selection, as another process of this program says
    #[command(hide = true)]
    Parts(PartsArgs),
    /// Train the network of a search, or of a given genotype
    #[command(after_long_help = SETTINGS_NOTES)]
    Train(TrainArgs),
    /// Test the trained network of a run on the test images
    Evaluate(EvaluateArgs),
    /// Answer for images with the trained network of a run
    Predict(PredictArgs),
    /// Write the trained network of a run as a file for other programs
    Export(ExportArgs),
    /// Make a run of weights from elsewhere
    #[command(after_help = IMPORT_NOTES)]
    Import(ImportArgs),
    /// List the runs in a folder: where they stand and what they came to
    Runs(RunsArgs),
    /// Write a run, or several side by side, as a page for the browser
    #[command(after_help = REPORT_NOTES)]
    Report(ReportArgs),
    /// Look at genotypes, draw them and convert them
    #[command(subcommand)]
    Genotype(GenotypeCommand),
    /// Look at data
    #[command(subcommand)]
    Data(DataCommand),
    /// List the methods of searching, say all of one, or measure what they take here
    Methods(MethodsArgs),
    /// Compare with a recording of the original implementation
    Replay(ReplayArgs),
    /// Measure how fast this machine searches, trains and evaluates
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print what a shell needs to complete this command line
    #[command(after_help = COMPLETIONS_NOTES)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages of all commands
    Man {
        /// Folder for them, which is made where it is not there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Where the computing happens.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct Machine {
    /// Device: cpu, or another that this build has; `list` says which
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub device: String,
    /// Number of threads, 64 or that of the processors at most [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
}

/// How a run is kept and begun.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Folder of the run [default: the next free runs/NAME-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run in --out
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,
    /// Replace what is in the way
    #[arg(long)]
    pub force: bool,
    /// Longest time between two checkpoints; 0 saves after every step
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub checkpoint_seconds: u64,
    /// Say what would be done, and how much memory and time it would take, and write nothing
    #[arg(long, conflicts_with_all = ["resume", "force", "tensorboard"])]
    pub dry_run: bool,
    /// Go on where memory seems to be too short
    #[arg(long)]
    pub ignore_memory: bool,
    /// Also write event files for TensorBoard, into the folder tensorboard of the run
    #[arg(long)]
    pub tensorboard: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Settings to start from: auto (sized to the data), paper-cifar10, paper-imagenet, paper-nas-bench-201 or
    /// small-nas-bench-201
    /// [default: auto]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<Preset>,
    /// TOML file with settings; flags override it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
    /// What is said.
    #[command(flatten)]
    pub voice: RunVoice,
}

/// Reads the time that a run may take.
fn time_limit(text: &str) -> Result<TimeLimit, String> {
    text.parse().map_err(|error| match error {
        Error::Setting { expected, .. } => format!("expected {expected}"),
        error => error.to_string(),
    })
}

/// Arguments of `fit`.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// Time for the whole run, such as 90s, 45m or 1h30m: sizes search and training to it, but for what other
    /// flags say; none allows any time [default: 1h, with the preset auto]
    #[arg(long, value_name = "TIME", value_parser = time_limit, help_heading = "Run")]
    pub budget: Option<TimeLimit>,
    /// How the parts of a selection are done.
    #[command(flatten)]
    pub jobs: JobsArgs,
    /// How the run is kept.
    #[command(flatten)]
    pub run: RunArgs,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingFlags<flags::Fit>,
}

/// Arguments of `search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// How the run is kept.
    #[command(flatten)]
    pub run: RunArgs,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingFlags<flags::Search>,
}

/// Arguments of `train`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("origin").required(true).multiple(true).args(["of_run", "genotype", "from"]))]
pub struct TrainArgs {
    /// Folder of a finished search, whose network is trained
    #[arg(long = "run", value_name = "DIR", conflicts_with = "out")]
    pub of_run: Option<PathBuf>,
    /// File, name or text of a genotype, for a new run
    #[arg(long, value_name = "GENOTYPE", conflicts_with = "of_run")]
    pub genotype: Option<String>,
    /// Folder of a trained or imported run: training begins from those of its weights that fit. Its genotype, width
    /// and depth are taken where no others are named
    #[arg(long, value_name = "RUN")]
    pub from: Option<PathBuf>,
    /// How the run is kept.
    #[command(flatten)]
    pub run: RunArgs,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingFlags<flags::Train>,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Folder that holds runs, at any depth up to four
    #[arg(value_name = "DIR", default_value = "runs")]
    pub folder: PathBuf,
    /// What the runs are sorted by: their last change or their test accuracy, the highest first, or their name
    #[arg(long, value_enum, value_name = "BY", default_value_t)]
    pub sort: RunOrder,
    /// Read every file of every run, weights and checkpoints against their checksums
    #[arg(long, conflicts_with = "sort")]
    pub verify: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What runs are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RunOrder {
    /// The last change, the newest first
    #[default]
    Time,
    /// The name
    Name,
    /// The test accuracy, the best first
    Accuracy,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["run", "compare"]))]
pub struct ReportArgs {
    /// Folder of a run
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Folders of runs to put side by side
    #[arg(long, value_name = "DIR", num_args = 2..)]
    pub compare: Vec<PathBuf>,
    /// Open the page with the system's program for it
    #[arg(long)]
    pub open: bool,
    /// The file [default: report.html in the run folder, or compare.html]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Recordings
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print JSON, one object for each file
    #[arg(long)]
    pub json: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
