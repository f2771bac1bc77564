//! Counting right and wrong answers.

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::data::{Batch, BatchPlan, Batches, ImageSet};
use crate::error::{Error, Result};
use crate::loss::{Meter, argmax, cross_entropy};
use crate::measures::{balanced_accuracy, macro_f1};
use crate::records::{Calibrating, Calibration};
use crate::space::softmax_rows;
use crate::thread_pool::in_pool;

/// A batch on a device.
#[derive(Debug, Clone)]
pub struct DeviceBatch {
    /// `[N, C, H, W]`.
    pub images: Tensor<4>,
    /// `[N]`.
    pub labels: Tensor<1, Int>,
}

impl DeviceBatch {
    /// Copies a batch of images of `set` to a device.
    pub fn new(batch: Batch, set: &ImageSet, device: &Device) -> Self {
        let shape = [batch.len, set.channels, set.height, set.width];
        let labels: Vec<i32> = batch.labels.iter().map(|&label| label as i32).collect();
        Self {
            images: Tensor::from_data(TensorData::new(batch.images, shape), device),
            labels: Tensor::from_data(TensorData::new(labels, [batch.len]), device),
        }
    }
}

/// How well a network answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Images.
    pub images: u64,
    /// Mean cross-entropy, without label smoothing.
    pub loss: f64,
    /// Share of images with the right class first.
    pub accuracy: f64,
    /// Share of images with the right class among the first five.
    pub top5_accuracy: f64,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Share of each class's images with the right class first; none for a class without images.
    pub per_class_accuracy: Vec<Option<f64>>,
    /// `confusion[true class][answered class]`, in images.
    pub confusion: Vec<Vec<u64>>,
    /// Images for which a logit is NaN or infinite. They count as answered wrongly, with the class that follows their
    /// own.
    #[serde(default)]
    pub not_finite: u64,
    /// The probabilities of the answers beside the share of them that is right, of images with finite logits.
    pub calibration: Calibration,
}

impl Evaluation {
    /// Mean of the classes' accuracies: see [`balanced_accuracy`](crate::nn::balanced_accuracy).
    pub fn balanced_accuracy(&self) -> f64 {
        balanced_accuracy(&self.confusion)
    }

    /// The same, if every answer is one.
    ///
    /// # Errors
    /// When a logit of some image is NaN or infinite.
    pub fn finite(self) -> Result<Evaluation> {
        if self.not_finite == 0 {
            return Ok(self);
        }
        Err(not_finite(&format!("{} of {} images", self.not_finite, self.images)))
    }

    /// Mean of the classes' F1: see [`macro_f1`](crate::nn::macro_f1).
    pub fn macro_f1(&self) -> f64 {
        macro_f1(&self.confusion)
    }
}

/// The error of a network that does not answer with numbers.
pub(crate) fn not_finite(images: &str) -> Error {
    Error::invalid(
        "answers of the network",
        format!("NaN or infinite logits for {images}"),
        "finite numbers",
        "its weights make the numbers overflow: train it again with a lower learning rate",
    )
}

/// A wrong answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WrongAnswer {
    /// The image, counted from 0 in the order of the plan.
    pub image: usize,
    /// Index of its class.
    pub truth: usize,
    /// Index of the class that was answered.
    pub answer: usize,
    /// The probability that was given to it.
    pub probability: f32,
}

/// Runs `forward` over the batches of `plan`, in their order.
///
/// `forward` maps images `[N, C, H, W]` on `device` to logits `[N, classes]`.
pub fn evaluate(
    plan: &BatchPlan,
    device: &Device,
    forward: impl FnMut(Tensor<4>) -> Tensor<2> + Send,
) -> Evaluation {
    evaluate_telling(plan, device, forward, |_| {})
}

/// As [`evaluate`], and tells `wrong` of each wrong answer.
pub fn evaluate_telling(
    plan: &BatchPlan,
    device: &Device,
    forward: impl FnMut(Tensor<4>) -> Tensor<2> + Send,
    wrong: impl FnMut(WrongAnswer) + Send,
) -> Evaluation {
    in_pool(|| count(plan, device, forward, wrong))
}

fn count(
    plan: &BatchPlan,
    device: &Device,
    mut forward: impl FnMut(Tensor<4>) -> Tensor<2>,
    mut wrong: impl FnMut(WrongAnswer),
) -> Evaluation {
    let (mut images, mut not_finite) = (0, 0);
    let set = plan.set.clone();
    let classes = set.classes.to_vec();
    let mut meter = Meter::default();
    let mut confusion = vec![vec![0u64; classes.len()]; classes.len()];
    let mut calibrating = Calibrating::default();
    for batch in Batches::spawn(plan.clone(), 0) {
        let labels = batch.labels.clone();
        let (loss, logits) = answer(DeviceBatch::new(batch, &set, device), &mut forward);
        for (row, &label) in logits.chunks(classes.len()).zip(&labels) {
            let truth = label as usize;
            let answers = is_finite(row);
            let answer = if answers { argmax(row) } else { (truth + 1) % classes.len() };
            not_finite += u64::from(!answers);
            confusion[truth][answer] += 1;
            if answers {
                let probability = softmax_rows(&[row.to_vec()])[0][answer];
                calibrating.add(f64::from(probability), answer, truth);
                if answer != truth {
                    wrong(WrongAnswer { image: images, truth, answer, probability });
                }
            }
            images += 1;
        }
        meter.add(loss, &logits, &labels);
    }
    let share = |(class, row): (usize, &Vec<u64>)| {
        let images: u64 = row.iter().sum();
        (images > 0).then(|| row[class] as f64 / images as f64)
    };
    Evaluation {
        images: meter.images,
        loss: meter.loss(),
        accuracy: meter.accuracy(),
        top5_accuracy: meter.top5_accuracy(),
        per_class_accuracy: confusion.iter().enumerate().map(share).collect(),
        classes,
        confusion,
        not_finite,
        calibration: calibrating.finish(),
    }
}

/// Whether all logits of an image are finite numbers.
pub(crate) fn is_finite(row: &[f32]) -> bool {
    row.iter().all(|logit| logit.is_finite())
}

/// Mean cross-entropy of a batch without label smoothing, and its logits row by row, both on the host.
pub(crate) fn answer(batch: DeviceBatch, forward: impl FnOnce(Tensor<4>) -> Tensor<2>) -> (f32, Vec<f32>) {
    let logits = forward(batch.images);
    let loss = scalar(cross_entropy(logits.clone(), batch.labels, 0.0));
    (loss, values(logits))
}

/// The one value of a tensor.
pub(crate) fn scalar(tensor: Tensor<1>) -> f32 {
    tensor.into_data().try_to_vec::<f32>().expect("losses are f32")[0]
}

/// All values, row by row.
pub(crate) fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec::<f32>().expect("logits are f32")
}
