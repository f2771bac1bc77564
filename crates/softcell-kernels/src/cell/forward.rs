//! A cell forward: state by state, all that leaves a state while it is in the cache.

use std::ops::Range;
use std::sync::Arc;

use super::kernels::depthwise::{Windows, correlate};
use super::kernels::elementwise::{Padded, fill, mix, mix4, moments};
use super::kernels::pointwise::{Strip, pointwise};
use super::kernels::pool::{PoolShape, average, max};
use super::pack::Packed;
use super::plan::{CellPlan, Map, Source, Spread, Stage};
use super::shapes::{Shapes, groups, image, split, split_all};
use crate::Pool;
use crate::support::parallel::for_each;
use crate::support::workspace::Buffer;

/// Values of the spread that are computed before the pointwise convolution reads them: as many as stay in the
/// first-level cache.
const STRIP: usize = 4096;

/// What a cell reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellInput<'a> {
    pub states: [&'a [f32]; 2],
    pub images: usize,
    /// Height and width.
    pub sizes: [[usize; 2]; 2],
    pub weights: &'a [f32],
    /// The weight of each term.
    pub terms: &'a [f32],
    /// Per term and image: what the term's normalised value is multiplied with.
    pub scales: Option<&'a [f32]>,
}

/// Mean and biased variance per normalisation and channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Means, normalisation after normalisation.
    pub mean: Vec<f32>,
    /// Biased variances (divided by the number of values), in the same order.
    pub variance: Vec<f32>,
    /// How many values each normalisation saw.
    pub counts: Vec<usize>,
}

/// A normalisation, filling included: `y = scale · x + shift`.
#[derive(Clone, Debug, Default)]
pub(super) struct NormValues {
    pub mean: Vec<f32>,
    /// `1/√(σ² + ε)`.
    pub inverse: Vec<f32>,
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

/// All that the backward pass needs of a forward pass, but for inputs and output.
#[derive(Debug)]
pub(super) struct Record {
    pub plan: Arc<CellPlan>,
    pub shapes: Shapes,
    pub packed: Arc<Vec<Packed>>,
    /// Raw results of the stages.
    pub stages: Vec<Buffer>,
    /// Pooled states.
    pub pools: Vec<Buffer>,
    /// States that are no part of the output.
    pub states: Vec<Buffer>,
    pub norms: Vec<NormValues>,
    pub terms: Vec<f32>,
    pub scales: Option<Vec<f32>>,
    /// Whether the statistics are constants instead of the batch's own.
    pub given: bool,
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
            stage.pack(weights, &plan.blocks, shapes.source(stage.source), padding, differentiate)
        })
        .collect()
}

impl Record {
    /// Before anything is computed.
    fn new(
        plan: &Arc<CellPlan>,
        shapes: Shapes,
        packed: Arc<Vec<Packed>>,
        input: &CellInput<'_>,
        given: bool,
    ) -> Self {
        Self {
            given,
            packed,
            stages: plan.stages.iter().map(|_| Buffer::default()).collect(),
            pools: plan.pools.iter().map(|_| Buffer::default()).collect(),
            states: (0..plan.states())
                .map(|state| match plan.slot(state) {
                    Some(_) => Buffer::default(),
                    None => Buffer::dirty(shapes.images * shapes.state_pixels(state) * plan.blocks.width()),
                })
                .collect(),
            norms: vec![NormValues::default(); plan.norms.len()],
            terms: input.terms.to_vec(),
            scales: input.scales.map(<[f32]>::to_vec),
            plan: Arc::clone(plan),
            shapes,
        }
    }

    /// The raw values of a map for one image. `output` holds the output of the images from `first` on.
    pub fn map<'a>(&'a self, map: Map, output: &'a [f32], at: usize, first: usize) -> &'a [f32] {
        let per_image = self.shapes.pixels(&self.plan, map) * self.plan.blocks.width();
        match map {
            Map::Stage(stage) => image(&self.stages[stage], per_image, at),
            Map::Pool(pool) => image(&self.pools[pool], per_image, at),
            Map::State(state) => match self.plan.slot(state) {
                None => image(&self.states[state], per_image, at),
                Some(slot) => {
                    let start = (at - first) * per_image * self.plan.config.output.len() + slot * per_image;
                    &output[start..start + per_image]
                }
            },
        }
    }

    /// What a summand is multiplied with, per channel: `scale · x + shift`. Normalisations are folded in.
    pub fn coefficients(&self, summand: usize, image: usize) -> (Vec<f32>, Vec<f32>) {
        let (plan, images) = (&self.plan, self.shapes.images);
        let summand = &plan.summands[summand];
        let weight = summand.term.map_or(1.0, |term| {
            self.terms[term] * self.scales.as_ref().map_or(1.0, |scales| scales[term * images + image])
        });
        match summand.norm {
            Some(norm) => {
                let norm = &self.norms[norm];
                let times = |values: &[f32]| values.iter().map(|value| weight * value).collect();
                (times(&norm.scale), times(&norm.shift))
            }
            None => (vec![weight; plan.blocks.width()], vec![0.0; plan.blocks.width()]),
        }
    }
}

/// Sums of one map and one image: centre, sum, sum of squares.
const SUMS: usize = 3;

/// Working memory of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    pub padded: Buffer,
    pub spread: Buffer,
}

impl Scratch {
    /// For these stages, which read one source.
    pub fn new(record: &Record, stages: &[usize]) -> Self {
        let lanes = record.plan.blocks.lanes;
        let padded = stages
            .iter()
            .map(|&s| record.packed[s].source.len(lanes) * record.plan.stages[s].source_blocks.count());
        let spread = stages.iter().map(|&s| {
            rows_at_once(record, s) * record.packed[s].out.width * record.plan.stages[s].spread_blocks.width()
        });
        let mut padded = Buffer::dirty(padded.max().unwrap_or(0));
        if let Some(&stage) = stages.first() {
            record.packed[stage].source.clear_margins(lanes, &mut padded);
        }
        Self { padded, spread: Buffer::dirty(spread.max().unwrap_or(0)) }
    }
}

/// Rows of a strip.
pub(super) fn rows_at_once(record: &Record, stage: usize) -> usize {
    let out = record.packed[stage].out;
    (STRIP / (out.width * record.plan.stages[stage].spread_blocks.width()).max(1)).clamp(1, out.height)
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
    let source_row = stride * packed.source.pitch(lanes);
    for (piece, out) in packed.pieces.iter().zip(out.chunks_exact_mut(strip)) {
        let windows = Windows {
            rows: rows.len(),
            columns: packed.out.width,
            stride,
            source_row,
            out_step: lanes,
            out_row: packed.out.width * lanes,
        };
        let source = &padded[piece.source * block..(piece.source + 1) * block];
        correlate(
            lanes,
            &source[rows.start * source_row..],
            &piece.offsets,
            &piece.weights,
            out,
            windows,
            false,
        );
    }
}

/// One stage for one image, from what [`spread_rows`] reads.
fn run_stage(record: &Record, stage: usize, padded: &[f32], spread: &mut [f32], out: &mut [f32]) {
    let (plan, packed) = (&record.plan, &record.packed[stage]);
    let (lanes, blocks) = (plan.blocks.lanes, plan.blocks.count());
    let channels = &plan.stages[stage].spread_blocks.channels;
    let pixels = packed.out.height * packed.out.width;
    let step = rows_at_once(record, stage);
    for row in (0..packed.out.height).step_by(step) {
        let rows = row..(row + step).min(packed.out.height);
        let count = rows.len() * packed.out.width;
        spread_rows(record, stage, padded, rows, spread);
        let strip = Strip { values: spread, block: count * lanes, channels };
        let out = &mut out[row * packed.out.width * lanes..];
        pointwise(lanes, strip, count, &packed.pointwise, blocks, out, pixels * lanes);
    }
}

/// The sums of a map, for its statistics.
fn sum_map(lanes: usize, map: &[f32], sums: &mut [f32]) {
    let width = sums.len() / SUMS;
    let block = map.len() / (width / lanes);
    let (centre, sums) = sums.split_at_mut(width);
    let (sums, squares) = sums.split_at_mut(width);
    for (index, map) in map.chunks_exact(block).enumerate() {
        let channels = index * lanes..(index + 1) * lanes;
        // The first pixel is close enough to the mean to lose no digits.
        centre[channels.clone()].copy_from_slice(&map[..lanes]);
        sums[channels.clone()].fill(0.0);
        squares[channels.clone()].fill(0.0);
        let (sums, squares) = (&mut sums[channels.clone()], &mut squares[channels.clone()]);
        moments(lanes, map, &centre[channels], sums, squares);
    }
}

/// Mean and sum of squared deviations, from the sums of all images in order (Chan et al.).
fn merge(sums: &[f32], width: usize, channel: usize, pixels: usize) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0f64, 0.0f64, 0.0f64);
    let n = pixels as f64;
    for image in sums.chunks_exact(SUMS * width) {
        let [centre, sum, square] = std::array::from_fn(|k| f64::from(image[k * width + channel]));
        let (image_mean, image_squares) = (centre + sum / n, square - sum * sum / n);
        let difference = image_mean - mean;
        squares += image_squares + difference * difference * count * n / (count + n);
        count += n;
        mean += difference * n / count;
    }
    (mean, squares.max(0.0))
}

/// What the normalisations of a cell use.
#[derive(Clone, Copy)]
pub(super) enum Normalise<'a> {
    /// The statistics of the batch.
    Batch,
    /// These.
    Given(&'a Statistics),
}

struct Pass<'a, 'b> {
    record: Record,
    input: &'b CellInput<'a>,
    normalise: Normalise<'b>,
    statistics: Statistics,
    output: &'b mut [f32],
}

/// A cell forward, into `output`.
pub(super) fn forward(
    plan: &Arc<CellPlan>,
    shapes: Shapes,
    packed: Arc<Vec<Packed>>,
    input: &CellInput<'_>,
    normalise: Normalise<'_>,
    output: &mut [f32],
) -> (Record, Statistics) {
    let given = matches!(normalise, Normalise::Given(_));
    let record = Record::new(plan, shapes, packed, input, given);
    let channels = plan.config.channels * plan.norms.len();
    let statistics = Statistics {
        mean: vec![0.0; channels],
        variance: vec![0.0; channels],
        counts: vec![0; plan.norms.len()],
    };
    let mut pass = Pass { record, input, normalise, statistics, output };
    for input in 0..plan.inputs {
        pass.run(plan.stages_of(Source::Input(input)), Step::Input(input));
    }
    for state in 0..plan.states() {
        pass.run(plan.stages_of(Source::State(state)), Step::State(state));
        pass.run(plan.second_stages_of(state), Step::Second);
    }
    (pass.record, pass.statistics)
}

impl Record {
    /// Forgets what [`Self::restore`] computes again faster than memory would be found for it.
    pub fn forget(&mut self) {
        self.pools.iter_mut().for_each(|pool| *pool = Buffer::default());
        self.states.iter_mut().take(self.plan.inputs).for_each(|state| *state = Buffer::default());
    }

    /// The pooled maps and the preprocessed inputs, again.
    pub fn restore(&mut self, output: &[f32]) {
        let plan = Arc::clone(&self.plan);
        let (width, images) = (plan.blocks.width(), self.shapes.images);
        let groups = groups(images);
        let pools: Vec<usize> = (0..plan.pools.len()).collect();
        // An input that is a part of the output was not forgotten.
        let inputs: Vec<usize> = (0..plan.inputs).filter(|&state| plan.slot(state).is_none()).collect();
        let state_lens: Vec<usize> =
            inputs.iter().map(|&state| self.shapes.state_pixels(state) * width).collect();
        let mut states: Vec<Buffer> = state_lens.iter().map(|len| Buffer::dirty(len * images)).collect();
        let pool_lens: Vec<usize> =
            pools.iter().map(|&pool| self.shapes.pixels(&plan, Map::Pool(pool)) * width).collect();
        let mut buffers: Vec<Buffer> = pool_lens.iter().map(|len| Buffer::dirty(len * images)).collect();
        let parts = {
            let states = states.iter_mut().zip(&state_lens).map(|(state, &len)| (&mut **state, len));
            let pools = buffers.iter_mut().zip(&pool_lens).map(|(pool, &len)| (&mut **pool, len));
            split_all(states.chain(pools).collect(), &groups)
        };
        let cost =
            (2 + 9 * pools.len()) * self.shapes.state_pixels(0) * width * images.div_ceil(groups.len());
        let this = &*self;
        let parts = groups.iter().cloned().zip(parts).collect();
        for_each(
            parts,
            cost,
            || (),
            |(), _, (range, mut parts): (Range<usize>, Vec<&mut [f32]>)| {
                let (states, pooled) = parts.split_at_mut(inputs.len());
                for at in range.clone() {
                    let local = at - range.start;
                    for (index, part) in states.iter_mut().enumerate() {
                        let len = state_lens[index];
                        this.complete(inputs[index], at, &[], &mut part[local * len..(local + 1) * len]);
                    }
                    for (&pool, part) in pools.iter().zip(&mut *pooled) {
                        let len = pool_lens[pool];
                        let state = plan.pools[pool].state;
                        let map = match states.get(state) {
                            Some(own) => image(own, state_lens[state], local),
                            None => this.map(Map::State(state), output, at, 0),
                        };
                        this.pool(pool, map, &mut part[local * len..(local + 1) * len]);
                    }
                }
            },
        );
        for (state, buffer) in inputs.into_iter().zip(states) {
            self.states[state] = buffer;
        }
        self.pools = buffers;
    }

    /// `h = Σ scale · z + shift` over the summands of a state. `before` holds the output's earlier states.
    fn complete(&self, state: usize, at: usize, before: &[f32], out: &mut [f32]) {
        let plan = &self.plan;
        let (lanes, width) = (plan.blocks.lanes, plan.blocks.width());
        let summands = plan.summands_of(state);
        let mut shift = vec![0.0f32; width];
        let mut scales = Vec::with_capacity(summands.len());
        let mut maps = Vec::with_capacity(summands.len());
        for &summand in &summands {
            let (scale, more) = self.coefficients(summand, at);
            shift.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            scales.push(scale);
            maps.push(match plan.summands[summand].map {
                Map::State(source) if plan.slot(source).is_some() => {
                    let len = self.shapes.state_pixels(source) * width;
                    let slot = plan.slot(source).expect("just asked");
                    &before[slot * len..(slot + 1) * len]
                }
                map => self.map(map, &[], at, at),
            });
        }
        let zero = vec![0.0f32; lanes];
        let len = out.len() / plan.blocks.count();
        for (block, out) in out.chunks_exact_mut(len).enumerate() {
            let values = block * len..(block + 1) * len;
            let channels = block * lanes..(block + 1) * lanes;
            let (fours, rest) = maps.as_chunks::<4>();
            let (four_scales, rest_scales) = scales.as_chunks::<4>();
            let mut first = true;
            for (maps, scales) in fours.iter().zip(four_scales) {
                let shift = if first { &shift[channels.clone()] } else { &zero };
                let maps = maps.map(|map| &map[values.clone()]);
                mix4(lanes, maps, scales.each_ref().map(|s| &s[channels.clone()]), shift, first, out);
                first = false;
            }
            for (map, scale) in rest.iter().zip(rest_scales) {
                let shift = if first { &shift[channels.clone()] } else { &zero };
                mix(lanes, &map[values.clone()], &scale[channels.clone()], shift, first, out);
                first = false;
            }
        }
    }

    /// Pools one image of a state.
    fn pool(&self, pool: usize, map: &[f32], out: &mut [f32]) {
        let lanes = self.plan.blocks.lanes;
        let shape = pool_shape(self, pool);
        let [rows, columns] = shape.output();
        let blocks = map.chunks_exact(shape.height * shape.width * lanes);
        for (from, to) in blocks.zip(out.chunks_exact_mut(rows * columns * lanes)) {
            match self.plan.pools[pool].kind {
                Pool::Max => max(lanes, from, shape, to),
                Pool::Average => average(lanes, from, shape, to),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Preprocesses an input.
    Input(usize),
    /// Completes a state and runs all that reads it.
    State(usize),
    /// Runs second halves.
    Second,
}

/// The part of one group of images.
struct Part<'a> {
    images: Range<usize>,
    output: &'a mut [f32],
    state: Option<&'a mut [f32]>,
    /// Stages, then pools.
    maps: Vec<&'a mut [f32]>,
    sums: Vec<&'a mut [f32]>,
}

impl Pass<'_, '_> {
    fn run(&mut self, stages: Vec<usize>, step: Step) {
        let plan = Arc::clone(&self.record.plan);
        let (width, images) = (plan.blocks.width(), self.record.shapes.images);
        let pools = match step {
            Step::State(state) => plan.pools_of(state),
            _ => Vec::new(),
        };
        if stages.is_empty() && step == Step::Second {
            return;
        }
        let groups = groups(images);
        let maps: Vec<Map> =
            stages.iter().map(|&s| Map::Stage(s)).chain(pools.iter().map(|&p| Map::Pool(p))).collect();
        let lens: Vec<usize> =
            maps.iter().map(|&map| self.record.shapes.pixels(&plan, map) * width).collect();
        let mut buffers: Vec<Buffer> = lens.iter().map(|len| Buffer::dirty(len * images)).collect();
        let batch = matches!(self.normalise, Normalise::Batch);
        let sums_len = if batch { SUMS * width } else { 0 };
        let mut sums: Vec<Buffer> = lens.iter().map(|_| Buffer::dirty(sums_len * images)).collect();
        let output = std::mem::take(&mut self.output);
        let output_len = self.record.shapes.output_pixels(&plan) * width * plan.config.output.len();
        let mut state_buffer = match step {
            Step::State(state) => std::mem::take(&mut self.record.states[state]),
            _ => Buffer::default(),
        };
        let state_len = state_buffer.len() / images;

        let mut states = split(&mut state_buffer, state_len, &groups).into_iter();
        let map_parts =
            split_all(buffers.iter_mut().zip(&lens).map(|(b, &len)| (&mut **b, len)).collect(), &groups);
        let sum_parts = split_all(sums.iter_mut().map(|b| (&mut **b, sums_len)).collect(), &groups);
        let parts: Vec<Part<'_>> = groups
            .iter()
            .cloned()
            .zip(split(&mut *output, output_len, &groups))
            .zip(map_parts)
            .zip(sum_parts)
            .map(|(((images, output), maps), sums)| Part {
                images,
                output,
                state: states.next().filter(|state| !state.is_empty()),
                maps,
                sums,
            })
            .collect();
        let cost = self.cost(&stages, &pools, step) * images.div_ceil(groups.len());
        let this = &*self;
        for_each(
            parts,
            cost,
            || Scratch::new(&this.record, &stages),
            |scratch, _, part| this.run_part(&stages, &pools, step, scratch, part),
        );

        self.output = output;
        if let Step::State(state) = step {
            self.record.states[state] = state_buffer;
        }
        for (map, buffer) in maps.iter().zip(buffers) {
            match *map {
                Map::Stage(stage) => self.record.stages[stage] = buffer,
                Map::Pool(pool) => self.record.pools[pool] = buffer,
                Map::State(_) => unreachable!("states have no buffers of their own here"),
            }
        }
        for (map, sums) in maps.into_iter().zip(sums) {
            self.finish(map, &sums);
        }
    }

    /// Elementary operations for one image.
    fn cost(&self, stages: &[usize], pools: &[usize], step: Step) -> usize {
        let record = &self.record;
        let stage_cost = |&s: &usize| {
            let packed = &record.packed[s];
            let taps: usize = packed.pieces.iter().map(|piece| piece.offsets.len()).sum();
            packed.out.height * packed.out.width * (taps * record.plan.blocks.lanes + packed.pointwise.len())
        };
        let pixels = match step {
            Step::State(state) => record.shapes.state_pixels(state),
            _ => 0,
        };
        stages.iter().map(stage_cost).sum::<usize>()
            + (9 * pools.len() + 8) * pixels * record.plan.blocks.width()
    }

    fn run_part(
        &self,
        stages: &[usize],
        pools: &[usize],
        step: Step,
        scratch: &mut Scratch,
        mut part: Part<'_>,
    ) {
        let (record, plan) = (&self.record, &self.record.plan);
        let (lanes, width) = (plan.blocks.lanes, plan.blocks.width());
        let output_len = part.output.len() / part.images.len();
        let first = part.images.start;
        for at in part.images.clone() {
            let local = at - first;
            let mut done = 0;
            let output = &mut part.output[local * output_len..(local + 1) * output_len];
            let (state_map, is_slot);
            match step {
                Step::State(state) => {
                    let len = record.shapes.state_pixels(state) * width;
                    match (plan.slot(state), &mut part.state) {
                        (Some(slot), _) => {
                            let (before, rest) = output.split_at_mut(slot * len);
                            record.complete(state, at, before, &mut rest[..len]);
                            is_slot = Some(slot * len..(slot + 1) * len);
                            state_map = None;
                        }
                        (None, Some(own)) => {
                            let own = &mut own[local * len..(local + 1) * len];
                            record.complete(state, at, output, own);
                            is_slot = None;
                            state_map = Some(&*own);
                        }
                        (None, None) => unreachable!("a state outside of the output has a buffer"),
                    }
                }
                Step::Input(_) | Step::Second => {
                    is_slot = None;
                    state_map = None;
                }
            }
            let output = &*output;
            let map: &[f32] = match (is_slot, state_map) {
                (Some(range), _) => &output[range],
                (None, Some(map)) => map,
                (None, None) => &[],
            };
            let mut filled = None;
            for &stage in stages {
                let source = plan.stages[stage].source;
                let keep = plan.stages[stage].spread == Spread::Keep;
                let mut whole: &[f32] = &[];
                if filled != Some(source) {
                    filled = Some(source);
                    match source {
                        Source::Input(input) => {
                            let values = self.input.states[input];
                            whole = image(values, values.len() / record.shapes.images, at);
                            if !keep {
                                fill_source(record, stage, whole, None, &mut scratch.padded);
                            }
                        }
                        Source::State(_) => fill_source(record, stage, map, None, &mut scratch.padded),
                        Source::Stage(before) => {
                            let values = record.map(Map::Stage(before), &[], at, 0);
                            let norm = &record.norms[plan.stages[before].norm];
                            fill_source(record, stage, values, Some(norm), &mut scratch.padded);
                        }
                    }
                }
                let len = part.maps[done].len() / part.images.len();
                let out = &mut part.maps[done][local * len..(local + 1) * len];
                let from = if keep { whole } else { &scratch.padded };
                run_stage(record, stage, from, &mut scratch.spread, out);
                done += 1;
            }
            for &pool in pools {
                let len = part.maps[done].len() / part.images.len();
                let out = &mut part.maps[done][local * len..(local + 1) * len];
                record.pool(pool, map, out);
                done += 1;
            }
            for (map, sums) in part.maps.iter().zip(&mut part.sums) {
                let (len, sums_len) = (map.len() / part.images.len(), sums.len() / part.images.len());
                if sums_len > 0 {
                    let sums = &mut sums[local * sums_len..(local + 1) * sums_len];
                    sum_map(lanes, &map[local * len..(local + 1) * len], sums);
                }
            }
        }
    }

    /// The normalisations of a map whose sums are complete.
    fn finish(&mut self, map: Map, sums: &[f32]) {
        let plan = Arc::clone(&self.record.plan);
        let (width, channels) = (plan.blocks.width(), plan.config.channels);
        let pixels = self.record.shapes.pixels(&plan, map);
        let count = pixels * self.record.shapes.images;
        let norms: Vec<usize> = (0..plan.norms.len()).filter(|&norm| plan.norms[norm].map == map).collect();
        let batch: Option<Vec<(f64, f64)>> = match self.normalise {
            Normalise::Batch if !norms.is_empty() => Some(
                (0..channels)
                    .map(|channel| {
                        let (mean, squares) = merge(sums, width, channel, pixels);
                        (mean, squares / count as f64)
                    })
                    .collect(),
            ),
            _ => None,
        };
        for norm in norms {
            let range = norm * channels..(norm + 1) * channels;
            let values = match (&batch, &self.normalise) {
                (None, Normalise::Given(given)) => {
                    let pairs = given.mean[range.clone()].iter().zip(&given.variance[range]);
                    pairs.map(|(&mean, &variance)| (f64::from(mean), f64::from(variance))).collect()
                }
                (batch, _) => {
                    let values = batch.clone().unwrap_or_default();
                    self.statistics.counts[norm] = count;
                    for (channel, &(mean, variance)) in values.iter().enumerate() {
                        self.statistics.mean[range.start + channel] = mean as f32;
                        self.statistics.variance[range.start + channel] = variance as f32;
                    }
                    values
                }
            };
            self.record.norms[norm] = self.norm_values(plan.norms[norm].affine.as_ref(), &values);
        }
    }

    fn norm_values(&self, affine: Option<&[Range<usize>; 2]>, values: &[(f64, f64)]) -> NormValues {
        let plan = &self.record.plan;
        let width = plan.blocks.width();
        let mut norm = NormValues {
            mean: vec![0.0; width],
            inverse: vec![0.0; width],
            gamma: vec![0.0; width],
            beta: vec![0.0; width],
            scale: vec![0.0; width],
            shift: vec![0.0; width],
        };
        for (channel, &(mean, variance)) in values.iter().enumerate() {
            let inverse = 1.0 / (variance + plan.config.epsilon).sqrt();
            let [gamma, beta] = match affine {
                Some([gamma, beta]) => {
                    [gamma, beta].map(|range| f64::from(self.input.weights[range.start + channel]))
                }
                None => [1.0, 0.0],
            };
            norm.mean[channel] = mean as f32;
            norm.inverse[channel] = inverse as f32;
            norm.gamma[channel] = gamma as f32;
            norm.beta[channel] = beta as f32;
            norm.scale[channel] = (gamma * inverse) as f32;
            norm.shift[channel] = (beta - gamma * inverse * mean) as f32;
        }
        norm
    }
}

/// Size and stride of a pooling.
pub(super) fn pool_shape(record: &Record, pool: usize) -> PoolShape {
    let pool = record.plan.pools[pool];
    let [height, width] = record.shapes.states[pool.state];
    PoolShape { height, width, stride: pool.stride }
}
