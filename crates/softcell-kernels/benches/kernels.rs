//! Each operation's fast body beside its reference body, forward and backward, on all threads.
//!
//! `cargo bench -p softcell-kernels` (a part: `-- cell`).

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use divan::Bencher;
use softcell_kernels as fast;
use softcell_kernels::{
    Activation, BlockedMap, CellArguments, CellConfig, CellInput, CellPlan, ConvShape, InputChannels,
    Operation, Pool, Preparation, Term, block_lanes, reference,
};

fn main() {
    divan::main();
}

/// Which body.
#[derive(Clone, Copy, Debug)]
enum Body {
    Fast,
    Reference,
}

const BODIES: [Body; 2] = [Body::Fast, Body::Reference];

/// Numbers in ±1, the same every time.
fn numbers<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let n = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..n).map(|i| ((i * 7919 % 10_007) as f32 / 10_007.0 - 0.5) * 2.0).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
}

/// Forward and backward of an operation on a map, with its parameters.
fn both_ways<F>(bencher: Bencher<'_, '_>, map: [usize; 4], parameters: Vec<Tensor<4>>, operation: F)
where
    F: Fn(Tensor<4>, &[Tensor<4>]) -> Tensor<4> + Sync,
{
    let x = numbers(map);
    bencher.bench_local(|| {
        let parameters: Vec<_> = parameters.iter().map(|p| p.clone().require_grad()).collect();
        operation(x.clone().require_grad(), &parameters).sum().backward()
    });
}

/// A map of the search (16 channels and on) and one of small data.
const MAPS: [[usize; 4]; 3] = [[64, 16, 32, 32], [64, 64, 8, 8], [8, 16, 8, 8]];

mod cell {
    use super::*;

    /// A search cell of 4 nodes with every operation on every edge.
    fn search(channels: usize) -> CellConfig {
        let mut terms = Vec::new();
        for target in 2..6 {
            for source in 0..target {
                for operation in [
                    Operation::Pool { kind: Pool::Max, normalise: true },
                    Operation::Pool { kind: Pool::Average, normalise: true },
                    Operation::Identity,
                    Operation::Separable { kernel: 3 },
                    Operation::Separable { kernel: 5 },
                    Operation::Dilated { kernel: 3 },
                    Operation::Dilated { kernel: 5 },
                ] {
                    terms.push(Term { source, target, operation, stride: 1 });
                }
            }
        }
        config(channels, terms, false)
    }

    /// A derived cell: two separable convolutions on each node.
    fn derived(channels: usize) -> CellConfig {
        let term = |target, source| {
            let operation = Operation::Separable { kernel: 3 };
            Term { source, target, operation, stride: 1 }
        };
        config(channels, (2..6).flat_map(|target| [term(target, 0), term(target, 1)]).collect(), true)
    }

    /// A search cell whose operations see one of `share` parts of the channels, with a bypass on every edge.
    fn partial(channels: usize, share: usize, lanes: usize) -> CellConfig {
        let mut config = search(channels);
        let edges = config.terms.iter().step_by(7);
        let bypass = |&term: &Term| Term { operation: Operation::Bypass, ..term };
        let bypasses: Vec<Term> = edges.map(bypass).collect();
        config.terms.extend(bypasses);
        CellConfig { share, lanes, ..config }
    }

    /// A cell of NAS-Bench-201: three nodes, of which the last is the output.
    fn bench_201(channels: usize) -> CellConfig {
        let mut terms = Vec::new();
        for (source, target) in [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)] {
            for operation in [
                Operation::Identity,
                Operation::Convolution { kernel: 1 },
                Operation::Convolution { kernel: 3 },
                Operation::Pool { kind: Pool::Average, normalise: false },
            ] {
                terms.push(Term { source, target, operation, stride: 1 });
            }
        }
        let channels_in = InputChannels { groups: 1, channels };
        let inputs = vec![CellInput { channels: channels_in, preparation: Preparation::None }];
        CellConfig { inputs, nodes: 3, output: vec![3], ..config(channels, terms, false) }
    }

    fn config(channels: usize, terms: Vec<Term>, affine: bool) -> CellConfig {
        let channels_in = InputChannels { groups: 4, channels };
        CellConfig {
            channels,
            share: 1,
            inputs: vec![CellInput { channels: channels_in, preparation: Preparation::Keep }; 2],
            affine,
            nodes: 4,
            terms,
            output: vec![2, 3, 4, 5],
            lanes: block_lanes(channels),
            epsilon: 1e-5,
        }
    }

    fn run(bencher: Bencher<'_, '_>, body: Body, config: CellConfig, [images, side]: [usize; 2]) {
        let (lanes, inputs) = (config.lanes, config.inputs.clone());
        let terms = numbers([config.terms.len()]).require_grad();
        let plan = Arc::new(CellPlan::new(config).expect("a cell"));
        let weights = numbers([plan.weights()]).require_grad();
        match body {
            Body::Reference => {
                let x =
                    |input: &CellInput| numbers([images, input.channels.total(), side, side]).require_grad();
                let inputs: Vec<Tensor<4>> = inputs.iter().map(x).collect();
                bencher.bench_local(|| {
                    let states = inputs.clone();
                    let (y, _) = reference::cell(&plan, states, weights.clone(), terms.clone(), None, None);
                    y.sum().backward()
                });
            }
            Body::Fast => {
                let x = |input: &CellInput| {
                    let blocks = input.channels.groups * input.channels.channels.div_ceil(lanes);
                    let values = numbers([images, blocks, side, side, lanes]).require_grad();
                    BlockedMap::new(values, input.channels)
                };
                let inputs: Vec<BlockedMap> = inputs.iter().map(x).collect();
                bencher.bench_local(|| {
                    let arguments = CellArguments::new(inputs.clone(), weights.clone(), terms.clone());
                    fast::cell(&plan, arguments).0.values.sum().backward()
                });
            }
        }
    }

    #[divan::bench(args = BODIES, sample_count = 5)]
    fn search_16_channels_64_images_of_32(bencher: Bencher<'_, '_>, body: Body) {
        run(bencher, body, search(16), [64, 32]);
    }

    #[divan::bench(args = BODIES, sample_count = 5)]
    fn quarter_of_16_channels_64_images_of_32(bencher: Bencher<'_, '_>, body: Body) {
        run(bencher, body, partial(16, 4, block_lanes(16)), [64, 32]);
    }

    #[divan::bench(args = BODIES, sample_count = 5)]
    fn quarter_of_16_channels_in_blocks_of_8_64_images_of_32(bencher: Bencher<'_, '_>, body: Body) {
        run(bencher, body, partial(16, 4, 8), [64, 32]);
    }

    #[divan::bench(args = BODIES, sample_count = 5)]
    fn bench_201_16_channels_64_images_of_32(bencher: Bencher<'_, '_>, body: Body) {
        run(bencher, body, bench_201(16), [64, 32]);
    }

    #[divan::bench(args = BODIES, sample_count = 10)]
    fn search_16_channels_8_images_of_8(bencher: Bencher<'_, '_>, body: Body) {
        run(bencher, body, search(16), [8, 8]);
    }

    #[divan::bench(args = BODIES, sample_count = 10)]
    fn search_3_channels_8_images_of_8(bencher: Bencher<'_, '_>, body: Body) {
        run(bencher, body, search(3), [8, 8]);
    }

    #[divan::bench(args = BODIES, sample_count = 5)]
    fn derived_36_channels_96_images_of_32(bencher: Bencher<'_, '_>, body: Body) {
        run(bencher, body, derived(36), [96, 32]);
    }
}

#[divan::bench(args = BODIES, consts = [0, 1, 2], sample_count = 20)]
fn depthwise_3x3<const MAP: usize>(bencher: Bencher<'_, '_>, body: Body) {
    let options = ConvShape::square(1, 1, 1).with_activation(Activation::Relu);
    let weights = numbers([MAPS[MAP][1], 1, 3, 3]);
    both_ways(bencher, MAPS[MAP], vec![weights], |x, p| match body {
        Body::Fast => fast::depthwise_conv2d(x, p[0].clone(), options),
        Body::Reference => reference::depthwise_conv2d(x, p[0].clone(), options),
    });
}

#[divan::bench(args = BODIES, consts = [0, 1, 2], sample_count = 20)]
fn pointwise<const MAP: usize>(bencher: Bencher<'_, '_>, body: Body) {
    let channels = MAPS[MAP][1];
    both_ways(bencher, MAPS[MAP], vec![numbers([channels, channels, 1, 1])], |x, p| match body {
        Body::Fast => fast::pointwise_conv2d(x, p[0].clone()),
        Body::Reference => reference::pointwise_conv2d(x, p[0].clone()),
    });
}

#[divan::bench(args = BODIES, consts = [0, 1, 2], sample_count = 20)]
fn max_pool<const MAP: usize>(bencher: Bencher<'_, '_>, body: Body) {
    both_ways(bencher, MAPS[MAP], Vec::new(), |x, _| match body {
        Body::Fast => fast::pool3x3(x, Pool::Max, 1),
        Body::Reference => reference::pool3x3(x, Pool::Max, 1),
    });
}

#[divan::bench(args = BODIES, consts = [0, 1, 2], sample_count = 20)]
fn batch_norm<const MAP: usize>(bencher: Bencher<'_, '_>, body: Body) {
    both_ways(bencher, MAPS[MAP], Vec::new(), |x, _| match body {
        Body::Fast => fast::batch_norm_train(x, None, 1e-5).y,
        Body::Reference => reference::batch_norm_train(x, None, 1e-5).y,
    });
}

#[divan::bench(args = BODIES, consts = [0, 1, 2], sample_count = 20)]
fn weighted_sum_of_7<const MAP: usize>(bencher: Bencher<'_, '_>, body: Body) {
    let terms: Vec<_> = (0..7).map(|_| numbers(MAPS[MAP])).collect();
    both_ways(bencher, [1, 1, 1, 7], terms, |weights, terms| {
        let weights = weights.reshape([7]);
        match body {
            Body::Fast => fast::weighted_sum(terms.to_vec(), weights),
            Body::Reference => reference::weighted_sum(terms.to_vec(), weights),
        }
    });
}
