//! A stage's weights in the order that the inner loops read them, and their gradients back.

use super::kernels::depthwise::Windows;
use super::kernels::elementwise::Padded;
use super::plan::{CellPlan, Source, Spread, Stage};
use super::shapes::Shapes;
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
    plan.stages
        .iter()
        .map(|stage| {
            // All stages of one pass share padded copies, so they share the margin.
            let together = plan.stages.iter().filter(|other| match (stage.source, other.source) {
                (Source::Stage(_), Source::Stage(_)) => true,
                (one, other) => one == other,
            });
            let padding = together.map(Stage::padding).max().unwrap_or(0);
            stage.pack(weights, shapes.source(stage.source), padding, differentiate)
        })
        .collect()
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

/// The taps of a piece: their distances from the window's centre and their weights.
struct Tap {
    row: isize,
    column: isize,
    weight: Vec<f32>,
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
        let mut transposed = Buffer::default();
        if differentiate {
            transposed = Buffer::zeroed(out_blocks.total() * self.spread_blocks.width());
            self.each_weight(|entry| transposed[entry.transposed] = flat[entry.flat]);
        }
        self.each_weight(|entry| pointwise[entry.packed] = flat[entry.flat]);
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
        let taps: Vec<Tap> = match self.spread {
            Spread::Keep => vec![Tap { row: 0, column: 0, weight: vec![1.0; lanes] }],
            Spread::Halve => {
                let pixel = isize::from(block >= count);
                vec![Tap { row: pixel, column: pixel, weight: vec![1.0; lanes] }]
            }
            Spread::Window(kernel) => {
                let (tap, padding) = (block / count, (kernel as isize - 1) / 2);
                let [row, column] = [tap / kernel, tap % kernel].map(|index| index as isize - padding);
                vec![Tap { row, column, weight: vec![1.0; lanes] }]
            }
            Spread::Depthwise { kernel, dilation } => (0..kernel * kernel)
                .map(|tap| {
                    let distance =
                        |index: usize| (index as isize - (kernel as isize - 1) / 2) * dilation as isize;
                    let first = self.depthwise.start + block * lanes * kernel * kernel;
                    let mut weight = vec![0.0; lanes];
                    for (channel, weight) in
                        weight.iter_mut().enumerate().take(self.source_blocks.channels[block])
                    {
                        *weight = flat[first + channel * kernel * kernel + tap];
                    }
                    Tap { row: distance(tap / kernel), column: distance(tap % kernel), weight }
                })
                .collect(),
        };
        let offset = |plane: Padded, row: isize, column: isize| {
            let padding = plane.padding as isize;
            let values = (padding + row) * plane.pitch(lanes) as isize + (padding + column) * lanes as isize;
            usize::try_from(values).expect("taps stay inside of the margin")
        };
        let mut phases = Vec::new();
        if differentiate {
            for (row, column) in (0..stride).flat_map(|row| (0..stride).map(move |column| (row, column))) {
                // Window o sees pixel i = o·stride + tap; i = a·stride + remainder gives o = a + the rest.
                let seen = |tap: &&Tap| (row - tap.row) % stride == 0 && (column - tap.column) % stride == 0;
                let taps: Vec<&Tap> = taps.iter().filter(seen).collect();
                if taps.is_empty() {
                    continue;
                }
                let offsets = taps
                    .iter()
                    .map(|tap| offset(out, (row - tap.row) / stride, (column - tap.column) / stride));
                phases.push(Phase {
                    row: row as usize,
                    column: column as usize,
                    offsets: offsets.collect(),
                    weights: Buffer::from_slice(
                        &taps.iter().flat_map(|tap| tap.weight.clone()).collect::<Vec<_>>(),
                    ),
                });
            }
        }
        Piece {
            source: block % count,
            offsets: taps.iter().map(|tap| offset(source, tap.row, tap.column)).collect(),
            weights: Buffer::from_slice(&taps.iter().flat_map(|tap| tap.weight.clone()).collect::<Vec<_>>()),
            phases,
        }
    }

    /// Goes through the pointwise weights: where each lies in the flat weights and in both packed matrices.
    fn each_weight(&self, mut f: impl FnMut(Entry)) {
        // A window's taps come one behind the other in the spread, but side by side in the weights.
        let taps = if let Spread::Window(kernel) = self.spread { kernel * kernel } else { 1 };
        let out_blocks = &self.out_blocks;
        let inputs = self.source_blocks.total();
        let (row, transposed_row) = (out_blocks.width(), self.spread_blocks.width());
        let (out_at, in_at) = (out_blocks.positions(), self.spread_blocks.positions());
        let mut outputs = out_at.iter().enumerate();
        for (matrix, range) in self.pointwise.iter().enumerate() {
            let rows = range.clone().step_by(inputs * taps);
            for (first, (output, out_at)) in rows.zip(&mut outputs) {
                for (source, tap) in (0..inputs).flat_map(|source| (0..taps).map(move |tap| (source, tap))) {
                    let input = (matrix + tap) * inputs + source;
                    f(Entry {
                        flat: first + source * taps + tap,
                        packed: input * row + out_at,
                        transposed: output * transposed_row + in_at[input],
                    });
                }
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
        self.each_weight(|entry| flat[entry.flat] = pointwise[entry.packed]);
    }
}

struct Entry {
    flat: usize,
    packed: usize,
    transposed: usize,
}
