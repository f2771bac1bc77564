//! One stage for one image: padded copy of the source, spread, pointwise convolution.

use std::ops::Range;

use super::kernels::depthwise::correlate;
use super::kernels::elementwise::{Padded, fill};
use super::kernels::pointwise::{Strip, pointwise};
use super::plan::{Spread, Stage};
use super::record::{NormValues, Record};
use crate::support::ahead::Ahead;

/// Values of the spread that are computed before the pointwise convolution reads them: as many as stay in the
/// first-level cache.
const STRIP: usize = 4096;

/// Rows of a strip.
pub(super) fn rows_at_once(record: &Record, stage: usize) -> usize {
    let out = record.packed[stage].out;
    (STRIP / (out.width * record.plan.stages[stage].spread_blocks.width()).max(1)).clamp(1, out.height)
}

impl Stage {
    /// The blocks of an image of the source that the stage reads.
    pub fn of_source<'a>(&self, map: &'a [f32], size: Padded) -> &'a [f32] {
        &map[..size.height * size.width * self.source_blocks.width()]
    }
}

/// Fills the padded copy of a source that some stages read.
pub(super) fn fill_source(
    record: &Record,
    stage: usize,
    source: &[f32],
    norm: Option<&NormValues>,
    padded: &mut [f32],
) {
    let (plan, packed) = (&record.plan, &record.packed[stage]);
    let lanes = plan.blocks.lanes;
    let map = packed.source.height * packed.source.width * lanes;
    let blocks = source.chunks_exact(map).zip(padded.chunks_exact_mut(packed.source.len(lanes)));
    for (block, (from, to)) in blocks.enumerate() {
        let affine = norm.map(|norm| (&norm.scale[block * lanes..], &norm.shift[block * lanes..]));
        fill(lanes, from, affine, plan.stages[stage].rectify, packed.source, to);
    }
}

/// Computes the spread of some rows, from the padded source; without a spread, from the source itself.
pub(super) fn spread_rows(
    record: &Record,
    stage: usize,
    padded: &[f32],
    rows: Range<usize>,
    out: &mut [f32],
) {
    let packed = &record.packed[stage];
    let lanes = record.plan.blocks.lanes;
    let stride = record.plan.stages[stage].stride;
    let (block, strip) = (packed.source.len(lanes), rows.len() * packed.out.width * lanes);
    if record.plan.stages[stage].spread == Spread::Keep {
        let (pixels, width) = (packed.out.height * packed.out.width, packed.out.width);
        let plane = Padded { height: rows.len(), width, padding: 0 };
        let blocks = padded.chunks_exact(pixels * lanes).zip(out.chunks_exact_mut(strip));
        for (source, out) in blocks {
            let source = &source[rows.start * width * lanes..];
            fill(lanes, source, None, record.plan.stages[stage].rectify, plane, out);
        }
        return;
    }
    let windows = packed.windows(stride, lanes, rows.len());
    for (piece, out) in packed.pieces.iter().zip(out.chunks_exact_mut(strip)) {
        let source =
            &padded[piece.source * block..(piece.source + 1) * block][rows.start * windows.source_row..];
        correlate(lanes, source, &piece.offsets, &piece.weights, out, windows, false);
    }
}

/// What is read after a stage, to be fetched while it runs.
#[derive(Clone, Copy, Default)]
pub(super) struct Following<'a> {
    /// The next image's source, for a stage without a spread.
    pub source: &'a [f32],
    /// Other maps, whole.
    pub maps: [&'a [f32]; 3],
}

/// One stage for one image, from what [`spread_rows`] reads.
pub(super) fn run_stage(
    record: &Record,
    stage: usize,
    padded: &[f32],
    following: Following<'_>,
    scratch: (&mut [f32], &mut Ahead),
    out: &mut [f32],
) {
    let (plan, packed) = (&record.plan, &record.packed[stage]);
    let (lanes, blocks) = (plan.blocks.lanes, plan.stages[stage].out_blocks.count());
    let (spread, ahead) = scratch;
    let channels = &plan.stages[stage].spread_blocks.channels;
    let (height, width) = (packed.out.height, packed.out.width);
    let step = rows_at_once(record, stage);
    let strips = height.div_ceil(step);
    for strip in 0..strips {
        let rows = strip * step..((strip + 1) * step).min(height);
        let count = rows.len() * width;
        spread_rows(record, stage, padded, rows.clone(), spread);
        ahead.clear();
        if plan.stages[stage].spread == Spread::Keep {
            let (map, next) = match rows.end < height {
                true => (padded, rows.end..(rows.end + step).min(height)),
                false => (following.source, 0..step),
            };
            let block = height * width * lanes;
            ahead.want_of_blocks(map, block, next.start * width * lanes..next.end * width * lanes);
        }
        following.maps.iter().for_each(|map| ahead.want_part(map, strip, strips));
        let values = Strip { values: spread, block: count * lanes, channels };
        let out = &mut out[rows.start * width * lanes..];
        pointwise(lanes, values, count, &packed.pointwise, blocks, out, height * width * lanes, ahead);
    }
}
