//! The fast cell against its reference body, values and gradients, on a grid of shapes.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::Pool;

/// Numbers in ±1 that look random and are the same everywhere.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 * 2.0 - 1.0
        })
        .collect()
}

fn tensor<const D: usize>(shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(shape.iter().product(), seed), shape), device)
}

struct Case {
    images: usize,
    channels: usize,
    inputs: [InputChannels; 2],
    halve: [bool; 2],
    size: [usize; 2],
    affine: bool,
    nodes: usize,
    terms: Vec<Term>,
    output: Vec<usize>,
    scaled: bool,
}

fn all_operations(stride: usize, normalise: bool) -> Vec<Operation> {
    vec![
        Operation::Pool { kind: Pool::Max, normalise },
        Operation::Pool { kind: Pool::Average, normalise },
        if stride == 1 { Operation::Identity } else { Operation::Halve },
        Operation::Separable { kernel: 3 },
        Operation::Separable { kernel: 5 },
        Operation::Dilated { kernel: 3 },
        Operation::Dilated { kernel: 5 },
    ]
}

/// Every operation on every edge.
fn every_operation(nodes: usize, reduction: bool) -> Vec<Term> {
    let mut terms = Vec::new();
    for target in 2..nodes + 2 {
        for source in 0..target {
            let stride = if reduction && source < 2 { 2 } else { 1 };
            for operation in all_operations(stride, true) {
                terms.push(Term { source, target, operation, stride });
            }
        }
    }
    terms
}

impl Case {
    fn every_operation(channels: usize, size: [usize; 2], reduction: bool) -> Self {
        Self {
            images: 3,
            channels,
            inputs: [InputChannels { groups: 1, channels: 5 }, InputChannels { groups: 2, channels }],
            halve: [false; 2],
            size,
            affine: false,
            nodes: 2,
            terms: every_operation(2, reduction),
            output: vec![2, 3],
            scaled: false,
        }
    }

    fn check(&self, lanes: usize) {
        let config = CellConfig {
            channels: self.channels,
            inputs: self.inputs,
            halve: self.halve,
            affine: self.affine,
            nodes: self.nodes,
            terms: self.terms.clone(),
            output: self.output.clone(),
            lanes,
            epsilon: 1e-5,
        };
        let plan = Arc::new(CellPlan::new(config).expect("a plan"));
        let device = Device::flex().autodiff();
        let sizes = self.halve.map(|halve| self.size.map(|side| if halve { 2 * side - 1 } else { side }));
        let inputs: [Tensor<4>; 2] = std::array::from_fn(|k| {
            let [h, w] = sizes[k];
            let channels = self.inputs[k].groups * self.inputs[k].channels;
            tensor([self.images, channels, h, w], 7 + k as u32, &device).require_grad()
        });
        let weights = tensor([plan.weights()], 3, &device).require_grad();
        let terms = tensor([self.terms.len()], 4, &device).require_grad();
        let scales: Option<Vec<f32>> = self.scaled.then(|| {
            numbers(self.terms.len() * self.images, 11)
                .iter()
                .map(|x| if *x > 0.0 { 1.25 } else { 0.0 })
                .collect()
        });

        let (expected, statistics) =
            reference::cell(&plan, inputs.clone(), weights.clone(), terms.clone(), scales.as_deref());
        let upstream = tensor(expected.dims(), 21, &device);
        let gradients = (expected.clone() * upstream.clone()).sum().backward();
        let wanted: Vec<Vec<f32>> = vec![
            values(expected),
            values(inputs[0].grad(&gradients).unwrap()),
            values(inputs[1].grad(&gradients).unwrap()),
            values(weights.grad(&gradients).unwrap()),
            values(terms.grad(&gradients).unwrap()),
        ];

        let states = std::array::from_fn(|k| blocked(&inputs[k], self.inputs[k], lanes));
        let arguments = CellArguments {
            states,
            weights: weights.clone(),
            terms: terms.clone(),
            scales: scales.clone(),
            given: None,
        };
        let (y, seen) = cell(&plan, arguments.clone());
        let y = y.to_nchw();
        let gradients = (y.clone() * upstream).sum().backward();
        let found: Vec<Vec<f32>> = vec![
            values(y.clone()),
            values(inputs[0].grad(&gradients).unwrap()),
            values(inputs[1].grad(&gradients).unwrap()),
            values(weights.grad(&gradients).unwrap()),
            values(terms.grad(&gradients).unwrap()),
        ];
        for ((name, wanted), found) in
            ["y", "first input", "second input", "weights", "terms"].iter().zip(&wanted).zip(&found)
        {
            close(name, wanted, found, 2e-3);
        }
        let mean: Vec<f32> = statistics.iter().flat_map(|(mean, _)| values(mean.clone())).collect();
        let variance: Vec<f32> =
            statistics.iter().flat_map(|(_, variance)| values(variance.clone())).collect();
        close("means", &mean, &seen.mean, 1e-5);
        close("variances", &variance, &seen.variance, 1e-5);

        // With the same statistics given: the same values, image by image and all at once.
        let given = Some(Arc::new(seen));
        let arguments = CellArguments { given, ..arguments };
        let (all, _) = cell(&plan, arguments.clone());
        close("given statistics", &found[0], &values(all.to_nchw()), 1e-4);
        let inner = CellArguments {
            states: arguments.states.map(|state| BlockedMap::new(state.values.inner(), state.channels)),
            weights: arguments.weights.inner(),
            terms: arguments.terms.inner(),
            ..arguments
        };
        let (single, _) = cell(&plan, inner);
        close("image by image", &found[0], &values(single.to_nchw()), 1e-4);
    }
}

fn blocked(x: &Tensor<4>, channels: InputChannels, lanes: usize) -> BlockedMap {
    let groups: Vec<Tensor<5>> = (0..channels.groups)
        .map(|group| {
            let x = x.clone().narrow(1, group * channels.channels, channels.channels);
            BlockedMap::from_nchw(x, lanes).values
        })
        .collect();
    BlockedMap::new(Tensor::cat(groups, 1), channels)
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec::<f32>().unwrap()
}

fn close(name: &str, wanted: &[f32], found: &[f32], tolerance: f32) {
    assert_eq!(wanted.len(), found.len(), "{name}");
    let largest = wanted.iter().fold(1e-3f32, |a, x| a.max(x.abs()));
    for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
        assert!(
            (wanted - found).abs() <= tolerance * largest,
            "{name}[{index}]: {found} instead of {wanted} (largest {largest})"
        );
    }
}

#[test]
fn cells_of_every_operation_agree_with_the_reference() {
    for lanes in [8, 16] {
        for (channels, size) in [
            (3, [8, 8]),
            (16, [32, 32]),
            (17, [7, 9]),
            (1, [5, 5]),
            (8, [4, 4]),
            (36, [6, 3]),
            (40, [2, 2]),
            (16, [1, 1]),
            (130, [5, 4]),
        ] {
            Case::every_operation(channels, size, false).check(lanes);
            Case::every_operation(channels, size, true).check(lanes);
        }
    }
}

#[test]
fn a_cell_after_a_reduction_halves_its_first_input() {
    for lanes in [8, 16] {
        for (channels, size) in [(16, [8, 8]), (5, [3, 4]), (36, [9, 9])] {
            let mut case = Case::every_operation(channels, size, false);
            case.halve = [true, false];
            case.check(lanes);
        }
    }
}

#[test]
fn derived_cells_agree_with_the_reference() {
    let term = |source, target, operation, stride| Term { source, target, operation, stride };
    let pool = |kind| Operation::Pool { kind, normalise: false };
    for lanes in [8, 16] {
        for (channels, size, images) in [(36, [8, 8], 5), (7, [5, 6], 2), (48, [17, 3], 1), (144, [8, 8], 17)]
        {
            for stride in [1, 2] {
                let skip = if stride == 1 { Operation::Identity } else { Operation::Halve };
                Case {
                    images,
                    channels,
                    inputs: [
                        InputChannels { groups: 3, channels: 10 },
                        InputChannels { groups: 1, channels: 20 },
                    ],
                    halve: [stride == 1, false],
                    size,
                    affine: true,
                    nodes: 4,
                    terms: vec![
                        term(0, 2, Operation::Separable { kernel: 3 }, stride),
                        term(1, 2, Operation::Separable { kernel: 7 }, stride),
                        term(0, 3, skip, stride),
                        term(2, 3, Operation::Dilated { kernel: 5 }, 1),
                        term(1, 4, pool(Pool::Max), stride),
                        term(2, 4, pool(Pool::Average), 1),
                        term(2, 5, Operation::Identity, 1),
                        term(4, 5, Operation::Separable { kernel: 5 }, 1),
                    ],
                    // Node 3 is nobody's source and no part of the output; node 4 is a source.
                    output: vec![2, 5],
                    scaled: true,
                }
                .check(lanes);
            }
        }
    }
}

#[test]
fn plans_that_the_body_cannot_run_are_refused() {
    let case = Case::every_operation(4, [4, 4], false);
    let config = |output, terms| CellConfig {
        channels: 4,
        inputs: case.inputs,
        halve: [false; 2],
        affine: false,
        nodes: 2,
        terms,
        output,
        lanes: 8,
        epsilon: 1e-5,
    };
    assert!(CellPlan::new(config(vec![2, 3], case.terms.clone())).is_some());
    assert!(CellPlan::new(config(vec![3, 2], case.terms.clone())).is_none());
    assert!(CellPlan::new(config(vec![], case.terms.clone())).is_none());
    let mut other = case.terms.clone();
    other[0].stride = 2;
    assert!(CellPlan::new(config(vec![2, 3], other)).is_none());
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let case = Case::every_operation(16, [16, 16], false);
            let plan = Arc::new(
                CellPlan::new(CellConfig {
                    channels: 16,
                    inputs: [InputChannels { groups: 1, channels: 16 }; 2],
                    halve: [false; 2],
                    affine: false,
                    nodes: 2,
                    terms: case.terms.clone(),
                    output: vec![2, 3],
                    lanes: 16,
                    epsilon: 1e-5,
                })
                .unwrap(),
            );
            let device = Device::flex().autodiff();
            let x = tensor([19, 16, 16, 16], 1, &device).require_grad();
            let weights = tensor([plan.weights()], 2, &device).require_grad();
            let terms = tensor([case.terms.len()], 3, &device).require_grad();
            let state = BlockedMap::from_nchw(x.clone(), 16);
            let arguments = CellArguments {
                states: [state.clone(), state],
                weights: weights.clone(),
                terms: terms.clone(),
                scales: None,
                given: None,
            };
            let (y, statistics) = cell(&plan, arguments);
            let gradients = y.values.clone().powi_scalar(2).sum().backward();
            let mut bits = values(y.values);
            bits.extend(statistics.mean.iter().chain(&statistics.variance));
            bits.extend(values(x.grad(&gradients).unwrap()));
            bits.extend(values(weights.grad(&gradients).unwrap()));
            bits.extend(values(terms.grad(&gradients).unwrap()));
            bits.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
}

#[test]
fn a_convolution_agrees_with_the_reference() {
    use burn::tensor::{activation::relu, module::conv2d, ops::ConvOptions};
    let device = Device::flex().autodiff();
    for lanes in [8, 16] {
        for (inputs, channels, size, stride, rectify) in [
            (3, 48, [32, 32], 1, false),
            (1, 5, [8, 7], 1, false),
            (20, 33, [9, 4], 2, true),
            (3, 16, [1, 1], 2, true),
        ] {
            let input = InputChannels { groups: 1, channels: inputs };
            let plan = Arc::new(CellPlan::convolution(ConvolutionConfig {
                input,
                channels,
                stride,
                rectify,
                lanes,
                epsilon: 1e-5,
            }));
            let x = tensor([3, inputs, size[0], size[1]], 1, &device).require_grad();
            let weights = tensor([plan.weights()], 2, &device).require_grad();
            let kernel = channels * inputs * 9;
            let weight = weights.clone().slice(0..kernel).reshape([channels, inputs, 3, 3]);
            let affine = |first: usize| weights.clone().slice(first..first + channels);
            let source = if rectify { relu(x.clone()) } else { x.clone() };
            let y = conv2d(source, weight, None, ConvOptions::new([stride; 2], [1; 2], [1; 2], 1));
            let expected = crate::reference::batch_norm_train(
                y,
                Some((affine(kernel), affine(kernel + channels))),
                1e-5,
            )
            .y;
            let upstream = tensor(expected.dims(), 3, &device);
            let gradients = (expected.clone() * upstream.clone()).sum().backward();
            let wanted = [
                values(expected),
                values(x.grad(&gradients).unwrap()),
                values(weights.grad(&gradients).unwrap()),
            ];

            let state = BlockedMap::from_nchw(x.clone(), lanes);
            let arguments = CellArguments {
                states: [state.clone(), state],
                weights: weights.clone(),
                terms: Tensor::ones([1], &device),
                scales: None,
                given: None,
            };
            let y = cell(&plan, arguments).0.to_nchw();
            let gradients = (y.clone() * upstream).sum().backward();
            let found =
                [values(y), values(x.grad(&gradients).unwrap()), values(weights.grad(&gradients).unwrap())];
            for ((name, wanted), found) in ["y", "input", "weights"].iter().zip(&wanted).zip(&found) {
                close(name, wanted, found, 2e-3);
            }
        }
    }
}
