//! Sources for PyTorch are those that were run there, and what they answered is what the networks answer.
//!
//! `fixtures/pytorch` holds sources, and what they answered in PyTorch with weights and images of a formula. Where a
//! source is to change, `SOFTCELL_WRITE=1` writes it anew, and `scripts/check-pytorch --record` its answers.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;
use softcell::data::Normalization;
use softcell::export::pytorch::{Purpose, to_source};
use softcell::nn::{HostTensor, NamedTensors, Pass, initialize, load_named, named_tensors};
use softcell::run::Manifest;
use softcell::space::{DerivedNetworkConfig, Reductions, StemKind, known_genotype, parse_genotype};

/// Images that are answered.
const IMAGES: usize = 4;

/// Full convolutions, a pool, skip connections and an edge with nothing on it, around residual blocks.
const NB201: &str = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|";

/// What a source answered in PyTorch.
#[derive(Deserialize)]
struct Answers {
    /// In evaluation mode, image by image.
    logits: Vec<Vec<f32>>,
    /// In training mode: the logits, and those of the auxiliary head where there is one. None where it was not run so.
    training: Vec<Vec<Vec<f32>>>,
}

/// A network of five classes for images of these channels, rows and columns.
fn network(genotype: &str, stem: StemKind, image: [usize; 3], auxiliary: bool) -> DerivedNetworkConfig {
    DerivedNetworkConfig {
        genotype: known_genotype(genotype).unwrap_or_else(|| parse_genotype(genotype).unwrap()),
        init_channels: 4,
        n_cells: 3,
        reductions: Reductions::THIRDS,
        channels_in: image[0],
        image_size: [image[1], image[2]],
        classes: 5,
        stem,
        auxiliary,
    }
}

/// Weights of a formula: value `j` of the `i`-th tensor by name is `sin(31 i + 17 j)`, scaled by the values that a weight
/// sums, or around 1 where it scales or is a variance.
fn formula(mut tensors: NamedTensors) -> NamedTensors {
    for (i, (name, HostTensor { shape, values })) in tensors.iter_mut().enumerate() {
        let wave = |j: usize| f64::sin((31 * i + 17 * j) as f64);
        let around_one = name.ends_with("running_var") || (name.ends_with("weight") && shape.len() == 1);
        let summed: usize = shape.iter().skip(1).product();
        for (j, value) in values.iter_mut().enumerate() {
            *value = match (around_one, shape.len()) {
                (true, _) => 1.0 + 0.5 * wave(j),
                (false, 1) => 0.2 * wave(j),
                _ => 2.0 * wave(j) / (summed as f64).sqrt(),
            } as f32;
        }
    }
    tensors
}

fn check(name: &str, network: &DerivedNetworkConfig, purpose: Purpose) {
    let [height, width] = network.image_size;
    let channels = network.channels_in;
    let normalization = Normalization {
        mean: vec![0.485, 0.456, 0.406][..channels].to_vec(),
        std: vec![0.229, 0.224, 0.225][..channels].to_vec(),
    };
    let normalizer = normalization.normalizer();
    let classes = (0..5).map(|class| format!("class {class}")).collect();
    let manifest = Manifest::new(classes, [channels, height, width], normalization);
    let source = to_source(network, &manifest, purpose, "model.py").unwrap();

    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch");
    let path = folder.join(format!("{name}.py"));
    if std::env::var_os("SOFTCELL_WRITE").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &source).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    // The first line tells the version.
    let [found, recorded] = [&source, &recorded].map(|text| text.split_once('\n').unwrap().1);
    assert_eq!(found, recorded, "{name}.py is not what was run in PyTorch: see the head of this file");

    let device = Device::flex();
    let net = network.init(&device).unwrap();
    let weights = formula(named_tensors(&initialize(net, 0)));
    let net = load_named(network.init(&device).unwrap(), &weights, "formula").unwrap();
    let length = channels * height * width;
    let pixels: Vec<u8> = (0..IMAGES * length).map(|i| (i * i * 7 + i / 3 * 31) as u8).collect();
    let mut values = vec![0.0; pixels.len()];
    for (image, values) in pixels.chunks_exact(length).zip(values.chunks_exact_mut(length)) {
        normalizer.apply(image, values);
    }
    let images = Tensor::<4>::from_data(TensorData::new(values, [IMAGES, channels, height, width]), &device);
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let Answers { logits, training } = serde_json::from_str(&text).unwrap();
    let near = |what: &str, tensor: Tensor<2>, expected: &[Vec<f32>]| {
        let found: Vec<f32> = tensor.into_data().try_to_vec().unwrap();
        let expected = expected.concat();
        assert_eq!(found.len(), expected.len(), "{name}, {what}");
        let largest = expected.iter().fold(1.0f32, |most, value| most.max(value.abs()));
        let deviation = found.iter().zip(&expected).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(deviation <= 1e-5 * largest, "{name}, {what}: {deviation} of {largest}");
    };
    near("evaluation", net.forward(images.clone(), &mut Pass::eval()).logits, &logits);
    let answered = net.forward(images, &mut Pass::train());
    for (tensor, expected) in [Some(answered.logits), answered.auxiliary].into_iter().flatten().zip(&training)
    {
        near("training", tensor, expected);
    }
    assert_eq!(
        training.len(),
        if purpose == Purpose::Answers { 0 } else { 1 + usize::from(network.auxiliary) }
    );
}

#[test]
fn a_stack_of_cells() {
    let of = |auxiliary| network("DARTS_V2", StemKind::Cifar, [3, 16, 16], auxiliary);
    check("darts-v2", &of(false), Purpose::Answers);
    check("darts-v2-training", &of(true), Purpose::Training);
}

#[test]
fn behind_the_stem_for_large_images() {
    let network = network("AmoebaNet", StemKind::Imagenet, [1, 75, 98], true);
    check("amoebanet-training", &network, Purpose::Training);
}

#[test]
fn around_residual_blocks() {
    let network = network(NB201, StemKind::Cifar, [3, 9, 8], false);
    check("nas-bench-201", &network, Purpose::Answers);
    check("nas-bench-201-training", &network, Purpose::Training);
}
