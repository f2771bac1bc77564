//! What the tests of exported files share: small networks as after a training.

#[cfg(feature = "verify")]
mod answers;
mod contents;
#[cfg(feature = "verify")]
mod plans;

use std::collections::HashSet;

use burn::tensor::Device;
use prost::Message;
use rand::RngExt;

use super::proto;
use super::*;
use crate::data::Normalization;
use crate::network::{initialize, named_tensors};
use crate::random::stream;
use crate::run::Manifest;
use crate::space::{DerivedNetworkConfig, Reductions, StemKind};
use crate::space::{Genotype, known_genotype};

const CLASSES: usize = 3;

/// A network with weights as after a training: statistics, scales and shifts of its own in every
/// normalisation.
pub(super) fn model(
    genotype: Genotype,
    image_shape: [usize; 3],
    stem: StemKind,
    width: usize,
) -> TrainedModel {
    let [channels_in, height, width_in] = image_shape;
    let network = DerivedNetworkConfig {
        reductions: Reductions::THIRDS,
        genotype,
        init_channels: width,
        n_cells: 3,
        channels_in,
        image_size: [height, width_in],
        classes: CLASSES,
        stem,
        auxiliary: false,
    };
    let mut weights = named_tensors(&initialize(network.init(&Device::flex()).unwrap(), 1));
    for (name, tensor) in &mut weights {
        let mut random = stream(3, name, &[]);
        let mut draw = |low: f32, high: f32| low + (high - low) * random.random::<f32>();
        let is_norm = tensor.shape.len() == 1 && !name.starts_with("classifier");
        for value in &mut tensor.values {
            match name.rsplit('.').next() {
                Some("running_mean") => *value = draw(-0.5, 0.5),
                Some("running_var") => *value = draw(0.2, 2.0),
                Some("weight") if is_norm => *value = draw(-1.5, 1.5),
                Some("bias") if is_norm => *value = draw(-0.5, 0.5),
                // Untrained logits are so near to one another that nothing would show in probabilities.
                Some("weight") if name.starts_with("classifier") => *value *= 30.0,
                _ => {}
            }
        }
    }
    let classes = ["zero", "one \"quoted\"", "zwei\n"].map(String::from).to_vec();
    let normalization = Normalization {
        mean: (0..channels_in).map(|c| 0.3 + 0.1 * c as f32).collect(),
        std: (0..channels_in).map(|c| 0.2 + 0.05 * c as f32).collect(),
    };
    let manifest = Manifest::new(classes, image_shape, normalization);
    TrainedModel { network, weights, manifest }
}

fn darts() -> TrainedModel {
    model(known_genotype("DARTS_V2").unwrap(), [3, 8, 8], StemKind::Cifar, 4)
}

const KEPT: OnnxOptions = OnnxOptions {
    norms: BatchNorms::Kept,
    output: Output::Logits,
    input_range: InputRange::Bytes,
    pictures: Pictures::Sized,
};
const PROBABILITIES: OnnxOptions = OnnxOptions {
    norms: BatchNorms::Folded,
    output: Output::Probabilities,
    input_range: InputRange::Unit,
    pictures: Pictures::Sized,
};

fn all_options() -> impl Iterator<Item = OnnxOptions> {
    [OnnxOptions::default(), KEPT, PROBABILITIES, OnnxOptions { output: Output::Probabilities, ..KEPT }]
        .into_iter()
}

fn read(bytes: &[u8]) -> proto::Model {
    proto::Model::decode(bytes).unwrap()
}

/// What every graph must be: each value has one name and is there before it is read, and all that is there is
/// of use, and described if it is a value between nodes.
fn assert_well_formed(graph: &proto::Graph) {
    let mut known: HashSet<&str> = HashSet::new();
    let inputs = graph.input.iter().map(|value| value.name());
    for name in inputs.chain(graph.initializer.iter().map(|tensor| tensor.name())) {
        assert!(known.insert(name), "{name} is there twice");
    }
    let mut read = HashSet::new();
    for node in &graph.node {
        for input in &node.input {
            assert!(known.contains(input.as_str()), "{}: no {input} before it", node.name());
            read.insert(input.as_str());
        }
        for output in &node.output {
            assert!(known.insert(output), "{output} is there twice");
        }
    }
    let output = graph.output[0].name();
    let unused: Vec<&&str> = known.iter().filter(|&&name| name != output && !read.contains(name)).collect();
    assert!(unused.is_empty() && known.contains(output), "{unused:?}");
    assert_eq!(graph.value_info.len() + 1, graph.node.len());
}
