//! A state of one image as the sum of its summands.

use super::kernels::elementwise::{mix, mix2, mix4};
use super::kernels::shuffle::permute;
use super::plan::{CellPlan, Map};
use super::record::{Outside, Record};

/// Which maps a state is the sum of.
pub(super) struct Mixture {
    /// Each map with its summands: what reads one map without a normalisation is added in one go, a skip and what passes
    /// by operations.
    read: Vec<(Map, Vec<usize>)>,
    /// For each block of channels, those of these that have values there.
    blocks: Vec<Vec<usize>>,
    /// The order of channels in which the sum is written.
    shuffle: Option<Vec<usize>>,
}

/// What maps are multiplied with, and what is added; one thread uses it for many images.
#[derive(Default)]
pub(super) struct Coefficients {
    /// For each map, channel by channel.
    scales: Vec<f32>,
    shift: Vec<f32>,
    zero: Vec<f32>,
}

impl Mixture {
    pub fn new(plan: &CellPlan, state: usize) -> Self {
        let mut read: Vec<(Map, Vec<usize>)> = Vec::new();
        for summand in plan.summands_of(state) {
            let map = plan.summands[summand].map;
            let same = |(other, _): &&mut (Map, Vec<usize>)| matches!(map, Map::State(_)) && *other == map;
            match read.iter_mut().find(same) {
                Some((_, summands)) => summands.push(summand),
                None => read.push((map, vec![summand])),
            }
        }
        let touches =
            |at: usize, block: usize| read[at].1.iter().any(|&summand| plan.touches(summand, block));
        let blocks = (0..plan.blocks.count())
            .map(|block| (0..read.len()).filter(|&at| touches(at, block)).collect())
            .collect();
        Self { blocks, shuffle: plan.is_shuffled(state).then(|| plan.shuffle()), read }
    }

    /// Maps that are no states.
    pub fn stored(&self) -> impl Iterator<Item = Map> {
        self.read.iter().map(|&(map, _)| map).filter(|map| !matches!(map, Map::State(_)))
    }

    /// The state of image `at`, into `out`; `mixed` is working memory for one that is shuffled.
    pub fn complete(
        &self,
        record: &Record,
        at: usize,
        outside: Outside<'_>,
        (coefficients, mixed): (&mut Coefficients, &mut [f32]),
        out: &mut [f32],
    ) {
        match &self.shuffle {
            Some(shuffle) => {
                let mixed = &mut mixed[..out.len()];
                self.mix(record, at, outside, coefficients, mixed);
                permute(record.plan.blocks.lanes, mixed, shuffle, out);
            }
            None => self.mix(record, at, outside, coefficients, out),
        }
    }

    /// `Σ scale · z + shift` over the summands.
    fn mix(
        &self,
        record: &Record,
        at: usize,
        outside: Outside<'_>,
        coefficients: &mut Coefficients,
        out: &mut [f32],
    ) {
        let (lanes, width) = (record.plan.blocks.lanes, record.plan.blocks.width());
        // Without scales of their own all images have the same.
        if record.scales.is_some() || coefficients.shift.is_empty() {
            coefficients.fill(record, self, at);
        }
        let Coefficients { scales, shift, zero } = &*coefficients;
        let len = out.len() / record.plan.blocks.count();
        for ((block, out), here) in out.chunks_exact_mut(len).enumerate().zip(&self.blocks) {
            let values = block * len..(block + 1) * len;
            let channels = block * lanes..(block + 1) * lanes;
            if here.is_empty() {
                out.fill(0.0);
            }
            let map = |index: usize| &record.map(self.read[index].0, outside, at)[values.clone()];
            let scale = |index: usize| &scales[index * width..(index + 1) * width][channels.clone()];
            let (fours, rest) = here.as_chunks::<4>();
            let mut first = true;
            for &four in fours {
                let shift = if first { &shift[channels.clone()] } else { zero };
                mix4(lanes, four.map(map), four.map(scale), shift, first, out);
                first = false;
            }
            let (twos, rest) = rest.as_chunks::<2>();
            for &two in twos {
                let shift = if first { &shift[channels.clone()] } else { zero };
                mix2(lanes, two.map(map), two.map(scale), shift, first, out);
                first = false;
            }
            for &one in rest {
                let shift = if first { &shift[channels.clone()] } else { zero };
                mix(lanes, map(one), scale(one), shift, first, out);
                first = false;
            }
        }
    }
}

impl Coefficients {
    /// Those of one image.
    fn fill(&mut self, record: &Record, mixture: &Mixture, at: usize) {
        let width = record.plan.blocks.width();
        self.zero.resize(record.plan.blocks.lanes, 0.0);
        for values in [&mut self.scales, &mut self.shift] {
            values.clear();
        }
        self.scales.resize(mixture.read.len() * width, 0.0);
        self.shift.resize(width, 0.0);
        for ((_, summands), scale) in mixture.read.iter().zip(self.scales.chunks_exact_mut(width)) {
            for &summand in summands {
                record.add_coefficients(summand, at, scale, &mut self.shift);
            }
        }
    }
}
