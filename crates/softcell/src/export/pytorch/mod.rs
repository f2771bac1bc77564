//! A network as one file of plain PyTorch, and its weights beside it.
//!
//! The source is put together from pieces of Python in `parts/`, of which only those that the network uses are
//! taken, and from lines that describe its cells: every operation and every sum is spelt out, there is no genotype
//! left to interpret.

mod cells;
mod layers;
mod literal;
mod source;

use std::path::{Path, PathBuf};

use super::safetensors::{self, AuxiliaryHead};
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::model::TrainedModel;
use crate::run::Manifest;
use crate::space::plan::CellType;
use crate::space::{DerivedNetworkConfig, StemKind};

/// What the source is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To answer for images, by itself: without the auxiliary head, which only training uses.
    Answers,
    /// To be trained: with drop path, and with the auxiliary head where the network has one.
    Training,
}

/// The two files of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The Python file.
    pub source: String,
    /// The safetensors file that it loads.
    pub weights: Vec<u8>,
}

/// Where the weights of the Python file `path` lie: beside it, with the extension `safetensors`.
pub fn weights_path(path: &Path) -> PathBuf {
    path.with_extension("safetensors")
}

/// The network of this manifest's images as a Python file of this name.
///
/// # Errors
/// A network that cannot be built or that draws noise; one without channels in its stem; a manifest of another shape.
pub fn to_source(
    network: &DerivedNetworkConfig,
    manifest: &Manifest,
    purpose: Purpose,
    file_name: &str,
) -> Result<String> {
    network.check()?;
    network.plan().cells.iter().try_for_each(CellType::without_noise)?;
    if network.stem == StemKind::Imagenet && network.init_channels < 2 {
        let expected = "2 or more, because the imagenet stem halves it";
        return Err(Error::setting("train.init_channels", network.init_channels, expected));
    }
    let [channels, height, width] = manifest.image_shape;
    let statistics = [&manifest.normalization.mean, &manifest.normalization.std];
    if channels != network.channels_in
        || [height, width] != network.image_size
        || manifest.classes.len() != network.classes
        || statistics.iter().any(|values| values.len() != channels)
    {
        return Err(Error::invalid(
            "manifest",
            "images or classes that are not the network's",
            format!(
                "{} channels, {:?} pixels, {} classes",
                network.channels_in, network.image_size, network.classes
            ),
            "restore the manifest of the run",
        ));
    }
    Ok(source::python(network, manifest, purpose, file_name))
}

/// The network as a Python file that will lie at `path`, and its weights.
///
/// # Errors
/// A name that does not end in `.py`; those of [`to_source`].
pub fn to_files(model: &TrainedModel, path: &Path) -> Result<Files> {
    if path.extension().is_none_or(|extension| extension != "py") {
        let found = format!("the name {}", path.display());
        return Err(Error::invalid("PyTorch file", found, "a name that ends in .py", "add .py to the name"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Files {
        source: to_source(&model.network, &model.manifest, Purpose::Answers, &name)?,
        weights: safetensors::to_bytes(model, AuxiliaryHead::Drop),
    })
}

/// Writes both files, each whole or not at all, in the place of those that are there; answers the length of the
/// Python file and of the weights.
///
/// # Errors
/// As [`to_files`], and what the file system says.
pub fn write(model: &TrainedModel, place: &Destination, weights_place: &Destination) -> Result<[u64; 2]> {
    let Files { source, weights } = to_files(model, place.path())?;
    weights_place.write(&weights)?;
    place.write(source.as_bytes())?;
    Ok([source.len() as u64, weights.len() as u64])
}

#[cfg(test)]
mod tests;
