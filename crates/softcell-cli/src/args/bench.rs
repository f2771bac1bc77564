//! The command line of `bench`.

use clap::{Args, Subcommand, ValueEnum};

use super::Machine;

const ABOUT_DATA: &str = "\
The images are made up before the clock runs, so that reading them is not measured. Run nothing else beside it.";

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
}

/// Arguments of `bench step`.
#[derive(Debug, Args)]
pub struct BenchStepArgs {
    /// Gradient of the alphas: first order, or second order through one virtual weight step
    #[arg(long, value_enum, default_value_t = OrderArg::First)]
    pub order: OrderArg,
    /// Channels of the first cell
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub init_channels: usize,
    /// Number of cells
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub layers: usize,
    /// Intermediate nodes of a cell
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub nodes: usize,
    /// Images per batch; a step takes two batches
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub batch_size: usize,
    /// What all measurements have.
    #[command(flatten)]
    pub measure: MeasureArgs,
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
