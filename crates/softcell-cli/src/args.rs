//! The command line.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use softcell::Error;
use softcell::config::{Preset, Section, set, word_to_text};
use softcell::export::ExportFormat;
use softcell::space::Dialect;

use crate::flags::{self, SettingFlags};

mod bench;
mod dialects;
mod duration;
mod time_limit;
mod voice;

pub use bench::{
    BenchCommand, BenchEvaluateArgs, BenchStepArgs, BenchTrainArgs, MeasureArgs, NetworkArgs, OrderArg,
};
pub use dialects::FromDialect;
pub use time_limit::{TimeLimit, USUAL};
pub use voice::{JSON_NOTES, LogFormat, RunVoice, Voice};

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
  softcell fit --max-params 100k                a network of at most so many parameters
  softcell runs                                 what has been done, and how it went
  softcell data inspect ./my-images             what is in a folder
  softcell bench step                           how fast this machine searches

A run that was stopped goes on with --resume.";

const DIGITS_NOTE: &str = "Without --data the built-in handwritten digits are used.";

const REPORT_NOTES: &str = "\
The page needs no network and no file beside it. A run that is going on, or was stopped or killed, has a report \
too. `fit` and `train` write it at their end.";

const EXPORT_NOTES: &str = "\
The input of an ONNX file is `image`, [batch, channels, height, width] in f32, which it normalises itself. \
Before the file is put in its place it is run on test images and compared with the network.";

const IMPORT_NOTES: &str = "\
Width, depth, stem, channels and number of classes are read off the tensors, which bear the original's state-dict \
names. A safetensors file that Softcell exported says all the rest as well. Nothing in a pickle is run: a file that \
names functions other than those of tensors is refused.";

/// Differentiable architecture search (DARTS) for images: searches a network, trains it, uses it.
#[derive(Debug, Parser)]
#[command(name = "softcell", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(arg_required_else_help = true, infer_long_args = false)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The form of what is said on standard error.
    pub fn log_format(&self) -> LogFormat {
        match &self.command {
            Command::Fit(args) => args.run.voice.common.log_format,
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
    #[command(after_help = DIGITS_NOTE, after_long_help = format!("{DIGITS_NOTE}\n\n{JSON_NOTES}"))]
    Fit(FitArgs),
    /// Search for a cell only
    #[command(after_long_help = JSON_NOTES)]
    Search(SearchArgs),
    /// Train the network of a search, or of a given genotype
    #[command(after_long_help = JSON_NOTES)]
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
    /// Compare with a recording of the original implementation
    Replay(ReplayArgs),
    /// Measure how fast this machine searches, trains and evaluates
    #[command(subcommand)]
    Bench(BenchCommand),
}

/// Where the computing happens.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct Machine {
    /// Device: cpu, or another that this build has
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
    /// Settings to start from: auto (sized to the data), paper-cifar10 or paper-imagenet [default: auto]
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

/// Of `fit`.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// Time for the whole run, such as 90s, 45m or 1h30m: sizes search and training to it, but for what other
    /// flags say; none allows any time [default: 1h, with the preset auto]
    #[arg(long, value_name = "TIME", value_parser = time_limit::parse, help_heading = "Run")]
    pub budget: Option<TimeLimit>,
    /// How the run is kept.
    #[command(flatten)]
    pub run: RunArgs,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingFlags<flags::Fit>,
}

/// Of `search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// How the run is kept.
    #[command(flatten)]
    pub run: RunArgs,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingFlags<flags::Search>,
}

/// Of `train`.
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

/// Of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Folder of a trained run
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Images to test on, their classes named as the network's [default: those of the run]
    #[arg(long, value_name = "PATH", value_parser = data_path())]
    pub data: Option<String>,
    /// How the images of --data are stored: auto finds out; folder, zip, tar, csv, parquet, npz, cifar10, cifar100, idx
    #[arg(long, value_name = "NAME", default_value = "auto", requires = "data")]
    pub data_format: String,
    /// Most pixels of an image that is decoded [default: the run's]
    #[arg(long, value_name = "N", value_parser = pixels, requires = "data")]
    pub max_image_pixels: Option<usize>,
    /// Which images of --data are taken
    #[arg(long, value_enum, default_value_t = PartArg::Test, requires = "data")]
    pub part: PartArg,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
    /// What is said.
    #[command(flatten)]
    pub voice: Voice,
}

/// A path of images, as the settings have it.
fn data_path() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|path| word_to_text(&path))
}

/// A number of pixels, as the setting is read.
fn pixels(text: &str) -> Result<usize, String> {
    let mut table = toml::Table::new();
    let value = match set(&mut table, Section::Data, "max_image_pixels", text) {
        Ok(()) => table["data"]["max_image_pixels"].as_integer(),
        Err(Error::Setting { expected, .. }) => return Err(format!("expected {expected}")),
        Err(error) => return Err(error.to_string()),
    };
    value.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0).ok_or("expected 1 or more".to_owned())
}

/// The images to test on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PartArg {
    /// The test part where the data have one, else all
    Test,
    /// All, also those that were given to training or validation
    All,
}

/// Of `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Folder of a trained run
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Images, folders of images, or patterns such as 'photos/*.jpg'
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// Most pixels of an image that is decoded [default: the run's]
    #[arg(long, value_name = "N", value_parser = pixels)]
    pub max_image_pixels: Option<usize>,
    /// Print the N most probable classes of each image
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub top: u32,
    /// How the answers are written
    #[arg(long, value_enum, default_value_t = AnswerFormat::Table)]
    pub format: AnswerFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// File that the answers are written to, once all are there [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
    /// What is said.
    #[command(flatten)]
    pub voice: Voice,
}

/// Of `export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_NOTES)]
pub struct ExportArgs {
    /// Folder of a trained run
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::name)).try_map(|name| name.parse::<ExportFormat>()))]
    pub format: ExportFormat,
    /// The file [default: model.onnx, or what belongs to the format, in the run folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    /// onnx: keep batch normalisations as nodes; otherwise they go into the convolutions
    #[arg(long)]
    pub no_fold: bool,
    /// onnx: answer probabilities; otherwise logits
    #[arg(long)]
    pub softmax: bool,
    /// onnx: the value of white in the input; black is 0 [default: 255]
    #[arg(long, value_enum, value_name = "WHITE")]
    pub input_range: Option<RangeArg>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
}

/// Of `report`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["run", "compare"]))]
pub struct ReportArgs {
    /// Folder of a run
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Folders of runs to put side by side
    #[arg(long, value_name = "DIR", num_args = 2..)]
    pub compare: Vec<PathBuf>,
    /// The file [default: report.html in the run folder, or compare.html]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

/// The numbers that pixels are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RangeArg {
    /// 0 to 255, as in image files
    #[value(name = "255")]
    Bytes,
    /// 0 to 1
    #[value(name = "1")]
    One,
}

/// How answers for images are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// A line for each image, in columns
    Table,
    /// Comma-separated values with a header line; images that cannot be read have an error instead
    Csv,
    /// One list of objects
    Json,
}

/// Of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The weights: .safetensors, or .pt, .pth, .pth.tar of torch.save
    #[arg(long, value_name = "FILE")]
    pub weights: PathBuf,
    /// File, name or text of the genotype [default: what the file says]
    #[arg(long, value_name = "GENOTYPE")]
    pub genotype: Option<String>,
    /// Folder of the run [default: the next free runs/NAME-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace a run that is in the way
    #[arg(long)]
    pub force: bool,
    /// Names of the classes in the order of the logits: a file with one on each line, or a list with commas
    /// [default: what the file says, the classes of --data, or class_0, class_1, …]
    #[arg(long, value_name = "NAMES", verbatim_doc_comment)]
    pub classes: Option<String>,
    /// Images the network is for, which it can be tested on
    #[arg(long, value_name = "PATH", value_parser = data_path())]
    pub data: Option<String>,
    /// How the images of --data are stored: auto finds out; digits, folder, zip, tar, csv, parquet, npz, cifar10,
    /// cifar100, idx
    #[arg(long, value_name = "NAME", default_value = "auto", requires = "data")]
    pub data_format: String,
    /// Size of the images, SIDE or HEIGHTxWIDTH [default: what the file says, else 32, or 224 with the imagenet stem]
    #[arg(long, value_name = "SIZE")]
    pub image_size: Option<String>,
    /// Mean of each channel, of pixels from 0 to 1, with commas
    #[arg(long, value_name = "X,…", value_delimiter = ',', requires = "std", allow_negative_numbers = true)]
    pub mean: Vec<f32>,
    /// Standard deviation of each channel
    #[arg(long, value_name = "X,…", value_delimiter = ',', requires = "mean", allow_negative_numbers = true)]
    pub std: Vec<f32>,
    /// Channels of the first cell [default: as the tensors say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub init_channels: Option<u32>,
    /// Number of cells [default: as the tensors say]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub layers: Option<u32>,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
    /// How it speaks.
    #[command(flatten)]
    pub voice: Voice,
}

/// Of `runs`.
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

/// Of `genotype`.
#[derive(Debug, Subcommand)]
pub enum GenotypeCommand {
    /// Print the cells, parameters, multiply-adds and memory of a genotype
    Show(ShowArgs),
    /// Draw the cells of a genotype, or of a search over its epochs, as SVG, PNG or GIF
    Draw(DrawArgs),
    /// Print a genotype in the form of another tool
    Convert(ConvertArgs),
    /// List the published genotypes that are known by name
    List,
}

/// Of `genotype convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Text, name or file of a genotype, or the folder of a run
    pub genotype: String,
    /// The form that is printed
    #[arg(long, value_name = "DIALECT", value_parser = dialects::to())]
    pub to: Dialect,
    /// The form that is read
    #[arg(long, value_name = "DIALECT", default_value = dialects::AUTO, value_parser = dialects::from())]
    pub from: FromDialect,
}

/// Of `genotype draw`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("origin").required(true).args(["genotype", "run"]))]
pub struct DrawArgs {
    /// Text, name or file of a genotype, or the folder of a run
    pub genotype: Option<String>,
    /// Folder of a run whose search is drawn epoch by epoch, as an animation
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Which cells
    #[arg(long, value_enum, default_value_t = CellArg::Both)]
    pub cell: CellArg,
    /// The file: .svg, .png (cells of a genotype) or .gif (animation)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Pixels of a PNG or GIF for each one of the SVG
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0, value_parser = scale)]
    pub scale: f32,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

fn scale(text: &str) -> Result<f32, String> {
    let expected = || "expected a number from 0.1 to 20".to_owned();
    text.parse().ok().filter(|scale| (0.1..=20.0).contains(scale)).ok_or_else(expected)
}

/// The cells that are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CellArg {
    /// The normal cell
    Normal,
    /// The reduction cell
    Reduction,
    /// Both, one below the other
    Both,
}

/// The stem in front of the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StemArg {
    /// `imagenet` from 96 pixels on, else `cifar`
    Auto,
    /// One convolution
    Cifar,
    /// Three convolutions of stride 2
    Imagenet,
}

/// The rows of a table of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayerRows {
    /// Stem, each cell, pooling and classifier
    Cells,
    /// Also the layers of each cell
    Operations,
}

/// Of `genotype show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Text, name or file of a genotype, or the folder of a run
    pub genotype: String,
    /// Channels of the first cell [default: the run's, else 36]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub init_channels: Option<u32>,
    /// Number of cells [default: the run's, else 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub layers: Option<u32>,
    /// Number of classes [default: the run's, else 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub classes: Option<u32>,
    /// Size of the images, SIDE or HEIGHTxWIDTH [default: the run's, else 32]
    #[arg(long, value_name = "SIZE")]
    pub image_size: Option<String>,
    /// Colour channels of the images [default: the run's, else 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub channels: Option<u32>,
    /// Layers before the first cell [default: the run's, else auto]
    #[arg(long, value_enum)]
    pub stem: Option<StemArg>,
    /// Print a table of the network: a row for each cell, or with =operations for each layer in them
    #[arg(
        long,
        value_enum,
        value_name = "ROWS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "cells"
    )]
    pub per_layer: Option<LayerRows>,
    /// Print JSON, every layer included
    #[arg(long)]
    pub json: bool,
}

/// Of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Say what a folder or file holds: classes, images, size, broken files
    Inspect(InspectArgs),
}

/// Of `data inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Folder or file; `digits` for the built-in handwritten digits
    #[arg(value_parser = data_path())]
    pub path: String,
    /// How the images are stored: auto finds out; digits, folder, zip, tar, csv, parquet, npz, cifar10, cifar100, idx
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub data_format: String,
    /// Size images are brought to, in pixels: auto, SIDE or HEIGHTxWIDTH
    #[arg(long, value_name = "SIZE", default_value = "auto")]
    pub image_size: String,
    /// Most pixels of an image that is decoded; those of more than 4 bytes count as several [default: 100M]
    #[arg(long, value_name = "N", value_parser = pixels)]
    pub max_image_pixels: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Of `replay`.
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
