//! The command line of `bench ops`.

use std::path::PathBuf;

use clap::Args;

use super::{Machine, StemArg};

/// Arguments of `bench ops`.
#[derive(Debug, Args)]
pub struct BenchOpsArgs {
    /// Known space, or a TOML file of one, whose operations are measured
    #[arg(long, value_name = "NAME|FILE", default_value = "darts")]
    pub space: String,
    /// Text, name or file of a genotype, or the folder of a run: the networks that are measured whole, for comparison
    /// [default: DARTS_V2, or the biggest cell of the space where that is another]
    #[arg(long, value_name = "GENOTYPE")]
    pub genotype: Option<String>,
    /// Channels of the first cell of the widest network; narrower ones are measured too, down to 8
    #[arg(long, value_name = "N", default_value_t = 36, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub init_channels: u32,
    /// Number of cells of the deepest network; shallower ones are measured too, down to 3
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub layers: u32,
    /// Size of the images in pixels, SIDE or HEIGHTxWIDTH
    #[arg(long, value_name = "SIZE", default_value = "32")]
    pub image_size: String,
    /// Colour channels of the images
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub channels: u32,
    /// Number of classes
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub classes: u32,
    /// Layers before the first cell
    #[arg(long, value_enum, default_value_t = StemArg::Auto)]
    pub stem: StemArg,
    /// Seed of the weights and images
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// File for the times, which --latency-table of fit, search and train takes on any machine
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Where the computing happens.
    #[command(flatten)]
    pub machine: Machine,
}
