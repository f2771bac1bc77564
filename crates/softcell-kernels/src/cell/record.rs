//! What a forward pass leaves for the backward pass, and what both compute from it.

use std::ops::Range;
use std::sync::Arc;

use super::kernels::elementwise::{mix, mix2, mix4};
use super::kernels::pool::{PoolShape, average, max};
use super::kernels::shuffle::permute;
use super::pack::Packed;
use super::plan::{CellPlan, Map, Place};
use super::shapes::{Shapes, groups, image, split_all};
use crate::Pool;
use crate::support::parallel::for_each;
use crate::support::workspace::Buffer;

/// What a cell reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands<'a> {
    /// The inputs.
    pub states: &'a [&'a [f32]],
    pub images: usize,
    pub weights: &'a [f32],
    /// The weight of each term.
    pub terms: &'a [f32],
    /// Per term and image: what the term's normalised value is multiplied with.
    pub scales: Option<&'a [f32]>,
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
    /// States that are neither an input nor a part of the output.
    pub states: Vec<Buffer>,
    pub norms: Vec<NormValues>,
    pub terms: Vec<f32>,
    pub scales: Option<Vec<f32>>,
    /// Whether the statistics are constants instead of the batch's own.
    pub given: bool,
}

/// The states that a record does not hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outside<'a> {
    /// The cell's inputs, all images.
    pub inputs: &'a [&'a [f32]],
    /// The output of the images from `first` on.
    pub output: &'a [f32],
    pub first: usize,
}

impl Record {
    /// Before anything is computed.
    pub fn new(
        plan: &Arc<CellPlan>,
        shapes: Shapes,
        packed: Arc<Vec<Packed>>,
        input: &Operands<'_>,
        given: bool,
    ) -> Self {
        Self {
            given,
            packed,
            stages: plan.stages.iter().map(|_| Buffer::default()).collect(),
            pools: plan.pools.iter().map(|_| Buffer::default()).collect(),
            states: (0..plan.states())
                .map(|state| match plan.place(state) {
                    Place::Input | Place::Output(_) => Buffer::default(),
                    Place::Own => Buffer::dirty(shapes.images * shapes.values(plan, Map::State(state))),
                })
                .collect(),
            norms: vec![NormValues::default(); plan.norms.len()],
            terms: input.terms.to_vec(),
            scales: input.scales.map(<[f32]>::to_vec),
            plan: Arc::clone(plan),
            shapes,
        }
    }

    /// The raw values of a map for one image.
    pub fn map<'a>(&'a self, map: Map, outside: Outside<'a>, at: usize) -> &'a [f32] {
        let per_image = self.shapes.values(&self.plan, map);
        match map {
            Map::Stage(stage) => image(&self.stages[stage], per_image, at),
            Map::Pool(pool) => image(&self.pools[pool], per_image, at),
            Map::State(state) => match self.plan.place(state) {
                Place::Input => image(outside.inputs[state], per_image, at),
                Place::Own => image(&self.states[state], per_image, at),
                Place::Output(slot) => {
                    let image = (at - outside.first) * self.plan.config.output.len();
                    let start = (image + slot) * per_image;
                    &outside.output[start..start + per_image]
                }
            },
        }
    }

    /// What a term of each image of the batch is multiplied with.
    pub fn scales_of(&self, term: usize) -> Option<&[f32]> {
        let images = self.shapes.all_images();
        self.scales.as_ref().map(|scales| &scales[term * images..(term + 1) * images])
    }

    /// What a summand is multiplied with, per channel: `scale · x + shift`. Normalisations are folded in.
    pub fn coefficients(&self, summand: usize, image: usize) -> (Vec<f32>, Vec<f32>) {
        let plan = &self.plan;
        let summand = &plan.summands[summand];
        let weight = summand.term.map_or(1.0, |term| {
            self.terms[term]
                * self.scales_of(term).map_or(1.0, |scales| scales[self.shapes.first_image() + image])
        });
        match summand.norm {
            Some(norm) => {
                let norm = &self.norms[norm];
                let times = |values: &[f32]| values.iter().map(|value| weight * value).collect();
                (times(&norm.scale), times(&norm.shift))
            }
            None => {
                let mut scale = vec![0.0; plan.blocks.width()];
                scale[summand.values.clone()].fill(weight);
                (scale, vec![0.0; plan.blocks.width()])
            }
        }
    }

    /// Forgets what [`Self::restore`] computes again faster than memory would be found for it.
    pub fn forget(&mut self) {
        self.pools.iter_mut().for_each(|pool| *pool = Buffer::default());
        self.states.iter_mut().take(self.plan.inputs()).for_each(|state| *state = Buffer::default());
    }

    /// The pooled maps and the prepared inputs, again.
    pub fn restore(&mut self, outside: Outside<'_>) {
        let plan = Arc::clone(&self.plan);
        let (width, images) = (plan.blocks.width(), self.shapes.images);
        let groups = groups(images);
        let pools: Vec<usize> = (0..plan.pools.len()).collect();
        // An input that is a part of the output was not forgotten.
        let inputs: Vec<usize> =
            (0..plan.inputs()).filter(|&state| plan.place(state) == Place::Own).collect();
        let state_lens: Vec<usize> =
            inputs.iter().map(|&state| self.shapes.values(&plan, Map::State(state))).collect();
        let mut states: Vec<Buffer> = state_lens.iter().map(|len| Buffer::dirty(len * images)).collect();
        let pool_lens: Vec<usize> =
            pools.iter().map(|&pool| self.shapes.values(&plan, Map::Pool(pool))).collect();
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
                        let out = &mut part[local * len..(local + 1) * len];
                        this.complete(inputs[index], at, outside, &mut [], out);
                    }
                    for (&pool, part) in pools.iter().zip(&mut *pooled) {
                        let len = pool_lens[pool];
                        let state = plan.pools[pool].state;
                        let map = match inputs.iter().position(|&input| input == state) {
                            Some(index) => image(states[index], state_lens[index], local),
                            None => this.map(Map::State(state), outside, at),
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

    /// A state of one image, from its summands; `mixed` is working memory for one that is shuffled.
    pub fn complete(
        &self,
        state: usize,
        at: usize,
        outside: Outside<'_>,
        mixed: &mut [f32],
        out: &mut [f32],
    ) {
        if self.plan.is_shuffled(state) {
            let mixed = &mut mixed[..out.len()];
            self.mix(state, at, outside, mixed);
            permute(self.plan.blocks.lanes, mixed, &self.plan.shuffle(), out);
        } else {
            self.mix(state, at, outside, out);
        }
    }

    /// `Σ scale · z + shift` over the summands of a state.
    fn mix(&self, state: usize, at: usize, outside: Outside<'_>, out: &mut [f32]) {
        let plan = &self.plan;
        let (lanes, width) = (plan.blocks.lanes, plan.blocks.width());
        let summands = plan.summands_of(state);
        let mut shift = vec![0.0f32; width];
        // What reads one map without a normalisation is added in one go: a skip and what passes by operations.
        let mut read: Vec<(Map, Vec<usize>)> = Vec::with_capacity(summands.len());
        let mut scales: Vec<Vec<f32>> = Vec::with_capacity(summands.len());
        for &summand in &summands {
            let (scale, more) = self.coefficients(summand, at);
            shift.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            let map = plan.summands[summand].map;
            let same = |(other, _): &(Map, Vec<usize>)| matches!(map, Map::State(_)) && *other == map;
            match read.iter().position(same) {
                Some(index) => {
                    read[index].1.push(summand);
                    scales[index].iter_mut().zip(scale).for_each(|(sum, more)| *sum += more);
                }
                None => {
                    read.push((map, vec![summand]));
                    scales.push(scale);
                }
            }
        }
        let maps: Vec<&[f32]> = read.iter().map(|&(map, _)| self.map(map, outside, at)).collect();
        let zero = vec![0.0f32; lanes];
        let len = out.len() / plan.blocks.count();
        for (block, out) in out.chunks_exact_mut(len).enumerate() {
            let values = block * len..(block + 1) * len;
            let channels = block * lanes..(block + 1) * lanes;
            let here: Vec<usize> =
                (0..read.len()).filter(|&i| read[i].1.iter().any(|&s| plan.touches(s, block))).collect();
            if here.is_empty() {
                out.fill(0.0);
            }
            let map = |index: usize| &maps[index][values.clone()];
            let scale = |index: usize| &scales[index][channels.clone()];
            let (fours, rest) = here.as_chunks::<4>();
            let mut first = true;
            for &four in fours {
                let shift = if first { &shift[channels.clone()] } else { &zero };
                mix4(lanes, four.map(map), four.map(scale), shift, first, out);
                first = false;
            }
            let (twos, rest) = rest.as_chunks::<2>();
            for &two in twos {
                let shift = if first { &shift[channels.clone()] } else { &zero };
                mix2(lanes, two.map(map), two.map(scale), shift, first, out);
                first = false;
            }
            for &one in rest {
                let shift = if first { &shift[channels.clone()] } else { &zero };
                mix(lanes, map(one), scale(one), shift, first, out);
                first = false;
            }
        }
    }

    /// Pools one image of a state.
    pub fn pool(&self, pool: usize, map: &[f32], out: &mut [f32]) {
        let lanes = self.plan.blocks.lanes;
        let shape = self.pool_shape(pool);
        let [rows, columns] = shape.output();
        let blocks = map.chunks_exact(shape.height * shape.width * lanes);
        for (from, to) in blocks.zip(out.chunks_exact_mut(rows * columns * lanes)) {
            match self.plan.pools[pool].kind {
                Pool::Max => max(lanes, from, shape, to),
                Pool::Average => average(lanes, from, shape, to),
            }
        }
    }

    /// Size and stride of a pooling.
    pub fn pool_shape(&self, pool: usize) -> PoolShape {
        let pool = &self.plan.pools[pool];
        let [height, width] = self.shapes.states[pool.state];
        PoolShape { height, width, stride: pool.stride, before: pool.side - 2 }
    }
}
