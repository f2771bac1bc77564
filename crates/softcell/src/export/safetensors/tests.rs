use safetensors::SafeTensors;

use super::*;
use crate::export::testing::model;

#[test]
fn names_shapes_and_counters_are_the_originals() {
    let model = model("DARTS_V2", StemKind::Cifar, true);
    let bytes = to_bytes(&model, AuxiliaryHead::Keep);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let norms = model.weights.keys().filter(|name| name.ends_with("running_mean")).count();
    assert_eq!(file.len(), model.weights.len() + norms);
    for (name, tensor) in &model.weights {
        let view = file.tensor(name).unwrap();
        assert_eq!((view.dtype(), view.shape()), (Dtype::F32, tensor.shape.as_slice()), "{name}");
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        assert!(values.map(f32::to_bits).eq(tensor.values.iter().map(|v| v.to_bits())), "{name}");
    }
    let counter = file.tensor("auxiliary_head.features.6.num_batches_tracked").unwrap();
    assert_eq!(
        (counter.dtype(), counter.shape(), counter.data()),
        (Dtype::I64, [].as_slice(), [0; 8].as_slice())
    );
    let without = to_bytes(&model, AuxiliaryHead::Drop);
    let without = SafeTensors::deserialize(&without).unwrap();
    assert!(without.names().iter().all(|name| !name.starts_with("auxiliary_head")));
    assert!(without.tensor("classifier.bias").is_ok());
}

#[test]
fn the_header_tells_of_the_network_and_is_always_the_same() {
    let mut model = model("AmoebaNet", StemKind::Imagenet, false);
    model.manifest.classes[0] = "\"quoted\"\nand } more".into();
    let bytes = to_bytes(&model, AuxiliaryHead::Keep);
    assert_eq!(bytes, to_bytes(&model, AuxiliaryHead::Keep));
    let (length, head) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(length % 8, 0);
    let metadata = head.metadata().clone().unwrap();
    assert_eq!((metadata["format"].as_str(), metadata["stem"].as_str()), ("pt", "imagenet"));
    assert_eq!((metadata["resize"].as_str(), metadata["background"].as_str()), ("crop", "white"));
    assert_eq!(metadata["genotype"], model.network.genotype.to_text());
    assert_eq!((metadata["init_channels"].as_str(), metadata["layers"].as_str()), ("4", "3"));
    let classes: Vec<String> = serde_json::from_str(&metadata["classes"]).unwrap();
    assert_eq!(classes, model.manifest.classes);
    let mean: Vec<f32> = serde_json::from_str(&metadata["mean"]).unwrap();
    assert_eq!(mean, model.manifest.normalization.mean);
}
