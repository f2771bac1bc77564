//! How channels lie in memory.

use std::sync::Arc;

use crate::support::vector::{Isa, isa};

/// How channels lie in memory: blocks of `lanes` channels, the last of a group filled with zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    /// Real channels of each block; stages of the same width share them.
    pub channels: Arc<[usize]>,
    /// Channels of a block, filling included.
    pub lanes: usize,
}

/// The best block for a network whose narrowest cell has so many channels: 16 channels, or 8 where these few
/// fit in and the CPU works on no more at once.
pub fn block_lanes(channels: usize) -> usize {
    if channels <= 8 && isa() < Isa::Avx512 { 8 } else { 16 }
}

impl Blocks {
    pub fn new(groups: usize, channels: usize, lanes: usize) -> Self {
        let group = (0..channels).step_by(lanes).map(|first| (channels - first).min(lanes));
        Self { channels: std::iter::repeat_n(group, groups).flatten().collect(), lanes }
    }

    /// The same so many times, side by side.
    pub fn repeated(&self, times: usize) -> Self {
        let channels = (0..times).flat_map(|_| self.channels.iter().copied()).collect();
        Self { channels, lanes: self.lanes }
    }

    /// Number of blocks.
    pub fn count(&self) -> usize {
        self.channels.len()
    }

    /// Values of a pixel, filling included.
    pub fn width(&self) -> usize {
        self.count() * self.lanes
    }

    /// Real channels.
    pub fn total(&self) -> usize {
        self.channels.iter().sum()
    }

    /// Where each real channel lies among the values of a pixel.
    pub fn positions(&self) -> Vec<usize> {
        let lanes = self.lanes;
        (self.channels.iter().enumerate())
            .flat_map(|(block, &channels)| (0..channels).map(move |channel| block * lanes + channel))
            .collect()
    }
}
