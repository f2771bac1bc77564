//! Maps between blocks, of all images of a batch or of this process' share.

use burn::tensor::Tensor;
use softcell_kernels::{BlockedMap, InputChannels, Share};

use crate::space::plan::Place;

/// A map between blocks.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub map: Map,
    /// Whether it is of all images, where the batch is shared.
    pub whole: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Map {
    /// `[N, C, H, W]`.
    Plain(Tensor<4>),
    /// In the layout of fused cells.
    Blocked(BlockedMap),
}

impl Value {
    /// As `[N, C, H, W]`.
    pub fn plain(self) -> Tensor<4> {
        match self.map {
            Map::Plain(x) => x,
            Map::Blocked(x) => x.to_nchw(),
        }
    }

    /// In the layout of fused cells.
    pub fn blocked(self, channels: InputChannels, lanes: usize) -> BlockedMap {
        match self.map {
            Map::Plain(x) => BlockedMap::from_groups(x, channels, lanes),
            Map::Blocked(x) => x,
        }
    }

    /// With the images of all processes.
    pub fn of_all(self, share: Option<&Share>) -> Self {
        match share.filter(|_| !self.whole) {
            None => self,
            Some(share) => {
                let map = match self.map {
                    Map::Plain(x) => Map::Plain(share.gather(x)),
                    Map::Blocked(x) => Map::Blocked(BlockedMap::new(share.gather(x.values), x.channels)),
                };
                Self { map, whole: true }
            }
        }
    }

    /// With the images of this process.
    pub fn of_share(self, share: Option<&Share>) -> Self {
        match share.filter(|_| self.whole) {
            None => self,
            Some(share) => {
                let map = match self.map {
                    Map::Plain(x) => Map::Plain(share.part(x)),
                    Map::Blocked(x) => Map::Blocked(BlockedMap::new(share.part(x.values), x.channels)),
                };
                Self { map, whole: false }
            }
        }
    }

    /// The mean over all pixels, image by image: `[N, C, 1, 1]`.
    pub fn means(self) -> Self {
        let map = match self.map {
            Map::Plain(x) => x,
            Map::Blocked(x) => {
                let means = x.mean_pixels();
                let [n, c] = means.dims();
                means.reshape([n, c, 1, 1])
            }
        };
        Self { map: Map::Plain(map), ..self }
    }
}

/// The value at a place; its last reader takes it.
pub(super) fn read(image: &Value, values: &mut [Option<Value>], place: Place, last: bool) -> Value {
    match place {
        Place::Image => image.clone(),
        Place::Block(block) => {
            let value = if last { values[block].take() } else { values[block].clone() };
            value.expect("a value is there until its last reader has it")
        }
    }
}
