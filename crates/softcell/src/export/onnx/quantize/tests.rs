//! Networks in whole numbers beside those that they are made of.

use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::destination::Existing;
use crate::export::Sample;
use crate::export::onnx::tests::model;
use crate::space::{Genotype, Nb201Architecture, Primitive, StemKind, known_genotype};

/// Logits of some images by a file of a graph.
fn logits(graph: proto::Graph, model: &TrainedModel, images: &[Vec<u8>]) -> Vec<f32> {
    let bytes = encoded(&described(graph, model, &OnnxOptions::default())).unwrap();
    let file = OnnxFile::load(bytes, Preparation::Optimized).unwrap();
    file.values(images, &["logits"]).unwrap().swap_remove(0)
}

fn models() -> impl Iterator<Item = TrainedModel> {
    use Primitive::{AvgPool3x3, None, NorConv1x1, NorConv3x3, SkipConnect};
    let nb201 = |operations| Genotype::from(&Nb201Architecture { operations });
    [
        (known_genotype("DARTS_V2").unwrap(), [3, 16, 16], StemKind::Cifar),
        (known_genotype("NASNet").unwrap(), [1, 9, 12], StemKind::Cifar),
        (known_genotype("AmoebaNet").unwrap(), [3, 33, 41], StemKind::Imagenet),
        (
            nb201([NorConv3x3, SkipConnect, NorConv1x1, AvgPool3x3, SkipConnect, NorConv3x3]),
            [3, 8, 12],
            StemKind::Cifar,
        ),
        (nb201([None, None, None, NorConv1x1, SkipConnect, AvgPool3x3]), [3, 8, 8], StemKind::Cifar),
    ]
    .into_iter()
    .map(|(genotype, shape, stem)| model(genotype, shape, stem, 8))
}

/// In exact arithmetic rectifiers commute with joins: the same numbers go through the same nodes.
#[test]
fn rectifiers_before_joins_change_nothing() {
    let mut changed = 0;
    for model in models() {
        let images = Sample::made_up(model.manifest.image_shape).images;
        let graph = trained_graph(&model, &OnnxOptions::default()).unwrap();
        let mut moved = graph.clone();
        rectify_before_joining(&mut moved);
        changed += usize::from(moved.node != graph.node);
        assert_eq!(logits(graph, &model, &images[..4]), logits(moved, &model, &images[..4]));
    }
    // Cells of NAS-Bench-201 join nothing.
    assert_eq!(changed, 3);
}

#[test]
fn whole_numbers_are_near_the_network_whatever_the_cell() {
    for model in models() {
        let images = Sample::made_up(model.manifest.image_shape).images;
        let expected = logits(trained_graph(&model, &OnnxOptions::default()).unwrap(), &model, &images);
        let (graph, [whole, all]) = quantized(&model, &OnnxOptions::default(), &images).unwrap();
        assert_eq!(whole + 1, all, "all convolutions but the first");
        assert_well_formed(&graph);
        let found = logits(graph, &model, &images);
        let square =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>();
        let mean = expected.iter().sum::<f32>() / expected.len() as f32;
        let deviation = square(&mut expected.iter().zip(&found).map(|(a, b)| a - b));
        let spread = square(&mut expected.iter().map(|a| a - mean));
        let share = (deviation / spread).sqrt();
        assert!(share > 1e-6 && share < 0.1, "{share} {}", model.network.genotype.to_text());
    }
}

/// Every value is there before it is read and every one is read; convolutions between levels read nothing but levels.
fn assert_well_formed(graph: &proto::Graph) {
    let mut known: HashSet<&str> = HashSet::new();
    let inputs = graph.input.iter().map(|value| value.name());
    for name in inputs.chain(graph.initializer.iter().map(proto::Tensor::name)) {
        assert!(known.insert(name), "{name} is there twice");
    }
    let mut levels: HashSet<&str> = HashSet::new();
    let mut read = HashSet::new();
    let (mut between, mut convolutions) = (0, 0);
    for node in &graph.node {
        for input in &node.input {
            assert!(known.contains(input.as_str()), "{}: no {input} before it", node.name());
            read.insert(input.as_str());
        }
        assert!(known.insert(&node.output[0]), "{} is there twice", node.output[0]);
        if node.op_type() == "DequantizeLinear" {
            levels.insert(&node.output[0]);
        }
        if node.op_type() == "Conv" {
            convolutions += 1;
            between += usize::from(node.input.iter().all(|input| levels.contains(input.as_str())));
        }
    }
    assert_eq!(between + 1, convolutions);
    let output = graph.output[0].name();
    let unused: Vec<&&str> = known.iter().filter(|&&name| name != output && !read.contains(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// Made-up images, each with the class that the network answers, so that it knows all of them. The network's bias is
/// moved so that no class is ahead of the others over all images.
fn images_known_to(model: &mut TrainedModel) -> ImageSet {
    let images = Sample::made_up(model.manifest.image_shape).images;
    let predictor = |model: &TrainedModel| Predictor::new(model.clone(), "weights", &Device::flex()).unwrap();
    let logits = predictor(model).logits(&images);
    let bias = &mut model.weights.get_mut("classifier.bias").unwrap().values;
    let classes = bias.len();
    for (class, bias) in bias.iter_mut().enumerate() {
        let of_class = logits.iter().skip(class).step_by(classes);
        *bias -= of_class.sum::<f32>() / images.len() as f32;
    }
    let answers = predictor(model).predict(&images);
    let labels = answers.into_iter().map(|answer| {
        let class = answer.unwrap().class;
        model.manifest.classes.iter().position(|name| *name == class).unwrap() as u32
    });
    let labels = labels.collect();
    ImageSet::new(
        Arc::new(model.manifest.classes.clone()),
        model.manifest.image_shape,
        images.concat(),
        labels,
    )
}

#[test]
fn a_file_that_knows_too_little_is_not_written() {
    let mut model = models().next().unwrap();
    let test = images_known_to(&mut model);
    let model = model;
    // The maps of an image of the mean colour have ranges that those of others leave far behind.
    let (shape, mean) = (model.manifest.image_shape, &model.manifest.normalization.mean);
    let plane = |mean: &f32| vec![(mean * 255.0).round() as u8; 256];
    let plain = mean.iter().flat_map(plane).collect();
    let plain = ImageSet::new(Arc::clone(&test.classes), shape, plain, vec![0]);
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("model.onnx");
    let write = |train: &ImageSet, int8| {
        let destination = Destination::new(&path, Existing::Keep).unwrap();
        let images = Int8Images { train, test: &test };
        let device = Device::flex();
        write_int8(&model, &OnnxOptions::default(), &int8, images, &destination, &device, &mut |_, _| {})
    };
    let error = write(&plain, Int8Options::default()).unwrap_err().to_string();
    assert!(error.contains("where the network knows 100.00 %"), "{error}");
    let none = ImageSet::empty(Arc::clone(&test.classes), shape);
    assert!(write(&none, Int8Options::default()).unwrap_err().to_string().contains("no training images"));
    for max_drop in [-1.0, 101.0, f64::NAN] {
        assert!(write(&test, Int8Options { max_drop, ..Int8Options::default() }).is_err());
    }
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    let written = write(&plain, Int8Options { max_drop: 100.0, ..Int8Options::default() }).unwrap();
    let told = written.contents.quantization.unwrap();
    assert_eq!((told.f32_accuracy, told.test_images, told.calibration_images), (1.0, Sample::SIZE, 1));
    assert_eq!(told.accuracy, told.agreement);
    let bytes = std::fs::read(&path).unwrap();
    assert!((bytes.len() as u64) == written.bytes && written.bytes < told.f32_bytes);
    let file = OnnxFile::load(bytes, Preparation::Optimized).unwrap();
    let said: serde_json::Value = serde_json::from_str(file.says("quantization").unwrap()).unwrap();
    assert_eq!(said["accuracy"].as_f64().unwrap(), told.accuracy);
}

#[test]
fn the_limit_is_in_points_of_the_network_itself() {
    let measured =
        |known_by_file| Measured { images: 200, known_by_network: 150, known_by_file, same: known_by_file };
    assert!(allowed(&measured(148), 1.0).is_ok() && allowed(&measured(180), 0.0).is_ok());
    let error = allowed(&measured(147), 1.0).unwrap_err().to_string();
    assert!(error.contains("73.50 % of the 200 test images known"), "{error}");
    assert!(error.contains("where the network knows 75.00 %: 1.50 points less"), "{error}");
}
