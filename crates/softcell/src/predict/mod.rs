//! Answers of a trained network for images.

mod answers;

pub use answers::{Answer, Answers, Image};

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use serde::Serialize;

use crate::error::Result;
use crate::evaluate::{is_finite, not_finite, values};
use crate::model::TrainedModel;
use crate::network::Network;
use crate::network::Pass;
use crate::run::{Manifest, RunFolder, Weights};
use crate::thread_pool::in_pool;

/// A trained network that answers for images.
pub struct Predictor {
    net: Network,
    manifest: Manifest,
    device: Device,
}

/// The answer for one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Name of the class with the largest probability.
    pub class: String,
    /// Its probability.
    pub probability: f32,
    /// Probabilities of all classes, in the order of the manifest.
    pub probabilities: Vec<f32>,
}

impl Prediction {
    /// Indices of the classes with the largest probabilities, falling; the earlier of equals first.
    pub fn ranking(&self) -> Vec<usize> {
        let mut ranking: Vec<usize> = (0..self.probabilities.len()).collect();
        ranking.sort_by(|&a, &b| self.probabilities[b].total_cmp(&self.probabilities[a]));
        ranking
    }
}

impl Predictor {
    /// Loads the network of a finished training: the best weights by validation, else the last.
    ///
    /// # Errors
    /// When the run is not trained, or its files do not fit one another.
    pub fn load(folder: &RunFolder, device: &Device) -> Result<Self> {
        Self::new(
            TrainedModel::load(folder)?,
            &folder.weights_path(Weights::Last).display().to_string(),
            device,
        )
    }

    /// Of a network that is loaded; `origin` names its weights.
    ///
    /// # Errors
    /// As [`TrainedModel::build`].
    pub fn new(model: TrainedModel, origin: &str, device: &Device) -> Result<Self> {
        let net = model.build(origin, device)?;
        Ok(Self { net, manifest: model.manifest, device: device.clone() })
    }

    /// What the network was trained on.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Answers for images given as bytes, channel after channel, in the shape of the manifest.
    ///
    /// # Errors
    /// For an image of which a logit is NaN or infinite.
    pub fn predict(&self, images: &[Vec<u8>]) -> Vec<Result<Prediction>> {
        if images.is_empty() {
            return Vec::new();
        }
        in_pool(|| self.answer(images))
    }

    /// Logits of images as [`Self::predict`] takes them, image after image.
    pub fn logits(&self, images: &[Vec<u8>]) -> Vec<f32> {
        in_pool(|| values(self.forward(images)))
    }

    fn answer(&self, images: &[Vec<u8>]) -> Vec<Result<Prediction>> {
        let logits = self.forward(images);
        let probabilities = values(softmax(logits.clone(), 1));
        let classes = self.manifest.classes.len();
        values(logits)
            .chunks(classes)
            .zip(probabilities.chunks(classes))
            .map(|(logits, row)| {
                if !is_finite(logits) {
                    return Err(not_finite("this image"));
                }
                let best = crate::loss::argmax(row);
                Ok(Prediction {
                    class: self.manifest.classes[best].clone(),
                    probability: row[best],
                    probabilities: row.to_vec(),
                })
            })
            .collect()
    }

    /// # Shapes
    /// - Output `[N, classes]`
    fn forward(&self, images: &[Vec<u8>]) -> Tensor<2> {
        let [channels, height, width] = self.manifest.image_shape;
        let normalizer = self.manifest.normalization.normalizer();
        let length = channels * height * width;
        let mut values = vec![0.0; images.len() * length];
        for (image, values) in images.iter().zip(values.chunks_exact_mut(length)) {
            normalizer.apply(image, values);
        }
        let data = TensorData::new(values, [images.len(), channels, height, width]);
        let images = Tensor::<4>::from_data(data, &self.device);
        self.net.forward(images, &mut Pass::eval()).logits
    }
}
