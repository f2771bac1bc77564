//! A cell forward: state by state, all that leaves a state while it is in the cache.

use std::ops::Range;
use std::sync::Arc;

use super::mixture::{Coefficients, Mixture};
use super::pack::Packed;
use super::plan::{CellPlan, Map, Place, Source, Spread};
use super::record::{NormValues, Operands, Outside, Record};
use super::shapes::{Shapes, image, split, split_all};
use super::stage::{Following, fill_source, rows_at_once, run_stage};
use super::statistics::{NormStatistics, SUMS, Statistics, merge, sum_map};
use crate::support::ahead::Ahead;
use crate::support::parallel::for_each;
use crate::support::workspace::Buffer;

/// Working memory of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    pub padded: Buffer,
    pub spread: Buffer,
    /// A state before it is shuffled.
    pub mixed: Buffer,
    pub coefficients: Coefficients,
    pub ahead: Ahead,
}

impl Scratch {
    /// For these stages, which read one source; `mixed` values for a state that is shuffled.
    pub fn new(record: &Record, stages: &[usize], mixed: usize) -> Self {
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
        let spread = Buffer::dirty(spread.max().unwrap_or(0));
        let (coefficients, ahead) = (Coefficients::default(), Ahead::default());
        Self { padded, spread, mixed: Buffer::dirty(mixed), coefficients, ahead }
    }
}

struct Pass<'a, 'b> {
    record: Record,
    input: &'b Operands<'a>,
    /// Consecutive images that one thread works on.
    groups: Vec<Range<usize>>,
    statistics: Statistics,
    output: &'b mut [f32],
}

/// A cell forward, into `output`, in groups of images; normalised by what is given, else by the statistics of the batch.
pub(super) fn forward(
    plan: &Arc<CellPlan>,
    shapes: Shapes,
    packed: Arc<Vec<Packed>>,
    input: &Operands<'_>,
    given: Option<Arc<Vec<NormValues>>>,
    groups: Vec<Range<usize>>,
    output: &mut [f32],
) -> (Record, Statistics) {
    let record = Record::new(plan, shapes, packed, input, given);
    let mut pass = Pass { record, input, groups, statistics: Statistics::default(), output };
    for input in 0..plan.inputs() {
        pass.run(plan.stages_of(Source::Input(input)), Step::Input(input));
    }
    for state in 0..plan.states() {
        pass.run(plan.stages_of(Source::State(state)), Step::State(state));
        pass.run(plan.second_stages_of(state), Step::Second);
    }
    pass.statistics.norms.sort_by_key(|norm| norm.norm);
    (pass.record, pass.statistics)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Prepares an input.
    Input(usize),
    /// Completes a state and runs all that reads it.
    State(usize),
    /// Runs second halves.
    Second,
}

/// What is done in one pass over the images.
struct Work {
    step: Step,
    stages: Vec<usize>,
    pools: Vec<usize>,
    /// Of a state that is completed.
    mixture: Option<Mixture>,
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
        let images = self.record.shapes.images;
        let pools = match step {
            Step::State(state) => plan.pools_of(state),
            _ => Vec::new(),
        };
        let mixture = match step {
            Step::State(state) if plan.place(state) != Place::Input => Some(Mixture::new(&plan, state)),
            Step::State(_) | Step::Input(_) | Step::Second => None,
        };
        if stages.is_empty() && pools.is_empty() && mixture.is_none() {
            return;
        }
        let groups = std::mem::take(&mut self.groups);
        let maps: Vec<Map> =
            stages.iter().map(|&s| Map::Stage(s)).chain(pools.iter().map(|&p| Map::Pool(p))).collect();
        let lens: Vec<usize> = maps.iter().map(|&map| self.record.shapes.values(&plan, map)).collect();
        let mut buffers: Vec<Buffer> = lens.iter().map(|len| Buffer::dirty(len * images)).collect();
        let batch = usize::from(!self.record.given);
        let sums_lens: Vec<usize> =
            maps.iter().map(|&map| batch * SUMS * plan.blocks_of(map).width()).collect();
        let mut sums: Vec<Buffer> = sums_lens.iter().map(|len| Buffer::dirty(len * images)).collect();
        let output = std::mem::take(&mut self.output);
        let output_len = output.len() / images;
        let mut state_buffer = match step {
            Step::State(state) => std::mem::take(&mut self.record.states[state]),
            _ => Buffer::default(),
        };
        let state_len = state_buffer.len() / images;

        let mut states = split(&mut state_buffer, state_len, &groups).into_iter();
        let map_parts =
            split_all(buffers.iter_mut().zip(&lens).map(|(b, &len)| (&mut **b, len)).collect(), &groups);
        let sum_parts =
            split_all(sums.iter_mut().zip(&sums_lens).map(|(b, &len)| (&mut **b, len)).collect(), &groups);
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
        let mixed = match step {
            Step::State(state) if plan.is_shuffled(state) => {
                self.record.shapes.values(&plan, Map::State(state))
            }
            _ => 0,
        };
        let this = &*self;
        let work = Work { step, stages, pools, mixture };
        for_each(
            parts,
            cost,
            || Scratch::new(&this.record, &work.stages, mixed),
            |scratch, _, part| this.run_part(&work, scratch, part),
        );

        self.output = output;
        self.groups = groups;
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
        let own: Vec<&[f32]> = sums.iter().map(|sums| &**sums).collect();
        let all = self.record.shapes.share.as_ref().map(|share| share.all_rows(&own, &sums_lens));
        for (index, map) in maps.into_iter().enumerate() {
            self.finish(map, all.as_ref().map_or(own[index], |all| &all[index]));
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

    fn run_part(&self, work: &Work, scratch: &mut Scratch, mut part: Part<'_>) {
        let (record, plan) = (&self.record, &self.record.plan);
        let (lanes, inputs) = (plan.blocks.lanes, self.input.states);
        let output_len = part.output.len() / part.images.len();
        let first = part.images.start;
        for at in part.images.clone() {
            let local = at - first;
            let mut done = 0;
            let output = &mut part.output[local * output_len..(local + 1) * output_len];
            let (state_map, is_slot);
            match work.step {
                Step::State(state) => {
                    let len = record.shapes.values(plan, Map::State(state));
                    match (plan.place(state), &work.mixture, &mut part.state) {
                        (Place::Input, ..) | (_, None, _) => {
                            is_slot = None;
                            state_map = Some(image(inputs[state], len, at));
                        }
                        (Place::Output(slot), Some(mixture), _) => {
                            let (before, rest) = output.split_at_mut(slot * len);
                            let outside = Outside { inputs, output: before, first: at };
                            let working = (&mut scratch.coefficients, &mut *scratch.mixed);
                            mixture.complete(record, at, outside, working, &mut rest[..len]);
                            is_slot = Some(slot * len..(slot + 1) * len);
                            state_map = None;
                        }
                        (Place::Own, Some(mixture), Some(own)) => {
                            let own = &mut own[local * len..(local + 1) * len];
                            let outside = Outside { inputs, output, first: at };
                            let working = (&mut scratch.coefficients, &mut *scratch.mixed);
                            mixture.complete(record, at, outside, working, own);
                            is_slot = None;
                            state_map = Some(&*own);
                        }
                        (Place::Own, _, None) => unreachable!("this state has a buffer"),
                    }
                }
                Step::Input(_) | Step::Second => {
                    is_slot = None;
                    state_map = None;
                }
            }
            let output = &*output;
            let outside = Outside { inputs, output, first: at };
            let map: &[f32] = match (is_slot, state_map) {
                (Some(range), _) => &output[range],
                (None, Some(map)) => map,
                (None, None) => &[],
            };
            let mut filled = None;
            for (index, &stage) in work.stages.iter().enumerate() {
                let source = plan.stages[stage].source;
                let keep = plan.stages[stage].spread == Spread::Keep;
                let (whole, norm): (&[f32], _) = match source {
                    Source::Input(input) => {
                        (image(inputs[input], inputs[input].len() / record.shapes.images, at), None)
                    }
                    Source::State(_) => (map, None),
                    Source::Stage(before) => {
                        let norm = &record.norms[plan.stages[before].norm];
                        (record.map(Map::Stage(before), outside, at), Some(norm))
                    }
                };
                // Without a spread the source itself is read; the others share a padded copy.
                if !keep && filled != Some(source) {
                    filled = Some(source);
                    fill_source(record, stage, whole, norm, &mut scratch.padded);
                }
                let len = part.maps[done].len() / part.images.len();
                let out = &mut part.maps[done][local * len..(local + 1) * len];
                let from = if keep {
                    plan.stages[stage].of_source(whole, record.packed[stage].source)
                } else {
                    &scratch.padded
                };
                let following = self.following(work, index, at, &part.images);
                let working = (&mut *scratch.spread, &mut scratch.ahead);
                run_stage(record, stage, from, following, working, out);
                done += 1;
            }
            for &pool in &work.pools {
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

    /// What is read after the stage of this index for image `at`.
    fn following(&self, work: &Work, index: usize, at: usize, images: &Range<usize>) -> Following<'_> {
        let (record, plan, stages) = (&self.record, &self.record.plan, &work.stages);
        let (last, next) = (index + 1 == stages.len(), at + 1);
        let mut following = Following::default();
        match work.step {
            Step::Input(input) if next < images.end => {
                let values = self.input.states[input];
                following.source = image(values, values.len() / record.shapes.images, next);
            }
            // The next image's state is completed from these.
            Step::State(_) if last && next < images.end => {
                let outside = Outside { inputs: self.input.states, output: &[], first: 0 };
                let stored = work.mixture.iter().flat_map(Mixture::stored);
                for (map, to) in stored.zip(&mut following.maps) {
                    *to = record.map(map, outside, next);
                }
            }
            Step::Second if !last || next < images.end => {
                let (index, at) = if last { (0, next) } else { (index + 1, at) };
                if let Source::Stage(first) = plan.stages[stages[index]].source {
                    let outside = Outside { inputs: self.input.states, output: &[], first: 0 };
                    following.maps[0] = record.map(Map::Stage(first), outside, at);
                }
            }
            _ => {}
        }
        following
    }

    /// The normalisations of a map whose sums are complete; given ones are there already.
    fn finish(&mut self, map: Map, sums: &[f32]) {
        let plan = Arc::clone(&self.record.plan);
        let norms: Vec<usize> =
            (0..plan.norms.len()).filter(|&norm| plan.norms[norm].map == Some(map)).collect();
        if self.record.given || norms.is_empty() {
            return;
        }
        let blocks = plan.blocks_of(map);
        let pixels = self.record.shapes.pixels(&plan, map);
        let count = pixels * self.record.shapes.all_images();
        let (mean, squares) = merge(sums, blocks.width(), pixels);
        let values = mean.into_iter().zip(squares).take(blocks.total());
        let values: Vec<(f64, f64)> = values.map(|(mean, squares)| (mean, squares / count as f64)).collect();
        for norm in norms {
            self.statistics.norms.push(NormStatistics {
                norm,
                mean: values.iter().map(|&(mean, _)| mean as f32).collect(),
                variance: values.iter().map(|&(_, variance)| variance as f32).collect(),
                count,
            });
            Arc::make_mut(&mut self.record.norms)[norm] =
                NormValues::new(&plan, norm, values.iter().copied(), self.input.weights);
        }
    }
}
