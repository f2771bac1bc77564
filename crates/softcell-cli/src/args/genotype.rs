//! The commands on genotypes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use softcell::space::Dialect;

use super::dialects::{self, FromDialect};

/// Arguments of `genotype`.
#[derive(Debug, Subcommand)]
pub enum GenotypeCommand {
    /// Print the cells, parameters, multiply-adds and memory of a genotype
    Show(ShowArgs),
    /// Draw the cells of a genotype, or of a search over its epochs, as SVG, PNG or GIF
    Draw(DrawArgs),
    /// Print a genotype in the form of another tool
    Convert(ConvertArgs),
    /// List the published genotypes that are known by name
    List(ListArgs),
}

/// Arguments of `genotype convert`.
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
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `genotype list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `genotype draw`.
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
    /// Print JSON
    #[arg(long)]
    pub json: bool,
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

/// Arguments of `genotype show`.
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
