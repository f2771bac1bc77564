//! A forward pass written down: one operation after the other, with the maps it reads and writes.

use std::ops::Range;

use super::Cost;
use crate::space::plan::MapShape;
use crate::space::topology::{CellKind, Edge};

/// A map, by the order in which maps are written; 0 is the image.
pub(super) type MapId = usize;

/// One operation: it reads maps, writes a new one, and leaves those it read as they are.
#[derive(Clone, Debug)]
struct Step {
    reads: Vec<MapId>,
    cost: Cost,
}

/// Batch normalisation with or without scale and shift.
#[derive(Copy, Clone, Debug)]
pub(super) enum Norm {
    Affine,
    Plain,
}

/// A stretch of the pass that goes by one name.
#[derive(Clone, Debug)]
pub(super) struct Part<Label> {
    pub label: Label,
    pub steps: Range<usize>,
    pub output: MapId,
}

/// What a layer is.
#[derive(Clone, Debug)]
pub(super) struct LayerLabel {
    pub name: String,
    pub operation: &'static str,
    pub edge: Option<Edge>,
}

/// What a block is: the stem, a cell, or a layer behind the cells.
#[derive(Clone, Debug)]
pub(super) struct BlockLabel {
    pub name: String,
    pub kind: Option<CellKind>,
    pub layers: Vec<Part<LayerLabel>>,
}

/// The forward pass of a network for one image.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    maps: Vec<MapShape>,
    /// Step i writes map i + 1.
    steps: Vec<Step>,
    layers: Vec<Part<LayerLabel>>,
    blocks: Vec<Part<BlockLabel>>,
}

impl Trace {
    /// Nothing done yet to `image`, which is map 0.
    pub fn of(image: MapShape) -> Trace {
        Trace { maps: vec![image], steps: Vec::new(), layers: Vec::new(), blocks: Vec::new() }
    }

    /// Another map that is there, as the image is.
    pub fn given(&mut self, map: MapShape) -> MapId {
        self.step(Vec::new(), map, Cost::default())
    }

    pub fn map(&self, id: MapId) -> MapShape {
        self.maps[id]
    }

    fn step(&mut self, reads: Vec<MapId>, output: MapShape, cost: Cost) -> MapId {
        self.steps.push(Step { reads, cost });
        self.maps.push(output);
        self.maps.len() - 1
    }

    /// An operation without weights that keeps the size.
    pub fn relu(&mut self, x: MapId) -> MapId {
        self.step(vec![x], self.maps[x], Cost::default())
    }

    /// Pooling to the map `output`.
    pub fn pool(&mut self, x: MapId, output: MapShape) -> MapId {
        self.step(vec![x], output, Cost::default())
    }

    /// Some of the channels; all of them are the map itself.
    pub fn part(&mut self, x: MapId, channels: usize) -> MapId {
        let map = self.maps[x];
        if channels == map.channels {
            x
        } else {
            self.step(vec![x], MapShape { channels, ..map }, Cost::default())
        }
    }

    /// Convolution without bias to the map `output`: each of the `weights` is used once per pixel.
    pub fn convolution(&mut self, x: MapId, weights: u64, output: MapShape) -> MapId {
        let macs = weights.saturating_mul(output.pixels());
        self.step(vec![x], output, Cost { parameters: weights, macs })
    }

    /// A number added to each channel.
    pub fn bias(&mut self, x: MapId) -> MapId {
        let parameters = self.maps[x].channels as u64;
        self.step(vec![x], self.maps[x], Cost { parameters, macs: 0 })
    }

    pub fn norm(&mut self, x: MapId, norm: Norm) -> MapId {
        let parameters = match norm {
            Norm::Affine => 2u64.saturating_mul(self.maps[x].channels as u64),
            Norm::Plain => 0,
        };
        self.step(vec![x], self.maps[x], Cost { parameters, macs: 0 })
    }

    /// Sum of two maps of one size.
    pub fn add(&mut self, x: MapId, y: MapId) -> MapId {
        self.step(vec![x, y], self.maps[x], Cost::default())
    }

    /// Maps of one grid joined by channel; a single one stays as it is.
    pub fn join(&mut self, parts: Vec<MapId>) -> MapId {
        if let [single] = parts[..] {
            return single;
        }
        let channels = parts.iter().fold(0usize, |sum, &part| sum.saturating_add(self.maps[part].channels));
        let output = MapShape { channels, ..self.maps[parts[0]] };
        self.step(parts, output, Cost::default())
    }

    /// Mean over all pixels.
    pub fn mean(&mut self, x: MapId) -> MapId {
        self.step(vec![x], MapShape::vector(self.maps[x].channels), Cost::default())
    }

    /// Linear layer with bias.
    pub fn linear(&mut self, x: MapId, classes: usize) -> MapId {
        let (features, outputs) = (self.maps[x].channels as u64, classes as u64);
        let cost = Cost {
            parameters: features.saturating_add(1).saturating_mul(outputs),
            macs: features.saturating_mul(outputs),
        };
        self.step(vec![x], MapShape::vector(classes), cost)
    }

    /// Writes down `work` as a layer.
    pub fn layer(
        &mut self,
        name: String,
        operation: &'static str,
        edge: Option<Edge>,
        work: impl FnOnce(&mut Trace) -> MapId,
    ) -> MapId {
        let first = self.steps.len();
        let output = work(self);
        let label = LayerLabel { name, operation, edge };
        self.layers.push(Part { label, steps: first..self.steps.len(), output });
        output
    }

    /// Writes down `work`, with its layers, as a block.
    pub fn block(
        &mut self,
        name: String,
        kind: Option<CellKind>,
        work: impl FnOnce(&mut Trace) -> MapId,
    ) -> MapId {
        let first = self.steps.len();
        let output = work(self);
        let label = BlockLabel { name, kind, layers: std::mem::take(&mut self.layers) };
        self.blocks.push(Part { label, steps: first..self.steps.len(), output });
        output
    }

    pub fn blocks(&self) -> &[Part<BlockLabel>] {
        &self.blocks
    }

    /// Cost of a stretch of steps.
    pub fn cost_of(&self, steps: &Range<usize>) -> Cost {
        self.steps[steps.clone()].iter().map(|step| step.cost).sum()
    }

    /// Cost of all steps.
    pub fn cost(&self) -> Cost {
        self.cost_of(&(0..self.steps.len()))
    }

    /// Bytes of the maps that are alive during each step: those it reads and the one it writes, and those
    /// written before that it or a later step reads. The image is a map; what nobody reads (the logits, a
    /// node that is not used) is gone after the step that wrote it.
    pub fn alive(&self) -> Vec<u64> {
        // Step i writes map i + 1; the image is there from step 0 on.
        let mut last: Vec<usize> = (0..self.maps.len()).map(|map| map.saturating_sub(1)).collect();
        for (i, step) in self.steps.iter().enumerate() {
            step.reads.iter().for_each(|&map| last[map] = i);
        }
        let mut freed = vec![0u64; self.steps.len()];
        for (map, &last) in last.iter().enumerate() {
            freed[last] = freed[last].saturating_add(self.maps[map].bytes());
        }
        let mut now = self.maps[0].bytes();
        let mut alive = Vec::with_capacity(self.steps.len());
        for (i, freed) in freed.iter().enumerate() {
            now = now.saturating_add(self.maps[i + 1].bytes());
            alive.push(now);
            now = now.saturating_sub(*freed);
        }
        alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(channels: usize, side: usize) -> MapShape {
        MapShape { channels, size: [side; 2] }
    }

    #[test]
    fn maps_live_from_their_step_to_the_last_that_reads_them() {
        let mut trace = Trace::of(map(1, 2)); // 16 bytes
        let a = trace.convolution(0, 1, map(2, 2)); // 32
        let b = trace.relu(a); // 32
        trace.relu(b); // 32, never read
        let pooled = trace.pool(b, map(2, 1)); // 8
        let joined = trace.join(vec![pooled, pooled]); // 16
        trace.linear(joined, 3); // 12
        assert_eq!(trace.alive(), [16 + 32, 32 + 32, 32 + 32, 32 + 8, 8 + 16, 16 + 12]);
    }

    #[test]
    fn joining_one_map_takes_no_step() {
        let mut trace = Trace::of(map(3, 5));
        assert_eq!((trace.join(vec![0]), trace.part(0, 3)), (0, 0));
    }

    #[test]
    fn numbers_without_end_do_not_wrap() {
        let mut trace = Trace::of(map(usize::MAX, 1 << 40));
        let x = trace.convolution(0, u64::MAX, map(1 << 40, 1 << 40));
        trace.norm(x, Norm::Affine);
        assert_eq!(trace.cost().macs, u64::MAX);
        assert_eq!(trace.alive()[0], u64::MAX);
    }
}
