//! A trained network as data: what is exported, imported and used for prediction.
//!
//! [`TrainedModel`] is read from a run; [`Predictor`] answers for images with it; [`Importer`] makes one of weights from
//! elsewhere.

use burn::tensor::Device;

pub use crate::import::{Checkpoint, Imported, Importer, Known, Outline, read_checkpoint};
pub use crate::predict::{Answer, Answers, Image, Prediction, Predictor};

use crate::error::{Error, Remedy, Result};
use crate::network::{NamedTensors, Network, load_named};
use crate::resume::check_size;
use crate::run::files::{GENOTYPE_JSON, MANIFEST};
use crate::run::{Agreement, Manifest, RunFolder, Weights};
use crate::space::DerivedNetworkConfig;
use crate::space::derived_cost;
use crate::train::network_config;

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
    /// When the run is not trained, or a file is damaged or contradicts another.
    pub fn load(folder: &RunFolder) -> Result<Self> {
        let config = folder.read_config()?;
        let missing = |what: &str| {
            Error::run(
                folder.path(),
                format!("there is no {what}"),
                "train it first: " + Remedy::Train(folder.path().to_path_buf()),
            )
        };
        let manifest = folder.read_manifest()?.ok_or_else(|| missing(MANIFEST))?;
        let genotype = folder.read_genotype()?.ok_or_else(|| missing(GENOTYPE_JSON))?;
        let weights = chosen_weights(folder)?.ok_or_else(|| missing("trained network"))?;
        // Cells with the same weights may be joined in another way.
        let result = folder.read_result()?;
        Agreement {
            config: Some(&config),
            manifest: Some(&manifest),
            genotype: Some(&genotype),
            result: result.as_ref(),
            ..Agreement::default()
        }
        .check(folder.path())?;
        let network = network_config(&genotype, &config.train, manifest.image_shape, manifest.classes.len());
        Ok(Self { network, weights, manifest })
    }

    /// The network with its weights.
    ///
    /// # Errors
    /// When weights and description do not fit one another; `origin` names the weights.
    pub fn build(&self, origin: &str, device: &Device) -> Result<Network> {
        build(&self.network, &self.weights, origin, device)
    }
}

/// A network with its weights; `origin` names them.
///
/// # Errors
/// When weights and description do not fit one another. A description of a network that is far larger than the
/// weights is refused before anything is built from it.
pub(crate) fn build(
    network: &DerivedNetworkConfig,
    weights: &NamedTensors,
    origin: &str,
    device: &Device,
) -> Result<Network> {
    check_size(origin, weights, derived_cost(&network.genotype, &network.shape()).parameters)?;
    load_named(network.init(device)?, weights, origin)
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
