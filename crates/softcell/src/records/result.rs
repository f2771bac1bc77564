//! What a run came to, `result.json`.

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::selection::Standing;

/// What a run came to. Accuracies are fractions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// On the test part, which nothing was chosen by.
    pub test_accuracy: f64,
    /// Share of the test images whose class is among the first five answers.
    pub test_top5_accuracy: f64,
    /// Mean of the classes' test accuracies; see [`balanced_accuracy`](crate::nn::balanced_accuracy).
    #[serde(default)]
    pub test_balanced_accuracy: f64,
    /// Mean of the classes' F1 on the test part; see [`macro_f1`](crate::nn::macro_f1).
    #[serde(default)]
    pub test_macro_f1: f64,
    /// On the validation part at the chosen epoch; none without a validation part.
    pub validation_accuracy: Option<f64>,
    /// Mean of the classes' accuracies there.
    #[serde(default)]
    pub validation_balanced_accuracy: Option<f64>,
    /// Images of the validation part; none where there is none, or where an earlier version wrote the result.
    #[serde(default)]
    pub validation_images: Option<u64>,
    /// Images of the test part.
    pub test_images: u64,
    /// Which weights were evaluated: `best` (by validation) or `last`.
    pub weights: String,
    /// The epoch of those weights, from 0.
    pub epoch: usize,
    /// Epochs of the training that were done; 0 where an earlier version wrote the result.
    #[serde(default)]
    pub epochs_done: usize,
    /// Channels of the network's first cell.
    #[serde(default)]
    pub init_channels: usize,
    /// Its cells.
    #[serde(default)]
    pub layers: usize,
    /// Weights of the network, auxiliary head excluded.
    pub parameters: u64,
    /// Multiply-adds of convolutions and linear layers for one image.
    pub macs: u64,
    /// Most memory of its maps at the same time for one image; see [`crate::space::LayerTable`].
    #[serde(default)]
    pub peak_activation_bytes: u64,
    /// Seconds of the search; none where the genotype was given.
    pub search_seconds: Option<f64>,
    /// The epoch of the search, from 0, whose genotype it is: an earlier one than the last where the guard saw a collapse.
    /// None where the genotype was given, or where an earlier version wrote the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_epoch: Option<usize>,
    /// What the selection among several cells says of the search; none where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Standing>,
    /// Seconds of the training.
    pub train_seconds: f64,
    /// Largest resident memory of the process that finished the run, in MB; none where the system does not
    /// tell.
    pub peak_rss_mb: Option<f64>,
    /// The genotype, in the original's text.
    pub genotype: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Test accuracy of each class; none for a class without test images.
    pub per_class_accuracy: Vec<Option<f64>>,
    /// `confusion[true class][answered class]`, in test images.
    pub confusion: Vec<Vec<u64>>,
    /// The probabilities of the answers to the test images beside the share that is right; none where an earlier
    /// version wrote the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}
