//! The fast cell against its reference body.

mod case;
mod exact;
mod grid;
mod plans;

use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use super::*;
use case::{close, dense, every_operation, partial, prepared, tensor, values};

#[test]
fn the_number_of_threads_changes_no_bit() {
    let run = |config: &CellConfig, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let inputs = vec![prepared(1, 16, Preparation::Keep), prepared(1, 16, Preparation::None)];
            let plan = Arc::new(CellPlan::new(CellConfig { inputs, ..config.clone() }).unwrap());
            let device = Device::flex().autodiff();
            let x = tensor([19, 16, 16, 16], 1, &device).require_grad();
            let weights = tensor([plan.weights()], 2, &device).require_grad();
            let terms = tensor([config.terms.len()], 3, &device).require_grad();
            let state = BlockedMap::from_nchw(x.clone(), config.lanes);
            let arguments = CellArguments::new(vec![state.clone(), state], weights.clone(), terms.clone());
            let (y, statistics) = cell(&plan, arguments);
            let gradients = y.values.clone().powi_scalar(2).sum().backward();
            let mut bits = values(y.values);
            statistics.norms.iter().for_each(|norm| bits.extend(norm.mean.iter().chain(&norm.variance)));
            bits.extend(values(x.grad(&gradients).unwrap()));
            bits.extend(values(weights.grad(&gradients).unwrap()));
            bits.extend(values(terms.grad(&gradients).unwrap()));
            bits.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        })
    };
    let convolutions = |_| {
        vec![Operation::Convolution { kernel: 1 }, Operation::Convolution { kernel: 3 }, Operation::Identity]
    };
    for config in [
        every_operation(16, 1, 16),
        partial(16, 4, 2, 8),
        CellConfig { terms: dense(2, 2, 1, convolutions), ..every_operation(16, 1, 16) },
    ] {
        let one = run(&config, 1);
        assert!(one == run(&config, 2) && one == run(&config, 5));
    }
}

/// With given statistics several small images run through a cell at a time, how many decides the number of threads: the
/// bits are those of each image alone, and of a call that finds the weights packed.
#[test]
fn images_answered_together_answer_as_alone() {
    let device = Device::flex();
    const IMAGES: usize = 40;
    for (config, side) in
        [(every_operation(5, 1, 16), 6), (partial(16, 4, 2, 8), 4), (every_operation(9, 2, 8), 5)]
    {
        let inputs = vec![prepared(1, 16, Preparation::Keep), prepared(1, 16, Preparation::None)];
        let inputs = if config.inputs[1].channels.channels == 16 { inputs } else { config.inputs.clone() };
        let plan = Arc::new(CellPlan::new(CellConfig { inputs: inputs.clone(), ..config.clone() }).unwrap());
        let x = |input: &CellInput, seed| {
            let InputChannels { groups, channels } = input.channels;
            let size = if input.preparation == Preparation::Halve { 2 * side } else { side };
            BlockedMap::from_groups(
                tensor([IMAGES, groups * channels, size, size], seed, &device),
                input.channels,
                config.lanes,
            )
        };
        let states: Vec<BlockedMap> = inputs.iter().zip(1..).map(|(input, seed)| x(input, seed)).collect();
        let norm = |norm: usize| {
            let channels = plan.norm_channels(norm);
            let variance = case::numbers(channels, 9).iter().map(|x| x.abs() + 0.1).collect();
            NormStatistics { norm, mean: case::numbers(channels, 8), variance, count: 0 }
        };
        let given = Arc::new(Statistics { norms: (0..plan.norms()).map(norm).collect() });
        let scales = case::numbers(config.terms.len() * IMAGES, 5);
        let answer = |images: std::ops::Range<usize>, kept: Option<Arc<Kept>>| -> Vec<u32> {
            let part = |state: &BlockedMap| {
                let values = state.values.clone().slice(burn::tensor::s![images.clone(), .., .., .., ..]);
                BlockedMap::new(values, state.channels)
            };
            let scales = scales.chunks_exact(IMAGES).flat_map(|scales| scales[images.clone()].to_vec());
            let arguments = CellArguments {
                states: states.iter().map(part).collect(),
                weights: tensor([plan.weights()], 3, &device),
                terms: tensor([config.terms.len()], 4, &device),
                scales: Some(scales.collect()),
                given: Some(Arc::clone(&given)),
                share: None,
                kept,
                recompute: false,
            };
            values(cell(&plan, arguments).0.values).into_iter().map(f32::to_bits).collect()
        };
        let alone: Vec<u32> = (0..IMAGES).flat_map(|image| answer(image..image + 1, None)).collect();
        assert!(alone.iter().any(|&bits| bits << 1 != 0));
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let kept = Arc::new(Kept::default());
            pool.install(|| {
                assert!(answer(0..IMAGES, None) == alone, "{threads} threads");
                for _ in 0..2 {
                    assert!(answer(0..IMAGES, Some(Arc::clone(&kept))) == alone, "{threads} threads, kept");
                }
            });
        }
    }
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
            let arguments = CellArguments::new(vec![state], weights.clone(), Tensor::ones([1], &device));
            let y = cell(&plan, arguments).0.to_nchw();
            let gradients = (y.clone() * upstream).sum().backward();
            let found =
                [values(y), values(x.grad(&gradients).unwrap()), values(weights.grad(&gradients).unwrap())];
            for ((name, wanted), found) in ["y", "input", "weights"].iter().zip(&wanted).zip(&found) {
                let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
                close(name, &wide(wanted), &wide(found), 2e-3);
            }
        }
    }
}

/// A cell on ranks of a batch: outputs and gradients of the inputs image by image, what is the same for all, and what
/// each rank has to itself.
#[test]
fn the_number_of_ranks_changes_no_bit() {
    use crate::share::{Share, tests::on_ranks};
    let convolutions = |_| {
        vec![Operation::Convolution { kernel: 1 }, Operation::Convolution { kernel: 3 }, Operation::Identity]
    };
    let affine = CellConfig { affine: true, ..every_operation(16, 1, 16) };
    for (config, images, side) in [
        (affine, 19, 8),
        (partial(16, 4, 2, 8), 32, 6),
        (CellConfig { terms: dense(2, 2, 1, convolutions), ..every_operation(16, 1, 16) }, 7, 4),
    ] {
        let inputs = vec![prepared(1, 16, Preparation::Keep), prepared(1, 16, Preparation::None)];
        let plan = Arc::new(CellPlan::new(CellConfig { inputs, ..config.clone() }).unwrap());
        let scales: Vec<f32> = case::numbers(config.terms.len() * images, 5)
            .iter()
            .map(|x| if *x > 0.3 { 0.0 } else { 1.25 })
            .collect();
        let run = |ranks: usize, recompute: bool| {
            let found = on_ranks(ranks, |exchange| {
                let device = Device::flex().autodiff();
                let share = Share::new(&exchange, images, summed_groups(images, side * side / 4));
                assert_eq!(share.is_none(), ranks == 1);
                let own = share.as_ref().map_or(0..images, Share::own);
                let x = tensor([images, 16, side, side], 1, &device);
                let x = x.slice(burn::tensor::s![own, .., .., ..]).detach().require_grad();
                let weights = tensor([plan.weights()], 2, &device).require_grad();
                let terms = tensor([config.terms.len()], 3, &device).require_grad();
                let state = BlockedMap::from_nchw(x.clone(), config.lanes);
                let arguments = CellArguments {
                    states: vec![state.clone(), state],
                    weights: weights.clone(),
                    terms: terms.clone(),
                    scales: Some(scales.clone()),
                    given: None,
                    share,
                    kept: None,
                    recompute,
                };
                let (y, statistics) = cell(&plan, arguments);
                let gradients = y.values.clone().powi_scalar(2).sum().backward();
                let of_images = [values(y.values), values(x.grad(&gradients).unwrap())];
                let mut of_all = values(weights.grad(&gradients).unwrap());
                of_all.extend(values(terms.grad(&gradients).unwrap()));
                for norm in statistics.norms {
                    of_all.extend(norm.mean.into_iter().chain(norm.variance).chain([norm.count as f32]));
                }
                (of_images, of_all)
            });
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let of_images: Vec<Vec<u32>> = (0..2)
                .map(|k| found.iter().flat_map(|(of_images, _)| bits(&of_images[k])).collect())
                .collect();
            let of_all = bits(&found[0].1);
            assert!(found.iter().all(|(_, other)| bits(other) == of_all), "ranks agree");
            (of_images, of_all)
        };
        let one = run(1, false);
        for ranks in [2, 3, 4] {
            for recompute in [false, true] {
                assert!(one == run(ranks, recompute), "{ranks} ranks, {images} images, {recompute}");
            }
        }
    }
}
