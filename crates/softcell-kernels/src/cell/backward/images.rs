//! The backward pass of one group of images through the stages of one step, image by image.

use std::borrow::Cow;

use super::{Backward, Part};
use crate::Pool;
use crate::cell::kernels::elementwise::{combine, dot, mask, mix, sum};
use crate::cell::kernels::pool::{average_gradient, max_gradient};
use crate::cell::kernels::shuffle::permute;
use crate::cell::norm_gradient::Coefficients;
use crate::cell::plan::{CellPlan, Map, Place, Reader, Spread};
use crate::cell::shapes::image;
use crate::cell::stage::{Following, fill_source};
use crate::cell::stage_gradient::{GradientScratch, SourceGradient, StageGradient, write_gradient};

/// What is done for a state, the same for all images.
pub(super) struct StateWork<'a> {
    state: usize,
    /// Those that read it, and the lengths of their weights.
    stages: &'a [usize],
    weights_lens: &'a [usize],
    /// Its summands.
    summands: &'a [usize],
    /// Summands that it is, as it is.
    readers: Vec<usize>,
    /// Its pooled maps, each with the summands that these are.
    pools: Vec<(usize, Vec<usize>)>,
    /// From the order in which a shuffled state is written.
    inverse: Option<Vec<usize>>,
    /// As wide as a state.
    zero: Vec<f32>,
}

impl<'a> StateWork<'a> {
    pub fn new(
        plan: &CellPlan,
        state: usize,
        stages: &'a [usize],
        summands: &'a [usize],
        weights_lens: &'a [usize],
    ) -> Self {
        let pool = |pool| (pool, plan.summands_reading(Map::Pool(pool)));
        Self {
            state,
            stages,
            weights_lens,
            summands,
            readers: plan.summands_reading(Map::State(state)),
            pools: plan.pools_of(state).into_iter().map(pool).collect(),
            inverse: plan.is_shuffled(state).then(|| plan.shuffled_from()),
            zero: vec![0.0; plan.blocks.width()],
        }
    }
}

impl Backward<'_> {
    /// Gradient of a state for one image; `tail` holds the output's gradients of the image from value
    /// `start` on.
    fn state_gradient<'b>(&'b self, state: usize, at: usize, tail: &'b [f32], start: usize) -> &'b [f32] {
        let plan = &self.record.plan;
        let len = self.record.shapes.values(plan, Map::State(state));
        match plan.place(state) {
            Place::Output(slot) => &tail[slot * len - start..(slot + 1) * len - start],
            Place::Input | Place::Own => image(&self.states[state], len, at),
        }
    }

    /// The raw values of a map for one image.
    fn map(&self, map: Map, at: usize) -> &[f32] {
        self.record.map(map, self.outside, at)
    }

    /// The coefficients of a summand, with its scale for one image.
    fn summand_coefficients(&self, summand: usize, at: usize) -> Cow<'_, Coefficients> {
        let coefficients = &self.coefficients[summand];
        let term = self.record.plan.summands[summand].term;
        match term.and_then(|term| self.record.scales_of(term)) {
            Some(scales) => {
                let scale = scales[self.record.shapes.first_image() + at];
                let a = coefficients.a.iter().map(|a| a * scale).collect();
                Cow::Owned(Coefficients { a, ..coefficients.clone() })
            }
            None => Cow::Borrowed(coefficients),
        }
    }

    /// The second halves of separable convolutions.
    pub(super) fn second_part(
        &self,
        stages: &[usize],
        firsts: &[usize],
        weights_lens: &[usize],
        scratch: &mut GradientScratch,
        mut part: Part<'_>,
    ) {
        let (record, plan) = (self.record, &self.record.plan);
        let (lanes, width) = (plan.blocks.lanes, plan.seen.width());
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
                let mut gradient = self.stage(stage, at, &[], (tail, 0), true);
                let next = match firsts.get(index + 1) {
                    Some(&next) => Some((next, at)),
                    None if at + 1 < part.images.end => Some((firsts[0], at + 1)),
                    None => None,
                };
                if let Some((first, at)) = next {
                    gradient.following.maps[0] = self.map(Map::Stage(first), at);
                }
                gradient.run(scratch, weights, None);
                let len = z.len();
                let out = &mut part.firsts[index][local * len..(local + 1) * len];
                let block = len / plan.seen.count();
                let sums_at = (local * firsts.len() + index) * 2 * width;
                let (plain, centred) = part.sums[sums_at..sums_at + 2 * width].split_at_mut(width);
                plain.fill(0.0);
                centred.fill(0.0);
                for b in 0..plan.seen.count() {
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

    /// What the gradients of a stage are computed from; `tail` as in [`Self::state_gradient`].
    fn stage<'b>(
        &'b self,
        stage: usize,
        at: usize,
        source: &'b [f32],
        (tail, start): (&'b [f32], usize),
        source_wanted: bool,
    ) -> StageGradient<'b> {
        let plan = &self.record.plan;
        let (g, coefficients) = match plan.stages[stage].reader {
            Reader::Summand(summand) => {
                let target = plan.summands[summand].target;
                (self.state_gradient(target, at, tail, start), self.summand_coefficients(summand, at))
            }
            Reader::Stage(_) => {
                let len = self.record.shapes.values(plan, Map::Stage(stage));
                (image(&self.firsts[stage], len, at), Cow::Borrowed(&self.first_coefficients[stage]))
            }
        };
        let z = self.map(Map::Stage(stage), at);
        // Operations that see a part of the channels have the first blocks of a state's gradient.
        let g = &g[..z.len()];
        StageGradient {
            record: self.record,
            stage,
            source,
            z,
            g,
            coefficients,
            source_wanted,
            following: Following::default(),
            accumulate: false,
        }
    }

    /// Everything that reads a state; then the sums over the state's own gradient, which is brought into the order of
    /// its summands. `accumulate` tells whether its gradient is added to what is there.
    pub(super) fn state_part(
        &self,
        work: &StateWork<'_>,
        accumulate: bool,
        scratch: &mut GradientScratch,
        mut part: Part<'_>,
    ) {
        let StateWork { state, stages, summands, weights_lens, .. } = *work;
        let (record, plan) = (self.record, &self.record.plan);
        let (lanes, width) = (plan.blocks.lanes, plan.blocks.width());
        let first_image = part.images.start;
        let output_len = part.gradient.len() / part.images.len();
        let len = record.shapes.values(plan, Map::State(state));
        let block = len / plan.blocks.count();
        let seen = block * plan.seen.count();
        for at in part.images.clone() {
            let local = at - first_image;
            let gradient = &mut part.gradient[local * output_len..(local + 1) * output_len];
            let (out, tail, start): (&mut [f32], &[f32], usize) = match (plan.place(state), &mut part.own) {
                (Place::Output(slot), _) => {
                    let (head, tail) = gradient.split_at_mut((slot + 1) * len);
                    (&mut head[slot * len..], tail, (slot + 1) * len)
                }
                (Place::Input | Place::Own, Some(own)) => {
                    let own = &mut own[local * len..(local + 1) * len];
                    if !accumulate {
                        own.fill(0.0);
                    }
                    (own, gradient, 0)
                }
                (Place::Input | Place::Own, None) => unreachable!("this state has a gradient of its own"),
            };
            let h = self.map(Map::State(state), at);
            if !stages.is_empty() {
                let keeps = |stage: usize| plan.stages[stage].spread == Spread::Keep;
                if self.wanted.weights
                    && let Some(&stage) = stages.iter().find(|&&stage| !keeps(stage))
                {
                    fill_source(record, stage, h, None, &mut scratch.padded);
                }
                let mut weights_at = 0;
                let mut spread = false;
                for (index, (&stage, &weights_len)) in stages.iter().zip(weights_lens).enumerate() {
                    let weights = take_part(&mut part.weights, &mut weights_at, weights_len);
                    let mut gradient = self.stage(stage, at, &[], (tail, start), true);
                    if index + 1 == stages.len() && at + 1 < part.images.end {
                        gradient.following.maps[0] = self.map(Map::State(state), at + 1);
                    }
                    if keeps(stage) {
                        gradient.source = &h[..seen];
                        let values = &mut out[..seen];
                        gradient.run(scratch, weights, Some(SourceGradient { values, accumulate: true }));
                    } else {
                        gradient.accumulate = spread;
                        gradient.run(scratch, weights, None);
                        spread = true;
                    }
                }
                if spread {
                    mask_blocks(lanes, block, h, &scratch.source[..seen], out);
                }
            }
            self.add_identities(work, at, tail, start, out);
            self.add_pools(work, at, tail, start, scratch, out);
            if let Some(inverse) = &work.inverse {
                let unshuffled = &mut scratch.spare[..len];
                permute(lanes, out, inverse, unshuffled);
                out.copy_from_slice(unshuffled);
            }

            let sums = &mut part.sums[local * (1 + summands.len()) * width..][..(1 + summands.len()) * width];
            sums.fill(0.0);
            let (plain, centred) = sums.split_at_mut(width);
            for b in 0..plan.blocks.count() {
                let (values, channels) = (b * block..(b + 1) * block, b * lanes..(b + 1) * lanes);
                let g = &out[values.clone()];
                sum(lanes, g, &mut plain[channels.clone()]);
                for (index, &summand) in summands.iter().enumerate() {
                    if !plan.touches(summand, b) {
                        continue;
                    }
                    let summand = &plan.summands[summand];
                    let mean = match summand.norm {
                        Some(norm) => &record.norms[norm].mean,
                        None if self.wanted.terms => &work.zero,
                        None => continue,
                    };
                    let z = &self.map(summand.map, at)[values.clone()];
                    let to = &mut centred[index * width..(index + 1) * width][channels.clone()];
                    dot(lanes, g, z, &mean[channels.clone()], to);
                }
            }
        }
    }

    fn add_identities(&self, work: &StateWork<'_>, at: usize, tail: &[f32], start: usize, out: &mut [f32]) {
        let plan = &self.record.plan;
        let lanes = plan.blocks.lanes;
        // Those of one target, a skip and what passes by operations, in one go.
        for summands in work.readers.chunk_by(|&a, &b| plan.summands[a].target == plan.summands[b].target) {
            let g = self.state_gradient(plan.summands[summands[0]].target, at, tail, start);
            let mut a = self.summand_coefficients(summands[0], at);
            for &other in &summands[1..] {
                let more = self.summand_coefficients(other, at);
                a.to_mut().a.iter_mut().zip(&more.a).for_each(|(sum, more)| *sum += more);
            }
            let block = g.len() / plan.blocks.count();
            let touched = |&b: &usize| summands.iter().any(|&summand| plan.touches(summand, b));
            for b in (0..plan.blocks.count()).filter(touched) {
                let (values, channels) = (b * block..(b + 1) * block, b * lanes..(b + 1) * lanes);
                mix(lanes, &g[values.clone()], &a.a[channels], &work.zero, false, &mut out[values]);
            }
        }
    }

    fn add_pools(
        &self,
        work: &StateWork<'_>,
        at: usize,
        tail: &[f32],
        start: usize,
        scratch: &mut GradientScratch,
        out: &mut [f32],
    ) {
        let (record, plan) = (self.record, &self.record.plan);
        let lanes = plan.blocks.lanes;
        for (pool, summands) in &work.pools {
            let pool = *pool;
            let shape = record.pool_shape(pool);
            let [rows, columns] = shape.output();
            let (pooled_block, block) = (rows * columns * lanes, shape.height * shape.width * lanes);
            let pooled = self.map(Map::Pool(pool), at);
            let blocks = plan.pools[pool].blocks.count();
            for (index, &summand) in summands.iter().enumerate() {
                let g = self.state_gradient(plan.summands[summand].target, at, tail, start);
                let c = self.summand_coefficients(summand, at);
                for b in 0..blocks {
                    let values = b * pooled_block..(b + 1) * pooled_block;
                    let channels = b * lanes..(b + 1) * lanes;
                    let to = &mut scratch.spare[values.clone()];
                    combine(lanes, &g[values.clone()], &pooled[values], c.of(channels), index > 0, to);
                }
            }
            let h = self.map(Map::State(work.state), at);
            for b in 0..blocks {
                let pooled_values = b * pooled_block..(b + 1) * pooled_block;
                let values = b * block..(b + 1) * block;
                let gradient = &scratch.spare[pooled_values.clone()];
                let to = &mut out[values.clone()];
                match plan.pools[pool].kind {
                    Pool::Max => max_gradient(lanes, &h[values], &pooled[pooled_values], gradient, shape, to),
                    Pool::Average => average_gradient(lanes, gradient, shape, to),
                }
            }
        }
    }

    /// The preparation of an input.
    pub(super) fn input_part(
        &self,
        input: usize,
        stage: usize,
        accumulate: bool,
        scratch: &mut GradientScratch,
        mut part: Part<'_>,
    ) {
        let (record, plan) = (self.record, &self.record.plan);
        let lanes = plan.blocks.lanes;
        let first_image = part.images.start;
        let output_len = part.gradient.len() / part.images.len();
        let len = self.outside.inputs[input].len() / record.shapes.images;
        for at in part.images.clone() {
            let local = at - first_image;
            let x = image(self.outside.inputs[input], len, at);
            let tail = &part.gradient[local * output_len..(local + 1) * output_len];
            let keep = plan.stages[stage].spread == Spread::Keep;
            if part.weights.is_some() && !keep {
                fill_source(record, stage, x, None, &mut scratch.padded);
            }
            let wanted = part.own.is_some();
            let weights = part.weights.as_deref_mut();
            let own = part.own.as_deref_mut().map(|own| &mut own[local * len..(local + 1) * len]);
            let gradient = self.stage(stage, at, x, (tail, 0), wanted);
            match own {
                Some(values) if keep => {
                    gradient.run(scratch, weights, Some(SourceGradient { values, accumulate }));
                }
                Some(values) => {
                    gradient.run(scratch, weights, None);
                    let source = if plan.stages[stage].rectify { Some(x) } else { None };
                    write_gradient(lanes, source, &scratch.source[..len], accumulate, values);
                }
                None => gradient.run(scratch, weights, None),
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
