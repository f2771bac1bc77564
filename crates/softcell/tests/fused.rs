//! Whole networks with fused cells against the same networks operation by operation, which is what runs in f64:
//! logits, batch statistics and every gradient.

use burn::tensor::{Device, FloatDType, Gradients, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use softcell::nn::{
    DropPath, EdgeTensors, Network, Pass, Weighted, absorb, gradients, initialize, load_named, named_tensors,
    update_weights, weight_names,
};
use softcell::search::Method;
use softcell::space::{
    DerivedNetworkConfig, EdgeWeights, Genotype, NetworkPlan, Paths, Reductions, SearchSpace, StemKind,
    known_genotype,
};

const IMAGES: usize = 5;

/// Largest deviation, as a share of the largest value of a tensor.
const TOLERANCE: f64 = 2e-4;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.cast(FloatDType::F64).into_data().try_to_vec::<f64>().unwrap()
}

fn compare(what: &str, wanted: &[f64], found: &[f64]) {
    assert_eq!(wanted.len(), found.len(), "{what}");
    // Of means that are near zero, all digits may be lost.
    let least = if what.contains("mean") { 1e-3 } else { 1e-6 };
    let largest = wanted.iter().fold(least, |a: f64, x| a.max(x.abs()));
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

fn search(net: Network, weights: &EdgeWeights, paths: Paths, x: Tensor<4>) -> Results {
    search_in(Pass::train(), net, weights, paths, x)
}

fn search_in(mut pass: Pass, net: Network, weights: &EdgeWeights, paths: Paths, x: Tensor<4>) -> Results {
    let leaf = EdgeTensors::along(weights, paths, &x.device()).require_grad();
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
        let weights = softmax(&space);
        let net = initialize(Network::new(NetworkPlan::supernet(&space, shape, 4), &device), 3);
        assert_eq!(net.unfused_cells().next(), None);
        let x = images(shape, &device);
        let fused = search(net.clone(), &weights, Paths::All, x.clone());
        let plain = search(net.in_f64(), &weights, Paths::All, x.cast(FloatDType::F64));
        compare_all(&format!("{channels} channels, {shape:?}"), plain, fused);
    }
}

/// The edge weights of a space as the network takes them in the second of three epochs.
fn softmax(space: &SearchSpace) -> EdgeWeights {
    let relaxer = Method::default().relaxer(space);
    relaxer.of_network(&relaxer.initial(3), 1, 3)
}

/// Skip connections beside the candidates (DARTS−), at stride 2 with weights of their own.
#[test]
fn auxiliary_skip_connections() {
    let device = Device::flex().autodiff();
    for nodes in [1, 3] {
        let darts = SearchSpace { auxiliary_skip: true, ..SearchSpace::darts().with_nodes(nodes) };
        let space = SearchSpace { n_cells: 4, init_channels: 6, ..darts };
        let weights = softmax(&space);
        assert!(weights.cells().flatten().all(|row| row.len() == 9 && row[8] == 2.0 / 3.0));
        let net = initialize(Network::new(NetworkPlan::supernet(&space, [2, 9, 8], 4), &device), 3);
        assert_eq!(net.unfused_cells().next(), None);
        let x = images([2, 9, 8], &device);
        let fused = search(net.clone(), &weights, Paths::All, x.clone());
        assert!(fused.iter().any(|(name, gradient)| {
            name == "cells.1._ops.0._ops.8.conv_1.weight" && gradient.iter().any(|&g| g != 0.0)
        }));
        let plain = search(net.in_f64(), &weights, Paths::All, x.cast(FloatDType::F64));
        compare_all("auxiliary skip connections", plain, fused);
    }
}

/// What passes by the operations of an edge is weighed with all candidates of the edge together: with 1, or with the
/// edge's own weight (PC-DARTS).
#[test]
fn partial_channels() {
    let device = Device::flex().autodiff();
    for (share, channels, shape) in [(4, 8, [3, 8, 8]), (2, 6, [1, 7, 9])] {
        for paths in [Paths::All, Paths::Chosen] {
            let space = SearchSpace {
                share,
                n_cells: 4,
                init_channels: channels,
                ..SearchSpace::darts().with_nodes(3)
            };
            let mut weights = match paths {
                Paths::All => softmax(&space),
                Paths::Chosen => one_of_each_row(&space),
            };
            for (edge, row) in weights.cells_mut().flatten().enumerate() {
                row.iter_mut().for_each(|weight| *weight *= 0.25 + edge as f64 / 32.0);
            }
            let net = initialize(Network::new(NetworkPlan::supernet(&space, shape, 4), &device), 3);
            assert_eq!(net.unfused_cells().next(), None);
            let x = images(shape, &device);
            let fused = search(net.clone(), &weights, paths, x.clone());
            let plain = search(net.in_f64(), &weights, paths, x.cast(FloatDType::F64));
            compare_all(&format!("1/{share} of {channels} channels, {paths:?}"), plain, fused);
        }
    }
}

/// What an edge adds is left out as a whole, image by image.
#[test]
fn drop_path_of_whole_edges() {
    let device = Device::flex().autodiff();
    for paths in [Paths::All, Paths::Chosen] {
        let space = SearchSpace { n_cells: 4, init_channels: 4, ..SearchSpace::darts().with_nodes(3) };
        let weights = match paths {
            Paths::All => softmax(&space),
            Paths::Chosen => one_of_each_row(&space),
        };
        let net = initialize(Network::new(NetworkPlan::supernet(&space, [3, 8, 8], 4), &device), 3);
        let x = images([3, 8, 8], &device);
        let pass = |seed| {
            let mut pass = Pass::train();
            pass.drop_path = Some(DropPath::new(0.3, ChaCha8Rng::seed_from_u64(seed)));
            pass
        };
        let fused = search_in(pass(1), net.clone(), &weights, paths, x.clone());
        let other = search_in(pass(2), net.clone(), &weights, paths, x.clone());
        assert_ne!(fused[0].1, other[0].1);
        let plain = search_in(pass(1), net.in_f64(), &weights, paths, x.cast(FloatDType::F64));
        compare_all(&format!("drop path, {paths:?}"), plain, fused);
    }
}

/// Skip connections of stride 1 are left out by themselves, image by image, also beside whole edges.
#[test]
fn dropout_of_skip_connections() {
    let device = Device::flex().autodiff();
    let space = SearchSpace { n_cells: 4, init_channels: 4, ..SearchSpace::darts().with_nodes(3) };
    let weights = softmax(&space);
    let net = initialize(Network::new(NetworkPlan::supernet(&space, [3, 8, 8], 4), &device), 3);
    let x = images([3, 8, 8], &device);
    let drop = |seed| Some(DropPath::new(0.4, ChaCha8Rng::seed_from_u64(seed)));
    let without = search(net.clone(), &weights, Paths::All, x.clone());
    for edges in [false, true] {
        let pass = |seed| {
            let mut pass = Pass::train();
            pass.skips = drop(seed);
            pass.drop_path = drop(7).filter(|_| edges);
            pass
        };
        let fused = search_in(pass(1), net.clone(), &weights, Paths::All, x.clone());
        let other = search_in(pass(2), net.clone(), &weights, Paths::All, x.clone());
        assert!(fused[0].1 != other[0].1 && fused[0].1 != without[0].1);
        let plain =
            search_in(pass(1), net.clone().in_f64(), &weights, Paths::All, x.clone().cast(FloatDType::F64));
        compare_all(&format!("dropout of skips, edges {edges}"), plain, fused);
    }
}

/// Rows with one weight that is not 0, never twice the same; also that of `none`.
fn one_of_each_row(space: &SearchSpace) -> EdgeWeights {
    let mut next = 0;
    let mut row = |&n: &usize| {
        next += 1;
        let mut row = vec![0.0; n];
        row[next * 5 % 7 * n / 7] = 0.5 + next as f64 / 64.0;
        row
    };
    EdgeWeights(space.candidates_by_edge().map(|lengths| lengths.iter().map(&mut row).collect()))
}

/// What runs is what the whole cell computes with weights of 0 for the rest, which is not in the graph.
#[test]
fn paths_of_chosen_operations() {
    let device = Device::flex().autodiff();
    for (channels, shape) in [(4, [3, 12, 12]), (18, [1, 7, 9])] {
        let space = SearchSpace { n_cells: 5, init_channels: channels, ..SearchSpace::darts().with_nodes(3) };
        let weights = one_of_each_row(&space);
        let net = initialize(Network::new(NetworkPlan::supernet(&space, shape, 4), &device), 5);
        let x = images(shape, &device);
        let fused = search(net.clone(), &weights, Paths::Chosen, x.clone());
        let plain = search(net.clone().in_f64(), &weights, Paths::Chosen, x.clone().cast(FloatDType::F64));
        compare_all(&format!("chosen, {channels} channels"), plain, fused.clone());

        let whole = search(net.clone(), &weights, Paths::All, x.clone());
        let gradients = fused.iter().filter(|(name, _)| name.ends_with("weight"));
        let (mut run, mut left) = (0, 0);
        for (name, chosen) in gradients {
            let (_, all) = whole.iter().find(|(other, _)| other == name).expect("the same tensors");
            match chosen.is_empty() {
                false => compare(name, all, chosen),
                true => assert!(all.iter().all(|&gradient| gradient == 0.0), "{name}"),
            }
            *if chosen.is_empty() { &mut left } else { &mut run } += 1;
        }
        assert!(left > run && run > 20, "{run} {left}");
        compare("logits", &whole[0].1, &fused[0].1);
        // Of what did not run the gradient of the weight is 0.
        for (name, chosen) in fused.iter().filter(|(name, _)| name.starts_with("edge weights")) {
            let (_, all) = whole.iter().find(|(other, _)| other == name).expect("the same cells");
            let weights = weights.get(&name["edge weights, ".len()..]).unwrap().concat();
            assert!(all.iter().filter(|&&gradient| gradient != 0.0).count() > 60);
            let kept: Vec<f64> =
                all.iter().zip(weights).map(|(all, w)| if w == 0.0 { 0.0 } else { *all }).collect();
            compare(name, &kept, chosen);
        }

        // Running statistics move where operations ran, and only there.
        let mut pass = Pass::train();
        let leaf = EdgeTensors::along(&weights, Paths::Chosen, &device);
        net.forward_mixed(x, &leaf, &mut pass);
        let mut moved = net.clone();
        absorb(&mut moved, pass.statistics);
        let moved = named_tensors(&moved);
        for (name, before) in named_tensors(&net) {
            let trained = name.replace("running_mean", "weight").replace("running_var", "weight");
            let Some(operation) = trained.strip_suffix(".weight").filter(|_| name.contains("running")) else {
                continue;
            };
            let Some((edge, place)) = operation.split_once("._ops.").and_then(|(_, rest)| {
                let mut parts = rest.split('.');
                Some((parts.next()?.parse::<usize>().ok()?, parts.nth(1)?.parse::<usize>().ok()?))
            }) else {
                assert_ne!(moved[&name], before, "{name}");
                continue;
            };
            let cell: usize = name.split('.').nth(1).unwrap().parse().unwrap();
            let kind = if [5 / 3, 2 * 5 / 3].contains(&cell) { "reduction" } else { "normal" };
            let runs = weights.get(kind).unwrap()[edge][place] != 0.0;
            assert_eq!(moved[&name] != before, runs, "{name}");
        }
    }
}

/// What answers leave for further ones goes when weights or statistics change; copies from before keep their own.
#[test]
fn answers_follow_the_weights() {
    let device = Device::flex();
    let config = DerivedNetworkConfig {
        reductions: Reductions::THIRDS,
        genotype: known_genotype("DARTS_V2").unwrap(),
        init_channels: 5,
        n_cells: 4,
        channels_in: 1,
        image_size: [8, 8],
        classes: 3,
        stem: StemKind::Cifar,
        auxiliary: false,
    };
    let mut net = initialize(config.init(&device).unwrap(), 3);
    let answer = |net: &Network, size: usize| {
        let x = images([1, size, size], &device);
        values(net.forward(x, &mut Pass::eval()).logits)
    };
    // The same weights and statistics in a network that has not answered yet.
    let fresh =
        |net: &Network| load_named(config.init(&device).unwrap(), &named_tensors(net), "a copy").unwrap();
    let first = answer(&net, 8);
    assert_eq!(first, answer(&net, 8));
    assert_eq!(answer(&net, 12), answer(&fresh(&net), 12), "images of another size");
    assert_eq!(first, answer(&net, 8));
    let before = net.clone();
    let mut pass = Pass::train();
    net.forward(images([1, 8, 8], &device), &mut pass);
    absorb(&mut net, pass.statistics);
    let second = answer(&net, 8);
    assert!(second != first && second == answer(&fresh(&net), 8));
    update_weights(&mut net, |_, weight| weight * 0.5);
    let third = answer(&net, 8);
    assert!(third != second && third == answer(&fresh(&net), 8));
    assert_eq!(answer(&before, 8), first);
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
            reductions: Reductions::THIRDS,
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
