//! A cell and what it is called with, run by the fast and by the reference body.

use std::sync::Arc;

use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};

use super::super::*;
use crate::Pool;

/// Numbers in ±1 that look random and are the same everywhere.
pub fn numbers(count: usize, seed: u32) -> Vec<f32> {
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

pub fn tensor<const D: usize>(shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(shape.iter().product(), seed), shape), device)
}

pub fn prepared(groups: usize, channels: usize, preparation: Preparation) -> CellInput {
    CellInput { channels: InputChannels { groups, channels }, preparation }
}

/// What a cell computes and on what.
#[derive(Clone)]
pub struct Case {
    pub images: usize,
    /// Of the states that the inputs become.
    pub sizes: Vec<[usize; 2]>,
    pub config: CellConfig,
    /// The terms of the plan; all without them.
    pub only: Option<Vec<bool>>,
    pub scales: Option<Vec<f32>>,
    pub given: Option<Arc<Statistics>>,
    pub recompute: bool,
}

/// Numbers of a case's tensors.
pub struct Fill {
    pub inputs: Vec<Vec<f32>>,
    pub weights: Vec<f32>,
    pub terms: Vec<f32>,
    pub upstream: Vec<f32>,
}

/// A gradient by name, if it was asked for.
pub type Asked = (String, Option<Vec<f64>>);

/// What a body computes: the output, then the gradients of the inputs, the weights and the terms.
pub struct Found {
    pub values: Vec<(String, Vec<f64>)>,
    pub statistics: Vec<(usize, Vec<f64>, Vec<f64>)>,
}

impl Case {
    pub fn new(config: CellConfig, size: [usize; 2]) -> Self {
        let sizes = vec![size; config.inputs.len()];
        Self { images: 3, sizes, config, only: None, scales: None, given: None, recompute: false }
    }

    pub fn plan(&self) -> Arc<CellPlan> {
        let plan = CellPlan::new(self.config.clone()).expect("a plan");
        Arc::new(match &self.only {
            Some(terms) => plan.only(terms),
            None => plan,
        })
    }

    pub fn input_shape(&self, index: usize) -> [usize; 4] {
        let input = &self.config.inputs[index];
        let halved = input.preparation == Preparation::Halve;
        let size = self.sizes[index].map(|side| if halved { 2 * side - 1 } else { side });
        [self.images, input.channels.total(), size[0], size[1]]
    }

    pub fn output_shape(&self) -> [usize; 4] {
        let config = &self.config;
        // Any term tells the size of its target.
        let mut sizes = self.sizes.clone();
        for node in config.inputs.len()..config.inputs.len() + config.nodes {
            let term = config.terms.iter().find(|term| term.target == node).expect("every node has a term");
            sizes.push(sizes[term.source].map(|side| side.div_ceil(term.stride)));
        }
        let [h, w] = sizes[config.output[0]];
        [self.images, config.output.len() * config.channels, h, w]
    }

    /// Numbers of any kind.
    pub fn fill(&self, mut numbers: impl FnMut(usize, u32) -> Vec<f32>) -> Fill {
        let inputs = (0..self.config.inputs.len()).zip(7..);
        Fill {
            inputs: inputs.map(|(i, seed)| numbers(self.input_shape(i).iter().product(), seed)).collect(),
            weights: numbers(self.plan().weights(), 3),
            terms: numbers(self.config.terms.len(), 4),
            upstream: numbers(self.output_shape().iter().product(), 21),
        }
    }

    /// The reference body in f64.
    pub fn reference(&self, fill: &Fill) -> Found {
        let device = Device::flex().autodiff();
        let leaf = |values: &[f32]| -> Tensor<1> {
            let values: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
            let n = values.len();
            Tensor::from_data(TensorData::new(values, [n]), (&device, DType::F64)).require_grad()
        };
        let inputs: Vec<Tensor<1>> = fill.inputs.iter().map(|values| leaf(values)).collect();
        let (weights, terms, upstream) = (leaf(&fill.weights), leaf(&fill.terms), leaf(&fill.upstream));
        let states = (inputs.iter().enumerate())
            .map(|(input, values)| values.clone().reshape(self.input_shape(input)))
            .collect();
        let (scales, given) = (self.scales.as_deref(), self.given.as_deref());
        let plan = self.plan();
        let (y, seen) = reference::cell(&plan, states, weights.clone(), terms.clone(), scales, given);
        let gradients = (y.clone() * upstream.reshape(self.output_shape())).sum().backward();
        let mut values = vec![("y".to_owned(), doubles(y))];
        let leaves = inputs.iter().chain([&weights, &terms]);
        for (name, leaf) in names(inputs.len()).into_iter().zip(leaves) {
            let zeros = || vec![0.0; leaf.dims()[0]];
            values.push((name, leaf.grad(&gradients).map_or_else(zeros, doubles)));
        }
        let statistics =
            seen.into_iter().map(|(norm, mean, variance)| (norm, doubles(mean), doubles(variance))).collect();
        Found { values, statistics }
    }

    /// With a gradient for all tensors, or only for some of the inputs, the weights and the terms.
    fn arguments(&self, fill: &Fill, tracked: Option<&[bool]>) -> (CellArguments, Vec<Tensor<1>>) {
        let device = Device::flex().autodiff();
        let mut index = 0..;
        let mut leaf = |values: &[f32]| -> Tensor<1> {
            let index: usize = index.next().expect("there is no end");
            Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &device)
                .set_require_grad(tracked.is_none_or(|tracked| tracked[index]))
        };
        let inputs: Vec<Tensor<1>> = fill.inputs.iter().map(|values| leaf(values)).collect();
        let (weights, terms) = (leaf(&fill.weights), leaf(&fill.terms));
        let states = (inputs.iter().zip(&self.config.inputs).enumerate())
            .map(|(index, (values, input))| {
                let x = values.clone().reshape(self.input_shape(index));
                blocked(&x, input.channels, self.config.lanes)
            })
            .collect();
        let arguments = CellArguments {
            states,
            weights: weights.clone(),
            terms: terms.clone(),
            scales: self.scales.clone(),
            given: self.given.clone(),
            share: None,
            kept: None,
            recompute: self.recompute,
        };
        (arguments, inputs.into_iter().chain([weights, terms]).collect())
    }

    /// The fast body; also the statistics.
    pub fn fast(&self, fill: &Fill) -> (Found, Statistics) {
        let (found, seen) = self.gradients(fill, None);
        let values = found.into_iter().map(|(name, values)| (name, values.expect("a gradient"))).collect();
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
        let statistics =
            seen.norms.iter().map(|norm| (norm.norm, wide(&norm.mean), wide(&norm.variance))).collect();
        (Found { values, statistics }, seen)
    }

    /// The gradients of `y` times the numbers of its upstream gradient.
    pub fn backward(&self, y: &Tensor<4>, fill: &Fill) -> Gradients {
        let upstream = TensorData::new(fill.upstream.clone(), self.output_shape());
        (y.clone() * Tensor::<4>::from_data(upstream, &y.device())).sum().backward()
    }

    /// The fast body with some of the gradients.
    pub fn gradients(&self, fill: &Fill, tracked: Option<&[bool]>) -> (Vec<Asked>, Statistics) {
        let (arguments, leaves) = self.arguments(fill, tracked);
        let (y, seen) = cell(&self.plan(), arguments);
        let y = y.to_nchw();
        let gradients = self.backward(&y, fill);
        let mut values = vec![("y".to_owned(), Some(doubles(y)))];
        for (name, leaf) in names(fill.inputs.len()).into_iter().zip(&leaves) {
            values.push((name, leaf.grad(&gradients).map(doubles)));
        }
        (values, seen)
    }

    /// The fast body without autodiff, `[N, C, H, W]`.
    pub fn inner(&self, fill: &Fill) -> Vec<f64> {
        let (arguments, _) = self.arguments(fill, None);
        let states = arguments.states.into_iter();
        let arguments = CellArguments {
            states: states.map(|state| BlockedMap::new(state.values.inner(), state.channels)).collect(),
            weights: arguments.weights.inner(),
            terms: arguments.terms.inner(),
            ..arguments
        };
        doubles(cell(&self.plan(), arguments).0.to_nchw())
    }

    /// Compares the fast with the reference body, in all its ways.
    pub fn check(&self) {
        let fill = self.fill(numbers);
        let expected = self.reference(&fill);
        let (found, seen) = self.fast(&fill);
        let what = format!("{:?} of {:?}", self.sizes, self.config);
        for ((name, expected), (_, found)) in expected.values.iter().zip(&found.values) {
            close(&format!("{name} of {what}"), expected, found, if name == "y" { 2e-5 } else { 1e-3 });
        }
        assert_eq!(expected.statistics.len(), found.statistics.len());
        for (expected, found) in expected.statistics.iter().zip(&found.statistics) {
            assert_eq!(expected.0, found.0);
            close("variances", &expected.2, &found.2, 1e-5);
            // Of means that are near zero, all digits are lost but those that the deviation shows.
            let with_deviations = |means: &[f64]| -> Vec<f64> {
                means.iter().copied().chain(expected.2.iter().map(|variance| variance.sqrt())).collect()
            };
            close("means", &with_deviations(&expected.1), &with_deviations(&found.1), 1e-5);
        }
        let parts = self.plan();
        assert!(seen.norms.iter().all(|norm| norm.mean.len() == parts.norm_channels(norm.norm)));

        // With the same statistics given: the same values, image by image and all at once.
        let given = Self { given: Some(Arc::new(seen)), ..self.clone() };
        let (all, _) = given.fast(&fill);
        close("given statistics", &found.values[0].1, &all.values[0].1, 1e-4);
        close("image by image", &found.values[0].1, &given.inner(&fill), 1e-4);
        // Without autodiff and the batch's own: the same bits.
        assert_eq!(found.values[0].1, self.inner(&fill), "without autodiff");
    }
}

fn names(inputs: usize) -> Vec<String> {
    let names = (0..inputs).map(|input| format!("gradient of input {input}"));
    names.chain(["weights", "terms"].map(|name| format!("gradient of {name}"))).collect()
}

pub fn blocked(x: &Tensor<4>, channels: InputChannels, lanes: usize) -> BlockedMap {
    let groups: Vec<Tensor<5>> = (0..channels.groups)
        .map(|group| {
            let x = x.clone().narrow(1, group * channels.channels, channels.channels);
            BlockedMap::from_nchw(x, lanes).values
        })
        .collect();
    BlockedMap::new(Tensor::cat(groups, 1), channels)
}

pub fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_to_vec::<f32>().unwrap()
}

pub fn doubles<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().iter::<f64>().collect()
}

pub fn close(name: &str, wanted: &[f64], found: &[f64], tolerance: f64) {
    assert_eq!(wanted.len(), found.len(), "{name}");
    let largest = wanted.iter().fold(1e-3f64, |a, x| a.max(x.abs()));
    for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
        assert!(
            (wanted - found).abs() <= tolerance * largest,
            "{name}[{index}]: {found} instead of {wanted} (largest {largest})"
        );
    }
}

/// All operations of the DARTS space.
pub fn all_operations(stride: usize, normalise: bool) -> Vec<Operation> {
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

/// Some operations, dealt out anew for each stride, on every edge of a cell whose inputs are read with `stride`.
pub fn dense(
    inputs: usize,
    nodes: usize,
    stride: usize,
    operations: impl Fn(usize) -> Vec<Operation>,
) -> Vec<Term> {
    let mut terms = Vec::new();
    for target in inputs..inputs + nodes {
        for source in 0..target {
            let stride = if source < inputs { stride } else { 1 };
            for operation in operations(stride) {
                terms.push(Term { source, target, operation, stride });
            }
        }
    }
    terms
}

/// A cell with every operation on every edge, two inputs and two nodes.
pub fn every_operation(channels: usize, stride: usize, lanes: usize) -> CellConfig {
    CellConfig {
        channels,
        share: 1,
        inputs: vec![prepared(1, 5, Preparation::Keep), prepared(2, channels, Preparation::Keep)],
        affine: false,
        nodes: 2,
        terms: dense(2, 2, stride, |stride| all_operations(stride, true)),
        output: vec![2, 3],
        lanes,
        epsilon: 1e-5,
    }
}

/// A cell of NAS-Bench-201: one input as it is, three nodes, five operations (one of them nothing) on every edge, the
/// last node as output.
pub fn bench_201(channels: usize, lanes: usize) -> CellConfig {
    let operations = vec![
        Operation::Zero,
        Operation::Identity,
        Operation::Convolution { kernel: 1 },
        Operation::Convolution { kernel: 3 },
        Operation::Pool { kind: Pool::Average, normalise: false },
    ];
    CellConfig {
        channels,
        share: 1,
        inputs: vec![prepared(1, channels, Preparation::None)],
        affine: false,
        nodes: 3,
        terms: dense(1, 3, 1, |_| operations.clone()),
        output: vec![3],
        lanes,
        epsilon: 1e-5,
    }
}

/// A cell whose operations see a part of the channels.
pub fn partial(channels: usize, share: usize, stride: usize, lanes: usize) -> CellConfig {
    CellConfig {
        share,
        terms: dense(2, 2, stride, |stride| {
            all_operations(stride, true).into_iter().chain([Operation::Bypass]).collect()
        }),
        ..every_operation(channels, stride, lanes)
    }
}
