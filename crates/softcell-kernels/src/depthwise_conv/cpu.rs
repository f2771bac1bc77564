//! Fast body and gradient on slices: planes are copied into padded buffers, where every tap of the kernel is
//! a multiply-add of whole rows.

use super::{Activation, ConvShape};
use crate::support::parallel::{chunks, for_each, optional_chunks};
use crate::support::tiles::{copy_rows, correlate, padded_width, tap_sums};
use crate::support::windows::Windows;

/// A depthwise convolution of maps of one shape.
#[derive(Clone, Debug)]
pub(super) struct Depthwise {
    channels: usize,
    activation: Activation,
    windows: Windows,
}

/// Which gradients are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The input's.
    pub(super) x: bool,
    /// The weight's.
    pub(super) weight: bool,
}

impl Depthwise {
    /// For inputs `[_, channels, height, width]` and a kernel `[kh, kw]`.
    pub(super) fn new(channels: usize, input: [usize; 2], kernel: [usize; 2], shape: ConvShape) -> Self {
        let windows = Windows::new(input, kernel, shape.stride, shape.padding, shape.dilation);
        Self { channels, activation: shape.activation, windows }
    }

    /// Height and width of the output.
    pub(super) fn output(&self) -> [usize; 2] {
        self.windows.output
    }

    /// Multiply-adds of one plane, with some allowance for moving it.
    fn cost(&self) -> usize {
        self.windows.output_len() * (self.windows.taps() + 4) + self.windows.input_len()
    }

    /// Copies one plane into its padded buffer, through the activation.
    fn fill_source(&self, buffer: &mut [f32], plane: &[f32]) {
        match self.activation {
            Activation::Identity => self.windows.source.fill(buffer, plane, |x| x),
            Activation::Relu => {
                self.windows.source.fill(buffer, plane, |x| if x < 0.0 { 0.0 } else { x });
            }
        }
    }

    /// `y` for `x: [N, C, H, W]` and `weight: [C, kh·kw]`.
    pub(super) fn forward(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let windows = &self.windows;
        let planes = x.len() / windows.input_len();
        let mut y = vec![0.0; planes * windows.output_len()];
        for_each(
            chunks(&mut y, windows.output_len()),
            self.cost(),
            || windows.source.buffer(0.0),
            |buffer, plane, y| {
                self.fill_source(buffer, &x[plane * windows.input_len()..][..windows.input_len()]);
                let weight = &weight[plane % self.channels * windows.taps()..][..windows.taps()];
                correlate(buffer, windows.source.step(), &windows.offsets, weight, y, windows.output[1]);
            },
        );
        y
    }

    /// Gradients for `x` and `weight`, from that for `y`.
    ///
    /// `∂x[i] = f'(x[i]) · Σ_k weight[k] · g[(i + padding − k·dilation) / stride]` over the taps for which
    /// the quotient is a whole number, and `∂weight[k] = Σ_n Σ_o g[o] · f(x)[o·stride + k·dilation − padding]`.
    pub(super) fn backward(
        &self,
        x: &[f32],
        weight: &[f32],
        gradient: &[f32],
        wanted: Wanted,
    ) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
        let windows = &self.windows;
        let (input, output, taps) = (windows.input_len(), windows.output_len(), windows.taps());
        let planes = gradient.len() / output;
        let mut dx = wanted.x.then(|| vec![0.0; planes * input]);
        let mut partial = wanted.weight.then(|| vec![0.0; planes * taps]);
        let items = optional_chunks(dx.as_mut(), planes, input)
            .into_iter()
            .zip(optional_chunks(partial.as_mut(), planes, taps))
            .collect();
        for_each(
            items,
            self.cost() * (usize::from(wanted.x) + usize::from(wanted.weight)),
            || Scratch::new(windows),
            |scratch, plane, (dx, partial)| {
                let x = &x[plane * input..][..input];
                let gradient = &gradient[plane * output..][..output];
                let weight = &weight[plane % self.channels * taps..][..taps];
                if let Some(partial) = partial {
                    self.weight_gradient(scratch, x, gradient, partial);
                }
                if let Some(dx) = dx {
                    self.input_gradient(scratch, x, weight, gradient, dx);
                }
            },
        );
        (dx, partial.map(|partial| self.sum_images(&partial)))
    }

    /// `∂weight` of one plane.
    fn weight_gradient(&self, scratch: &mut Scratch, x: &[f32], gradient: &[f32], partial: &mut [f32]) {
        let windows = &self.windows;
        self.fill_source(&mut scratch.source, x);
        copy_rows(gradient, windows.output[1], &mut scratch.rows);
        let width = padded_width(windows.output[1]);
        tap_sums(&scratch.source, windows.source.step(), &windows.offsets, &scratch.rows, width, partial);
    }

    /// `∂x` of one plane.
    fn input_gradient(
        &self,
        scratch: &mut Scratch,
        x: &[f32],
        weight: &[f32],
        gradient: &[f32],
        dx: &mut [f32],
    ) {
        let windows = &self.windows;
        windows.target.fill(&mut scratch.target, gradient, |g| g);
        windows.write_input(dx, &mut scratch.phase, |phase, values| {
            for (to, &tap) in scratch.weights.iter_mut().zip(&phase.taps) {
                *to = weight[tap];
            }
            let weights = &scratch.weights[..phase.taps.len()];
            let step = windows.target.step();
            correlate(&scratch.target, step, &phase.offsets, weights, values, phase.size[1]);
        });
        if self.activation == Activation::Relu {
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = if x > 0.0 { *dx } else { 0.0 };
            }
        }
    }

    /// Adds the planes' parts of the weight's gradient, image by image.
    fn sum_images(&self, partial: &[f32]) -> Vec<f32> {
        let mut total = vec![0.0f64; self.channels * self.windows.taps()];
        for image in partial.chunks_exact(total.len()) {
            for (total, &part) in total.iter_mut().zip(image) {
                *total += f64::from(part);
            }
        }
        total.into_iter().map(|total| total as f32).collect()
    }
}

/// Working memory of one thread for the gradients.
struct Scratch {
    source: Vec<f32>,
    target: Vec<f32>,
    rows: Vec<f32>,
    phase: Vec<f32>,
    weights: Vec<f32>,
}

impl Scratch {
    fn new(windows: &Windows) -> Self {
        Self {
            source: windows.source.buffer(0.0),
            target: windows.target.buffer(0.0),
            rows: vec![0.0; windows.output[0] * padded_width(windows.output[1])],
            phase: vec![0.0; windows.input_len()],
            weights: vec![0.0; windows.taps()],
        }
    }
}
