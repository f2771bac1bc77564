//! Sizes of a cell's maps and how images are dealt out to threads.

use std::ops::Range;

use super::plan::{CellPlan, Map, Source};
use crate::share::Share;

/// Images are worked on in this many groups at most. Partial sums are added up group by group, so the number
/// decides results' last bits and must not depend on the number of threads.
const GROUPS: usize = 16;

/// With a gradient of the weights for each group: so few groups that a group has this many pixels, if it can be.
/// Below that, clearing and adding up the gradients costs more than what goes into them.
const GROUP_PIXELS: usize = 64;

/// But not fewer groups than this, which threads share.
const FEWEST_GROUPS: usize = 4;

/// How many of [`groups`] there are.
pub(super) fn group_count(images: usize) -> usize {
    images.min(GROUPS)
}

/// Consecutive images.
pub(super) fn groups(images: usize) -> Vec<Range<usize>> {
    cut(images, GROUPS)
}

/// In how many groups of images gradients of weights are added up, of a cell whose output has so many pixels: a power of
/// two, because they are added up along a binary tree.
pub fn summed_groups(images: usize, pixels: usize) -> usize {
    let most = images.saturating_mul(pixels) / GROUP_PIXELS;
    1 << images.min(most.clamp(FEWEST_GROUPS, GROUPS)).max(1).ilog2()
}

/// Consecutive images, in this many groups at most.
pub(super) fn cut(images: usize, most: usize) -> Vec<Range<usize>> {
    let groups = images.min(most);
    (0..groups).map(|group| group * images / groups..(group + 1) * images / groups).collect()
}

/// Cuts a buffer of `per_image` values for each image into the parts of the groups.
pub(super) fn split<'a>(
    buffer: &'a mut [f32],
    per_image: usize,
    groups: &[Range<usize>],
) -> Vec<&'a mut [f32]> {
    let mut rest = buffer;
    groups
        .iter()
        .map(|images| {
            let (part, tail) = std::mem::take(&mut rest).split_at_mut(images.len() * per_image);
            rest = tail;
            part
        })
        .collect()
}

/// Cuts several buffers; the parts of one group together.
pub(super) fn split_all<'a>(
    buffers: Vec<(&'a mut [f32], usize)>,
    groups: &[Range<usize>],
) -> Vec<Vec<&'a mut [f32]>> {
    let mut parts: Vec<Vec<&mut [f32]>> = groups.iter().map(|_| Vec::with_capacity(buffers.len())).collect();
    for (buffer, per_image) in buffers {
        for (parts, part) in parts.iter_mut().zip(split(buffer, per_image, groups)) {
            parts.push(part);
        }
    }
    parts
}

/// The values of one image.
pub(super) fn image(values: &[f32], per_image: usize, image: usize) -> &[f32] {
    &values[image * per_image..(image + 1) * per_image]
}

/// Sizes of all maps.
#[derive(Clone, Debug)]
pub(super) struct Shapes {
    /// Of this process.
    pub images: usize,
    /// What the images are a share of.
    pub share: Option<Share>,
    /// Height and width of the inputs.
    pub inputs: Vec<[usize; 2]>,
    /// Height and width of the states.
    pub states: Vec<[usize; 2]>,
    /// Height and width of what each stage computes.
    pub stages: Vec<[usize; 2]>,
}

impl Shapes {
    /// # Panics
    ///
    /// If there are not as many sizes as inputs, or two summands of a node or two nodes of the output differ in size.
    pub fn new(plan: &CellPlan, images: usize, inputs: &[[usize; 2]]) -> Self {
        assert_eq!(inputs.len(), plan.inputs(), "sizes of a cell's inputs");
        let prepared = |(input, &size): (usize, &[usize; 2])| {
            let preparation = plan.stages.iter().find(|stage| stage.source == Source::Input(input));
            preparation.map_or(size, |stage| stage.output(size))
        };
        let mut states: Vec<[usize; 2]> = inputs.iter().enumerate().map(prepared).collect();
        // Node by node and not in the order of the terms: sources come before targets.
        for node in plan.inputs()..plan.states() {
            let terms = plan.config.terms.iter().filter(|term| term.target == node);
            let mut sizes = terms.map(|term| states[term.source].map(|side| side.div_ceil(term.stride)));
            let size = sizes.next().expect("every node has a term");
            for other in sizes {
                assert!(other == size, "the summands of state {node} have sizes {size:?} and {other:?}");
            }
            states.push(size);
        }
        let output = &plan.config.output;
        for &node in output {
            let (first, other) = (states[output[0]], states[node]);
            assert!(
                other == first,
                "states {} and {node} of the output have sizes {first:?} and {other:?}",
                output[0]
            );
        }
        let mut shapes = Self { images, share: None, inputs: inputs.to_vec(), states, stages: Vec::new() };
        for stage in &plan.stages {
            let size = stage.output(shapes.source(stage.source));
            shapes.stages.push(size);
        }
        shapes
    }

    /// Images of the batch.
    pub fn all_images(&self) -> usize {
        self.share.as_ref().map_or(self.images, Share::images)
    }

    /// Where the images of this process begin in the batch.
    pub fn first_image(&self) -> usize {
        self.share.as_ref().map_or(0, |share| share.own().start)
    }

    /// Consecutive images of this process, each group with partial sums of its own for all weights.
    pub fn summing_groups(&self, plan: &CellPlan) -> Vec<Range<usize>> {
        let all = self.all_images();
        let own = self.first_image()..self.first_image() + self.images;
        let groups = cut(all, summed_groups(all, self.output_pixels(plan)));
        let inside = groups.into_iter().filter(|group| own.start <= group.start && group.end <= own.end);
        inside.map(|group| group.start - own.start..group.end - own.start).collect()
    }

    /// Height and width of what a stage reads.
    pub fn source(&self, source: Source) -> [usize; 2] {
        match source {
            Source::Input(input) => self.inputs[input],
            Source::State(state) => self.states[state],
            Source::Stage(stage) => self.stages[stage],
        }
    }

    /// Pixels of a state.
    pub fn state_pixels(&self, state: usize) -> usize {
        self.states[state].iter().product()
    }

    /// Height and width of a map.
    pub fn size(&self, plan: &CellPlan, map: Map) -> [usize; 2] {
        match map {
            Map::Stage(stage) => self.stages[stage],
            Map::State(state) => self.states[state],
            Map::Pool(pool) => {
                let pool = &plan.pools[pool];
                self.states[pool.state].map(|side| side.div_ceil(pool.stride))
            }
        }
    }

    /// Pixels of a map.
    pub fn pixels(&self, plan: &CellPlan, map: Map) -> usize {
        self.size(plan, map).iter().product()
    }

    /// Values of a map for one image.
    pub fn values(&self, plan: &CellPlan, map: Map) -> usize {
        self.pixels(plan, map) * plan.blocks_of(map).width()
    }

    /// Bytes of all maps of one image.
    pub fn bytes(&self, plan: &CellPlan) -> usize {
        let maps = (0..self.stages.len()).map(Map::Stage).chain((0..self.states.len()).map(Map::State));
        maps.map(|map| self.values(plan, map) * size_of::<f32>()).sum()
    }

    /// Pixels of the output.
    pub fn output_pixels(&self, plan: &CellPlan) -> usize {
        self.state_pixels(plan.config.output[0])
    }
}
