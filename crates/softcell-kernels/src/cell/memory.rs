//! How much memory a cell takes in training, without running it.

use super::plan::{CellPlan, Map, Source};
use super::shapes::{Shapes, groups};

/// Bytes that a cell takes in training, for a batch. Per-thread working memory, which does not grow with the
/// batch, and statistics are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CellMemory {
    /// Its output, whose gradient takes as much again.
    pub output: usize,
    /// What stays from the forward to the backward pass beside the output: raw results of the stages, states
    /// that are no part of the output, packed weights.
    pub kept: usize,
    /// Most that the forward pass takes beside those.
    pub forward: usize,
    /// Most that the backward pass takes beside what was kept, outputs and their gradients.
    pub backward: usize,
}

impl CellPlan {
    /// The memory of a cell of this plan for so many images; `sizes` are height and width of its inputs.
    ///
    /// # Panics
    ///
    /// If two summands of a state differ in size.
    pub fn memory(&self, images: usize, sizes: [[usize; 2]; 2]) -> CellMemory {
        let shapes = Shapes::new(self, images, sizes);
        let width = self.blocks.width();
        let map = |map: Map| images * shapes.pixels(self, map) * width;
        let stages: usize = (0..self.stages.len()).map(|stage| map(Map::Stage(stage))).sum();
        let outside = |state: &usize| self.slot(*state).is_none();
        let states = |range: std::ops::Range<usize>| -> usize {
            range.filter(outside).map(|state| map(Map::State(state))).sum()
        };
        let packed: usize = self
            .stages
            .iter()
            .map(|stage| {
                let (inputs, outputs) = (&stage.spread_blocks, &self.blocks);
                inputs.total() * outputs.width() + outputs.total() * inputs.width()
            })
            .sum();
        // Computed for the forward pass, forgotten, and computed again for the backward pass.
        let again =
            states(0..self.inputs) + (0..self.pools.len()).map(|pool| map(Map::Pool(pool))).sum::<usize>();
        let gradients = |stages: Vec<usize>| -> usize {
            let len: usize = stages.iter().map(|&stage| self.stages[stage].gradient_len(&self.blocks)).sum();
            len * groups(images).len()
        };
        let step = |state: usize| {
            let seconds = self.second_stages_of(state);
            let firsts = seconds.iter().map(|&stage| match self.stages[stage].source {
                Source::Stage(first) => map(Map::Stage(first)),
                _ => 0,
            });
            let firsts: usize = firsts.sum();
            firsts + gradients(seconds).max(gradients(self.stages_of(Source::State(state))))
        };
        let of_states = (0..self.states()).map(step);
        let of_inputs = (0..self.inputs).map(|input| gradients(self.stages_of(Source::Input(input))));
        let steps = of_states.chain(of_inputs).max().unwrap_or(0);
        let bytes = |values: usize| values * size_of::<f32>();
        CellMemory {
            output: bytes(images * shapes.output_pixels(self) * width * self.config.output.len()),
            kept: bytes(stages + states(self.inputs..self.states()) + packed),
            forward: bytes(again),
            backward: bytes(again + states(0..self.states()) + steps + self.weights()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{CellConfig, InputChannels, Operation, Term};
    use super::*;

    #[test]
    fn maps_are_counted() {
        let channels = InputChannels { groups: 1, channels: 16 };
        let separable = Operation::Separable { kernel: 3 };
        let plan = CellPlan::new(CellConfig {
            channels: 16,
            inputs: [channels; 2],
            halve: [false; 2],
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
        let memory = plan.memory(5, [[4, 4]; 2]);
        assert_eq!(memory.output, map);
        // Two preprocessed inputs, both halves of the convolution, the node outside of the output; the weights of
        // four pointwise convolutions, there and back.
        assert_eq!(memory.kept, 5 * map + 4 * 2 * 16 * 16 * 4);
        assert_eq!(memory.forward, 2 * map);
        // Inputs again, gradients of three states, of a first half, of weights in five groups.
        let weights = 4 * 16 * 16 + 2 * 9 * 16;
        assert_eq!(memory.backward, 2 * map + 3 * map + map + 5 * (16 * 16 + 9 * 16) * 4 + weights * 4);
        let twice = plan.memory(10, [[4, 4]; 2]);
        assert_eq!((twice.output, twice.forward), (2 * memory.output, 2 * memory.forward));
    }
}
