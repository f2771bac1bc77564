//! The fast cell against its reference body, values and gradients, on a grid of shapes.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use super::case::*;
use crate::Pool;
use crate::cell::{
    BlockedMap, CellArguments, CellConfig, CellInput, CellPlan, Operation, Preparation, Term, cell,
};

#[test]
fn cells_of_every_operation() {
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
            for stride in [1, 2] {
                Case::new(every_operation(channels, stride, lanes), size).check();
            }
        }
    }
}

#[test]
fn a_cell_after_a_reduction_halves_its_first_input() {
    for lanes in [8, 16] {
        for (channels, size) in [(16, [8, 8]), (5, [3, 4]), (36, [9, 9])] {
            let mut config = every_operation(channels, 1, lanes);
            config.inputs[0].preparation = Preparation::Halve;
            Case::new(config, size).check();
        }
    }
}

#[test]
fn derived_cells() {
    let term = |source, target, operation, stride| Term { source, target, operation, stride };
    let pool = |kind| Operation::Pool { kind, normalise: false };
    for lanes in [8, 16] {
        for (channels, size, images) in [(36, [8, 8], 5), (7, [5, 6], 2), (48, [17, 3], 1), (144, [8, 8], 17)]
        {
            for stride in [1, 2] {
                let skip = if stride == 1 { Operation::Identity } else { Operation::Halve };
                let first = if stride == 1 { Preparation::Halve } else { Preparation::Keep };
                let config = CellConfig {
                    channels,
                    share: 1,
                    inputs: vec![prepared(3, 10, first), prepared(1, 20, Preparation::Keep)],
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
                    lanes,
                    epsilon: 1e-5,
                };
                let scale = |x: &f32| if *x > 0.0 { 1.25 } else { 0.0 };
                let scales = Some(numbers(8 * images, 11).iter().map(scale).collect());
                Case { images, scales, ..Case::new(config, size) }.check();
            }
        }
    }
}

const WIDTHS: [usize; 9] = [1, 3, 7, 8, 9, 15, 16, 17, 24];

#[test]
fn cells_of_nas_bench_201() {
    for lanes in [8, 16] {
        for (channels, size) in
            WIDTHS.into_iter().zip([[5, 4], [1, 1], [8, 8], [3, 7], [2, 2], [6, 5], [16, 16], [1, 9], [4, 4]])
        {
            Case::new(bench_201(channels, lanes), size).check();
            let affine = CellConfig { affine: true, ..bench_201(channels, lanes) };
            Case::new(affine, size).check();
        }
    }
}

#[test]
fn one_to_four_inputs_with_and_without_a_preparation() {
    let operations = |stride| {
        vec![
            Operation::Convolution { kernel: 1 },
            if stride == 1 { Operation::Identity } else { Operation::Halve },
            Operation::Dilated { kernel: 3 },
            Operation::Convolution { kernel: 3 },
            Operation::Pool { kind: Pool::Max, normalise: false },
            Operation::Separable { kernel: 3 },
        ]
    };
    for (index, channels) in WIDTHS.into_iter().enumerate() {
        for lanes in [8, 16] {
            for inputs in 1..=4 {
                let preparation = |input: usize| match (input + index) % 3 {
                    0 => prepared(1, channels, Preparation::None),
                    1 => prepared(2, 3, Preparation::Keep),
                    _ => prepared(1, 4, Preparation::Halve),
                };
                let stride = 1 + (inputs + index) % 2;
                let config = CellConfig {
                    inputs: (0..inputs).map(preparation).collect(),
                    affine: inputs % 2 == 0,
                    terms: dense(inputs, 2, stride, operations),
                    output: if inputs < 3 { vec![inputs + 1] } else { vec![inputs, inputs + 1] },
                    ..every_operation(channels, stride, lanes)
                };
                Case { images: 2, ..Case::new(config, [[5, 4], [1, 3], [4, 6], [7, 1]][inputs - 1]) }.check();
            }
        }
    }
}

#[test]
fn an_input_in_groups_of_whole_blocks_needs_no_preparation() {
    let config = CellConfig {
        inputs: vec![prepared(3, 8, Preparation::None), prepared(1, 24, Preparation::None)],
        ..every_operation(24, 1, 8)
    };
    Case::new(config, [4, 5]).check();
}

#[test]
fn operations_that_see_a_part_of_the_channels() {
    for lanes in [8, 16] {
        for (channels, share, size) in [
            (16, 4, [8, 8]),
            (4, 4, [5, 5]),
            (4, 2, [3, 4]),
            (12, 4, [1, 1]),
            (16, 2, [7, 6]),
            (18, 2, [2, 5]),
            (34, 2, [4, 4]),
            (64, 4, [3, 3]),
            (72, 2, [5, 2]),
            (3, 3, [4, 3]),
        ] {
            for stride in [1, 2] {
                Case::new(partial(channels, share, stride, lanes), size).check();
            }
        }
    }
}

#[test]
fn partial_channels_of_other_cells() {
    for lanes in [8, 16] {
        for (channels, share) in [(16, 2), (12, 4), (36, 4)] {
            let operations = |_| {
                vec![
                    Operation::Bypass,
                    Operation::Identity,
                    Operation::Convolution { kernel: 1 },
                    Operation::Convolution { kernel: 3 },
                    Operation::Pool { kind: Pool::Average, normalise: false },
                ]
            };
            let terms = dense(1, 3, 1, operations);
            let config = CellConfig { share, affine: true, terms, ..bench_201(channels, lanes) };
            let scales = Some(numbers(config.terms.len() * 3, 5));
            Case { scales, ..Case::new(config, [5, 3]) }.check();
        }
    }
}

/// One operation on each edge, as samples have it; some edges have none, and so may nodes.
#[test]
fn sampled_paths() {
    for lanes in [8, 16] {
        for config in [
            every_operation(9, 1, lanes),
            every_operation(16, 2, lanes),
            bench_201(16, lanes),
            bench_201(7, lanes),
            partial(16, 4, 2, lanes),
            partial(8, 2, 1, lanes),
            CellConfig { affine: true, ..every_operation(5, 1, lanes) },
        ] {
            let terms = config.terms.len();
            for seed in 1..6 {
                let only = numbers(terms, seed).iter().map(|&x| x > 0.6).collect();
                Case { only: Some(only), ..Case::new(config.clone(), [5, 4]) }.check();
            }
            Case { only: Some(vec![false; terms]), ..Case::new(config.clone(), [2, 2]) }.check();
            Case { only: Some(vec![true; terms]), ..Case::new(config, [2, 2]) }.check();
        }
    }
}

#[test]
fn convolutions_with_stride() {
    for lanes in [8, 16] {
        for (channels, size) in [(3, [5, 4]), (17, [1, 1]), (16, [8, 7])] {
            let operations =
                |_| vec![Operation::Convolution { kernel: 3 }, Operation::Convolution { kernel: 1 }];
            let terms = dense(2, 1, 2, operations);
            let config =
                CellConfig { nodes: 1, terms, output: vec![2], ..every_operation(channels, 2, lanes) };
            Case::new(config, size).check();
        }
    }
}

/// Each gradient alone has the bits that it has beside the others.
#[test]
fn gradients_that_nobody_asked_for_are_left_out() {
    for lanes in [8, 16] {
        let mut mixed = every_operation(9, 1, lanes);
        mixed.inputs[0] = prepared(1, 9, Preparation::None);
        for config in [mixed, bench_201(16, lanes), partial(16, 4, 2, lanes)] {
            let case = Case::new(config, [5, 4]);
            let fill = case.fill(numbers);
            let (all, _) = case.gradients(&fill, None);
            for alone in 0..all.len() - 1 {
                let tracked: Vec<bool> = (0..all.len() - 1).map(|index| index == alone).collect();
                let (some, _) = case.gradients(&fill, Some(&tracked));
                for (index, ((name, all), (_, some))) in all.iter().zip(some).enumerate() {
                    let wanted = index == 0 || tracked[index - 1];
                    assert_eq!(some, all.clone().filter(|_| wanted), "{name}, {alone} alone");
                }
            }
        }
    }
}

/// What is computed twice has the bits of what is kept.
#[test]
fn recomputing_changes_no_bit() {
    for lanes in [8, 16] {
        let mut mixed = every_operation(9, 2, lanes);
        mixed.inputs[0] = prepared(1, 9, Preparation::Halve);
        let shuffled = partial(16, 4, 2, lanes);
        for config in [mixed, bench_201(16, lanes), shuffled, every_operation(18, 1, lanes)] {
            let mut case = Case::new(config, [5, 4]);
            case.scales = Some(numbers(case.config.terms.len() * case.images, 5));
            let fill = case.fill(numbers);
            let kept = case.gradients(&fill, None);
            case.recompute = true;
            assert_eq!(case.gradients(&fill, None), kept, "{:?}", case.config);
            // The gradient of the weights alone.
            let tracked: Vec<bool> =
                (0..fill.inputs.len() + 2).map(|leaf| leaf == fill.inputs.len()).collect();
            let some = case.gradients(&fill, Some(&tracked)).0;
            for (index, ((name, kept), (_, some))) in kept.0.iter().zip(some).enumerate() {
                let wanted = index == 0 || tracked[index - 1];
                assert_eq!(some, kept.clone().filter(|_| wanted), "{name}");
            }
            // Given statistics stay constants of the gradient.
            case.given = Some(Arc::new(kept.1));
            let again = case.gradients(&fill, None);
            case.recompute = false;
            assert_eq!(case.gradients(&fill, None), again);
            assert_ne!(again.0, kept.0);
        }
    }
}

/// The second reader of a cell's output adds its gradient to the first one's in place.
#[test]
fn readers_of_one_output_share_a_gradient() {
    let device = Device::flex().autodiff();
    for config in [bench_201(9, 8), every_operation(9, 1, 8)] {
        let inputs = vec![prepared(1, 9, config.inputs[0].preparation)];
        let terms = dense(1, 2, 1, |_| vec![Operation::Convolution { kernel: 3 }, Operation::Identity]);
        let config = CellConfig { inputs, nodes: 2, terms, output: vec![2], ..config };
        let plan = Arc::new(CellPlan::new(config.clone()).unwrap());
        let run = |shared: bool| {
            let x = tensor([2, 9, 4, 3], 1, &device).require_grad();
            let call = |state: BlockedMap, seed| {
                let weights = tensor([plan.weights()], seed, &device);
                let terms = tensor([config.terms.len()], seed + 1, &device);
                cell(&plan, CellArguments::new(vec![state], weights, terms)).0
            };
            let y = call(BlockedMap::from_nchw(x.clone(), 8), 2);
            let read = || if shared { y.clone() } else { BlockedMap::new(y.values.clone(), y.channels) };
            let sum = call(read(), 4).values * 2.0 + call(read(), 6).values;
            doubles(x.grad(&sum.powi_scalar(2).sum().backward()).unwrap())
        };
        close("shared", &run(false), &run(true), 1e-5);
    }
}

#[test]
fn chains_of_nodes_that_shrink() {
    let pool = |kind| Operation::Pool { kind, normalise: true };
    for lanes in [8, 16] {
        for (channels, size) in [(5, [13, 9]), (16, [7, 11]), (17, [5, 3])] {
            for preparation in [Preparation::None, Preparation::Keep] {
                for operations in [
                    [Operation::Separable { kernel: 3 }, Operation::Separable { kernel: 5 }],
                    [Operation::Convolution { kernel: 3 }, Operation::Convolution { kernel: 1 }],
                    [pool(Pool::Max), pool(Pool::Average)],
                    [Operation::Separable { kernel: 3 }, Operation::Convolution { kernel: 3 }],
                    [Operation::Convolution { kernel: 3 }, pool(Pool::Max)],
                ] {
                    // The last node's terms first: only the order of their weights depends on that.
                    let edges = [(2, 3, 1), (1, 2, 2), (0, 1, 2)];
                    let terms = edges.into_iter().flat_map(|(source, target, stride)| {
                        operations.map(|operation| Term { source, target, operation, stride })
                    });
                    let config = CellConfig {
                        inputs: vec![prepared(1, channels, preparation)],
                        nodes: 3,
                        terms: terms.collect(),
                        output: vec![3],
                        ..every_operation(channels, 1, lanes)
                    };
                    Case::new(config, size).check();
                }
            }
        }
    }
}

/// One of two inputs is as large as the node, the other twice that.
#[test]
fn unprepared_inputs_of_different_size() {
    let operations = |stride| {
        let convolutions = [1, 3].map(|kernel| Operation::Convolution { kernel });
        all_operations(stride, true).into_iter().chain(convolutions)
    };
    for lanes in [8, 16] {
        for channels in [5, 16, 17] {
            for strided in [0, 1] {
                let terms = (0..2).flat_map(|source| {
                    let stride = if source == strided { 2 } else { 1 };
                    operations(stride).map(move |operation| Term { source, target: 2, operation, stride })
                });
                let config = CellConfig {
                    inputs: vec![prepared(1, channels, Preparation::None); 2],
                    nodes: 1,
                    terms: terms.collect(),
                    output: vec![2],
                    ..every_operation(channels, 1, lanes)
                };
                let mut case = Case::new(config, [4, 3]);
                case.sizes[strided] = [7, 6];
                case.check();
            }
        }
    }
}

/// Zeros have a stride, but read nothing: other operations may read their source with another one.
#[test]
fn zeros_of_another_stride() {
    let convolution = Operation::Convolution { kernel: 3 };
    for preparation in [Preparation::None, Preparation::Keep] {
        let term = |source, target, operation, stride| Term { source, target, operation, stride };
        let config = CellConfig {
            inputs: vec![prepared(1, 9, preparation)],
            terms: vec![
                term(0, 1, convolution, 1),
                term(0, 1, Operation::Identity, 1),
                term(0, 2, Operation::Zero, 2),
                term(1, 2, convolution, 2),
            ],
            output: vec![2],
            ..every_operation(9, 1, 8)
        };
        Case::new(config, [5, 4]).check();
    }
}

/// The gradients of both inputs are added up, by Burn or, where another cell made the map, in place.
#[test]
fn one_map_as_both_inputs() {
    let kinds = [Preparation::None, Preparation::Keep];
    for (first, second) in kinds.into_iter().flat_map(|first| kinds.map(|second| (first, second))) {
        for channels in [9, 16] {
            let input = |preparation| -> CellInput { prepared(1, channels, preparation) };
            let inputs = vec![input(first), input(second)];
            let case = Case::new(CellConfig { inputs, ..every_operation(channels, 1, 8) }, [5, 4]);
            let mut fill = case.fill(numbers);
            fill.inputs[1] = fill.inputs[0].clone();
            let expected = case.reference(&fill).values;
            let both = expected[1].1.iter().zip(&expected[2].1).map(|(a, b)| a + b).collect::<Vec<f64>>();
            for made_by_a_cell in [false, true] {
                let device = Device::flex().autodiff();
                let leaf = |values: &[f32]| -> Tensor<1> {
                    Tensor::from_data(TensorData::from(values), &device).require_grad()
                };
                let [x, weights, terms] = [&fill.inputs[0], &fill.weights, &fill.terms].map(|v| leaf(v));
                let state = BlockedMap::from_nchw(x.clone().reshape(case.input_shape(0)), 8);
                let state = if made_by_a_cell { copied(state, &case.config) } else { state };
                let arguments =
                    CellArguments::new(vec![state.clone(), state], weights.clone(), terms.clone());
                let y = cell(&case.plan(), arguments).0.to_nchw();
                let gradients = case.backward(&y, &fill);
                let gradient = |x: &Tensor<1>| doubles(x.grad(&gradients).expect("a gradient"));
                close("y", &expected[0].1, &doubles(y), 2e-5);
                close("gradient of the map", &both, &gradient(&x), 1e-3);
                close("gradient of the weights", &expected[3].1, &gradient(&weights), 1e-3);
                close("gradient of the terms", &expected[4].1, &gradient(&terms), 1e-3);
            }
        }
    }
}

/// The same map as the output of a cell.
fn copied(state: BlockedMap, config: &CellConfig) -> BlockedMap {
    let config = CellConfig {
        inputs: vec![prepared(1, config.channels, Preparation::None)],
        nodes: 1,
        terms: vec![Term { source: 0, target: 1, operation: Operation::Identity, stride: 1 }],
        output: vec![1],
        ..config.clone()
    };
    let plan = Arc::new(CellPlan::new(config).expect("a plan"));
    let device = state.values.device();
    let [weights, terms] = [Tensor::zeros([0], &device), Tensor::ones([1], &device)];
    cell(&plan, CellArguments::new(vec![state], weights, terms)).0
}
