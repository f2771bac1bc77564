//! Sizes: of a network, of its maps.

use serde::Serialize;

use crate::space::topology::StemKind;

/// All that decides the size of a derived network beside its genotype.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NetworkShape {
    /// Channels of the first cell's nodes.
    pub init_channels: usize,
    /// Number of cells.
    pub n_cells: usize,
    /// What stands before the first cell.
    pub stem: StemKind,
    /// Number of classes.
    pub classes: usize,
    /// Channels, height and width of the images.
    pub image_shape: [usize; 3],
}

/// Height and width of a map.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Grid {
    pub height: u64,
    pub width: u64,
}

impl Grid {
    /// Strides round up: an odd side of n becomes (n + 1)/2.
    pub fn strided(self, stride: u64) -> Grid {
        Grid { height: self.height.div_ceil(stride), width: self.width.div_ceil(stride) }
    }

    pub fn pixels(self) -> u64 {
        self.height.saturating_mul(self.width)
    }
}

/// Size of a map.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Map {
    pub channels: u64,
    pub grid: Grid,
}

impl Map {
    /// A vector of features: a map of one pixel.
    pub fn vector(channels: u64) -> Map {
        Map { channels, grid: Grid { height: 1, width: 1 } }
    }

    /// Channels, height and width.
    pub fn dims(self) -> [u64; 3] {
        [self.channels, self.grid.height, self.grid.width]
    }

    /// In f32, for one image.
    pub fn bytes(self) -> u64 {
        self.channels.saturating_mul(self.grid.pixels()).saturating_mul(4)
    }
}
