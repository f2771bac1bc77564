//! The gradients of one stage for one image: of its weights and of its rectified source.

use std::borrow::Cow;

use super::kernels::depthwise::{Windows, correlate, tap_sums};
use super::kernels::elementwise::{combine, fill, mask};
use super::kernels::pointwise::{Strip, outer_products, pointwise};
use super::norm_gradient::Coefficients;
use super::plan::Spread;
use super::record::Record;
use super::stage::{Following, rows_at_once, spread_rows};
use crate::support::ahead::Ahead;
use crate::support::workspace::Buffer;

/// Working memory of one thread.
pub(super) struct GradientScratch {
    pub padded: Buffer,
    /// The spread of a strip, computed again.
    pub spread: Buffer,
    /// The raw gradient of a strip.
    pub raw: Buffer,
    /// The gradient of the spread.
    pub spread_gradient: Buffer,
    /// One block of it with a margin, for each margin.
    pub margin: Buffer,
    /// Gradient of the rectified source.
    pub source: Buffer,
    /// Gradient of a pooled map, or of a state that is shuffled.
    pub spare: Buffer,
    pub ahead: Ahead,
}

impl GradientScratch {
    /// For these stages, which share margins.
    pub fn new(record: &Record, stages: &[usize], spare: usize) -> Self {
        let plan = &record.plan;
        let lanes = plan.blocks.lanes;
        let most = |f: &dyn Fn(usize) -> usize| stages.iter().map(|&s| f(s)).max().unwrap_or(0);
        let strip = |s: usize| rows_at_once(record, s) * record.packed[s].out.width;
        let source_pixels = |s: usize| record.packed[s].source.height * record.packed[s].source.width;
        let mut padded = Buffer::dirty(most(&|s| {
            record.packed[s].source.len(lanes) * plan.stages[s].source_blocks.count()
        }));
        let mut margin = Buffer::dirty(most(&|s| record.packed[s].out.len(lanes)));
        if let Some(&stage) = stages.first() {
            record.packed[stage].source.clear_margins(lanes, &mut padded);
            record.packed[stage].out.clear_margins(lanes, &mut margin);
        }
        Self {
            padded,
            spread: Buffer::dirty(most(&|s| strip(s) * plan.stages[s].spread_blocks.width())),
            raw: Buffer::dirty(most(&|s| strip(s) * plan.stages[s].out_blocks.width())),
            spread_gradient: Buffer::dirty(most(&|s| {
                record.packed[s].out.height
                    * record.packed[s].out.width
                    * plan.stages[s].spread_blocks.width()
            })),
            margin,
            source: Buffer::dirty(most(&|s| source_pixels(s) * plan.stages[s].source_blocks.width())),
            spare: Buffer::dirty(spare),
            ahead: Ahead::default(),
        }
    }
}

/// What the gradients of a stage are computed from, for one image.
pub(super) struct StageGradient<'a> {
    pub record: &'a Record,
    pub stage: usize,
    /// The source itself, for a stage without a spread; others read their padded copy in the scratch.
    pub source: &'a [f32],
    /// The raw result.
    pub z: &'a [f32],
    /// The gradient of the normalised result.
    pub g: &'a [f32],
    pub coefficients: Cow<'a, Coefficients>,
    pub source_wanted: bool,
    pub following: Following<'a>,
    /// Whether another stage has left its gradient of the same source in the scratch.
    pub accumulate: bool,
}

/// Where the gradient of a stage's source goes.
pub(super) struct SourceGradient<'a> {
    pub values: &'a mut [f32],
    /// Added to what is there, instead of replacing it.
    pub accumulate: bool,
}

/// The gradient of a source, through the rectifier if there is one.
pub(super) fn write_gradient(
    lanes: usize,
    rectified: Option<&[f32]>,
    gradient: &[f32],
    accumulate: bool,
    out: &mut [f32],
) {
    match (rectified, accumulate) {
        (Some(source), _) => mask(lanes, source, None, gradient, accumulate, out),
        (None, true) => out.iter_mut().zip(gradient).for_each(|(sum, more)| *sum += more),
        (None, false) => out.copy_from_slice(gradient),
    }
}

impl StageGradient<'_> {
    /// Adds the gradient of the weights to `weights`. That of the rectified source is added to
    /// `scratch.source`; that of a source without a spread goes through its rectifier, into `out`.
    pub fn run(
        &self,
        scratch: &mut GradientScratch,
        weights: Option<&mut [f32]>,
        out: Option<SourceGradient<'_>>,
    ) {
        let spec = &self.record.plan.stages[self.stage];
        let (depthwise, pointwise) = match weights {
            Some(weights) => {
                let (depthwise, pointwise) = weights.split_at_mut(spec.depthwise_len());
                (Some(depthwise), Some(pointwise))
            }
            None => (None, None),
        };
        self.through_pointwise(scratch, pointwise, out);
        if self.source_wanted && spec.spread != Spread::Keep {
            self.through_spread(scratch, depthwise);
        }
    }

    /// Strip by strip: the raw gradient, from it the gradient of the spread, and with the spread computed again
    /// that of the pointwise weights.
    fn through_pointwise(
        &self,
        scratch: &mut GradientScratch,
        mut sums: Option<&mut [f32]>,
        mut out: Option<SourceGradient<'_>>,
    ) {
        let (record, plan) = (self.record, &self.record.plan);
        let (spec, packed) = (&plan.stages[self.stage], &record.packed[self.stage]);
        let (lanes, blocks) = (plan.blocks.lanes, spec.out_blocks.count());
        let pixels = packed.out.height * packed.out.width;
        let keep = spec.spread == Spread::Keep;
        let spread_blocks = spec.spread_blocks.count();
        let step = rows_at_once(record, self.stage);
        for row in (0..packed.out.height).step_by(step) {
            let rows = row..(row + step).min(packed.out.height);
            let count = rows.len() * packed.out.width;
            let start = row * packed.out.width * lanes;
            for block in 0..blocks {
                let values = block * pixels * lanes + start..block * pixels * lanes + start + count * lanes;
                let channels = block * lanes..(block + 1) * lanes;
                combine(
                    lanes,
                    &self.g[values.clone()],
                    &self.z[values],
                    self.coefficients.of(channels),
                    false,
                    &mut scratch.raw[block * count * lanes..(block + 1) * count * lanes],
                );
            }
            if self.source_wanted {
                self.look_ahead(rows.end, out.as_ref().map(|out| &*out.values), &mut scratch.ahead);
                let strip =
                    Strip { values: &scratch.raw, block: count * lanes, channels: &spec.out_blocks.channels };
                // Without a spread it is the source's own gradient, which leaves strip by strip.
                let (to, block) = match keep {
                    true => (&mut scratch.spread_gradient[..], count * lanes),
                    false => (&mut scratch.spread_gradient[start..], pixels * lanes),
                };
                let weights = &packed.transposed;
                pointwise(lanes, strip, count, weights, spread_blocks, to, block, &mut scratch.ahead);
            }
            if let Some(sums) = &mut sums {
                let channels = &spec.spread_blocks.channels;
                let from = if keep { self.source } else { &scratch.padded };
                spread_rows(record, self.stage, from, rows, &mut scratch.spread);
                let strip = Strip { values: &scratch.spread, block: count * lanes, channels };
                outer_products(lanes, strip, &scratch.raw, count * lanes, blocks, count, sums);
            }
            if let Some(out) = &mut out {
                let values = start..start + count * lanes;
                let gradients = scratch.spread_gradient.chunks_exact(count * lanes);
                let sources = self.source.chunks_exact(pixels * lanes);
                let outs = out.values.chunks_exact_mut(pixels * lanes);
                for ((gradient, source), to) in gradients.zip(sources).zip(outs) {
                    let (source, to) = (&source[values.clone()], &mut to[values.clone()]);
                    let source = if spec.rectify { Some(source) } else { None };
                    write_gradient(lanes, source, gradient, out.accumulate, to);
                }
            }
        }
    }

    /// Wants what the strip before row `row` is followed by.
    fn look_ahead(&self, row: usize, out: Option<&[f32]>, ahead: &mut Ahead) {
        let record = self.record;
        let (lanes, packed) = (record.plan.blocks.lanes, &record.packed[self.stage]);
        let (height, width) = (packed.out.height, packed.out.width);
        let step = rows_at_once(record, self.stage);
        let block = height * width * lanes;
        ahead.clear();
        let next = row * width * lanes..(row + step).min(height) * width * lanes;
        ahead.want_of_blocks(self.g, block, next.clone());
        ahead.want_of_blocks(self.z, block, next.clone());
        ahead.want_of_blocks(self.source, block, next.clone());
        ahead.want_of_blocks(out.unwrap_or_default(), block, next);
        let strip = (row - 1) / step;
        self.following.maps.iter().for_each(|map| ahead.want_part(map, strip, height.div_ceil(step)));
    }

    /// Block by block: the gradient of the source, and that of the depthwise weights.
    fn through_spread(&self, scratch: &mut GradientScratch, mut sums: Option<&mut [f32]>) {
        let (record, plan) = (self.record, &self.record.plan);
        let (spec, packed) = (&plan.stages[self.stage], &record.packed[self.stage]);
        let lanes = plan.blocks.lanes;
        let pixels = packed.out.height * packed.out.width;
        let source_len = packed.source.height * packed.source.width * lanes;
        // With one phase, and one piece for each block of the source, every pixel is written.
        let covers = spec.stride == 1 && packed.pieces.len() == spec.source_blocks.count();
        if !self.accumulate && !covers {
            scratch.source[..spec.source_blocks.count() * source_len].fill(0.0);
        }
        let accumulate = self.accumulate || !covers;
        for (block, piece) in packed.pieces.iter().enumerate() {
            let gradient = &scratch.spread_gradient[block * pixels * lanes..(block + 1) * pixels * lanes];
            fill(lanes, gradient, None, false, packed.out, &mut scratch.margin);
            let out = &mut scratch.source[piece.source * source_len..(piece.source + 1) * source_len];
            for phase in &piece.phases {
                let windows = Windows {
                    rows: packed.source.height.saturating_sub(phase.row).div_ceil(spec.stride),
                    columns: packed.source.width.saturating_sub(phase.column).div_ceil(spec.stride),
                    stride: 1,
                    source_row: packed.out.pitch(lanes),
                    out_step: spec.stride * lanes,
                    out_row: spec.stride * packed.source.width * lanes,
                };
                if windows.rows == 0 || windows.columns == 0 {
                    continue;
                }
                let first = (phase.row * packed.source.width + phase.column) * lanes;
                correlate(
                    lanes,
                    &scratch.margin,
                    &phase.offsets,
                    &phase.weights,
                    &mut out[first..],
                    windows,
                    accumulate,
                );
            }
            if let (Some(sums), Spread::Depthwise { kernel, dilation }) = (&mut sums, spec.spread) {
                let taps = kernel * kernel * lanes;
                let padded = packed.source.len(lanes);
                let pitch = packed.source.pitch(lanes);
                let windows = packed.windows(spec.stride, lanes, packed.out.height);
                tap_sums(
                    lanes,
                    &scratch.padded[piece.source * padded..(piece.source + 1) * padded],
                    piece.offsets[0],
                    [dilation * pitch, dilation * lanes],
                    kernel,
                    gradient,
                    windows,
                    &mut sums[block * taps..(block + 1) * taps],
                );
            }
        }
    }
}
