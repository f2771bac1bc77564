//! Networks for the tests of exporters.

use burn::tensor::Device;

use crate::data::Normalization;
use crate::model::TrainedModel;
use crate::network::{initialize, named_tensors};
use crate::run::Manifest;
use crate::space::known_genotype;
use crate::space::{DerivedNetworkConfig, Reductions, StemKind};

/// A small network for RGB images of 32x32 with drawn weights.
pub(crate) fn model(genotype: &str, stem: StemKind, auxiliary: bool) -> TrainedModel {
    let network = DerivedNetworkConfig {
        reductions: Reductions::THIRDS,
        genotype: known_genotype(genotype).expect("it is a published one"),
        init_channels: 4,
        n_cells: 3,
        channels_in: 3,
        image_size: [32, 32],
        classes: 5,
        stem,
        auxiliary,
    };
    let net = network.init(&Device::flex()).expect("a network that can be built");
    let manifest = Manifest {
        version: "0".into(),
        seed: 3,
        data_fingerprint: "ab".into(),
        ..Manifest::new(
            (0..5).map(|class| format!("class {class}")).collect(),
            [3, 32, 32],
            Normalization { mean: vec![0.1, 0.25, 1.0 / 3.0], std: vec![0.5, 0.1, 0.7] },
        )
    };
    TrainedModel { network, weights: named_tensors(&initialize(net, 1)), manifest }
}
