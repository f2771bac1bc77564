//! What a forward pass leaves for the backward pass, and what both compute from it.

use std::ops::Range;
use std::sync::Arc;

use super::kernels::pool::{PoolShape, average, max};
use super::mixture::{Coefficients, Mixture};
use super::pack::Packed;
use super::plan::{CellPlan, Map, Place};
use super::shapes::{Shapes, groups, image, split_all};
use super::statistics::Statistics;
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
    pub norms: Arc<Vec<NormValues>>,
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

impl NormValues {
    /// Of means and variances, channel by channel; `weights` are all weights of the cell.
    pub fn new(
        plan: &CellPlan,
        norm: usize,
        values: impl Iterator<Item = (f64, f64)>,
        weights: &[f32],
    ) -> Self {
        let affine = plan.norms[norm].affine.as_ref();
        let width = plan.norms[norm].blocks.width();
        let zeros = || vec![0.0; width];
        let mut norm = Self {
            mean: zeros(),
            inverse: zeros(),
            gamma: zeros(),
            beta: zeros(),
            scale: zeros(),
            shift: zeros(),
        };
        for (channel, (mean, variance)) in values.enumerate() {
            let inverse = 1.0 / (variance + plan.config.epsilon).sqrt();
            let [gamma, beta] = match affine {
                Some([gamma, beta]) => [gamma, beta].map(|range| f64::from(weights[range.start + channel])),
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

    /// Those of all normalisations in the plan that statistics are given for.
    ///
    /// # Panics
    ///
    /// If there are none of one.
    pub fn given(plan: &CellPlan, given: &Statistics, weights: &[f32]) -> Vec<Self> {
        let values = |norm: usize| {
            if plan.norms[norm].map.is_none() {
                return Self::default();
            }
            let given = given.get(norm).expect("`cell` has checked that all are given");
            let pairs = given.mean.iter().zip(&given.variance);
            let pairs = pairs.map(|(&mean, &variance)| (f64::from(mean), f64::from(variance)));
            Self::new(plan, norm, pairs, weights)
        };
        (0..plan.norms.len()).map(values).collect()
    }
}

impl Record {
    /// Before anything is computed.
    pub fn new(
        plan: &Arc<CellPlan>,
        shapes: Shapes,
        packed: Arc<Vec<Packed>>,
        input: &Operands<'_>,
        given: Option<Arc<Vec<NormValues>>>,
    ) -> Self {
        Self {
            given: given.is_some(),
            packed,
            stages: plan.stages.iter().map(|_| Buffer::default()).collect(),
            pools: plan.pools.iter().map(|_| Buffer::default()).collect(),
            states: (0..plan.states())
                .map(|state| match plan.place(state) {
                    Place::Input | Place::Output(_) => Buffer::default(),
                    Place::Own => Buffer::dirty(shapes.images * shapes.values(plan, Map::State(state))),
                })
                .collect(),
            norms: given.unwrap_or_else(|| Arc::new(vec![NormValues::default(); plan.norms.len()])),
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

    /// Adds what a summand is multiplied with, per channel: `scale · x + shift`. Normalisations are folded in.
    pub fn add_coefficients(&self, summand: usize, image: usize, scale: &mut [f32], shift: &mut [f32]) {
        let summand = &self.plan.summands[summand];
        let weight = summand.term.map_or(1.0, |term| {
            self.terms[term]
                * self.scales_of(term).map_or(1.0, |scales| scales[self.shapes.first_image() + image])
        });
        match summand.norm {
            Some(norm) => {
                let norm = &self.norms[norm];
                let add = |sums: &mut [f32], values: &[f32]| {
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
                };
                add(scale, &norm.scale);
                add(shift, &norm.shift);
            }
            None => scale[summand.values.clone()].iter_mut().for_each(|sum| *sum += weight),
        }
    }

    /// Forgets what [`Self::restore`] computes again faster than memory would be found for it.
    pub fn forget(&mut self) {
        self.pools.iter_mut().for_each(|pool| *pool = Buffer::default());
        self.states.iter_mut().take(self.plan.inputs()).for_each(|state| *state = Buffer::default());
    }

    /// Forgets all maps: the forward pass has to be done again.
    pub fn forget_all(&mut self) {
        for maps in [&mut self.stages, &mut self.pools, &mut self.states] {
            maps.iter_mut().for_each(|map| *map = Buffer::default());
        }
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
        let mixtures: Vec<Mixture> = inputs.iter().map(|&state| Mixture::new(&plan, state)).collect();
        let cost =
            (2 + 9 * pools.len()) * self.shapes.state_pixels(0) * width * images.div_ceil(groups.len());
        let this = &*self;
        let parts = groups.iter().cloned().zip(parts).collect();
        for_each(
            parts,
            cost,
            || inputs.iter().map(|_| Coefficients::default()).collect::<Vec<_>>(),
            |coefficients, _, (range, mut parts): (Range<usize>, Vec<&mut [f32]>)| {
                let (states, pooled) = parts.split_at_mut(inputs.len());
                for at in range.clone() {
                    let local = at - range.start;
                    for (index, part) in states.iter_mut().enumerate() {
                        let len = state_lens[index];
                        let out = &mut part[local * len..(local + 1) * len];
                        let working = (&mut coefficients[index], &mut [][..]);
                        mixtures[index].complete(this, at, outside, working, out);
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
