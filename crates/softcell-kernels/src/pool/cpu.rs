//! Fast bodies and gradients on slices, on padded copies of the planes.

use super::Pool;
use crate::support::parallel::{chunks, for_each};
use crate::support::tiles::{correlate, first_maximum, maximum, select};
use crate::support::windows::Windows;

/// A 3×3 pool of maps of one shape.
#[derive(Clone, Debug)]
pub(super) struct Pool3x3 {
    kind: Pool,
    windows: Windows,
    /// How many pixels of the map each row and each column of windows sees.
    counts: [Vec<f32>; 2],
}

/// All taps of the window count alike in an average.
const ONES: [f32; 9] = [1.0; 9];

impl Pool3x3 {
    /// For inputs `[_, _, height, width]`.
    pub(super) fn new(kind: Pool, input: [usize; 2], stride: usize) -> Self {
        let windows = Windows::new(input, [3, 3], [stride; 2], [1, 1], [1, 1]);
        let counts = std::array::from_fn(|axis| {
            (0..windows.output[axis])
                .map(|window| (window * stride + 2).min(input[axis]) - (window * stride).saturating_sub(1))
                .map(|count| count as f32)
                .collect()
        });
        Self { kind, windows, counts }
    }

    /// Height and width of the output.
    pub(super) fn output(&self) -> [usize; 2] {
        self.windows.output
    }

    /// Elementary operations of one plane.
    fn cost(&self) -> usize {
        2 * self.windows.output_len() * self.windows.taps() + self.windows.input_len()
    }

    /// What lies around the map.
    fn border(&self) -> f32 {
        match self.kind {
            Pool::Max => f32::NEG_INFINITY,
            Pool::Average => 0.0,
        }
    }

    /// `y` for `x: [planes, H, W]`.
    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let windows = &self.windows;
        let columns = windows.output[1];
        let step = windows.source.step();
        let planes = x.len() / windows.input_len();
        let mut y = vec![0.0; planes * windows.output_len()];
        for_each(
            chunks(&mut y, windows.output_len()),
            self.cost(),
            || windows.source.buffer(self.border()),
            |buffer, plane, y| {
                windows.source.fill(buffer, &x[plane * windows.input_len()..][..windows.input_len()], |x| x);
                match self.kind {
                    Pool::Max => maximum(buffer, step, &windows.offsets, y, columns),
                    Pool::Average => {
                        correlate(buffer, step, &windows.offsets, &ONES, y, columns);
                        self.divide_by_counts(y);
                    }
                }
            },
        );
        y
    }

    /// Gradient for `x` from that for `y`; only a maximum looks at `x`.
    ///
    /// Average: every window spreads `g / count` over its pixels. Maximum: every window gives `g` to the pixel
    /// that won, which is found again.
    pub(super) fn backward(&self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let windows = &self.windows;
        let (input, output) = (windows.input_len(), windows.output_len());
        let mut dx = vec![0.0; gradient.len() / output * input];
        for_each(
            chunks(&mut dx, input),
            2 * self.cost(),
            || Scratch::new(windows, self.border()),
            |scratch, plane, dx| {
                let gradient = &gradient[plane * output..][..output];
                match self.kind {
                    Pool::Max => self.max_gradient(scratch, &x[plane * input..][..input], gradient, dx),
                    Pool::Average => self.average_gradient(scratch, gradient, dx),
                }
            },
        );
        dx
    }

    fn average_gradient(&self, scratch: &mut Scratch, gradient: &[f32], dx: &mut [f32]) {
        let windows = &self.windows;
        scratch.output.copy_from_slice(gradient);
        self.divide_by_counts(&mut scratch.output);
        windows.target.fill(&mut scratch.target, &scratch.output, |g| g);
        windows.write_input(dx, &mut scratch.phase, |phase, values| {
            let weights = &ONES[..phase.taps.len()];
            let step = windows.target.step();
            correlate(&scratch.target, step, &phase.offsets, weights, values, phase.size[1]);
        });
    }

    fn max_gradient(&self, scratch: &mut Scratch, x: &[f32], gradient: &[f32], dx: &mut [f32]) {
        let windows = &self.windows;
        let step = windows.source.step();
        windows.source.fill(&mut scratch.source, x, |x| x);
        first_maximum(&scratch.source, step, &windows.offsets, &mut scratch.output, windows.output[1]);
        windows.target.fill(&mut scratch.winners, &scratch.output, |tap| tap);
        windows.target.fill(&mut scratch.target, gradient, |g| g);
        windows.write_input(dx, &mut scratch.phase, |phase, values| {
            for (to, &tap) in scratch.taps.iter_mut().zip(&phase.taps) {
                *to = tap as f32;
            }
            let taps = &scratch.taps[..phase.taps.len()];
            let step = windows.target.step();
            let (target, winners) = (&scratch.target, &scratch.winners);
            select(target, winners, step, &phase.offsets, taps, values, phase.size[1]);
        });
    }

    /// Divides a plane of the output's size by the number of pixels in each window.
    fn divide_by_counts(&self, plane: &mut [f32]) {
        let [rows, columns] = &self.counts;
        for (values, &row) in plane.chunks_exact_mut(columns.len()).zip(rows) {
            for (value, &column) in values.iter_mut().zip(columns) {
                *value /= row * column;
            }
        }
    }
}

/// Working memory of one thread for the gradients.
struct Scratch {
    source: Vec<f32>,
    target: Vec<f32>,
    winners: Vec<f32>,
    output: Vec<f32>,
    phase: Vec<f32>,
    taps: [f32; 9],
}

impl Scratch {
    fn new(windows: &Windows, border: f32) -> Self {
        Self {
            source: windows.source.buffer(border),
            target: windows.target.buffer(0.0),
            winners: windows.target.buffer(-1.0),
            output: vec![0.0; windows.output_len()],
            phase: vec![0.0; windows.input_len()],
            taps: [0.0; 9],
        }
    }
}
