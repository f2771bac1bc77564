//! A trained network as data: what is exported, imported and used for prediction.

use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::network::{DerivedNetwork, DerivedNetworkConfig};
use crate::run::{Manifest, RunFolder, Weights};
use crate::train::network_config;
use crate::weights::{NamedTensors, load_named};

/// A trained network with all that is needed to use it elsewhere.
#[derive(Debug, Clone)]
pub struct TrainedModel {
    /// Cells, width, depth, stem, classes and image size.
    pub network: DerivedNetworkConfig,
    /// Weights and running statistics by state-dict name, the auxiliary head's included where there is one.
    pub weights: NamedTensors,
    /// Class names, image shape, normalisation.
    pub manifest: Manifest,
}

impl TrainedModel {
    /// The network of a finished training: the best weights by validation, else the last.
    ///
    /// # Errors
    /// When the run is not trained, or a file is damaged.
    pub fn load(folder: &RunFolder) -> Result<Self> {
        let config = folder.read_config()?;
        let missing = |what: &str| {
            Error::run(
                folder.path(),
                format!("there is no {what}"),
                format!("train it first: softcell train --run {}", folder.path().display()),
            )
        };
        let manifest = folder.read_manifest()?.ok_or_else(|| missing("manifest.json"))?;
        let genotype = folder.read_genotype()?.ok_or_else(|| missing("genotype.json"))?;
        let weights = chosen_weights(folder)?.ok_or_else(|| missing("trained network"))?;
        let network = network_config(&genotype, &config.train, manifest.image_shape, manifest.classes.len());
        Ok(Self { network, weights, manifest })
    }

    /// The network with its weights.
    ///
    /// # Errors
    /// When weights and description do not fit one another; `origin` names the weights.
    pub fn build(&self, origin: &str, device: &Device) -> Result<DerivedNetwork> {
        load_named(self.network.init(device)?, &self.weights, origin)
    }
}

/// The best weights by validation, else the last; `None` while training is not done.
///
/// # Errors
/// When a file is damaged.
pub fn chosen_weights(folder: &RunFolder) -> Result<Option<NamedTensors>> {
    // The last weights are written first, when training ends; best ones may stand beside them.
    if !folder.has_weights(Weights::Last) {
        return Ok(None);
    }
    let which = if folder.has_weights(Weights::Best) { Weights::Best } else { Weights::Last };
    folder.read_weights(which)
}
