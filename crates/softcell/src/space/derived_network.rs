//! A derived network in a few numbers.

use super::cost::NetworkShape;
use super::genotype::Genotype;
use super::plan::{NetworkPlan, Place, Skeleton, auxiliary_cell};
use super::reductions::Reductions;
use super::topology::StemKind;
use crate::error::{Error, Result};

/// Smallest side of the map that an auxiliary head can stand on.
const SMALLEST_SIDE: usize = 2;

/// The network of a genotype: A4 (small images) and A5 (ImageNet stem).
#[derive(Debug, Clone)]
pub struct DerivedNetworkConfig {
    /// The cells.
    pub genotype: Genotype,
    /// Channels of the first cell's nodes.
    pub init_channels: usize,
    /// Number of cells.
    pub n_cells: usize,
    /// Where the resolution is halved.
    pub reductions: Reductions,
    /// Channels of the images.
    pub channels_in: usize,
    /// Height and width of the images.
    pub image_size: [usize; 2],
    /// Number of classes.
    pub classes: usize,
    /// The stem.
    pub stem: StemKind,
    /// With an auxiliary head.
    pub auxiliary: bool,
}

impl DerivedNetworkConfig {
    /// The sizes without the cells: what [`derived_cost`](super::derived_cost) asks for.
    pub fn shape(&self) -> NetworkShape {
        let [height, width] = self.image_size;
        NetworkShape {
            init_channels: self.init_channels,
            n_cells: self.n_cells,
            reductions: self.reductions,
            stem: self.stem,
            classes: self.classes,
            image_shape: [self.channels_in, height, width],
        }
    }

    /// The network, lowered. It must pass [`Self::check`].
    pub fn plan(&self) -> NetworkPlan {
        let skeleton = Skeleton { auxiliary: self.auxiliary, ..Skeleton::from(&self.shape()) };
        NetworkPlan::derived(&self.genotype, &skeleton)
    }

    /// Whether the network can be built.
    ///
    /// # Errors
    /// When the genotype is not valid, or the auxiliary head would stand on a map smaller than 2x2.
    pub fn check(&self) -> Result<()> {
        self.genotype.check()?;
        let plan = self.plan();
        let Some(Place::Block(map)) = plan.auxiliary().map(|head| plan.blocks[head].inputs[0]) else {
            return Ok(());
        };
        let [h, w] = plan.blocks[map].output.size;
        if h < SMALLEST_SIDE || w < SMALLEST_SIDE {
            return Err(Error::setting(
                "auxiliary",
                "true",
                format!(
                    "a feature map of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} at cell {} (it is {h}x{w}); \
                     switch the auxiliary head off or use larger images",
                    auxiliary_cell(self.n_cells)
                ),
            ));
        }
        Ok(())
    }
}
