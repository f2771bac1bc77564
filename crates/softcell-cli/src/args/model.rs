//! The commands on trained networks.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use softcell::export::ExportFormat;

use super::data::{data_path, pixels};
use super::{Machine, Voice};

const EXPORT_NOTES: &str = "\
The input of an ONNX file is `image`, [batch, channels, height, width] in f32, which it normalises itself; with --with-resize \
it is `picture`, one image [height, width, channels] of bytes and of any size. \
Before the file is put in its place it is run on test images and compared with the network.";

pub(super) const IMPORT_NOTES: &str = "\
Width, depth, stem, channels and number of classes are read off the tensors, which bear the original's state-dict \
names. A safetensors file that Softcell exported says all the rest as well. Nothing in a pickle is run: a file that \
names functions other than those of tensors is refused.";

/// Arguments of `evaluate`.
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
    /// Also write the wrong answers to this CSV file: path, class, answer and its probability, the surest first
    #[arg(long, value_name = "FILE")]
    pub mistakes: Option<PathBuf>,
    /// Replace the file of --mistakes
    #[arg(long, requires = "mistakes")]
    pub force: bool,
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

/// The images to test on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PartArg {
    /// The test part where the data have one, else all
    Test,
    /// All, also those that were given to training or validation
    All,
}

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Folder of a trained run
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Images, folders of images, patterns such as 'photos/*.jpg', or - for an image from standard input
    #[arg(required_unless_present = "files_from", value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// File with further images, as IMAGE, one a line or each with a zero byte behind it; - for standard input
    #[arg(long, value_name = "FILE")]
    pub files_from: Option<PathBuf>,
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

/// Arguments of `export`.
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
    /// onnx: take one image of any size, [height, width, channels] in bytes, and bring it to the network's size in the graph as `softcell predict` does
    #[arg(long, conflicts_with = "input_range")]
    pub with_resize: bool,
    /// onnx: compute in whole numbers of eight bits, calibrated on training images; the accuracy on the test images is measured beside that of the network
    #[arg(long, value_enum, value_name = "TYPE", conflicts_with = "no_fold")]
    pub quantize: Option<QuantizeArg>,
    /// With --quantize: training images that the ranges are taken from [default: 256]
    #[arg(long, value_name = "N", requires = "quantize")]
    pub calibration_images: Option<usize>,
    /// With --quantize: test images that it is measured on [default: 2000]
    #[arg(long, value_name = "N", requires = "quantize")]
    pub test_images: Option<usize>,
    /// With --quantize: percentage points of test accuracy that may be lost; a file that loses more is not written [default: 1]
    #[arg(long, value_name = "POINTS", requires = "quantize", allow_negative_numbers = true)]
    pub max_drop: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
}

/// What a network computes in, in place of f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QuantizeArg {
    /// Whole numbers of eight bits
    Int8,
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

/// Arguments of `import`.
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
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
    /// How it speaks.
    #[command(flatten)]
    pub voice: Voice,
}
