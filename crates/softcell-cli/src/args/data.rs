//! The commands on data, and what images are named by.

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use softcell::Error;
use softcell::config::{Section, set, word_to_text};

/// A path of images, as the settings have it.
pub(super) fn data_path() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|path| word_to_text(&path))
}

/// A number of pixels, as the setting is read.
pub(super) fn pixels(text: &str) -> Result<usize, String> {
    let mut table = toml::Table::new();
    let value = match set(&mut table, Section::Data, "max_image_pixels", text) {
        Ok(()) => table["data"]["max_image_pixels"].as_integer(),
        Err(Error::Setting { expected, .. }) => return Err(format!("expected {expected}")),
        Err(error) => return Err(error.to_string()),
    };
    value.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0).ok_or("expected 1 or more".to_owned())
}

/// Arguments of `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Say what a folder or file holds: classes, images, size, broken files
    Inspect(InspectArgs),
}

/// Arguments of `data inspect`.
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
