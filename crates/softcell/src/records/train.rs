//! What training leaves behind: a record of each epoch, a state to go on from, an outcome.

use serde::{Deserialize, Serialize};

use super::position::Position;
use crate::loss::Meter;
use crate::network::NamedTensors;

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
    /// Mean over the classes of their accuracy on the validation part.
    #[serde(default)]
    pub valid_balanced_accuracy: Option<f64>,
    /// The best epoch so far: see [`Best`].
    pub best_epoch: Option<usize>,
    /// Seconds the epoch took.
    pub seconds: f64,
}

/// The best epoch by what it came to on the validation part: accuracy, or balanced accuracy where classes are
/// uneven ([`is_uneven`](crate::nn::is_uneven)); of equals the one with the lower loss, and of those the later one.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// From 0.
    pub epoch: usize,
    /// What it came to.
    pub score: Score,
    /// Weights and buffers after it.
    pub net: NamedTensors,
}

/// What an epoch came to on the validation part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Accuracy.
    pub accuracy: f64,
    /// Mean of the classes' accuracies; unknown in checkpoints of versions that did not write it.
    pub balanced_accuracy: Option<f64>,
    /// Loss; none where it overflowed, or in checkpoints of versions that did not write it.
    pub loss: Option<f64>,
}

/// By what epochs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// Accuracy.
    Accuracy,
    /// Mean of the classes' accuracies.
    BalancedAccuracy,
}

impl Score {
    /// Whether an epoch with this score takes the place of an earlier one.
    pub fn replaces(&self, earlier: &Score, criterion: Criterion) -> bool {
        let (own, other) = match (criterion, self.balanced_accuracy, earlier.balanced_accuracy) {
            (Criterion::BalancedAccuracy, Some(own), Some(other)) => (own, other),
            _ => (self.accuracy, earlier.accuracy),
        };
        let loss = |score: &Score| score.loss.unwrap_or(f64::INFINITY);
        own > other || (own == other && loss(self) <= loss(earlier))
    }
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
    /// The moving average of weights and buffers; empty without one.
    pub average: NamedTensors,
}

impl TrainState {
    /// Where a training begins with these weights and buffers.
    pub fn beginning(net: NamedTensors) -> TrainState {
        TrainState {
            position: Position::default(),
            meter: Meter::default(),
            epoch_seconds: 0.0,
            seconds: 0.0,
            net,
            velocity: NamedTensors::new(),
            best: None,
            average: NamedTensors::new(),
        }
    }
}

/// A trained network.
#[derive(Debug, Clone)]
pub struct TrainOutcome {
    /// Weights and buffers after the last epoch; their moving average where there is one.
    pub last: NamedTensors,
    /// The best epoch on the validation part; none without one.
    pub best: Option<Best>,
    /// Epochs that were done: fewer than asked for where the training ended early.
    pub epochs: usize,
    /// Seconds it took, interruptions left out.
    pub seconds: f64,
}

impl TrainOutcome {
    /// The weights to ship: the best by validation, else the last.
    pub fn chosen(&self) -> &NamedTensors {
        self.best.as_ref().map_or(&self.last, |best| &best.net)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(accuracy: f64, balanced_accuracy: f64, loss: f64) -> Score {
        Score {
            accuracy,
            balanced_accuracy: Some(balanced_accuracy),
            loss: Some(loss).filter(|loss| loss.is_finite()),
        }
    }

    #[test]
    fn equal_epochs_go_to_the_lower_loss_and_then_the_later() {
        let best = score(0.5, 0.4, 1.0);
        let replaces = |other: Score| other.replaces(&best, Criterion::Accuracy);
        assert!(replaces(score(0.6, 0.1, 9.0)) && !replaces(score(0.4, 0.9, 0.1)));
        assert!(replaces(score(0.5, 0.1, 0.9)) && replaces(score(0.5, 0.1, 1.0)));
        assert!(!replaces(score(0.5, 0.9, 1.1)) && !replaces(score(0.5, 0.9, f64::INFINITY)));
    }

    #[test]
    fn uneven_classes_are_compared_by_balanced_accuracy() {
        let best = score(0.99, 0.5, 0.1);
        assert!(score(0.9, 0.7, 3.0).replaces(&best, Criterion::BalancedAccuracy));
        assert!(!score(1.0, 0.4, 0.01).replaces(&best, Criterion::BalancedAccuracy));
        // A checkpoint of an earlier version says the accuracy alone.
        let old = Score { balanced_accuracy: None, loss: None, ..best };
        assert!(!score(0.9, 0.7, 3.0).replaces(&old, Criterion::BalancedAccuracy));
        assert!(score(0.99, 0.1, 3.0).replaces(&old, Criterion::BalancedAccuracy));
    }
}
