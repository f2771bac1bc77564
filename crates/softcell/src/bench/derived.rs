//! The derived network whose training and answers are timed.

use serde::{Serialize, Serializer};

use crate::config::{Config, DataShape, Preset, Stem, preset};
use crate::space::Genotype;

/// A derived network; its stem depends on the size of the images, as in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Derived {
    /// The cells.
    #[serde(serialize_with = "text")]
    pub genotype: Genotype,
    /// Channels of the first cell.
    pub init_channels: usize,
    /// Number of cells.
    pub layers: usize,
}

impl Derived {
    /// The paper's settings with the size that is asked for, and no auxiliary head.
    pub(super) fn config(&self) -> Config {
        let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0;
        let train = &mut config.train;
        train.init_channels = self.init_channels;
        train.layers = self.layers;
        train.stem = Stem::Auto;
        train.auxiliary = false;
        config
    }
}

fn text<S: Serializer>(genotype: &Genotype, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&genotype.to_text())
}
