//! How well the network of a run answers, on its own test images or on others.

use std::time::Duration;

use serde::Serialize;

use super::images::{read_images, reading_settings};
use crate::config::{CheckedConfig, DataFormat};
use crate::data::{Dataset, TestImages, Wanted, open_for_test};
use crate::error::{Advice, Error, Remedy, Result};
use crate::evaluate::{Evaluation, WrongAnswer};
use crate::event::{Event, Observer};
use crate::measures::right_answers;
use crate::model::TrainedModel;
use crate::nn::Device;
use crate::pipeline::{Job, network_cost};
use crate::report::wilson;
use crate::run::{Calibration, Manifest, RunFolder, RunResult};
use crate::space::Cost;

/// The images that a network is tested on.
#[derive(Debug, Clone)]
pub enum TestedOn {
    /// Those that the run has kept for it.
    Own,
    /// Others, whose classes bear the names of the network's.
    Others {
        /// Where they are.
        path: String,
        /// How they are stored.
        format: DataFormat,
        /// Most pixels of one that is decoded; those of the run where it is not said.
        max_image_pixels: Option<usize>,
        /// Which of them.
        wanted: Wanted,
    },
}

/// How well a network did, and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Share of the test images with the right class first.
    pub test_accuracy: f64,
    /// The 95 % interval of this share (Wilson).
    pub test_accuracy_interval: [f64; 2],
    /// The share of the test images with the right class among the first five.
    pub test_top5_accuracy: f64,
    /// Mean of the classes' accuracies.
    pub test_balanced_accuracy: f64,
    /// Mean of the classes' F1.
    pub test_macro_f1: f64,
    /// Mean cross-entropy of the test images; none where it was not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_loss: Option<f64>,
    /// Test images.
    pub test_images: u64,
    /// Weights of the network, auxiliary head excluded.
    pub parameters: u64,
    /// Multiply-adds for one image.
    pub macs: u64,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Test accuracy of each class; none for a class without test images.
    pub per_class_accuracy: Vec<Option<f64>>,
    /// `confusion[true class][answered class]`, in test images.
    pub confusion: Vec<Vec<u64>>,
    /// The probabilities of the answers beside the share of them that is right; none where an earlier version wrote the
    /// result.
    pub calibration: Option<Calibration>,
}

/// What came of testing the network of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// How well it did.
    pub scores: Scores,
    /// Its wrong answers, those first that it was most sure of.
    pub wrong: Vec<Mistaken>,
}

/// A wrong answer and what its image is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistaken {
    /// The file of the image, relative to the data, or its place in an array.
    pub name: String,
    /// The number of its class.
    pub truth: usize,
    /// The number of the class that was answered.
    pub answer: usize,
    /// The probability that was given to the answer, 0 to 1.
    pub probability: f32,
}

impl From<&RunResult> for Scores {
    fn from(result: &RunResult) -> Scores {
        Scores {
            test_accuracy: result.test_accuracy,
            test_accuracy_interval: wilson(right_answers(&result.confusion), result.test_images),
            test_top5_accuracy: result.test_top5_accuracy,
            test_balanced_accuracy: result.test_balanced_accuracy,
            test_macro_f1: result.test_macro_f1,
            test_loss: None,
            test_images: result.test_images,
            parameters: result.parameters,
            macs: result.macs,
            classes: result.classes.clone(),
            per_class_accuracy: result.per_class_accuracy.clone(),
            confusion: result.confusion.clone(),
            calibration: result.calibration.clone(),
        }
    }
}

impl Scores {
    /// The result of an evaluation of a network of this size.
    pub fn of(test: Evaluation, cost: Cost) -> Scores {
        Scores {
            test_accuracy: test.accuracy,
            test_accuracy_interval: wilson(right_answers(&test.confusion), test.images),
            test_top5_accuracy: test.top5_accuracy,
            test_balanced_accuracy: test.balanced_accuracy(),
            test_macro_f1: test.macro_f1(),
            test_loss: Some(test.loss),
            test_images: test.images,
            parameters: cost.parameters,
            macs: cost.macs,
            classes: test.classes,
            per_class_accuracy: test.per_class_accuracy,
            confusion: test.confusion,
            calibration: Some(test.calibration),
        }
    }
}

/// How well the network of a run answers. What is read of other images is told as [`Event::TestImages`].
///
/// # Errors
/// When the run is not trained, its images have changed, or others are not what its network knows; whatever the observer
/// answers.
pub fn evaluate_run(
    folder: &RunFolder,
    images: TestedOn,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Tested> {
    let model = TrainedModel::load(folder)?;
    let own = matches!(images, TestedOn::Own);
    let (config, dataset) = read(folder, &model.manifest, images, observer)?;
    let job = Job {
        folder,
        config: &config,
        dataset: &dataset,
        device,
        checkpoint_interval: Duration::MAX,
        ranks: None,
    };
    if own {
        job.check_data()?;
    }
    let genotype = &model.network.genotype;
    let mut wrong = Vec::new();
    let test = job.test_telling(genotype, &model.weights, observer, |answer| wrong.push(answer))?;
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let named = |WrongAnswer { image, truth, answer, probability }: WrongAnswer| Mistaken {
        name: dataset.test_name(image),
        truth,
        answer,
        probability,
    };
    Ok(Tested {
        scores: Scores::of(test, network_cost(genotype, &config, &dataset.train)),
        wrong: wrong.into_iter().map(named).collect(),
    })
}

/// The images to test on, and the settings they were read by.
fn read(
    folder: &RunFolder,
    manifest: &Manifest,
    images: TestedOn,
    observer: &mut dyn Observer,
) -> Result<(CheckedConfig, Dataset)> {
    let config = folder.read_config()?;
    let Manifest { classes, image_shape, normalization, .. } = manifest;
    if let TestedOn::Others { path, format, max_image_pixels, wanted } = images {
        let config = config.with(|config| {
            config.data.path = path;
            config.data.format = format;
            config.data.resize = manifest.resize;
            config.data.max_image_pixels = max_image_pixels.unwrap_or(config.data.max_image_pixels);
        })?;
        let images = read_others(&config, *image_shape, wanted, observer)?;
        let dataset = Dataset::for_test(images, classes, *image_shape, normalization.clone())?;
        return Ok((config, dataset));
    }
    let imported = manifest.imported_from.is_some();
    if imported && manifest.data_fingerprint.is_empty() {
        let begin = format!("run {} was imported without images: name them with ", folder.path().display());
        return Err(Error::Refused(Advice::from(begin) + Remedy::Images));
    }
    let dataset = read_images(&reading_settings(&config, folder)?, observer)?;
    let dataset = match imported {
        true => dataset.for_network(classes, *image_shape, normalization.clone())?,
        false => dataset,
    };
    Ok((config, dataset))
}

/// Other images than those of the run.
fn read_others(
    config: &CheckedConfig,
    image_shape: [usize; 3],
    wanted: Wanted,
    observer: &mut dyn Observer,
) -> Result<TestImages> {
    let mut told = Ok(());
    let images = open_for_test(&config.data, image_shape, wanted, &mut |done, total| {
        if told.is_ok() {
            told = observer.on(Event::Loading { done, total });
        }
    });
    told?;
    let images = images?;
    observer.on(Event::TestImages { path: &config.data.path, images: &images })?;
    Ok(images)
}
