//! What an ONNX file says of itself.

use serde::Serialize;

use super::proto::Property;
use super::{BatchNorms, InputRange, OnnxOptions};
use crate::export::WAY_IN;
use crate::model::TrainedModel;
use crate::space::DerivedNetworkConfig;

/// The metadata: plain text, lists as JSON.
pub fn properties(model: &TrainedModel, options: &OnnxOptions) -> Vec<Property> {
    let manifest = &model.manifest;
    let norms = match options.norms {
        BatchNorms::Folded => "folded",
        BatchNorms::Kept => "kept",
    };
    [
        ("softcell_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("classes", json(&manifest.classes)),
        ("genotype", model.network.genotype.to_text()),
        ("image_shape", json(&manifest.image_shape)),
        ("input", options.input().to_owned()),
        ("resize", manifest.resize.name().to_owned()),
        ("channel_order", channel_order(model.network.channels_in).to_owned()),
        ("input_range", json(&[0, options.input_range.white()])),
        ("mean", json(&manifest.normalization.mean)),
        ("std", json(&manifest.normalization.std)),
        ("output", options.output.name().to_owned()),
        ("batch_normalization", norms.to_owned()),
    ]
    .into_iter()
    .chain(WAY_IN.map(|(key, value)| (key, value.to_owned())))
    .map(|(key, value)| Property { key: Some(key.to_owned()), value: Some(value) })
    .collect()
}

/// Says of the input what its type does not.
pub fn input(channels: usize, range: InputRange) -> String {
    let white = range.white();
    format!(
        "images, {}, from 0 (black) to {white} (white); they are normalised here",
        channel_order(channels)
    )
}

/// The network in a sentence.
pub fn summary(network: &DerivedNetworkConfig) -> String {
    let [height, width] = network.image_size;
    format!(
        "Image classifier of {} cells from {} channels, for images of {height}x{width}, {} classes",
        network.n_cells, network.init_channels, network.classes
    )
}

fn channel_order(channels: usize) -> &'static str {
    match channels {
        1 => "gray",
        3 => "red, green, blue",
        _ => "as trained",
    }
}

fn json(list: &impl Serialize) -> String {
    serde_json::to_string(list).expect("names and numbers serialise")
}
