//! What training leaves behind: a record of each epoch, a state to go on from, an outcome.

use serde::{Deserialize, Serialize};

use crate::event::Position;
use crate::loss::Meter;
use crate::weights::NamedTensors;

/// One epoch of training, a line of `history.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainEpoch {
    /// From 0.
    pub epoch: usize,
    /// Learning rate.
    pub learning_rate: f64,
    /// Drop-path probability.
    pub drop_path_prob: f64,
    /// Mean training loss as the weights moved, label smoothing and auxiliary head included.
    pub train_loss: f64,
    /// Accuracy over the same images.
    pub train_accuracy: f64,
    /// Top-5 accuracy over the same images.
    pub train_top5_accuracy: f64,
    /// Loss on the validation part; none where there is none.
    pub valid_loss: Option<f64>,
    /// Accuracy on the validation part.
    pub valid_accuracy: Option<f64>,
    /// The best epoch so far by validation accuracy; the later one of equals.
    pub best_epoch: Option<usize>,
    /// Seconds the epoch took.
    pub seconds: f64,
}

/// The best epoch by validation accuracy.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// From 0.
    pub epoch: usize,
    /// Its accuracy on the validation part.
    pub accuracy: f64,
    /// Weights and buffers after it.
    pub net: NamedTensors,
}

/// Everything training needs to go on.
///
/// Random streams need no entry: a draw depends on seed, name, epoch and step alone.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainState {
    /// The next step.
    pub position: Position,
    /// Sums over the steps of the epoch that are done.
    pub meter: Meter,
    /// Seconds of the epoch so far.
    pub epoch_seconds: f64,
    /// Seconds of the epochs before.
    pub seconds: f64,
    /// Weights and buffers.
    pub net: NamedTensors,
    /// Momentum of the weights.
    pub velocity: NamedTensors,
    /// The best epoch so far; none without a validation part.
    pub best: Option<Best>,
}

/// A trained network.
#[derive(Debug, Clone)]
pub struct TrainOutcome {
    /// Weights and buffers after the last epoch.
    pub last: NamedTensors,
    /// The best epoch by validation accuracy; none without a validation part.
    pub best: Option<Best>,
    /// Seconds it took, interruptions left out.
    pub seconds: f64,
}

impl TrainOutcome {
    /// The weights to ship: the best by validation, else the last.
    pub fn chosen(&self) -> &NamedTensors {
        self.best.as_ref().map_or(&self.last, |best| &best.net)
    }
}
