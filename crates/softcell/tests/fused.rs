//! Whole networks with fused cells against the same networks operation by operation, which is what runs in f64:
//! logits, batch statistics and every gradient.

use burn::tensor::{Device, FloatDType, Gradients, Tensor, TensorData};
use softcell::nn::{EdgeTensors, Network, Pass, Weighted, gradients, initialize, weight_names};
use softcell::search::Method;
use softcell::space::{
    DerivedNetworkConfig, EdgeWeights, Genotype, NetworkPlan, SearchSpace, StemKind, known_genotype,
};

const IMAGES: usize = 5;

/// Largest deviation, as a share of the largest value of a tensor.
const TOLERANCE: f64 = 2e-4;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.cast(FloatDType::F64).into_data().try_to_vec::<f64>().unwrap()
}

fn compare(what: &str, wanted: &[f64], found: &[f64]) {
    assert_eq!(wanted.len(), found.len(), "{what}");
    let largest = wanted.iter().fold(1e-6, |a: f64, x| a.max(x.abs()));
    for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
        let deviation = (wanted - found).abs() / largest;
        assert!(deviation <= TOLERANCE, "{what}[{index}]: {found} instead of {wanted} ({deviation:e})");
    }
}

/// Images without two equal neighbours, so that rounding decides no maximum.
fn images(shape: [usize; 3], device: &Device) -> Tensor<4> {
    let n = IMAGES * shape.iter().product::<usize>();
    let values: Vec<f32> = (0..n).map(|i| ((i * i % 7919) as f32 / 7919.0 - 0.5) * 3.0).collect();
    Tensor::from_data(TensorData::new(values, [IMAGES, shape[0], shape[1], shape[2]]), device)
}

/// What a pass gives: by name, in an order.
type Results = Vec<(String, Vec<f64>)>;

fn results(net: &Network, logits: Vec<f64>, pass: Pass, grads: &Gradients) -> Results {
    let mut all = vec![("logits".to_string(), logits)];
    for (index, statistics) in pass.statistics.into_iter().enumerate() {
        all.push((format!("mean {index}"), values(statistics.mean)));
        all.push((format!("variance {index}"), values(statistics.variance)));
    }
    for (name, gradient) in weight_names(net).into_iter().zip(gradients(net, grads)) {
        all.push((name, gradient.map(values).unwrap_or_default()));
    }
    all
}

fn search(net: Network, weights: &EdgeWeights, x: Tensor<4>) -> Results {
    let mut pass = Pass::train();
    let leaf = EdgeTensors::new(weights, &x.device()).require_grad();
    let logits = net.forward_mixed(x, &leaf, &mut pass);
    let told = values(logits.clone().inner());
    let grads = logits.powi_scalar(2).sum().backward();
    let mut all = results(&net, told, pass, &grads);
    for (cell, rows) in leaf.gradient(&grads, weights).iter() {
        all.push((format!("edge weights, {cell}"), rows.concat()));
    }
    all
}

fn train(net: Network, x: Tensor<4>) -> Results {
    let mut pass = Pass::train();
    let out = net.forward(x, &mut pass);
    let told = values(out.logits.clone().inner());
    let mut loss = out.logits.powi_scalar(2).sum();
    if let Some(auxiliary) = out.auxiliary {
        loss = loss + auxiliary.powi_scalar(2).sum() * 0.4;
    }
    let grads = loss.backward();
    results(&net, told, pass, &grads)
}

fn compare_all(what: &str, plain: Results, fused: Results) {
    assert_eq!(plain.len(), fused.len(), "{what}");
    for ((name, wanted), (same, found)) in plain.into_iter().zip(fused) {
        assert_eq!(name, same, "{what}");
        compare(&format!("{what}: {name}"), &wanted, &found);
    }
}

#[test]
fn a_supernet_of_fused_cells_is_the_supernet_of_its_operations() {
    let device = Device::flex().autodiff();
    for (channels, shape, n_nodes) in [(4, [3, 12, 12], 4), (18, [1, 7, 9], 2)] {
        let space =
            SearchSpace { n_cells: 5, init_channels: channels, ..SearchSpace::darts().with_nodes(n_nodes) };
        let relaxer = Method::default().relaxer(&space);
        let weights = relaxer.expected(&relaxer.initial(3));
        let net = initialize(Network::new(NetworkPlan::supernet(&space, shape, 4), &device), 3);
        assert_eq!(net.unfused_cells().next(), None);
        let x = images(shape, &device);
        let fused = search(net.clone(), &weights, x.clone());
        let plain = search(net.in_f64(), &weights, x.cast(FloatDType::F64));
        compare_all(&format!("{channels} channels, {shape:?}"), plain, fused);
    }
}

/// Convolutions over all channels at stride 1 and 2, beside poolings.
fn full_convolutions() -> Genotype {
    let cell = "[('nor_conv_3x3', 0), ('nor_conv_1x1', 1), ('nor_conv_1x1', 2), ('max_pool_3x3', 0)]";
    let text = format!("Genotype(normal={cell}, normal_concat=[2, 3], reduce={cell}, reduce_concat=[2, 3])");
    text.parse().unwrap()
}

#[test]
fn a_derived_network_of_fused_cells_is_the_network_of_its_operations() {
    let device = Device::flex().autodiff();
    // Cells that hand gradients to one or two later ones, with an auxiliary head in between, both stems.
    for (name, channels, n_cells, shape, stem) in [
        ("full convolutions", 6, 3, [3, 9, 12], StemKind::Cifar),
        ("DARTS_V2", 12, 6, [3, 16, 16], StemKind::Cifar),
        ("PDARTS", 20, 3, [1, 17, 11], StemKind::Cifar),
        ("AmoebaNet", 8, 4, [3, 64, 48], StemKind::Imagenet),
    ] {
        let config = DerivedNetworkConfig {
            genotype: known_genotype(name).unwrap_or_else(full_convolutions),
            init_channels: channels,
            n_cells,
            channels_in: shape[0],
            image_size: [shape[1], shape[2]],
            classes: 4,
            stem,
            auxiliary: name == "DARTS_V2",
        };
        let net = initialize(config.init(&device).unwrap(), 3);
        let unfused: Vec<&str> = net.unfused_cells().map(|(_, reason)| reason).collect();
        match name {
            "AmoebaNet" => assert!(unfused.contains(&"the kernels know no conv_7x1_1x7"), "{unfused:?}"),
            _ => assert_eq!(unfused, [""; 0], "{name}"),
        }
        let x = images(shape, &device);
        let fused = train(net.clone(), x.clone());
        let plain = train(net.in_f64(), x.cast(FloatDType::F64));
        compare_all(name, plain, fused);
    }
}
