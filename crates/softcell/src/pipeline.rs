//! The stages of a run, one after another in a run folder: search, derive, train, evaluate.
//!
//! Each stage goes on from what it finds in the folder, and leaves at once where it is done.

use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};

use crate::config::Config;
use crate::data::{Dataset, ImageSet};
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, evaluate};
use crate::event::{Event, Observer, Stage};
use crate::model::TrainedModel;
use crate::network::{DerivedNetwork, StemKind};
use crate::ops::Pass;
use crate::run::{
    Keeper, Manifest, RunFolder, RunResult, load_search, load_train, peak_rss_mb, rewind, write_weights,
};
use crate::search::{SearchOutcome, search};
use crate::space::{Cost, Genotype, derived_cost};
use crate::train::{TrainOutcome, build_network, evaluation_plan, stem_kind, train};
use crate::weights::{NamedTensors, load_named};

/// What the stages of a run share.
pub struct Job<'a> {
    /// Where it is kept.
    pub folder: &'a RunFolder,
    /// Its settings.
    pub config: &'a Config,
    /// Its images.
    pub dataset: &'a Dataset,
    /// The plain device.
    pub device: &'a Device,
    /// Longest time between two checkpoints.
    pub checkpoint_interval: Duration,
}

impl Job<'_> {
    /// Checks that the images are those the run began with.
    ///
    /// # Errors
    /// When they are not.
    pub fn check_data(&self) -> Result<()> {
        let Some(manifest) = self.folder.read_manifest()? else { return Ok(()) };
        let found = &self.dataset.summary.fingerprint;
        if manifest.data_fingerprint != *found {
            return Err(Error::run(
                self.folder.path(),
                format!(
                    "the images have changed since the run began (fingerprint {} then, {} now)",
                    short(&manifest.data_fingerprint),
                    short(found)
                ),
                "restore the images, or start a new run with another --out",
            ));
        }
        Ok(())
    }

    /// Searches, or goes on searching, and writes the genotype.
    ///
    /// # Errors
    /// As [`crate::search::search`], and what the file system says.
    pub fn search(&self, observer: &mut dyn Observer) -> Result<SearchOutcome> {
        let state = load_search(&self.folder.checkpoint(Stage::Search))?;
        if let (Some(genotype), Some(state)) = (self.folder.read_genotype()?, &state) {
            observer.on(Event::Note("the search is done already".to_string()))?;
            return Ok(SearchOutcome { genotype, alphas: state.alphas.clone(), seconds: state.seconds });
        }
        rewind(self.folder, Stage::Search, state.as_ref().map_or(0, |s| s.position.epoch))?;
        let mut keeper = Keeper::new(self.folder, observer, self.checkpoint_interval);
        let outcome = search(self.dataset, self.config, self.device, state.as_ref(), &mut keeper)?;
        self.folder.write_genotype(&outcome.genotype)?;
        Ok(outcome)
    }

    /// Trains, or goes on training, the network of `genotype` and writes its weights.
    ///
    /// # Errors
    /// As [`crate::train::train`], and what the file system says.
    pub fn train(&self, genotype: &Genotype, observer: &mut dyn Observer) -> Result<TrainOutcome> {
        let state = load_train(&self.folder.checkpoint(Stage::Train))?;
        rewind(self.folder, Stage::Train, state.as_ref().map_or(0, |s| s.position.epoch))?;
        let mut keeper = Keeper::new(self.folder, observer, self.checkpoint_interval);
        let outcome = train(self.dataset, genotype, self.config, self.device, state.as_ref(), &mut keeper)?;
        write_weights(&self.folder.last_weights(), &outcome.last)?;
        if let Some(best) = &outcome.best {
            write_weights(&self.folder.best_weights(), &best.net)?;
        }
        Ok(outcome)
    }

    /// Evaluates the chosen weights on the test part and writes the result.
    ///
    /// # Errors
    /// When the weights do not fit, what the file system says and whatever the observer answers.
    pub fn finish(
        &self,
        genotype: &Genotype,
        search_seconds: Option<f64>,
        trained: &TrainOutcome,
        observer: &mut dyn Observer,
    ) -> Result<RunResult> {
        let test = self.test(genotype, trained.chosen(), observer)?;
        let cost = network_cost(genotype, self.config, &self.dataset.train);
        let last_epoch = self.config.train.epochs - 1;
        let result = RunResult {
            test_accuracy: test.accuracy,
            test_top5_accuracy: test.top5_accuracy,
            validation_accuracy: trained.best.as_ref().map(|best| best.accuracy),
            test_images: test.images,
            weights: if trained.best.is_some() { "best" } else { "last" }.to_string(),
            epoch: trained.best.as_ref().map_or(last_epoch, |best| best.epoch),
            parameters: cost.parameters,
            macs: cost.macs,
            search_seconds,
            train_seconds: trained.seconds,
            peak_rss_mb: peak_rss_mb(),
            genotype: genotype.to_text(),
            classes: test.classes,
            per_class_accuracy: test.per_class_accuracy,
            confusion: test.confusion,
        };
        self.folder.write_result(&result)?;
        Ok(result)
    }

    /// Evaluates weights on the test part.
    ///
    /// # Errors
    /// When the weights do not fit, and whatever the observer answers.
    pub fn test(
        &self,
        genotype: &Genotype,
        weights: &NamedTensors,
        observer: &mut dyn Observer,
    ) -> Result<Evaluation> {
        let net = build_network(genotype, &self.config.train, &self.dataset.train, self.device)?;
        let net = load_named(net, weights, "weights")?;
        let set = &self.dataset.test;
        let plan = evaluation_plan(
            set,
            (0..set.len()).collect(),
            &self.dataset.normalization,
            self.config.train.batch_size,
        );
        let (mut done, mut told) = (0, Ok(()));
        let evaluation = evaluate(&plan, self.device, |images| {
            done += images.dims()[0];
            let logits = net.forward(images, &mut Pass::eval()).logits;
            if told.is_ok() {
                told = observer.on(Event::Testing { done, total: set.len() });
            }
            logits
        });
        told.map(|()| evaluation)
    }
}

/// Weights and multiply-adds of the network that ships, for the settings and images of a run.
pub fn network_cost(genotype: &Genotype, config: &Config, images: &ImageSet) -> Cost {
    let stem = stem_kind(config.train.stem, [images.height, images.width]);
    derived_cost(
        genotype,
        config.train.init_channels,
        config.train.layers,
        images.classes.len(),
        images.channels,
        images.height,
        images.width,
        stem == StemKind::Imagenet,
    )
}

/// A trained network that answers for images.
pub struct Predictor {
    net: DerivedNetwork,
    manifest: Manifest,
    device: Device,
}

/// The answer for one image: classes by falling probability.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Prediction {
    /// Name of the class with the largest probability.
    pub class: String,
    /// Its probability.
    pub probability: f32,
    /// Probabilities of all classes, in the order of the manifest.
    pub probabilities: Vec<f32>,
}

impl Predictor {
    /// Loads the network of a finished training: the best weights by validation, else the last.
    ///
    /// # Errors
    /// When the run is not trained, or its files do not fit one another.
    pub fn load(folder: &RunFolder, device: &Device) -> Result<Self> {
        Self::new(TrainedModel::load(folder)?, &folder.last_weights().display().to_string(), device)
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

    /// Logits of images given as bytes, channel after channel, in the shape of the manifest.
    ///
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

    /// Logits of images as [`Self::predict`] takes them, image after image.
    pub fn logits(&self, images: &[Vec<u8>]) -> Vec<f32> {
        crate::evaluate::values(self.forward(images))
    }

    /// Answers for images given as bytes, channel after channel, in the shape of the manifest.
    pub fn predict(&self, images: &[Vec<u8>]) -> Vec<Prediction> {
        let probabilities = crate::evaluate::values(softmax(self.forward(images), 1));
        probabilities
            .chunks(self.manifest.classes.len())
            .map(|row| {
                let best = crate::loss::argmax(row);
                Prediction {
                    class: self.manifest.classes[best].clone(),
                    probability: row[best],
                    probabilities: row.to_vec(),
                }
            })
            .collect()
    }
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}
