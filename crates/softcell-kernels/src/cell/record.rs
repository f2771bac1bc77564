//! What a forward pass leaves for the backward pass, and what both compute from it.

use std::ops::Range;
use std::sync::Arc;

use super::forward::CellInput;
use super::kernels::elementwise::{mix, mix2, mix4};
use super::kernels::pool::{PoolShape, average, max};
use super::pack::Packed;
use super::plan::{CellPlan, Map};
use super::shapes::{Shapes, groups, image, split_all};
use crate::Pool;
use crate::support::parallel::for_each;
use crate::support::workspace::Buffer;

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

impl Record {
    /// Before anything is computed.
    pub fn new(
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
    pub fn complete(&self, state: usize, at: usize, before: &[f32], out: &mut [f32]) {
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
            let (twos, rest) = rest.as_chunks::<2>();
            let (two_scales, rest_scales) = rest_scales.as_chunks::<2>();
            for (maps, scales) in twos.iter().zip(two_scales) {
                let shift = if first { &shift[channels.clone()] } else { &zero };
                let maps = maps.map(|map| &map[values.clone()]);
                mix2(lanes, maps, scales.each_ref().map(|s| &s[channels.clone()]), shift, first, out);
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
        let pool = self.plan.pools[pool];
        let [height, width] = self.shapes.states[pool.state];
        PoolShape { height, width, stride: pool.stride }
    }
}
