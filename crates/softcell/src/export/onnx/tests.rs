//! Files against the networks they are made of, and what they say of themselves.

use std::collections::HashSet;

use burn::tensor::Device;
use proptest::prelude::*;
use prost::Message;
use rand::RngExt;

use super::proto;
use super::*;
use crate::data::Normalization;
use crate::export::{Existing, Origin};
use crate::network::{DerivedNetworkConfig, StemKind};
use crate::random::stream;
use crate::run::{Manifest, Overwrite, RunFolder};
use crate::space::testing::genotypes;
use crate::space::{CellGene, EdgeGene, Genotype, Primitive, known_genotype};
use crate::weights::{NamedTensors, initialize, named_tensors};

const CLASSES: usize = 3;

/// A network with weights as after a training: statistics, scales and shifts of its own in every
/// normalisation.
fn model(genotype: Genotype, image_shape: [usize; 3], stem: StemKind, width: usize) -> TrainedModel {
    let [channels_in, height, width_in] = image_shape;
    let network = DerivedNetworkConfig {
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
    let manifest = Manifest {
        version: "0.1.0".into(),
        command: vec![],
        seed: 1,
        data_fingerprint: String::new(),
        images: [0, 0],
        classes: ["zero", "one \"quoted\"", "zwei\n"].map(String::from).to_vec(),
        image_shape,
        normalization: Normalization {
            mean: (0..channels_in).map(|c| 0.3 + 0.1 * c as f32).collect(),
            std: (0..channels_in).map(|c| 0.2 + 0.05 * c as f32).collect(),
        },
        device: "cpu".into(),
        threads: 1,
        notes: vec![],
    };
    TrainedModel { network, weights, manifest }
}

fn darts() -> TrainedModel {
    model(known_genotype("DARTS_V2").unwrap(), [3, 8, 8], StemKind::Cifar, 4)
}

const KEPT: OnnxOptions =
    OnnxOptions { norms: BatchNorms::Kept, output: Output::Logits, input_range: InputRange::Bytes };
const PROBABILITIES: OnnxOptions =
    OnnxOptions { norms: BatchNorms::Folded, output: Output::Probabilities, input_range: InputRange::Unit };

fn all_options() -> impl Iterator<Item = OnnxOptions> {
    [OnnxOptions::default(), KEPT, PROBABILITIES, OnnxOptions { output: Output::Probabilities, ..KEPT }]
        .into_iter()
}

fn read(bytes: &[u8]) -> proto::Model {
    proto::Model::decode(bytes).unwrap()
}

fn graph(model: &TrainedModel, options: &OnnxOptions) -> proto::Graph {
    read(&to_bytes(model, options).unwrap()).graph.unwrap()
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

#[cfg(feature = "verify")]
#[track_caller]
fn assert_same(model: &TrainedModel, options: &OnnxOptions) {
    let bytes = to_bytes(model, options).unwrap();
    assert_well_formed(&read(&bytes).graph.unwrap());
    let mut sample = Sample::made_up(model.manifest.image_shape);
    sample.images.truncate(10);
    let found = verify(bytes, model, options, &sample, &Device::flex()).unwrap();
    assert_eq!((found.images, found.batches.as_slice()), (10, [1, 7, 2].as_slice()));
    assert!(found.deviation.probability_deviation < 2e-5, "{found:?}");
    assert!(found.deviation.logit_deviation < 1e-5, "{found:?}");
}

#[cfg(feature = "verify")]
#[test]
fn files_of_published_cells_answer_as_their_networks() {
    // Between them these use every operation; odd sides, gray images, a single row.
    for (name, shape, stem) in [
        ("DARTS_V2", [3, 8, 8], StemKind::Cifar),
        ("DARTS_V1", [1, 7, 9], StemKind::Cifar),
        ("NASNet", [3, 9, 6], StemKind::Cifar),
        ("AmoebaNet", [1, 11, 11], StemKind::Cifar),
        ("PDARTS", [1, 1, 5], StemKind::Cifar),
        ("PC_DARTS_image", [3, 33, 47], StemKind::Imagenet),
        ("AmoebaNet", [3, 40, 24], StemKind::Imagenet),
        ("NASNet", [1, 5, 70], StemKind::Imagenet),
    ] {
        let model = model(known_genotype(name).unwrap(), shape, stem, 4);
        for options in all_options() {
            assert_same(&model, &options);
        }
    }
}

/// Halving to one channel leaves nothing to the convolution of the even pixels.
#[cfg(feature = "verify")]
#[test]
fn narrow_networks_are_written_too() {
    let model = model(known_genotype("DARTS_V1").unwrap(), [1, 6, 5], StemKind::Cifar, 1);
    for options in all_options() {
        assert_same(&model, &options);
    }
}

#[cfg(feature = "verify")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn files_of_any_cell_answer_as_their_networks(
        genotype in genotypes(1..=3),
        gray in any::<bool>(),
        sides in [1usize..14, 1usize..14],
        imagenet in any::<bool>(),
        options in prop::sample::select(all_options().collect::<Vec<_>>()),
    ) {
        let stem = if imagenet { StemKind::Imagenet } else { StemKind::Cifar };
        let shape = [if gray { 1 } else { 3 }, sides[0], sides[1]];
        assert_same(&model(genotype, shape, stem, 2), &options);
    }
}

#[cfg(feature = "verify")]
#[test]
fn a_file_of_another_network_is_found_out() {
    let (one, mut other) = (darts(), darts());
    other.weights.get_mut("cells.0._ops.0.op.1.weight").map(|t| t.values[0] += 0.5).unwrap();
    let sample = Sample::made_up([3, 8, 8]);
    for options in all_options() {
        let bytes = to_bytes(&other, &options).unwrap();
        let error = verify(bytes, &one, &options, &sample, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("answers that deviate"), "{error}");
    }
    let error = verify(vec![8, 8, 1], &one, &KEPT, &sample, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("does not run"), "{error}");
}

#[cfg(feature = "verify")]
#[test]
fn nothing_is_written_when_the_answers_are_no_numbers() {
    let base = tempfile::tempdir().unwrap();
    let run = RunFolder::create(&base.path().join("run"), Overwrite::Refuse).unwrap();
    let path = base.path().join("model.onnx");
    let write = |model: &TrainedModel, existing| {
        let destination = Destination::new(&path, existing, &run)?;
        write(model, &KEPT, &destination, &Sample::made_up([3, 8, 8]), &Device::flex())
    };
    let mut broken = darts();
    broken.weights.get_mut("stem.0.weight").unwrap().values[0] = f32::NAN;
    let error = write(&broken, Existing::Keep).unwrap_err().to_string();
    assert!(error.contains("NaN in probability"), "{error}");
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 1, "nothing but the run is there");
    let written = write(&darts(), Existing::Keep).unwrap();
    assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());
    let verification = written.verification.unwrap();
    assert_eq!((verification.images, verification.origin), (Sample::SIZE, Origin::MadeUp));
    let kept = write(&darts(), Existing::Keep).unwrap_err().to_string();
    assert!(kept.contains("--force"), "{kept}");
    write(&darts(), Existing::Replace).unwrap();
}

#[test]
fn names_say_where_a_node_stands() {
    let graph = graph(&darts(), &OnnxOptions::default());
    let names: HashSet<&str> = graph.node.iter().map(|node| node.name()).collect();
    for name in [
        "normalize.sub",
        "normalize.div",
        "stem.conv",
        "stem.conv.relu",
        "cells.0.preprocess_1.conv",
        "cells.0.node_2.op_0.sep_conv_3x3.depthwise_1",
        "cells.0.node_2.op_0.sep_conv_3x3.pointwise_2",
        "cells.0.node_2",
        "cells.0.node_5.op_1.dil_conv_3x3.pointwise",
        "cells.1.node_2.op_0.max_pool_3x3",
        "cells.2.preprocess_0.odd",
        "cells.2.output",
        "global_pool",
        "logits",
    ] {
        assert!(names.contains(name), "no {name} in {names:#?}");
    }
    assert!(graph.node.iter().all(|node| node.op_type() != "BatchNormalization"));
    let tensors: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    assert!(tensors.contains("cells.0._ops.0.op.1.weight"), "not folded, so under its own name");
    assert!(tensors.contains("cells.0._ops.0.op.2.folded.weight") && tensors.contains("stem.0.folded.bias"));
}

/// Without folding, the tensors of the file are those of the network, to the bit.
#[test]
fn kept_tensors_are_the_trained_ones() {
    let model = darts();
    let graph = graph(&model, &KEPT);
    let mut found = NamedTensors::new();
    for tensor in graph.initializer.iter().filter(|tensor| model.weights.contains_key(tensor.name())) {
        let (values, rest) = tensor.raw_data().as_chunks::<4>();
        assert!(rest.is_empty());
        let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let shape = tensor.dims.iter().map(|&side| side as usize).collect();
        found.insert(tensor.name().to_owned(), crate::weights::HostTensor { shape, values });
    }
    assert_eq!(found, model.weights);
    let norms = graph.node.iter().filter(|node| node.op_type() == "BatchNormalization");
    for norm in norms {
        assert_eq!(norm.attribute, [proto::Attribute::float("epsilon", 1e-5)], "{}", norm.name());
    }
}

#[test]
fn auxiliary_heads_are_left_out() {
    let mut model = darts();
    let with_head = DerivedNetworkConfig { auxiliary: true, image_size: [8, 8], ..model.network.clone() };
    let head = named_tensors(&initialize(with_head.init(&Device::flex()).unwrap(), 1));
    let plain = to_bytes(&model, &KEPT).unwrap();
    model.network = with_head;
    model.weights.extend(head.into_iter().filter(|(name, _)| name.starts_with("auxiliary_head.")));
    assert_eq!(to_bytes(&model, &KEPT).unwrap(), plain);
}

#[test]
fn the_file_says_what_it_is() {
    let model = darts();
    let file = read(&to_bytes(&model, &PROBABILITIES).unwrap());
    assert_eq!((file.ir_version, file.opset_import[0].version), (Some(8), Some(17)));
    let graph = file.graph.as_ref().unwrap();
    assert_eq!(graph.input[0], {
        let description = "images, red, green, blue, from 0 (black) to 1 (white); they are normalised here";
        proto::ValueInfo {
            doc_string: Some(description.into()),
            ..proto::ValueInfo::batch("image", &[3, 8, 8])
        }
    });
    assert_eq!(graph.output, [proto::ValueInfo::batch("probabilities", &[CLASSES])]);
    let property = |key: &str| {
        let found = file.metadata_props.iter().find(|property| property.key() == key);
        found.unwrap_or_else(|| panic!("no {key}")).value().to_owned()
    };
    let classes: Vec<String> = serde_json::from_str(&property("classes")).unwrap();
    assert_eq!(classes, model.manifest.classes);
    assert_eq!(property("genotype").parse::<Genotype>().unwrap(), model.network.genotype);
    assert_eq!(property("input_range"), "[0,1]");
    assert_eq!(property("image_shape"), "[3,8,8]");
    let mean: Vec<f32> = serde_json::from_str(&property("mean")).unwrap();
    assert_eq!(mean, model.manifest.normalization.mean);
    assert_eq!(property("softcell_version"), env!("CARGO_PKG_VERSION"));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let message = |change: fn(&mut TrainedModel)| {
        let mut model = darts();
        change(&mut model);
        to_bytes(&model, &OnnxOptions::default()).unwrap_err().to_string()
    };
    let missing = message(|m| drop(m.weights.remove("cells.1.preprocess1.op.2.running_var")));
    assert!(missing.contains("found no cells.1.preprocess1.op.2.running_var"), "{missing}");
    let shape = message(|m| m.weights.get_mut("stem.0.weight").unwrap().shape = vec![1]);
    assert!(shape.contains("found shape [1]") && shape.contains("[12, 3, 3, 3]"), "{shape}");
    let short = message(|m| m.weights.get_mut("classifier.bias").unwrap().values.truncate(2));
    assert!(short.contains("found 2 values"), "{short}");
    let std = message(|m| m.manifest.normalization.std.truncate(2));
    assert!(std.contains("a std of 2 channels"), "{std}");
    let size = message(|m| m.manifest.image_shape = [3, 8, 9]);
    assert!(size.contains("image shape"), "{size}");
    let gene = |primitive| CellGene { nodes: vec![vec![EdgeGene { primitive, source: 0 }]], concat: vec![2] };
    let mut none = darts();
    none.network.genotype =
        Genotype { normal: gene(Primitive::None), reduction: gene(Primitive::MaxPool3x3) };
    assert!(to_bytes(&none, &KEPT).is_err());
}
