//! A trained network for other programs: files that need nothing of Softcell.
//!
//! A format is a module that takes a [`TrainedModel`](crate::model::TrainedModel) and a [`Destination`].

mod deviation;
mod sample;

pub mod onnx;
pub mod pytorch;
pub mod safetensors;

#[cfg(test)]
pub(crate) mod testing;

/// The examples of the guide, compiled.
#[cfg(all(doctest, feature = "verify"))]
#[doc = include_str!("../../../../docs/export.md")]
mod guide {}

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::run::files;

pub use crate::destination::{Destination, Existing};
pub use deviation::{Deviation, Verification};
pub use sample::{Origin, Sample, images_of_run};

/// What becomes of an image file before the network sees it, as the metadata of exported files say it, beside `resize`,
/// which says what becomes of another ratio of sides. It is the same for every network.
pub(crate) const WAY_IN: [(&str, &str); 5] = [
    ("orientation", "upright, by the orientation tag of the file"),
    ("background", "white"),
    ("border", "black"),
    ("gray", "luminance of Rec. 709"),
    (
        "resize_filter",
        "triangle of at least one pixel, as wide as the scale; rows before columns; rounded to bytes",
    ),
];

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// [`onnx`].
    Onnx,
    /// [`safetensors`].
    Safetensors,
    /// [`pytorch`].
    Pytorch,
}

impl ExportFormat {
    /// All of them.
    pub const ALL: [ExportFormat; 3] = [ExportFormat::Onnx, ExportFormat::Safetensors, ExportFormat::Pytorch];

    /// As it is named on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ExportFormat::Onnx => "onnx",
            ExportFormat::Safetensors => "safetensors",
            ExportFormat::Pytorch => "pytorch",
        }
    }

    /// The file in the run folder, where no other is named.
    pub fn file_name(self) -> &'static str {
        match self {
            ExportFormat::Onnx => files::ONNX,
            ExportFormat::Safetensors => files::STATE_DICT,
            ExportFormat::Pytorch => files::PYTORCH,
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ExportFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<ExportFormat> {
        let known = || ExportFormat::ALL.map(ExportFormat::name).join(", ");
        ExportFormat::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            Error::invalid("export format", text, format!("one of {}", known()), "name one of them")
        })
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Written<C> {
    /// Where.
    pub path: PathBuf,
    /// As what.
    pub format: ExportFormat,
    /// Size of the file.
    pub bytes: u64,
    /// How it answered when it was run; none where this build cannot run it.
    pub verification: Option<Verification>,
    /// What is in it, by the format.
    #[serde(flatten)]
    pub contents: C,
}
