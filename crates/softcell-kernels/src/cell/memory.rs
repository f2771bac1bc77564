//! How much memory a cell takes in training, without running it.

use super::plan::{CellPlan, Map, Place, Source};
use super::shapes::{Shapes, group_count};

/// Bytes that a cell takes in training, for a batch. Per-thread working memory, which does not grow with the
/// batch, and statistics are left out.
///
/// They are whole numbers up to 2⁵³, and beyond that, where no machine has so many, as large as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CellMemory {
    /// Its output, whose gradient takes as much again.
    pub output: f64,
    /// What stays from the forward to the backward pass beside inputs and output: raw results of the stages, nodes
    /// that are no part of the output, packed weights. Prepared inputs and pooled maps are computed again.
    pub kept: f64,
    /// Packed weights, a part of what is kept.
    pub packed: f64,
    /// Most that the forward pass takes beside those.
    pub forward: f64,
    /// Most that the backward pass takes beside what was kept, outputs and their gradients, with gradients of all
    /// tensors. Of small maps it is an upper bound: fewer groups of images have partial gradients of the weights there
    /// than are counted.
    pub backward: f64,
}

impl CellMemory {
    /// Where the backward pass computes the forward pass again.
    pub fn recomputed(self) -> Self {
        let Self { output, kept, packed, forward, backward } = self;
        let again = kept - packed;
        Self { output, kept: packed, packed, forward: forward + again, backward: backward + again + output }
    }
}

impl CellPlan {
    /// The memory of a cell of this plan for so many images; `sizes` are height and width of its inputs, before they
    /// are prepared. No map and no weight is allocated for that.
    ///
    /// # Panics
    ///
    /// If there are not as many sizes as inputs, or two summands of a node or two nodes of the output differ in size.
    pub fn memory(&self, images: usize, sizes: &[[usize; 2]]) -> CellMemory {
        let shapes = Shapes::new(self, images, sizes);
        let values = |factors: &[usize]| -> f64 { factors.iter().map(|&factor| factor as f64).product() };
        let maps = |[height, width]: [usize; 2], channels: usize| values(&[images, height, width, channels]);
        let map = |map: Map| maps(shapes.size(self, map), self.blocks_of(map).width());
        let stages: f64 = (0..self.stages.len()).map(|stage| map(Map::Stage(stage))).sum();
        let outside = |state: &usize| self.place(*state) == Place::Own;
        let states = |range: std::ops::Range<usize>| -> f64 {
            range.filter(outside).map(|state| map(Map::State(state))).sum()
        };
        let packed: f64 = self
            .stages
            .iter()
            .map(|stage| {
                let (inputs, outputs) = (&stage.spread_blocks, &stage.out_blocks);
                values(&[inputs.total(), outputs.width()]) + values(&[outputs.total(), inputs.width()])
            })
            .sum();
        // Computed for the forward pass, forgotten, and computed again for the backward pass.
        let again =
            states(0..self.inputs()) + (0..self.pools.len()).map(|pool| map(Map::Pool(pool))).sum::<f64>();
        let gradients = |stages: Vec<usize>| -> f64 {
            let len = stages.iter().map(|&stage| self.stages[stage].gradient_len() as f64);
            len.sum::<f64>() * group_count(images) as f64
        };
        let step = |state: usize| {
            let seconds = self.second_stages_of(state);
            let firsts = seconds.iter().map(|&stage| match self.stages[stage].source {
                Source::Stage(first) => map(Map::Stage(first)),
                _ => 0.0,
            });
            let firsts: f64 = firsts.sum();
            firsts + gradients(seconds).max(gradients(self.stages_of(Source::State(state))))
        };
        let of_states = (0..self.states()).map(step);
        let of_inputs = (0..self.inputs()).map(|input| gradients(self.stages_of(Source::Input(input))));
        let steps = of_states.chain(of_inputs).fold(0.0, f64::max);
        let bytes = |values: f64| values * size_of::<f32>() as f64;
        CellMemory {
            output: bytes(map(Map::State(self.config.output[0])) * self.config.output.len() as f64),
            kept: bytes(stages + states(self.inputs()..self.states()) + packed),
            packed: bytes(packed),
            forward: bytes(again),
            backward: bytes(again + states(0..self.states()) + steps + self.weights() as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{CellConfig, CellInput, InputChannels, Operation, Preparation, Term};
    use super::*;

    #[test]
    fn maps_are_counted() {
        let channels = InputChannels { groups: 1, channels: 16 };
        let separable = Operation::Separable { kernel: 3 };
        let plan = CellPlan::new(CellConfig {
            channels: 16,
            share: 1,
            inputs: vec![CellInput { channels, preparation: Preparation::Keep }; 2],
            affine: false,
            nodes: 2,
            terms: vec![
                Term { source: 0, target: 2, operation: separable, stride: 1 },
                Term { source: 2, target: 3, operation: Operation::Identity, stride: 1 },
            ],
            output: vec![3],
            lanes: 16,
            epsilon: 1e-5,
        })
        .unwrap();
        let map = 5 * 4 * 4 * 16 * 4;
        let memory = plan.memory(5, &[[4, 4]; 2]);
        assert_eq!(memory.output, f64::from(map));
        // Two preprocessed inputs, both halves of the convolution, the node outside of the output; the weights of
        // four pointwise convolutions, there and back.
        assert_eq!(memory.kept, f64::from(5 * map + 4 * 2 * 16 * 16 * 4));
        assert_eq!(memory.forward, f64::from(2 * map));
        // Computed again: the maps of this one cell, and another output.
        let again = memory.recomputed();
        assert_eq!((again.output, again.kept), (memory.output, f64::from(4 * 2 * 16 * 16 * 4)));
        assert_eq!(again.forward, memory.forward + f64::from(5 * map));
        assert_eq!(again.backward, memory.backward + f64::from(6 * map));
        // Inputs again, gradients of three states, of a first half, of weights in five groups.
        let weights = 4 * 16 * 16 + 2 * 9 * 16;
        let backward = 2 * map + 3 * map + map + 5 * (16 * 16 + 9 * 16) * 4 + weights * 4;
        assert_eq!(memory.backward, f64::from(backward));
        let twice = plan.memory(10, &[[4, 4]; 2]);
        assert_eq!((twice.output, twice.forward), (2.0 * memory.output, 2.0 * memory.forward));
        // Sizes beyond all memory neither overflow nor take any.
        let huge = plan.memory(usize::MAX, &[[usize::MAX; 2]; 2]);
        assert!(huge.output > 1e57 && huge.kept > huge.output);
    }
}
