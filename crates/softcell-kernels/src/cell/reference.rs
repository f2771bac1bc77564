//! The definition of the cell in stock tensor operations, on maps `[N, C, H, W]` of any float type.

use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Tensor, TensorData};

use super::config::{Operation, Preparation};
use super::plan::{CellPlan, Origin};
use super::statistics::Statistics;
use crate::batch_norm::reference::batch_norm_train;
use crate::pool::reference::pool3x3;

/// Number, mean and biased variance of a normalisation.
pub type SeenStatistics = (usize, Tensor<1>, Tensor<1>);

/// Takes the flat weights of a part one after another.
struct Weights<'a> {
    plan: &'a CellPlan,
    flat: Tensor<1>,
    given: Option<&'a Statistics>,
    next: usize,
    next_norm: usize,
    statistics: Vec<SeenStatistics>,
}

impl Weights<'_> {
    /// Goes to the weights of a part.
    fn begin(&mut self, origin: Origin) {
        let part = self.plan.parts().iter().find(|part| part.origin == origin);
        let part = part.expect("a plan has parts for all inputs and terms");
        self.next = part.tensors.first().map_or(0, |tensor| tensor.range.start);
        self.next_norm = part.norms.start;
    }

    fn take<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let range = self.next..self.next + shape.iter().product::<usize>();
        self.next = range.end;
        self.flat.clone().slice(range).reshape(shape)
    }

    /// A tensor of the weights' type and device.
    fn constant(&self, values: &[f32]) -> Tensor<1> {
        Tensor::from_data(TensorData::from(values), (&self.flat.device(), self.flat.dtype()))
    }

    fn norm(&mut self, x: Tensor<4>, affine: bool) -> Tensor<4> {
        let channels = x.dims()[1];
        let affine = affine.then(|| (self.take([channels]), self.take([channels])));
        let (norm, epsilon) = (self.next_norm, self.plan.config().epsilon);
        self.next_norm += 1;
        let Some(given) = self.given else {
            let out = batch_norm_train(x, affine, epsilon);
            self.statistics.push((norm, out.mean, out.variance));
            return out.y;
        };
        let given = given.get(norm).expect("statistics are given for all normalisations");
        let per_channel = [1, channels, 1, 1];
        let [mean, variance] = [&given.mean, &given.variance].map(|v| self.constant(v).reshape(per_channel));
        let y = (x - mean) / (variance + epsilon).sqrt();
        match affine {
            Some((gamma, beta)) => y * gamma.reshape(per_channel) + beta.reshape(per_channel),
            None => y,
        }
    }

    /// A convolution whose padding keeps the size, without a normalisation.
    fn convolution(&mut self, x: Tensor<4>, outputs: usize, kernel: usize, stride: usize) -> Tensor<4> {
        let inputs = x.dims()[1];
        let weight = self.take([outputs, inputs, kernel, kernel]);
        conv2d(x, weight, None, ConvOptions::new([stride; 2], [(kernel - 1) / 2; 2], [1; 2], 1))
    }

    fn affine(&self) -> bool {
        self.plan.config().affine
    }

    fn rectified(&mut self, x: Tensor<4>, channels: usize, kernel: usize, stride: usize) -> Tensor<4> {
        let y = self.convolution(relu(x), channels, kernel, stride);
        self.norm(y, self.affine())
    }

    /// The odd pixels of an odd side end in one that is zero.
    fn halve(&mut self, x: Tensor<4>, channels: usize) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let x = relu(x);
        let odd = x.clone().pad((0, w % 2, 0, h % 2), 0.0).slice([0..n, 0..c, 1..h + h % 2, 1..w + w % 2]);
        let parts = if channels == 1 {
            vec![self.convolution(odd, 1, 1, 2)]
        } else {
            let half = channels / 2;
            vec![self.convolution(x, half, 1, 2), self.convolution(odd, channels - half, 1, 2)]
        };
        self.norm(Tensor::cat(parts, 1), self.affine())
    }

    fn half_separable(&mut self, x: Tensor<4>, kernel: usize, dilation: usize, stride: usize) -> Tensor<4> {
        let channels = x.dims()[1];
        let weight = self.take([channels, 1, kernel, kernel]);
        let padding = dilation * (kernel - 1) / 2;
        let options = ConvOptions::new([stride; 2], [padding; 2], [dilation; 2], channels);
        let y = conv2d(relu(x), weight, None, options);
        let y = self.convolution(y, channels, 1, 1);
        self.norm(y, self.affine())
    }

    /// `x` are the channels of a state that operations see.
    fn operation(&mut self, x: Tensor<4>, operation: Operation, stride: usize) -> Tensor<4> {
        let channels = x.dims()[1];
        match operation {
            Operation::Identity => x,
            Operation::Halve => self.halve(x, channels),
            Operation::Pool { kind, normalise } => {
                let y = pool3x3(x, kind, stride);
                if normalise { self.norm(y, false) } else { y }
            }
            Operation::Separable { kernel } => {
                let y = self.half_separable(x, kernel, 1, stride);
                self.half_separable(y, kernel, 1, 1)
            }
            Operation::Dilated { kernel } => self.half_separable(x, kernel, 2, stride),
            Operation::Convolution { kernel } => self.rectified(x, channels, kernel, stride),
            Operation::Bypass if stride == 1 => x,
            Operation::Bypass => {
                let options = MaxPoolOptions::new([2, 2]).with_stride([2, 2]);
                max_pool2d(x, MaxPoolOptions { ceil_mode: true, ..options })
            }
            Operation::Zero => strided(x, stride).zeros_like(),
        }
    }
}

/// Every `stride`th pixel.
fn strided(x: Tensor<4>, stride: usize) -> Tensor<4> {
    pool3x3(x, crate::Pool::Max, stride)
}

/// `[N, K·c, H, W]` with channel `g·c + i` as channel `i·K + g`.
fn shuffle(x: Tensor<4>, groups: usize) -> Tensor<4> {
    let [n, channels, h, w] = x.dims();
    x.reshape([n, groups, channels / groups, h, w]).swap_dims(1, 2).reshape([n, channels, h, w])
}

fn add(sum: Option<Tensor<4>>, more: Tensor<4>) -> Option<Tensor<4>> {
    Some(match sum {
        Some(sum) => sum + more,
        None => more,
    })
}

/// [`cell`](crate::cell) on `[N, C, H, W]`, with the statistics of the batch or those that are given; also the
/// statistics of the batch.
pub fn cell(
    plan: &CellPlan,
    states: Vec<Tensor<4>>,
    weights: Tensor<1>,
    terms: Tensor<1>,
    scales: Option<&[f32]>,
    given: Option<&Statistics>,
) -> (Tensor<4>, Vec<SeenStatistics>) {
    let config = plan.config();
    let images = states[0].dims()[0];
    let narrow = config.channels / config.share;
    let mut weights = Weights { plan, flat: weights, given, next: 0, next_norm: 0, statistics: Vec::new() };
    let mut nodes = Vec::new();
    for (index, (state, input)) in states.into_iter().zip(&config.inputs).enumerate() {
        weights.begin(Origin::Input(index));
        nodes.push(match input.preparation {
            Preparation::None => state,
            Preparation::Keep => weights.rectified(state, config.channels, 1, 1),
            Preparation::Halve => weights.halve(state, config.channels),
        });
    }
    for node in nodes.len()..nodes.len() + config.nodes {
        let (mut mixed, mut bypass) = (None, None);
        for (index, term) in config.terms.iter().enumerate().filter(|(_, term)| term.target == node) {
            let bypasses = term.operation == Operation::Bypass;
            let seen = if bypasses { narrow..config.channels } else { 0..narrow };
            let x = nodes[term.source].clone().narrow(1, seen.start, seen.len());
            let sum = if bypasses { &mut bypass } else { &mut mixed };
            if !plan.has(index) {
                *sum = add(sum.take(), strided(x, term.stride).zeros_like());
                continue;
            }
            weights.begin(Origin::Term(index));
            let y = weights.operation(x, term.operation, term.stride);
            let y = y * terms.clone().slice(index..index + 1).reshape([1, 1, 1, 1]);
            let y = match scales {
                Some(scales) => {
                    let scales = weights.constant(&scales[index * images..(index + 1) * images]);
                    y * scales.reshape([images, 1, 1, 1])
                }
                None => y,
            };
            *sum = add(sum.take(), y);
        }
        nodes.push(match (config.share, mixed, bypass) {
            (1, Some(mixed), _) => mixed,
            (share, mixed, bypass) => {
                // What has no summand is zero, as large as the other part.
                let zeros = |channels: usize, like: &Option<Tensor<4>>| {
                    let [n, _, h, w] = like.as_ref().expect("a node has a term").dims();
                    weights.constant(&[0.0]).reshape([1, 1, 1, 1]).expand([n, channels, h, w])
                };
                let first = mixed.clone().unwrap_or_else(|| zeros(narrow, &bypass));
                let rest = bypass.unwrap_or_else(|| zeros(config.channels - narrow, &mixed));
                shuffle(Tensor::cat(vec![first, rest], 1), share)
            }
        });
    }
    weights.statistics.sort_by_key(|(norm, ..)| *norm);
    let output = config.output.iter().map(|&state| nodes[state].clone());
    (Tensor::cat(output.collect(), 1), weights.statistics)
}
