//! The weights of a trained network under the original's state-dict names.
//!
//! The names, shapes and layouts are those of `NetworkCIFAR` and `NetworkImageNet` in the original code, with the
//! counters of batches that batch normalisations of today's PyTorch have, so that
//! `network.load_state_dict(safetensors.torch.load_file(path), strict=True)` takes the file. The metadata in its
//! header describes the rest of the network: [`Importer`](crate::model::Importer) needs nothing else.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::Serialize;

use crate::destination::Destination;
use crate::error::Result;
use crate::export::WAY_IN;
use crate::model::TrainedModel;
use crate::network::NamedTensors;
use crate::run::seal::with_metadata;
use crate::space::StemKind;

/// The entries of the metadata. Lists and numbers are JSON.
pub mod keys {
    /// `pt`, as in every file with tensors in PyTorch's layout.
    pub const FORMAT: &str = "format";
    /// Version of Softcell.
    pub const VERSION: &str = "softcell_version";
    /// The genotype in the original's text.
    pub const GENOTYPE: &str = "genotype";
    /// Channels of the first cell.
    pub const INIT_CHANNELS: &str = "init_channels";
    /// Number of cells.
    pub const LAYERS: &str = "layers";
    /// `cifar` or `imagenet`.
    pub const STEM: &str = "stem";
    /// Names of the classes, in the order of the logits.
    pub const CLASSES: &str = "classes";
    /// Channels, height and width of the images.
    pub const IMAGE_SHAPE: &str = "image_shape";
    /// What becomes of images of another ratio of sides: `crop`, `squash` or `letterbox`.
    pub const RESIZE: &str = "resize";
    /// Mean of each channel, of pixels in [0, 1].
    pub const MEAN: &str = "mean";
    /// Standard deviation of each channel.
    pub const STD: &str = "std";
    /// The run's seed, which decides how its images were divided.
    pub const SEED: &str = "seed";
    /// SHA-256 over the images of the run.
    pub const DATA_FINGERPRINT: &str = "data_fingerprint";
}

/// The buffer that stands for a batch normalisation: each has one.
const RUNNING_MEAN: &str = ".running_mean";
/// The head that only training uses.
const AUXILIARY: &str = "auxiliary_head.";

/// What becomes of the auxiliary head, where there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuxiliaryHead {
    /// It is written, for a network built with `auxiliary=True`.
    #[default]
    Keep,
    /// It is left out: prediction does not use it.
    Drop,
}

/// The file as bytes; the same network gives the same bytes.
pub fn to_bytes(model: &TrainedModel, auxiliary: AuxiliaryHead) -> Vec<u8> {
    let kept = |name: &str| auxiliary == AuxiliaryHead::Keep || !name.starts_with(AUXILIARY);
    let tensors = encoded(&model.weights, kept);
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.element, tensor.shape.clone(), &tensor.bytes);
        (tensor.name.as_str(), view.expect("shape and values agree"))
    });
    let file = serialize(views, None).expect("tensors with unique names serialise");
    with_metadata(&file, &metadata(model))
}

/// Writes the file, whole or not at all, in the place of one that is there; answers its length.
///
/// # Errors
/// What the file system says; what was at `path` is still there then.
pub fn write(model: &TrainedModel, place: &Destination) -> Result<u64> {
    let bytes = to_bytes(model, AuxiliaryHead::Keep);
    place.write(&bytes)?;
    Ok(bytes.len() as u64)
}

/// A tensor as it stands in the file.
struct Encoded {
    name: String,
    element: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// The tensors, and for each batch normalisation the number of batches it saw, which is not known: 0.
fn encoded(weights: &NamedTensors, kept: impl Fn(&str) -> bool) -> Vec<Encoded> {
    let mut tensors = Vec::new();
    for (name, tensor) in weights.iter().filter(|(name, _)| kept(name)) {
        if let Some(norm) = name.strip_suffix(RUNNING_MEAN) {
            tensors.push(Encoded {
                name: format!("{norm}.num_batches_tracked"),
                element: Dtype::I64,
                shape: Vec::new(),
                bytes: 0i64.to_le_bytes().to_vec(),
            });
        }
        tensors.push(Encoded {
            name: name.clone(),
            element: Dtype::F32,
            shape: tensor.shape.clone(),
            bytes: tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        });
    }
    tensors
}

/// The network in words.
fn metadata(model: &TrainedModel) -> BTreeMap<&'static str, String> {
    let (network, manifest) = (&model.network, &model.manifest);
    let stem = match network.stem {
        StemKind::Cifar => "cifar",
        StemKind::Imagenet => "imagenet",
    };
    let mut entries = BTreeMap::from([
        (keys::FORMAT, "pt".to_owned()),
        (keys::VERSION, env!("CARGO_PKG_VERSION").to_owned()),
        (keys::GENOTYPE, network.genotype.to_text()),
        (keys::INIT_CHANNELS, json(&network.init_channels)),
        (keys::LAYERS, json(&network.n_cells)),
        (keys::STEM, stem.to_owned()),
        (keys::CLASSES, json(&manifest.classes)),
        (keys::IMAGE_SHAPE, json(&manifest.image_shape)),
        (keys::RESIZE, manifest.resize.name().to_owned()),
        (keys::MEAN, json(&manifest.normalization.mean)),
        (keys::STD, json(&manifest.normalization.std)),
        (keys::SEED, json(&manifest.seed)),
    ]);
    entries.extend(WAY_IN.map(|(key, value)| (key, value.to_owned())));
    if !manifest.data_fingerprint.is_empty() {
        entries.insert(keys::DATA_FINGERPRINT, manifest.data_fingerprint.clone());
    }
    entries
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and numbers serialise")
}

#[cfg(test)]
mod tests;
