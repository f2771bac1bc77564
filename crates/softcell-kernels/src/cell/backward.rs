//! A cell backward: states in reverse order, all that leaves a state while it is in the cache.

use std::ops::Range;

use super::forward::{Record, fill_source, pool_shape, rows_at_once, spread_rows};
use super::kernels::depthwise::{Windows, correlate, tap_sums};
use super::kernels::elementwise::{combine, dot, fill, mask, mix, sum};
use super::kernels::pointwise::{Strip, outer_products, pointwise};
use super::kernels::pool::{average_gradient, max_gradient};
use super::plan::{Map, Reader, Source, Spread};
use super::shapes::{groups, image, split, split_all};
use crate::Pool;
use crate::support::parallel::for_each;
use crate::support::workspace::Buffer;

/// Which gradients are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub inputs: [bool; 2],
    pub weights: bool,
    pub terms: bool,
}

/// The gradients that were asked for.
#[derive(Debug, Default)]
pub(super) struct Gradients {
    pub inputs: [Option<Buffer>; 2],
    pub weights: Option<Vec<f32>>,
    pub terms: Option<Vec<f32>>,
}

/// `dz = a · g + p · z + q`: the gradient of a map through its normalisation, channel by channel.
#[derive(Clone, Debug, Default)]
struct Coefficients {
    a: Vec<f32>,
    p: Vec<f32>,
    q: Vec<f32>,
}

struct Backward<'a> {
    record: &'a Record,
    inputs: [&'a [f32]; 2],
    output: &'a [f32],
    wanted: Wanted,
    /// Gradient of the output; a state's part becomes the gradient of the state.
    gradient: &'a mut [f32],
    /// Gradients of the states outside of the output.
    states: Vec<Buffer>,
    /// Gradients of the normalised first halves, while their state is worked on.
    firsts: Vec<Buffer>,
    /// By stage: what reads of a first half give.
    first_coefficients: Vec<Coefficients>,
    /// By summand.
    coefficients: Vec<Coefficients>,
    weights: Vec<f32>,
    terms: Vec<f32>,
    input_gradients: [Option<Buffer>; 2],
}

/// A cell backward. `inputs` and `output` are those of the forward pass; `gradient` is that of the output and is
/// used as working memory.
pub(super) fn backward(
    record: &Record,
    inputs: [&[f32]; 2],
    output: &[f32],
    gradient: &mut [f32],
    wanted: Wanted,
) -> Gradients {
    let plan = &record.plan;
    let mut pass = Backward {
        record,
        inputs,
        output,
        wanted,
        gradient,
        states: Vec::new(),
        firsts: plan.stages.iter().map(|_| Buffer::default()).collect(),
        first_coefficients: vec![Coefficients::default(); plan.stages.len()],
        coefficients: vec![Coefficients::default(); plan.summands.len()],
        weights: if wanted.weights { vec![0.0; plan.weights()] } else { Vec::new() },
        terms: vec![0.0; plan.config.terms.len()],
        input_gradients: [None, None],
    };
    pass.states = (0..plan.states())
        .map(|state| match plan.slot(state) {
            Some(_) => Buffer::default(),
            None if !pass.wants(state) => Buffer::default(),
            None => {
                Buffer::zeroed(record.shapes.images * record.shapes.state_pixels(state) * plan.blocks.width())
            }
        })
        .collect();
    for state in (0..plan.states()).rev().filter(|&state| pass.wants(state)).collect::<Vec<_>>() {
        pass.run(plan.second_stages_of(state), Step::Second);
        pass.run(plan.stages_of(Source::State(state)), Step::State(state));
        pass.firsts.iter_mut().for_each(|first| *first = Buffer::default());
    }
    for input in 0..plan.inputs {
        if pass.wants(input) {
            pass.run(plan.stages_of(Source::Input(input)), Step::Input(input));
        }
    }
    Gradients {
        inputs: pass.input_gradients,
        weights: wanted.weights.then_some(pass.weights),
        terms: wanted.terms.then_some(pass.terms),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Second,
    State(usize),
    Input(usize),
}

/// Working memory of one thread.
struct Scratch {
    padded: Buffer,
    /// The spread of a strip, computed again.
    spread: Buffer,
    /// The raw gradient of a strip.
    raw: Buffer,
    /// The gradient of the spread.
    spread_gradient: Buffer,
    /// One block of it with a margin, for each margin.
    margin: Buffer,
    /// Gradient of the rectified source.
    source: Buffer,
    /// Gradient of a pooled map.
    pooled: Buffer,
}

/// The part of one group of images.
struct Part<'a> {
    images: Range<usize>,
    gradient: &'a mut [f32],
    /// The state's gradient outside of the output, or the input's.
    own: Option<&'a mut [f32]>,
    /// Gradients of first halves.
    firsts: Vec<&'a mut [f32]>,
    sums: &'a mut [f32],
    weights: Option<&'a mut [f32]>,
}

impl Backward<'_> {
    /// Whether anything that is asked for depends on the gradient of this state.
    fn wants(&self, state: usize) -> bool {
        state >= self.record.plan.inputs || self.wanted.weights || self.wanted.inputs[state]
    }

    fn run(&mut self, stages: Vec<usize>, step: Step) {
        let record = self.record;
        let plan = &record.plan;
        let (width, images) = (plan.blocks.width(), record.shapes.images);
        if stages.is_empty() && step == Step::Second {
            return;
        }
        let groups = groups(images);
        // First halves whose gradient the second halves give.
        let first_of = |&stage: &usize| match plan.stages[stage].source {
            Source::Stage(first) => first,
            _ => unreachable!("a second half reads a first half"),
        };
        let firsts: Vec<usize> =
            if step == Step::Second { stages.iter().map(first_of).collect() } else { Vec::new() };
        let first_lens: Vec<usize> =
            firsts.iter().map(|&first| record.shapes.pixels(plan, Map::Stage(first)) * width).collect();
        let mut first_buffers: Vec<Buffer> =
            first_lens.iter().map(|len| Buffer::dirty(len * images)).collect();
        let summands = match step {
            Step::State(state) => plan.summands_of(state),
            _ => Vec::new(),
        };
        let sums_len = match step {
            Step::Second => 2 * width * firsts.len(),
            Step::State(_) => (1 + summands.len()) * width,
            Step::Input(_) => 0,
        };
        let mut sums = Buffer::dirty(sums_len * images);
        let weights_lens: Vec<usize> =
            stages.iter().map(|&stage| plan.stages[stage].gradient_len(&plan.blocks)).collect();
        let weights_len: usize = if self.wanted.weights { weights_lens.iter().sum() } else { 0 };
        let mut weights = Buffer::zeroed(weights_len * groups.len());
        let gradient = std::mem::take(&mut self.gradient);
        let mut own = match step {
            Step::State(state) => std::mem::take(&mut self.states[state]),
            _ => Buffer::default(),
        };
        let mut input_gradient = match step {
            Step::Input(input) if self.wanted.inputs[input] => Buffer::dirty(self.inputs[input].len()),
            _ => Buffer::default(),
        };

        let output_len = record.shapes.output_pixels(plan) * width * plan.config.output.len();
        let own_values: &mut [f32] = if let Step::Input(_) = step { &mut input_gradient } else { &mut own };
        let own_len = own_values.len() / images;
        let mut own_parts = split(own_values, own_len, &groups).into_iter();
        let mut weights_parts = weights.chunks_mut(weights_len.max(1));
        let first_parts = split_all(
            first_buffers.iter_mut().zip(&first_lens).map(|(b, &len)| (&mut **b, len)).collect(),
            &groups,
        );
        let parts: Vec<Part<'_>> = groups
            .iter()
            .cloned()
            .zip(split(&mut *gradient, output_len, &groups))
            .zip(first_parts)
            .zip(split(&mut sums, sums_len, &groups))
            .map(|(((images, gradient), firsts), sums)| Part {
                images,
                gradient,
                own: own_parts.next().filter(|own| !own.is_empty()),
                firsts,
                sums,
                weights: weights_parts.next(),
            })
            .collect();
        let cost = stages
            .iter()
            .map(|&s| {
                let packed = &record.packed[s];
                2 * packed.out.height * packed.out.width * packed.pointwise.len()
            })
            .sum::<usize>()
            + output_len;
        let this = &*self;
        for_each(
            parts,
            cost * images.div_ceil(groups.len()),
            || this.scratch(&stages, step),
            |scratch, _, part| match step {
                Step::Second => this.second_part(&stages, &firsts, &weights_lens, scratch, part),
                Step::State(state) => {
                    this.state_part(state, &stages, &summands, &weights_lens, scratch, part);
                }
                Step::Input(input) => this.input_part(input, stages[0], scratch, part),
            },
        );

        self.gradient = gradient;
        for (&first, buffer) in firsts.iter().zip(first_buffers) {
            self.firsts[first] = buffer;
        }
        match step {
            Step::State(state) => self.states[state] = own,
            Step::Input(input) if self.wanted.inputs[input] => {
                self.input_gradients[input] = Some(input_gradient)
            }
            _ => {}
        }
        if weights_len > 0 {
            self.add_weights(&stages, &weights, weights_len);
        }
        match step {
            Step::Second => self.finish_firsts(&firsts, &sums),
            Step::State(_) => self.finish_summands(&summands, &sums),
            Step::Input(_) => {}
        }
    }

    fn scratch(&self, stages: &[usize], step: Step) -> Scratch {
        let (record, plan) = (self.record, &self.record.plan);
        let lanes = plan.blocks.lanes;
        let most = |f: &dyn Fn(usize) -> usize| stages.iter().map(|&s| f(s)).max().unwrap_or(0);
        let strip = |s: usize| rows_at_once(record, s) * record.packed[s].out.width;
        let source_pixels = |s: usize| record.packed[s].source.height * record.packed[s].source.width;
        let pooled = match step {
            Step::State(state) => plan
                .pools_of(state)
                .into_iter()
                .map(|pool| record.shapes.pixels(plan, Map::Pool(pool)) * plan.blocks.width())
                .max()
                .unwrap_or(0),
            _ => 0,
        };
        let mut padded = Buffer::dirty(most(&|s| {
            record.packed[s].source.len(lanes) * plan.stages[s].source_blocks.count()
        }));
        let mut margin = Buffer::dirty(most(&|s| record.packed[s].out.len(lanes)));
        if let Some(&stage) = stages.first() {
            record.packed[stage].source.clear_margins(lanes, &mut padded);
            record.packed[stage].out.clear_margins(lanes, &mut margin);
        }
        Scratch {
            padded,
            spread: Buffer::dirty(most(&|s| strip(s) * plan.stages[s].spread_blocks.width())),
            raw: Buffer::dirty(most(&|s| strip(s) * plan.blocks.width())),
            spread_gradient: Buffer::dirty(most(&|s| {
                record.packed[s].out.height
                    * record.packed[s].out.width
                    * plan.stages[s].spread_blocks.width()
            })),
            margin,
            source: Buffer::dirty(most(&|s| source_pixels(s) * plan.stages[s].source_blocks.width())),
            pooled: Buffer::dirty(pooled),
        }
    }

    /// Gradient of a state for one image; `tail` holds the output's gradients of the image from value
    /// `start` on.
    fn state_gradient<'b>(&'b self, state: usize, at: usize, tail: &'b [f32], start: usize) -> &'b [f32] {
        let plan = &self.record.plan;
        let len = self.record.shapes.state_pixels(state) * plan.blocks.width();
        match plan.slot(state) {
            Some(slot) => &tail[slot * len - start..(slot + 1) * len - start],
            None => image(&self.states[state], len, at),
        }
    }

    /// The raw values of a map for one image.
    fn map(&self, map: Map, at: usize) -> &[f32] {
        self.record.map(map, self.output, at, 0)
    }

    /// The coefficients of a summand, with its scale for one image.
    fn summand_coefficients(&self, summand: usize, at: usize) -> Coefficients {
        let mut coefficients = self.coefficients[summand].clone();
        if let (Some(term), Some(scales)) =
            (self.record.plan.summands[summand].term, self.record.scales.as_ref())
        {
            let scale = scales[term * self.record.shapes.images + at];
            coefficients.a.iter_mut().for_each(|a| *a *= scale);
        }
        coefficients
    }

    /// Gradients of a stage for one image, from the gradient `g` of its normalised result: of the weights
    /// (added to `weights`) and of the rectified source (added to `scratch.source`, or written there by a stage
    /// without a spread).
    #[allow(clippy::too_many_arguments)]
    fn stage(
        &self,
        stage: usize,
        at: usize,
        g: &[f32],
        coefficients: &Coefficients,
        scratch: &mut Scratch,
        weights: Option<&mut [f32]>,
        source_wanted: bool,
    ) {
        let (record, plan) = (self.record, &self.record.plan);
        let (spec, packed) = (&plan.stages[stage], &record.packed[stage]);
        let (lanes, blocks) = (plan.blocks.lanes, plan.blocks.count());
        let pixels = packed.out.height * packed.out.width;
        let z = self.map(Map::Stage(stage), at);
        let keep = spec.spread == Spread::Keep;
        let spread_blocks = spec.spread_blocks.count();
        let (mut depthwise, mut pointwise_sums) = match weights {
            Some(weights) => {
                let (depthwise, pointwise) = weights.split_at_mut(spec.depthwise_len());
                (Some(depthwise), Some(pointwise))
            }
            None => (None, None),
        };
        let step = rows_at_once(record, stage);
        for row in (0..packed.out.height).step_by(step) {
            let rows = row..(row + step).min(packed.out.height);
            let count = rows.len() * packed.out.width;
            let start = row * packed.out.width * lanes;
            for block in 0..blocks {
                let values = block * pixels * lanes + start..block * pixels * lanes + start + count * lanes;
                let channels = block * lanes..(block + 1) * lanes;
                combine(
                    lanes,
                    &g[values.clone()],
                    &z[values],
                    [
                        &coefficients.a[channels.clone()],
                        &coefficients.p[channels.clone()],
                        &coefficients.q[channels],
                    ],
                    false,
                    &mut scratch.raw[block * count * lanes..(block + 1) * count * lanes],
                );
            }
            if source_wanted {
                let strip =
                    Strip { values: &scratch.raw, block: count * lanes, channels: &plan.blocks.channels };
                let out = if keep { &mut scratch.source } else { &mut scratch.spread_gradient };
                pointwise(
                    lanes,
                    strip,
                    count,
                    &packed.transposed,
                    spread_blocks,
                    &mut out[start..],
                    pixels * lanes,
                );
            }
            if let Some(sums) = &mut pointwise_sums {
                let channels = &spec.spread_blocks.channels;
                let from = match spec.source {
                    Source::Input(input) if keep => {
                        image(self.inputs[input], self.inputs[input].len() / record.shapes.images, at)
                    }
                    _ => &scratch.padded,
                };
                spread_rows(record, stage, from, rows, &mut scratch.spread);
                let strip = Strip { values: &scratch.spread, block: count * lanes, channels };
                outer_products(lanes, strip, &scratch.raw, count * lanes, blocks, count, sums);
            }
        }
        if keep || !source_wanted {
            return;
        }
        let source_len = packed.source.height * packed.source.width * lanes;
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
                    true,
                );
            }
            if let (Some(sums), Spread::Depthwise { kernel, dilation }) = (&mut depthwise, spec.spread) {
                let taps = kernel * kernel * lanes;
                let padded = packed.source.len(lanes);
                let pitch = packed.source.pitch(lanes);
                let windows = Windows {
                    rows: packed.out.height,
                    columns: packed.out.width,
                    stride: spec.stride,
                    source_row: spec.stride * pitch,
                    out_step: lanes,
                    out_row: packed.out.width * lanes,
                };
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

    /// The second halves of separable convolutions.
    fn second_part(
        &self,
        stages: &[usize],
        firsts: &[usize],
        weights_lens: &[usize],
        scratch: &mut Scratch,
        mut part: Part<'_>,
    ) {
        let (record, plan) = (self.record, &self.record.plan);
        let (lanes, width) = (plan.blocks.lanes, plan.blocks.width());
        let first_image = part.images.start;
        let output_len = part.gradient.len() / part.images.len();
        for at in part.images.clone() {
            let local = at - first_image;
            let tail = &part.gradient[local * output_len..(local + 1) * output_len];
            let mut weights_at = 0;
            for (index, (&stage, &first)) in stages.iter().zip(firsts).enumerate() {
                let norm = &record.norms[plan.stages[first].norm];
                let z = self.map(Map::Stage(first), at);
                let weights = take_part(&mut part.weights, &mut weights_at, weights_lens[index]);
                if weights.is_some() {
                    fill_source(record, stage, z, Some(norm), &mut scratch.padded);
                }
                scratch.source[..z.len()].fill(0.0);
                let (g, coefficients) = self.reader(stage, at, tail, 0);
                self.stage(stage, at, g, &coefficients, scratch, weights, true);
                let len = z.len();
                let out = &mut part.firsts[index][local * len..(local + 1) * len];
                let block = len / plan.blocks.count();
                let sums_at = (local * firsts.len() + index) * 2 * width;
                let (plain, centred) = part.sums[sums_at..sums_at + 2 * width].split_at_mut(width);
                plain.fill(0.0);
                centred.fill(0.0);
                for b in 0..plan.blocks.count() {
                    let (values, channels) = (b * block..(b + 1) * block, b * lanes..(b + 1) * lanes);
                    let affine = (&norm.scale[channels.clone()], &norm.shift[channels.clone()]);
                    let (z, out) = (&z[values.clone()], &mut out[values.clone()]);
                    mask(lanes, z, Some(affine), &scratch.source[values], false, out);
                    sum(lanes, out, &mut plain[channels.clone()]);
                    dot(lanes, out, z, &norm.mean[channels.clone()], &mut centred[channels]);
                }
            }
        }
    }

    /// The gradient of a stage's normalised result and its coefficients.
    fn reader<'b>(
        &'b self,
        stage: usize,
        at: usize,
        tail: &'b [f32],
        start: usize,
    ) -> (&'b [f32], Coefficients) {
        let plan = &self.record.plan;
        match plan.stages[stage].reader {
            Reader::Summand(summand) => {
                let target = plan.summands[summand].target;
                (self.state_gradient(target, at, tail, start), self.summand_coefficients(summand, at))
            }
            Reader::Stage(_) => {
                let len = self.record.shapes.pixels(plan, Map::Stage(stage)) * plan.blocks.width();
                (image(&self.firsts[stage], len, at), self.first_coefficients[stage].clone())
            }
        }
    }

    /// Everything that reads a state; then the sums over the state's own gradient.
    fn state_part(
        &self,
        state: usize,
        stages: &[usize],
        summands: &[usize],
        weights_lens: &[usize],
        scratch: &mut Scratch,
        mut part: Part<'_>,
    ) {
        let (record, plan) = (self.record, &self.record.plan);
        let (lanes, width) = (plan.blocks.lanes, plan.blocks.width());
        let first_image = part.images.start;
        let output_len = part.gradient.len() / part.images.len();
        let len = record.shapes.state_pixels(state) * width;
        let block = len / plan.blocks.count();
        for at in part.images.clone() {
            let local = at - first_image;
            let gradient = &mut part.gradient[local * output_len..(local + 1) * output_len];
            let (out, tail, start): (&mut [f32], &[f32], usize) = match (plan.slot(state), &mut part.own) {
                (Some(slot), _) => {
                    let (head, tail) = gradient.split_at_mut((slot + 1) * len);
                    (&mut head[slot * len..], tail, (slot + 1) * len)
                }
                (None, Some(own)) => (&mut own[local * len..(local + 1) * len], gradient, 0),
                (None, None) => unreachable!("a state outside of the output has a gradient of its own"),
            };
            let h = self.map(Map::State(state), at);
            if !stages.is_empty() {
                if self.wanted.weights {
                    fill_source(record, stages[0], h, None, &mut scratch.padded);
                }
                scratch.source[..len].fill(0.0);
                let mut weights_at = 0;
                for (&stage, &weights_len) in stages.iter().zip(weights_lens) {
                    let weights = take_part(&mut part.weights, &mut weights_at, weights_len);
                    let (g, coefficients) = self.reader(stage, at, tail, start);
                    self.stage(stage, at, g, &coefficients, scratch, weights, true);
                }
                mask_blocks(lanes, block, h, &scratch.source[..len], out);
            }
            self.add_identities(state, at, tail, start, out);
            self.add_pools(state, at, tail, start, scratch, out);

            let sums = &mut part.sums[local * (1 + summands.len()) * width..][..(1 + summands.len()) * width];
            sums.fill(0.0);
            let (plain, centred) = sums.split_at_mut(width);
            let zero = vec![0.0f32; width];
            for b in 0..plan.blocks.count() {
                let (values, channels) = (b * block..(b + 1) * block, b * lanes..(b + 1) * lanes);
                let g = &out[values.clone()];
                sum(lanes, g, &mut plain[channels.clone()]);
                for (index, &summand) in summands.iter().enumerate() {
                    let summand = &plan.summands[summand];
                    let mean = match summand.norm {
                        Some(norm) => &record.norms[norm].mean,
                        None if self.wanted.terms => &zero,
                        None => continue,
                    };
                    let z = &self.map(summand.map, at)[values.clone()];
                    let to = &mut centred[index * width..(index + 1) * width][channels.clone()];
                    dot(lanes, g, z, &mean[channels.clone()], to);
                }
            }
        }
    }

    fn add_identities(&self, state: usize, at: usize, tail: &[f32], start: usize, out: &mut [f32]) {
        let plan = &self.record.plan;
        let lanes = plan.blocks.lanes;
        let zero = vec![0.0f32; lanes];
        for summand in plan.summands_reading(Map::State(state)) {
            let g = self.state_gradient(plan.summands[summand].target, at, tail, start);
            let scale = self.summand_coefficients(summand, at).a;
            mix(lanes, g, &scale[..lanes], &zero, false, out);
        }
    }

    fn add_pools(
        &self,
        state: usize,
        at: usize,
        tail: &[f32],
        start: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let (record, plan) = (self.record, &self.record.plan);
        let lanes = plan.blocks.lanes;
        for pool in plan.pools_of(state) {
            let shape = pool_shape(record, pool);
            let [rows, columns] = shape.output();
            let (pooled_block, block) = (rows * columns * lanes, shape.height * shape.width * lanes);
            let pooled = self.map(Map::Pool(pool), at);
            for (index, summand) in plan.summands_reading(Map::Pool(pool)).into_iter().enumerate() {
                let g = self.state_gradient(plan.summands[summand].target, at, tail, start);
                let c = self.summand_coefficients(summand, at);
                for b in 0..plan.blocks.count() {
                    let values = b * pooled_block..(b + 1) * pooled_block;
                    let channels = b * lanes..(b + 1) * lanes;
                    let coefficients =
                        [&c.a[channels.clone()], &c.p[channels.clone()], &c.q[channels.clone()]];
                    let to = &mut scratch.pooled[values.clone()];
                    combine(lanes, &g[values.clone()], &pooled[values], coefficients, index > 0, to);
                }
            }
            let h = self.map(Map::State(state), at);
            for b in 0..plan.blocks.count() {
                let pooled_values = b * pooled_block..(b + 1) * pooled_block;
                let values = b * block..(b + 1) * block;
                let gradient = &scratch.pooled[pooled_values.clone()];
                let to = &mut out[values.clone()];
                match plan.pools[pool].kind {
                    Pool::Max => max_gradient(lanes, &h[values], &pooled[pooled_values], gradient, shape, to),
                    Pool::Average => average_gradient(lanes, gradient, shape, to),
                }
            }
        }
    }

    /// The preprocessing of an input.
    fn input_part(&self, input: usize, stage: usize, scratch: &mut Scratch, mut part: Part<'_>) {
        let (record, plan) = (self.record, &self.record.plan);
        let lanes = plan.blocks.lanes;
        let first_image = part.images.start;
        let output_len = part.gradient.len() / part.images.len();
        let len = self.inputs[input].len() / record.shapes.images;
        for at in part.images.clone() {
            let local = at - first_image;
            let x = image(self.inputs[input], len, at);
            let tail = &part.gradient[local * output_len..(local + 1) * output_len];
            let keep = plan.stages[stage].spread == Spread::Keep;
            if part.weights.is_some() && !keep {
                fill_source(record, stage, x, None, &mut scratch.padded);
            }
            let wanted = part.own.is_some();
            if wanted && !keep {
                scratch.source[..len].fill(0.0);
            }
            let (g, coefficients) = self.reader(stage, at, tail, 0);
            self.stage(stage, at, g, &coefficients, scratch, part.weights.as_deref_mut(), wanted);
            if let Some(own) = &mut part.own {
                let out = &mut own[local * len..(local + 1) * len];
                if plan.stages[stage].rectify {
                    mask(lanes, x, None, &scratch.source[..len], false, out);
                } else {
                    out.copy_from_slice(&scratch.source[..len]);
                }
            }
        }
    }

    /// Adds up the groups' gradients of the convolutions' weights, in order.
    fn add_weights(&mut self, stages: &[usize], partial: &[f32], len: usize) {
        let plan = &self.record.plan;
        let mut total = partial[..len].to_vec();
        const CHUNK: usize = 4096;
        let chunks: Vec<&mut [f32]> = total.chunks_mut(CHUNK).collect();
        let groups = partial.len() / len;
        for_each(
            chunks,
            CHUNK * groups,
            || (),
            |(), index, total| {
                for group in partial.chunks_exact(len).skip(1) {
                    let from = &group[index * CHUNK..][..total.len()];
                    total.iter_mut().zip(from).for_each(|(total, from)| *total += from);
                }
            },
        );
        let mut rest = &total[..];
        for &stage in stages {
            let stage = &plan.stages[stage];
            let (packed, tail) = rest.split_at(stage.gradient_len(&plan.blocks));
            stage.unpack_gradient(packed, &plan.blocks, &mut self.weights);
            rest = tail;
        }
    }

    /// Sums over all images, in order: `Σ_n scale_n · sums[n][row][channel]`.
    fn total(sums: &[f32], rows: usize, row: usize, width: usize, scales: Option<&[f32]>) -> Vec<f64> {
        let mut total = vec![0.0f64; width];
        for (at, sums) in sums.chunks_exact(rows * width).enumerate() {
            let scale = scales.map_or(1.0, |scales| f64::from(scales[at]));
            let sums = &sums[row * width..(row + 1) * width];
            total.iter_mut().zip(sums).for_each(|(total, &sum)| *total += scale * f64::from(sum));
        }
        total
    }

    /// The coefficients of a map behind a normalisation, and the gradients of its affine parameters.
    ///
    /// With the gradient g of the normalised value, `S = Σ g` and `T = Σ g · (z − μ)/σ`:
    /// `dz = weight · γ/σ · (g − S/M − (z − μ)/σ · T/M)`; the last two only where μ and σ are the batch's own.
    fn through_norm(
        &mut self,
        norm: usize,
        weight: f32,
        plain: &[f64],
        centred: &[f64],
        pixels: usize,
    ) -> Coefficients {
        let plan = &self.record.plan;
        let values = &self.record.norms[norm];
        let (width, count) = (plan.blocks.width(), (pixels * self.record.shapes.images) as f64);
        let mut c = Coefficients { a: vec![0.0; width], p: vec![0.0; width], q: vec![0.0; width] };
        for channel in 0..width {
            let inverse = f64::from(values.inverse[channel]);
            let a = f64::from(weight) * f64::from(values.gamma[channel]) * inverse;
            let t = inverse * centred[channel];
            c.a[channel] = a as f32;
            if !self.record.given {
                let p = -a * inverse * t / count;
                c.p[channel] = p as f32;
                c.q[channel] = (-a * plain[channel] / count - p * f64::from(values.mean[channel])) as f32;
            }
        }
        if self.wanted.weights
            && let Some([gamma, beta]) = &plan.norms[norm].affine
        {
            let position = plan.blocks.positions();
            for (index, &channel) in position.iter().enumerate() {
                let t = f64::from(values.inverse[channel]) * centred[channel];
                self.weights[gamma.start + index] = (f64::from(weight) * t) as f32;
                self.weights[beta.start + index] = (f64::from(weight) * plain[channel]) as f32;
            }
        }
        c
    }

    fn finish_firsts(&mut self, firsts: &[usize], sums: &[f32]) {
        let plan = &self.record.plan;
        let width = plan.blocks.width();
        for (index, &first) in firsts.iter().enumerate() {
            let rows = 2 * firsts.len();
            let plain = Self::total(sums, rows, 2 * index, width, None);
            let centred = Self::total(sums, rows, 2 * index + 1, width, None);
            let pixels = self.record.shapes.pixels(plan, Map::Stage(first));
            let norm = plan.stages[first].norm;
            self.first_coefficients[first] = self.through_norm(norm, 1.0, &plain, &centred, pixels);
        }
    }

    fn finish_summands(&mut self, summands: &[usize], sums: &[f32]) {
        let record = self.record;
        let plan = &record.plan;
        let (width, images) = (plan.blocks.width(), record.shapes.images);
        for (index, &summand) in summands.iter().enumerate() {
            let spec = &plan.summands[summand];
            let weight = spec.term.map_or(1.0, |term| record.terms[term]);
            let scales = match (spec.term, &record.scales) {
                (Some(term), Some(scales)) => Some(&scales[term * images..(term + 1) * images]),
                _ => None,
            };
            let plain = Self::total(sums, 1 + summands.len(), 0, width, scales);
            let centred = Self::total(sums, 1 + summands.len(), 1 + index, width, scales);
            let pixels = record.shapes.pixels(plan, spec.map);
            let slope = match spec.norm {
                Some(norm) => {
                    let values = &record.norms[norm];
                    let slopes = (0..width).map(|channel| {
                        let t = f64::from(values.inverse[channel]) * centred[channel];
                        f64::from(values.gamma[channel]) * t
                            + f64::from(values.beta[channel]) * plain[channel]
                    });
                    let slope = slopes.sum::<f64>();
                    self.coefficients[summand] = self.through_norm(norm, weight, &plain, &centred, pixels);
                    slope
                }
                None => {
                    self.coefficients[summand] =
                        Coefficients { a: vec![weight; width], p: vec![0.0; width], q: vec![0.0; width] };
                    centred.iter().sum::<f64>()
                }
            };
            if let Some(term) = spec.term {
                self.terms[term] = slope as f32;
            }
        }
    }
}

/// The next `len` values, if there are any.
fn take_part<'a>(weights: &'a mut Option<&mut [f32]>, at: &mut usize, len: usize) -> Option<&'a mut [f32]> {
    let start = *at;
    *at += len;
    weights.as_deref_mut().map(|weights| &mut weights[start..start + len])
}

/// `out += gradient` where `h > 0`.
fn mask_blocks(lanes: usize, block: usize, h: &[f32], gradient: &[f32], out: &mut [f32]) {
    let blocks = h.chunks_exact(block).zip(gradient.chunks_exact(block));
    for ((h, gradient), out) in blocks.zip(out.chunks_exact_mut(block)) {
        mask(lanes, h, None, gradient, true, out);
    }
}
