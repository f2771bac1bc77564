//! `manifest.json` and `result.json`.

use serde::{Deserialize, Serialize};

use super::record::{
    Checked, MOST_CHANNELS, MOST_EPOCHS, MOST_LAYERS, Record, amount, classes, count, genotype, holds,
    if_there, image_shape, length, seconds, share, whole,
};
use crate::config::{Config, Resize, TrainConfig};
use crate::data::{Dataset, Normalization};
use crate::measures::{balanced_accuracy, macro_f1};
use crate::records::RunResult;
use crate::space::{Cost, Genotype, derived_cost};
use crate::train::network_config;

/// What a run was started with, and what is needed to use its network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Version of Softcell.
    pub version: String,
    /// The command line.
    pub command: Vec<String>,
    /// Name of the preset that the settings started from; empty in runs of versions that did not write it.
    #[serde(default)]
    pub preset: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// SHA-256 over the images and labels; empty where weights were imported without images.
    pub data_fingerprint: String,
    /// Images: training (validation included) and test.
    pub images: [usize; 2],
    /// Names of the classes, in the order of the logits.
    pub classes: Vec<String>,
    /// Channels, height and width of the images.
    pub image_shape: [usize; 3],
    /// Mean and deviation taken out of the pixels.
    pub normalization: Normalization,
    /// How images of another ratio of sides were brought to the shape; runs from before there was a choice squashed them.
    #[serde(default = "squash")]
    pub resize: Resize,
    /// Name of the device.
    pub device: String,
    /// Number of threads.
    pub threads: usize,
    /// What was decided from the data, in sentences.
    pub notes: Vec<String>,
    /// The file the weights come from, where they were imported instead of trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<String>,
    /// The run whose weights the training begins from, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_from: Option<String>,
}

fn squash() -> Resize {
    Resize::Squash
}

impl Manifest {
    /// Of a network for images of this shape, of which nothing else is known; this version's. The one place that fills
    /// in every field: whoever knows more changes those.
    pub fn new(classes: Vec<String>, image_shape: [usize; 3], normalization: Normalization) -> Manifest {
        Manifest {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: Vec::new(),
            preset: String::new(),
            seed: 0,
            data_fingerprint: String::new(),
            images: [0, 0],
            classes,
            image_shape,
            normalization,
            resize: Resize::Crop,
            device: String::new(),
            threads: 0,
            notes: Vec::new(),
            imported_from: None,
            started_from: None,
        }
    }

    /// Of a run with these images and settings.
    pub fn of_run(dataset: &Dataset, config: &Config) -> Manifest {
        let train = &dataset.train;
        let shape = [train.channels, train.height, train.width];
        Manifest {
            seed: config.seed,
            resize: config.data.resize,
            notes: dataset.summary.notes.clone(),
            ..Manifest::new(train.classes.to_vec(), shape, dataset.normalization.clone()).with_images(dataset)
        }
    }

    /// With what tells these images from others.
    pub fn with_images(self, dataset: &Dataset) -> Manifest {
        let images = [dataset.train.len(), dataset.test.len()];
        Manifest { data_fingerprint: dataset.summary.fingerprint.clone(), images, ..self }
    }

    /// Size and work of the network of a genotype for the images of the run, with these settings.
    pub fn network_cost(&self, genotype: &Genotype, train: &TrainConfig) -> Cost {
        derived_cost(genotype, &network_config(genotype, train, self.image_shape, self.classes.len()).shape())
    }
}

impl Record for Manifest {
    fn check(&self) -> Checked {
        self.images.iter().try_for_each(|&n| count("images", n as u64))?;
        classes(&self.classes)?;
        image_shape(self.image_shape)?;
        let channels = self.image_shape[0];
        let Normalization { mean, std } = &self.normalization;
        length("normalization.mean", mean.len(), channels, "channel of the images")?;
        length("normalization.std", std.len(), channels, "channel of the images")?;
        let strange = |value: &&f32| !value.is_finite();
        if_there(mean.iter().find(strange), |v| holds(false, "normalization.mean", v, "finite numbers"))?;
        // The reciprocal of a smaller one is infinite.
        let too_small = |value: &&f32| !value.is_finite() || **value < f32::MIN_POSITIVE;
        if_there(std.iter().find(too_small), |v| {
            holds(false, "normalization.std", v, "finite numbers above 0")
        })
    }
}

impl RunResult {
    /// With what is computed from the confusion matrix, which results of earlier versions do not have.
    pub(super) fn completed(self) -> RunResult {
        RunResult {
            test_balanced_accuracy: balanced_accuracy(&self.confusion),
            test_macro_f1: macro_f1(&self.confusion),
            ..self
        }
    }
}

impl Record for RunResult {
    fn check(&self) -> Checked {
        for (field, accuracy) in [
            ("test_accuracy", self.test_accuracy),
            ("test_top5_accuracy", self.test_top5_accuracy),
            ("test_balanced_accuracy", self.test_balanced_accuracy),
            ("test_macro_f1", self.test_macro_f1),
        ] {
            share(field, accuracy)?;
        }
        if_there(self.validation_accuracy, |accuracy| share("validation_accuracy", accuracy))?;
        if_there(self.validation_balanced_accuracy, |accuracy| {
            share("validation_balanced_accuracy", accuracy)
        })?;
        if_there(self.validation_images, |images| count("validation_images", images))?;
        count("test_images", self.test_images)?;
        holds(
            ["best", "last"].contains(&self.weights.as_str()),
            "weights",
            format!("{:?}", self.weights),
            "best or last",
        )?;
        whole("epochs_done", self.epochs_done, 0..=MOST_EPOCHS)?;
        let epochs = if self.epochs_done == 0 { MOST_EPOCHS } else { self.epochs_done };
        whole("epoch", self.epoch, 0..=epochs - 1)?;
        // Earlier versions did not write these three.
        whole("init_channels", self.init_channels, 0..=MOST_CHANNELS)?;
        whole("layers", self.layers, 0..=MOST_LAYERS)?;
        count("peak_activation_bytes", self.peak_activation_bytes)?;
        count("parameters", self.parameters)?;
        count("macs", self.macs)?;
        if_there(self.search_seconds, |time| seconds("search_seconds", time))?;
        if_there(self.search_epoch, |epoch| whole("search_epoch", epoch, 0..=MOST_EPOCHS - 1))?;
        seconds("train_seconds", self.train_seconds)?;
        if_there(self.peak_rss_mb, |mb| amount("peak_rss_mb", mb))?;
        genotype(&self.genotype)?;
        classes(&self.classes)?;
        self.check_confusion()?;
        self.check_calibration()
    }
}

impl RunResult {
    /// The calibration by itself, and that it is of the images of the matrix.
    fn check_calibration(&self) -> Checked {
        let Some(calibration) = &self.calibration else { return Ok(()) };
        calibration.check()?;
        let right = crate::measures::right_answers(&self.confusion);
        let found = [calibration.images(), calibration.right()];
        holds(
            found == [self.test_images, right],
            "calibration.bins",
            format!("{} images, {} of them right", found[0], found[1]),
            format!("{} and {right}, as in confusion", self.test_images),
        )
    }

    /// Classes, the matrix of what was taken for what, and what follows from it.
    fn check_confusion(&self) -> Checked {
        let n = self.classes.len();
        length("per_class_accuracy", self.per_class_accuracy.len(), n, "class")?;
        length("confusion", self.confusion.len(), n, "class")?;
        let mut all = Some(0u64);
        for (class, row) in self.confusion.iter().enumerate() {
            length(&format!("confusion[{class}]"), row.len(), n, "class")?;
            all = row.iter().try_fold(all.unwrap_or(u64::MAX), |sum, &images| sum.checked_add(images));
        }
        let found =
            all.map_or_else(|| "more images than can be counted".to_owned(), |n| format!("{n} images"));
        holds(
            all == Some(self.test_images),
            "confusion",
            found,
            format!("{}, as test_images", self.test_images),
        )?;
        let shares = self.per_class_accuracy.iter().zip(&self.confusion).enumerate();
        for (class, (accuracy, row)) in shares {
            let images: u64 = row.iter().sum();
            let field = format!("per_class_accuracy[{class}]");
            let fits = match accuracy {
                Some(accuracy) => images > 0 && is_close(*accuracy, row[class], images),
                None => images == 0,
            };
            let found = accuracy.map_or("none".to_owned(), |accuracy| accuracy.to_string());
            holds(fits, &field, found, format!("{} of {images} images, as in confusion", row[class]))?;
        }
        let right = crate::measures::right_answers(&self.confusion);
        let fits = is_close(self.test_accuracy, right, self.test_images);
        let expected = format!("{right} of {} images, as in confusion", self.test_images);
        holds(fits, "test_accuracy", self.test_accuracy, expected)
    }
}

/// Whether a share is `part / whole`, but for rounding; of nothing it is 0.
fn is_close(share: f64, part: u64, whole: u64) -> bool {
    (share - part as f64 / whole.max(1) as f64).abs() < 1e-9
}
