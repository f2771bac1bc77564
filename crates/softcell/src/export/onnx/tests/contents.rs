//! What a file holds, and what it says of itself.

use std::collections::HashSet;

use super::*;
use crate::space::{CellGene, EdgeGene, Primitive};

fn graph(model: &TrainedModel, options: &OnnxOptions) -> proto::Graph {
    read(&to_bytes(model, options).unwrap()).graph.unwrap()
}

#[test]
fn graphs_are_well_formed() {
    for name in ["DARTS_V2", "AmoebaNet"] {
        for stem in [StemKind::Cifar, StemKind::Imagenet] {
            let model = model(known_genotype(name).unwrap(), [3, 9, 8], stem, 4);
            for options in all_options() {
                assert_well_formed(&graph(&model, &options));
            }
        }
    }
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
    let mut found = crate::nn::NamedTensors::new();
    for tensor in graph.initializer.iter().filter(|tensor| model.weights.contains_key(tensor.name())) {
        let (values, rest) = tensor.raw_data().as_chunks::<4>();
        assert!(rest.is_empty());
        let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let shape = tensor.dims.iter().map(|&side| side as usize).collect();
        found.insert(tensor.name().to_owned(), crate::nn::HostTensor { shape, values });
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
    let gene = |primitive| CellGene {
        inputs: 2,
        nodes: vec![vec![EdgeGene { primitive, source: 0 }]],
        concat: vec![2],
    };
    let mut none = darts();
    none.network.genotype = Genotype::darts(gene(Primitive::None), gene(Primitive::MaxPool3x3));
    assert!(to_bytes(&none, &KEPT).is_err());
}
