//! Sizes of a network and of its maps.

use serde::Serialize;

use crate::space::plan::MapShape;
use crate::space::reductions::Reductions;
use crate::space::topology::StemKind;

/// All that decides the size of a derived network beside its genotype.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NetworkShape {
    /// Channels of the first cell's nodes.
    pub init_channels: usize,
    /// Number of cells.
    pub n_cells: usize,
    /// Where the resolution is halved.
    #[serde(skip_serializing_if = "is_thirds")]
    pub reductions: Reductions,
    /// What stands before the first cell.
    pub stem: StemKind,
    /// Number of classes.
    pub classes: usize,
    /// Channels, height and width of the images.
    pub image_shape: [usize; 3],
}

fn is_thirds(reductions: &Reductions) -> bool {
    *reductions == Reductions::THIRDS
}

impl MapShape {
    /// A vector of features: a map of one pixel.
    pub(super) fn vector(channels: usize) -> MapShape {
        MapShape { channels, size: [1, 1] }
    }

    pub(super) fn pixels(self) -> u64 {
        let [height, width] = self.size.map(|side| side as u64);
        height.saturating_mul(width)
    }

    /// Channels, height and width.
    pub(super) fn dims(self) -> [u64; 3] {
        [self.channels as u64, self.size[0] as u64, self.size[1] as u64]
    }

    /// In f32, for one image.
    pub(super) fn bytes(self) -> u64 {
        (self.channels as u64).saturating_mul(self.pixels()).saturating_mul(4)
    }
}
