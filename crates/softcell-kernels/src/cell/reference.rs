//! The definition of the cell in stock tensor operations, on maps `[N, C, H, W]`.

use std::ops::Range;

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::plan::{CellConfig, CellPlan, Operation};
use crate::batch_norm::reference::batch_norm_train;
use crate::pool::reference::pool3x3;

/// Takes the flat weights one after another.
struct Weights<'a> {
    config: &'a CellConfig,
    flat: Tensor<1>,
    next: usize,
    /// Mean and biased variance of each normalisation.
    statistics: Vec<(Tensor<1>, Tensor<1>)>,
}

impl Weights<'_> {
    fn take<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let range: Range<usize> = self.next..self.next + shape.iter().product::<usize>();
        self.next = range.end;
        self.flat.clone().slice(range).reshape(shape)
    }

    fn norm(&mut self, x: Tensor<4>, affine: bool) -> Tensor<4> {
        let channels = self.config.channels;
        let affine = affine.then(|| (self.take([channels]), self.take([channels])));
        let out = batch_norm_train(x, affine, self.config.epsilon);
        self.statistics.push((out.mean, out.variance));
        out.y
    }

    fn pointwise(&mut self, x: Tensor<4>, outputs: usize, stride: usize) -> Tensor<4> {
        let inputs = x.dims()[1];
        let weight = self.take([outputs, inputs, 1, 1]);
        conv2d(x, weight, None, ConvOptions::new([stride; 2], [0; 2], [1; 2], 1))
    }

    fn keep(&mut self, x: Tensor<4>) -> Tensor<4> {
        let y = self.pointwise(relu(x), self.config.channels, 1);
        self.norm(y, self.config.affine)
    }

    /// The odd pixels of an odd side end in one that is zero.
    fn halve(&mut self, x: Tensor<4>) -> Tensor<4> {
        let channels = self.config.channels;
        let [_, _, h, w] = x.dims();
        let x = relu(x);
        let odd = x.clone().pad((0, w % 2, 0, h % 2), 0.0).slice([
            0..x.dims()[0],
            0..x.dims()[1],
            1..h + h % 2,
            1..w + w % 2,
        ]);
        let parts = if channels == 1 {
            vec![self.pointwise(odd, 1, 2)]
        } else {
            let half = channels / 2;
            vec![self.pointwise(x, half, 2), self.pointwise(odd, channels - half, 2)]
        };
        self.norm(Tensor::cat(parts, 1), self.config.affine)
    }

    fn half_separable(&mut self, x: Tensor<4>, kernel: usize, dilation: usize, stride: usize) -> Tensor<4> {
        let channels = self.config.channels;
        let weight = self.take([channels, 1, kernel, kernel]);
        let padding = dilation * (kernel - 1) / 2;
        let options = ConvOptions::new([stride; 2], [padding; 2], [dilation; 2], channels);
        let y = conv2d(relu(x), weight, None, options);
        let y = self.pointwise(y, channels, 1);
        self.norm(y, self.config.affine)
    }
}

/// [`cell`](crate::cell) with the statistics of the batch, on `[N, C, H, W]`; also mean and biased variance
/// of each normalisation.
pub fn cell(
    plan: &CellPlan,
    states: [Tensor<4>; 2],
    weights: Tensor<1>,
    terms: Tensor<1>,
    scales: Option<&[f32]>,
) -> (Tensor<4>, Vec<(Tensor<1>, Tensor<1>)>) {
    let config = &plan.config;
    let images = states[0].dims()[0];
    let device = states[0].device();
    let mut weights = Weights { config, flat: weights, next: 0, statistics: Vec::new() };
    let mut nodes: Vec<Option<Tensor<4>>> = vec![None; plan.states()];
    for (input, state) in states.into_iter().enumerate() {
        nodes[input] = Some(if config.halve[input] { weights.halve(state) } else { weights.keep(state) });
    }
    for (index, term) in config.terms.iter().enumerate() {
        let x = nodes[term.source].clone().expect("sources come before targets");
        let y = match term.operation {
            Operation::Identity => x,
            Operation::Halve => weights.halve(x),
            Operation::Pool { kind, normalise } => {
                let y = pool3x3(x, kind, term.stride);
                if normalise { weights.norm(y, false) } else { y }
            }
            Operation::Separable { kernel } => {
                let y = weights.half_separable(x, kernel, 1, term.stride);
                weights.half_separable(y, kernel, 1, 1)
            }
            Operation::Dilated { kernel } => weights.half_separable(x, kernel, 2, term.stride),
        };
        let y = y * terms.clone().slice(index..index + 1).reshape([1, 1, 1, 1]);
        let y = match scales {
            Some(scales) => {
                let scales = &scales[index * images..(index + 1) * images];
                y * Tensor::<1>::from_floats(scales, &device).reshape([images, 1, 1, 1])
            }
            None => y,
        };
        nodes[term.target] = Some(match nodes[term.target].take() {
            Some(sum) => sum + y,
            None => y,
        });
    }
    let output = config.output.iter().map(|&state| nodes[state].clone().expect("every node has a term"));
    (Tensor::cat(output.collect(), 1), weights.statistics)
}
