//! The command line of `bench`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use softcell::search::method::MethodName;

use super::{BenchOpsArgs, Machine};

const ABOUT_DATA: &str = "\
The images are made up before the clock runs, so that reading them is not measured. Run nothing else beside it.";

const ABOUT_EXPORTS: &str = "\
ONNX files run in the runtime that verifies exports, safetensors files as Softcell's own network; of PyTorch source only \
the size is told. The images are made up. Run nothing else beside it.";

/// Arguments of `bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time steps of the search: the alphas on one batch, then the weights on another
    #[command(after_help = ABOUT_DATA)]
    Step(BenchStepArgs),
    /// Time training steps of the network of a genotype
    #[command(after_help = ABOUT_DATA)]
    Train(BenchTrainArgs),
    /// Time the answers of the network of a genotype
    #[command(after_help = ABOUT_DATA)]
    Evaluate(BenchEvaluateArgs),
    /// Time every operation of a space for one image, and networks of them
    #[command(after_help = ABOUT_DATA)]
    Ops(BenchOpsArgs),
    /// Time the answers of exported files, each in a process of its own
    #[command(after_help = ABOUT_EXPORTS)]
    Export(BenchExportArgs),
}

/// Arguments of `bench step`.
#[derive(Debug, Args)]
pub struct BenchStepArgs {
    /// Method of the search; `softcell methods` lists them
    #[arg(long, value_name = "NAME", default_value_t, value_parser = MethodName::from_str)]
    pub method: MethodName,
    /// Gradient of the alphas: first order, or second order through one virtual weight step [default: the method's]
    #[arg(long, value_enum)]
    pub order: Option<OrderArg>,
    /// The supernet.
    #[command(flatten)]
    pub size: StepSizeArgs,
    /// Compute cells again in the backward pass instead of keeping them
    #[arg(long)]
    pub recompute: bool,
    /// What all measurements have.
    #[command(flatten)]
    pub measure: MeasureArgs,
}

/// The supernet that is measured.
#[derive(Debug, Args)]
pub struct StepSizeArgs {
    /// Channels of the first cell
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub init_channels: usize,
    /// Number of cells
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub layers: usize,
    /// Known space, or a TOML file of one
    #[arg(long, value_name = "NAME|FILE", default_value = "darts")]
    pub space: String,
    /// Intermediate nodes of a cell [default: those of the space]
    #[arg(long, value_name = "N")]
    pub nodes: Option<usize>,
    /// Images per batch; a step takes two batches
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub batch_size: usize,
}

impl StepSizeArgs {
    /// The same as words of a command line.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let StepSizeArgs { init_channels, layers, space, nodes, batch_size } = self;
        let mut words = vec![("--space", space.clone())];
        words.extend(nodes.map(|nodes| ("--nodes", nodes.to_string())));
        let numbers =
            [("--init-channels", init_channels), ("--layers", layers), ("--batch-size", batch_size)];
        words.extend(numbers.map(|(flag, number)| (flag, number.to_string())));
        words
    }
}

/// Which gradient the alphas get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrderArg {
    /// At the weights as they are
    First,
    /// At the weights after one virtual step (`--unrolled` of a search)
    Second,
}

/// Arguments of `bench train`.
#[derive(Debug, Args)]
pub struct BenchTrainArgs {
    /// The network.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Leave out the auxiliary head
    #[arg(long)]
    pub no_auxiliary: bool,
    /// Probability of drop path in every step
    #[arg(long, value_name = "P", default_value_t = 0.2, allow_negative_numbers = true)]
    pub drop_path: f64,
    /// Compute cells again in the backward pass instead of keeping them
    #[arg(long)]
    pub recompute: bool,
    /// What all measurements have.
    #[command(flatten)]
    pub measure: MeasureArgs,
}

/// Arguments of `bench evaluate`.
#[derive(Debug, Args)]
pub struct BenchEvaluateArgs {
    /// The network.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// What all measurements have.
    #[command(flatten)]
    pub measure: MeasureArgs,
}

/// Arguments of `bench export`.
#[derive(Debug, Args)]
pub struct BenchExportArgs {
    /// Files that `softcell export` wrote: .onnx, .safetensors, .py
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Images that go at once where images a second are counted
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub batch_size: usize,
    /// Answers of each kind that are timed, after two that are not; their median counts
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub runs: usize,
    /// Print a list of JSON objects
    #[arg(long)]
    pub json: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
}

/// The derived network that is measured.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// Text, name or file of a genotype, or the folder of a run
    #[arg(long, value_name = "GENOTYPE", default_value = "DARTS_V2")]
    pub genotype: String,
    /// Channels of the first cell
    #[arg(long, value_name = "N", default_value_t = 36)]
    pub init_channels: usize,
    /// Number of cells
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub layers: usize,
    /// Images per batch
    #[arg(long, value_name = "N", default_value_t = 96)]
    pub batch_size: usize,
}

/// What all measurements have.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Size of the colour images in pixels, SIDE or HEIGHTxWIDTH
    #[arg(long, value_name = "SIZE", default_value = "32")]
    pub image_size: String,
    /// Number of classes
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub classes: usize,
    /// Steps that are timed; their median counts
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub steps: usize,
    /// Steps before them that are not timed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub warmup: usize,
    /// Seed of images, labels, weights and drop path
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
}

impl MeasureArgs {
    /// The same as words of a command line, but for `--json`.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let MeasureArgs { image_size, classes, steps, warmup, seed, machine, json: _ } = self;
        let mut words = vec![
            ("--image-size", image_size.clone()),
            ("--classes", classes.to_string()),
            ("--steps", steps.to_string()),
            ("--warmup", warmup.to_string()),
            ("--seed", seed.to_string()),
            ("--device", machine.device.clone()),
        ];
        words.extend(machine.threads.map(|threads| ("--threads", threads.to_string())));
        words
    }
}
