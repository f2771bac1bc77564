//! A stage's weights in the order that the inner loops read them, and their gradients back.

use std::ops::Range;

use super::kernels::depthwise::Windows;
use super::kernels::elementwise::Padded;
use super::plan::{CellPlan, Source, Spread, Stage};
use super::shapes::Shapes;
use crate::support::parallel::for_each;
use crate::support::workspace::Buffer;

/// The windows of one block of a stage's spread, over a padded block of its source.
#[derive(Debug)]
pub(super) struct Piece {
    /// Which block of the source.
    pub source: usize,
    /// Per tap, from the first value of a window's source row to the value the tap sees.
    pub offsets: Vec<usize>,
    /// Per tap, a vector of weights.
    pub weights: Buffer,
    /// The transposed windows, by the remainders of the source's row and column modulo the stride.
    pub phases: Vec<Phase>,
}

/// Pixels of the source that the same taps see, and what they need to gather their gradients from the padded
/// gradient of the spread.
#[derive(Debug)]
pub(super) struct Phase {
    pub row: usize,
    pub column: usize,
    pub offsets: Vec<usize>,
    pub weights: Buffer,
}

/// A stage for maps of one size.
#[derive(Debug)]
pub(super) struct Packed {
    /// The source.
    pub source: Padded,
    /// The result (and its padded gradient).
    pub out: Padded,
    pub pieces: Vec<Piece>,
    /// `[channels in][blocks out]`.
    pub pointwise: Buffer,
    /// `[channels out][blocks in]`; empty if no gradient is wanted.
    pub transposed: Buffer,
}

/// Packs all stages for maps of these sizes.
pub(super) fn pack(plan: &CellPlan, shapes: &Shapes, weights: &[f32], differentiate: bool) -> Vec<Packed> {
    let mut packed: Vec<Option<Packed>> = plan.stages.iter().map(|_| None).collect();
    let cost = 2 * plan.weights() / plan.stages.len().max(1);
    for_each(
        packed.iter_mut().zip(&plan.stages).collect(),
        cost,
        || (),
        |(), _, (packed, stage): (&mut Option<Packed>, &Stage)| {
            // All stages of one pass share padded copies, so they share the margin.
            let together = plan.stages.iter().filter(|other| match (stage.source, other.source) {
                (Source::Stage(_), Source::Stage(_)) => true,
                (one, other) => one == other,
            });
            let padding = together.map(Stage::padding).max().unwrap_or(0);
            *packed = Some(stage.pack(weights, shapes.source(stage.source), padding, differentiate));
        },
    );
    packed.into_iter().flatten().collect()
}

impl Packed {
    /// The windows of some rows over the padded source, their results one behind the other.
    pub fn windows(&self, stride: usize, lanes: usize, rows: usize) -> Windows {
        Windows {
            rows,
            columns: self.out.width,
            stride,
            source_row: stride * self.source.pitch(lanes),
            out_step: lanes,
            out_row: self.out.width * lanes,
        }
    }
}

/// A tap of a piece: its distances from the window's centre.
#[derive(Clone, Copy)]
struct Tap {
    row: isize,
    column: isize,
}

impl Stage {
    /// The result's height and width.
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side.div_ceil(self.stride))
    }

    /// Packs the weights for sources of this size, with this margin.
    pub fn pack(&self, flat: &[f32], size: [usize; 2], padding: usize, differentiate: bool) -> Packed {
        let out_blocks = &self.out_blocks;
        let lanes = out_blocks.lanes;
        let padded = |[height, width]: [usize; 2]| Padded { height, width, padding };
        let (source, out) = (padded(size), padded(self.output(size)));
        let pieces = (0..self.spread_blocks.count())
            .map(|block| self.piece(flat, block, lanes, source, out, differentiate))
            .collect();
        let mut pointwise = Buffer::zeroed(self.spread_blocks.total() * out_blocks.width());
        self.each_row(|row| row.write(flat, &mut pointwise));
        let mut transposed = Buffer::default();
        if differentiate {
            transposed = Buffer::zeroed(out_blocks.total() * self.spread_blocks.width());
            let in_at = self.spread_blocks.positions();
            let width = self.spread_blocks.width();
            self.each_row(|row| {
                for (k, output) in row.outputs.clone().enumerate() {
                    let to = &mut transposed[output * width..(output + 1) * width];
                    let from = flat[row.first(k)..].iter().step_by(row.step).take(row.inputs.len());
                    in_at[row.inputs.clone()].iter().zip(from).for_each(|(&at, &weight)| to[at] = weight);
                }
            });
        }
        Packed { source, out, pieces, pointwise, transposed }
    }

    fn piece(
        &self,
        flat: &[f32],
        block: usize,
        lanes: usize,
        source: Padded,
        out: Padded,
        differentiate: bool,
    ) -> Piece {
        let count = self.source_blocks.count();
        let stride = self.stride as isize;
        let window = |kernel: usize, dilation: usize| {
            let distance =
                move |index: usize| (index as isize - (kernel as isize - 1) / 2) * dilation as isize;
            (0..kernel * kernel)
                .map(move |tap| Tap { row: distance(tap / kernel), column: distance(tap % kernel) })
        };
        let taps: Vec<Tap> = match self.spread {
            Spread::Keep => vec![Tap { row: 0, column: 0 }],
            Spread::Halve => {
                let pixel = isize::from(block >= count);
                vec![Tap { row: pixel, column: pixel }]
            }
            Spread::Window(kernel) => window(kernel, 1).skip(block / count).take(1).collect(),
            Spread::Depthwise { kernel, dilation } => window(kernel, dilation).collect(),
        };
        let mut weights = Buffer::dirty(taps.len() * lanes);
        if let Spread::Depthwise { .. } = self.spread {
            weights.fill(0.0);
            let first = self.depthwise.start + block * lanes * taps.len();
            let channels = flat[first..].chunks_exact(taps.len()).take(self.source_blocks.channels[block]);
            for (channel, values) in channels.enumerate() {
                let lane = weights[channel..].iter_mut().step_by(lanes);
                lane.zip(values).for_each(|(to, &value)| *to = value);
            }
        } else {
            weights.fill(1.0);
        }
        let offset = |plane: Padded, row: isize, column: isize| {
            let padding = plane.padding as isize;
            let values = (padding + row) * plane.pitch(lanes) as isize + (padding + column) * lanes as isize;
            usize::try_from(values).expect("taps stay inside of the margin")
        };
        let mut phases = Vec::new();
        if differentiate {
            for (row, column) in (0..stride).flat_map(|row| (0..stride).map(move |column| (row, column))) {
                // Window o sees pixel i = o·stride + tap; i = a·stride + remainder gives o = a + the rest.
                let seen: Vec<usize> = (0..taps.len())
                    .filter(|&tap| {
                        (row - taps[tap].row) % stride == 0 && (column - taps[tap].column) % stride == 0
                    })
                    .collect();
                if seen.is_empty() {
                    continue;
                }
                let offsets = seen.iter().map(|&tap| {
                    let Tap { row: down, column: right } = taps[tap];
                    offset(out, (row - down) / stride, (column - right) / stride)
                });
                let mut of_seen = Buffer::dirty(seen.len() * lanes);
                for (to, &tap) in of_seen.chunks_exact_mut(lanes).zip(&seen) {
                    to.copy_from_slice(&weights[tap * lanes..(tap + 1) * lanes]);
                }
                phases.push(Phase {
                    row: row as usize,
                    column: column as usize,
                    offsets: offsets.collect(),
                    weights: of_seen,
                });
            }
        }
        Piece {
            source: block % count,
            offsets: taps.iter().map(|tap| offset(source, tap.row, tap.column)).collect(),
            weights,
            phases,
        }
    }

    /// Goes through the pointwise weights, block by block of their outputs.
    fn each_row(&self, mut f: impl FnMut(Rows)) {
        // A window's taps come one behind the other in the spread, but side by side in the weights.
        let taps = if let Spread::Window(kernel) = self.spread { kernel * kernel } else { 1 };
        let inputs = self.source_blocks.total();
        let width = self.out_blocks.width();
        let out_at = self.out_blocks.positions();
        let mut output = 0;
        for (matrix, range) in self.pointwise.iter().enumerate() {
            let mut first = range.start;
            while first < range.end {
                // Outputs of one block lie side by side.
                let left = (range.end - first) / (inputs * taps);
                let same = |&other: &usize| out_at[other] - out_at[output] == other - output;
                let count = (output..output + left).take_while(same).take(self.out_blocks.lanes).count();
                for tap in 0..taps {
                    let inputs = (matrix + tap) * inputs..(matrix + tap + 1) * inputs;
                    let outputs = output..output + count;
                    f(Rows { start: first + tap, step: taps, inputs, outputs, at: out_at[output], width });
                }
                first += count * inputs * taps;
                output += count;
            }
        }
    }

    /// Length of the packed gradient of the depthwise weights.
    pub fn depthwise_len(&self) -> usize {
        match self.spread {
            Spread::Depthwise { kernel, .. } => kernel * kernel * self.source_blocks.width(),
            _ => 0,
        }
    }

    /// Length of the packed gradient of all weights of the convolutions: depthwise, then pointwise.
    pub fn gradient_len(&self) -> usize {
        self.depthwise_len() + self.spread_blocks.total() * self.out_blocks.width()
    }

    /// Writes the packed gradient to where it belongs in the flat one.
    pub fn unpack_gradient(&self, packed: &[f32], flat: &mut [f32]) {
        let lanes = self.out_blocks.lanes;
        let (depthwise, pointwise) = packed.split_at(self.depthwise_len());
        if let Spread::Depthwise { kernel, .. } = self.spread {
            let taps = kernel * kernel;
            for (index, flat) in flat[self.depthwise.clone()].iter_mut().enumerate() {
                let (channel, tap) = (index / taps, index % taps);
                *flat = depthwise[(channel / lanes * taps + tap) * lanes + channel % lanes];
            }
        }
        self.each_row(|row| row.read(pointwise, flat));
    }
}

/// Neighbouring outputs of a matrix of weights.
struct Rows {
    /// The first weight.
    start: usize,
    /// From an input's weight to that of the next.
    step: usize,
    /// Channels of the spread.
    inputs: Range<usize>,
    outputs: Range<usize>,
    /// Where the first output lies among the values of a pixel.
    at: usize,
    /// Values of a pixel.
    width: usize,
}

impl Rows {
    /// The first weight of the k-th output.
    fn first(&self, k: usize) -> usize {
        self.start + k * self.step * self.inputs.len()
    }

    /// Copies from flat weights to `[channels in][values of a pixel]`.
    fn write(&self, flat: &[f32], packed: &mut [f32]) {
        let rows: Vec<&[f32]> = (0..self.outputs.len()).map(|k| &flat[self.first(k)..]).collect();
        for (index, input) in self.inputs.clone().enumerate() {
            let to = &mut packed[input * self.width + self.at..][..rows.len()];
            to.iter_mut().zip(&rows).for_each(|(to, row)| *to = row[index * self.step]);
        }
    }

    /// The inverse of [`Self::write`].
    fn read(&self, packed: &[f32], flat: &mut [f32]) {
        for (index, input) in self.inputs.clone().enumerate() {
            let from = &packed[input * self.width + self.at..][..self.outputs.len()];
            for (k, &value) in from.iter().enumerate() {
                flat[self.first(k) + index * self.step] = value;
            }
        }
    }
}
