//! Networks of other shapes than DARTS', as plans: they train a step, and are in f32 what they are in f64.

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use softcell::config::{DataShape, known_space};
use softcell::experiment::Settings;
use softcell::nn::{
    EdgeTensors, Network, Pass, Weighted, absorb, count_weights, gradients, initialize, named_tensors,
    update_weights, weight_names,
};
use softcell::space::plan::{CellType, NetworkPlan};
use softcell::space::{CellOutput, Primitive, Reductions, SearchSpace};

const IMAGES: usize = 4;
const CLASSES: usize = 5;

/// Spaces whose cells run step by step.
const NOISY: &str = "s4";
const BIASED: &str = "nas-bench-201-bias";

/// Largest deviation, as a share of the largest value of a tensor.
const TOLERANCE: f64 = 2e-4;

fn supernet(image: [usize; 3], init_channels: usize, space: SearchSpace) -> NetworkPlan {
    let space = SearchSpace { init_channels, n_cells: 3, ..space };
    space.check().unwrap();
    NetworkPlan::supernet(&space, image, CLASSES)
}

/// One cell, no preparation, five operations, the last node as output, residual reductions.
fn nas_bench_201(image: [usize; 3], channels: usize) -> NetworkPlan {
    supernet(image, channels, SearchSpace::nas_bench_201())
}

/// Another pair of candidates on each edge.
fn candidates_per_edge(image: [usize; 3], channels: usize) -> NetworkPlan {
    let mut space = SearchSpace::darts().with_nodes(3);
    for edges in space.cells.cells_mut() {
        for (i, edge) in edges.iter_mut().enumerate() {
            *edge = vec![Primitive::DARTS[i % 8], Primitive::DARTS[(i + 3) % 8]];
        }
    }
    supernet(image, channels, space)
}

/// Operations see a quarter of the channels.
fn partial(image: [usize; 3], channels: usize) -> NetworkPlan {
    supernet(image, channels, SearchSpace { share: 4, ..SearchSpace::darts().with_nodes(2) })
}

/// One more skip connection on each edge.
fn auxiliary_skip(image: [usize; 3], channels: usize) -> NetworkPlan {
    supernet(image, channels, SearchSpace { auxiliary_skip: true, ..SearchSpace::darts().with_nodes(2) })
}

/// One input, the last of two nodes as output, one reduction, an edge that is not there.
fn chain(image: [usize; 3], channels: usize) -> NetworkPlan {
    let mut space = SearchSpace {
        inputs: 1,
        output: CellOutput::Last,
        reductions: Reductions::of_texts(&["1/2"]).unwrap(),
        ..SearchSpace::darts()
    }
    .with_nodes(2);
    space.cells.cells_mut().for_each(|edges| edges[1] = vec![Primitive::None]);
    supernet(image, channels, space)
}

/// Residual blocks around cells that join their nodes, behind a stem of other channels, and biases.
fn residual(image: [usize; 3], channels: usize) -> NetworkPlan {
    let space = SearchSpace { output: CellOutput::All, stem_multiplier: 2, ..SearchSpace::nas_bench_201() };
    supernet(image, channels, space)
}

/// A known space, in small.
fn known(name: &str, image: [usize; 3], channels: usize) -> NetworkPlan {
    let settings = Settings::new().with_table(&known_space(name).unwrap().settings()).unwrap();
    let config = settings.build(&DataShape::default()).unwrap().0;
    supernet(image, channels, config.search.space([32, 32]))
}

/// Uneven, positive edge weights; shares where their sums weigh what passes by.
fn edge_weights(plan: &NetworkPlan, device: &Device) -> EdgeTensors {
    let weights = |kind: &CellType| {
        let n = kind.n_weights();
        let mut values: Vec<f32> = (0..n).map(|i| 0.05 + (i * 7 % 11) as f32 / 40.0).collect();
        let mut rest = &mut values[..];
        for edge in kind.edges.iter().filter(|_| kind.share > 1) {
            let (row, others) = rest.split_at_mut(edge.candidates.len());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|weight| *weight /= sum);
            rest = others;
        }
        Tensor::from_data(TensorData::new(values, [n]), device)
    };
    EdgeTensors { cells: plan.cells.iter().map(weights).collect(), apart: None, running: None }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let tensor = if tensor.is_autodiff() { tensor.inner() } else { tensor };
    tensor.cast(FloatDType::F64).into_data().try_to_vec::<f64>().unwrap()
}

type Results = Vec<(String, Vec<f64>)>;

/// Logits, statistics and all gradients of a step, by name.
fn step(net: &Network, weights: &EdgeTensors, x: Tensor<4>) -> Results {
    let weights = weights.clone().require_grad();
    let mut pass = Pass::train();
    let logits = net.forward_mixed(x, &weights, &mut pass);
    let mut all = vec![("logits".to_owned(), values(logits.clone()))];
    let grads = logits.powi_scalar(2).sum().backward();
    let mut statistics = pass.statistics;
    statistics.sort_by_key(|statistics| statistics.running);
    for statistics in statistics {
        all.push((format!("mean {:?}", statistics.running), values(statistics.mean)));
        all.push((format!("variance {:?}", statistics.running), values(statistics.variance)));
    }
    for (name, gradient) in weight_names(net).into_iter().zip(gradients(net, &grads)) {
        all.push((name, gradient.map(values).unwrap_or_default()));
    }
    for (at, weights) in weights.cells.iter().enumerate() {
        all.push((format!("edge weights {at}"), values(weights.grad(&grads).unwrap())));
    }
    all
}

#[test]
fn other_networks_are_in_f32_what_they_are_in_f64() {
    let device = Device::flex().autodiff();
    for (name, plan) in [
        ("nas-bench-201", nas_bench_201([3, 8, 12], 6)),
        ("nas-bench-201 of odd sides", nas_bench_201([1, 7, 9], 17)),
        ("candidates per edge", candidates_per_edge([3, 12, 8], 5)),
        ("partial channels", partial([3, 8, 8], 16)),
        ("auxiliary skip", auxiliary_skip([3, 7, 8], 5)),
        ("one input", chain([1, 8, 9], 6)),
        ("residual, joined", residual([3, 8, 9], 5)),
        ("s1", known("s1", [1, 8, 8], 4)),
        ("s2", known("s2", [3, 8, 8], 4)),
        ("s3", known("s3", [1, 9, 8], 4)),
        (NOISY, known("s4", [3, 9, 8], 4)),
        (BIASED, known("nas-bench-201-bias", [3, 8, 8], 4)),
        ("partial channels of odd sides", partial([1, 9, 7], 8)),
    ] {
        let weights = edge_weights(&plan, &device);
        let [height, width] = plan.image.size;
        let shape = [IMAGES, plan.image.channels, height, width];
        let n: usize = shape.iter().product();
        // No two neighbours are equal, so that rounding decides no maximum.
        let data: Vec<f32> = (0..n).map(|i| ((i * i % 7919) as f32 / 7919.0 - 0.5) * 3.0).collect();
        let x = Tensor::<4>::from_data(TensorData::new(data, shape), &device);
        let net = initialize(Network::new(plan.clone(), &device), 3);
        assert_eq!(count_weights(&net, |_| true), plan.cost().parameters, "{name}");
        let (unfused, cells) = (net.unfused_cells().count(), 3);
        assert_eq!(unfused, if [NOISY, BIASED].contains(&name) { cells } else { 0 }, "{name}");
        let fast = step(&net, &weights, x.clone());
        let exact = step(&net.clone().in_f64(), &weights, x.cast(FloatDType::F64));
        assert_eq!(fast.len(), exact.len(), "{name}");
        for ((what, found), (same, wanted)) in fast.into_iter().zip(exact) {
            assert_eq!(what, same, "{name}");
            assert_eq!(found.len(), wanted.len(), "{name}: {what}");
            // Of means that are near zero, all digits may be lost; what is added to a channel before its normalisation
            // changes nothing, so that its gradient is rounding alone.
            let nothing = what.starts_with("mean") || what.ends_with(".op.1.bias");
            let least = if nothing { 1e-3 } else { 1e-6 };
            let largest = wanted.iter().fold(least, |a: f64, x| a.max(x.abs()));
            for (index, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
                let deviation = (found - wanted).abs() / largest;
                assert!(deviation <= TOLERANCE, "{name}: {what}[{index}]: {found} instead of {wanted}");
            }
        }
    }
}

/// Gradient descent on one batch lowers its loss, and moves the running statistics.
#[test]
fn other_networks_learn() {
    let device = Device::flex().autodiff();
    for plan in [
        nas_bench_201([3, 8, 8], 4),
        candidates_per_edge([3, 8, 8], 4),
        partial([3, 8, 8], 8),
        auxiliary_skip([3, 8, 8], 4),
        chain([3, 8, 8], 4),
        residual([3, 8, 8], 4),
        known("s4", [3, 8, 8], 4),
    ] {
        let weights = edge_weights(&plan, &device);
        let n = IMAGES * 3 * 64;
        let data: Vec<f32> = (0..n).map(|i| ((i * i % 7919) as f32 / 7919.0 - 0.5) * 3.0).collect();
        let x = Tensor::<4>::from_data(TensorData::new(data, [IMAGES, 3, 8, 8]), &device);
        let mut net = initialize(Network::new(plan, &device), 3);
        let before = named_tensors(&net);
        let mut losses = Vec::new();
        for _ in 0..8 {
            let mut pass = Pass::train();
            let logits = net.forward_mixed(x.clone(), &weights, &mut pass);
            let loss = (logits - 1.0).powi_scalar(2).mean();
            losses.push(values(loss.clone())[0]);
            let grads = loss.backward();
            let mut gradients = gradients(&net, &grads);
            absorb(&mut net, pass.statistics);
            update_weights(&mut net, |i, w| match gradients[i].take() {
                Some(g) => w - g * 0.05,
                None => w,
            });
        }
        assert!(losses[7] < 0.85 * losses[0], "{losses:?}");
        let after = named_tensors(&net);
        let moved = after.iter().filter(|(name, tensor)| before[*name] != **tensor).count();
        assert_eq!(moved, after.len(), "every tensor moves");
    }
}
