//! What a search leaves behind: a record of each epoch, a state to go on from, an outcome.

use serde::{Deserialize, Serialize};

use super::leaning::{CellLeanings, genotype_text};
use super::position::Position;
use super::tabulated::Tabulated;
use crate::loss::Meter;
use crate::network::NamedTensors;
use crate::search::method::{Latency, Resources, Tally, Trail, Watch};
use crate::space::{Alphas, ByCell, EdgeWeights, Genotype};

/// One epoch of the search, a line of `history.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchEpoch {
    /// From 0.
    pub epoch: usize,
    /// Weight learning rate.
    pub learning_rate: f64,
    /// Mean loss over the epoch's training batches, as the weights moved.
    pub train_loss: f64,
    /// Accuracy over the same.
    pub train_accuracy: f64,
    /// Top-5 accuracy over the same.
    pub train_top5_accuracy: f64,
    /// Loss on the alphas' part after the epoch, with running statistics and without augmentation; none
    /// where it overflowed.
    ///
    /// Neither this nor the accuracy predicts how well the derived network will do.
    pub valid_loss: Option<f64>,
    /// Accuracy on the same.
    pub valid_accuracy: f64,
    /// Alphas as they are.
    pub alphas: Alphas,
    /// Alphas after relaxation, nothing drawn or disturbed.
    pub edge_weights: EdgeWeights,
    /// What the edge weights stand for costs, as shares of the largest cell; none where the search does not mind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources<f64>>,
    /// How far each type of cell is decided: `entropy_normal`, `skips_normal` and so on.
    #[serde(flatten)]
    pub cells: CellLeanings,
    /// The genotype that the alphas stand for now; in files in the original's text.
    #[serde(with = "genotype_text")]
    pub genotype: Genotype,
    /// What the table of a benchmark says of the genotype, where the search was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tabulated: Option<Tabulated>,
    /// Seconds the epoch took.
    pub seconds: f64,
    /// What the guard measured and thinks; none where nobody watched, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Watch>,
    /// How many operations are frozen, where the method freezes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
}

impl SearchEpoch {
    /// The epoch, from 0, whose genotype is the result if no other follows.
    pub fn taken(&self) -> usize {
        self.guard.as_ref().map_or(self.epoch, |guard| guard.taken)
    }
}

/// Operations whose weights stopped learning (by the true cosine of gradients: not OLES' official score).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// So many.
    pub operations: usize,
    /// Of so many that have weights.
    pub of: usize,
}

/// What freezing operations carries over steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Freezing {
    /// Sum of the cosines of each operation with weights over the steps of the mean under way.
    pub cosines: Vec<f64>,
    /// These steps.
    pub steps: usize,
    /// The operations that are frozen, by their places among those with weights, in order.
    pub frozen: Vec<usize>,
}

/// The candidates that are left on each edge, by their places among those of the whole space; empty where all are.
pub type Kept = ByCell<Vec<Vec<usize>>>;

/// Everything a search needs to go on.
///
/// Random streams need no entry: a draw depends on seed, name, epoch and step alone.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchState {
    /// The next step.
    pub position: Position,
    /// Sums over the steps of the epoch that are done.
    pub meter: Meter,
    /// Seconds of the epoch so far.
    pub epoch_seconds: f64,
    /// Seconds of the epochs before.
    pub seconds: f64,
    /// Weights and buffers of the supernet.
    pub net: NamedTensors,
    /// Momentum of the weights.
    pub velocity: NamedTensors,
    /// The alphas.
    pub alphas: Alphas,
    /// Steps that the optimiser of the alphas has done.
    pub alpha_steps: u64,
    /// What it keeps of them.
    pub alpha_moments: NamedTensors,
    /// What the trials of the selection came to, as far as they are done.
    pub trials: Vec<Tally>,
    /// The trial that is under way.
    pub trial: Tally,
    /// The candidates of the stage that the search is in.
    pub kept: Kept,
    /// How long operations take where the search began, if it minds that.
    pub latencies: Vec<Latency>,
    /// What the guard remembers.
    pub trail: Trail,
    /// States after earlier epochs, in order, to which the search may go back; these have neither trail nor such states.
    pub earlier: Vec<SearchState>,
    /// Frozen operations, where the method freezes them.
    pub freezing: Option<Freezing>,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct SearchOutcome {
    /// The derived genotype.
    pub genotype: Genotype,
    /// The epoch, from 0, whose genotype it is: an earlier one than the last where the guard saw a collapse. None where an
    /// earlier version wrote the records.
    pub epoch: Option<usize>,
    /// The last alphas.
    pub alphas: Alphas,
    /// Seconds it took, interruptions left out.
    pub seconds: f64,
}

/// Where a genotype comes from that was searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Searched {
    /// Seconds of the search.
    pub seconds: f64,
    /// The epoch, from 0, whose genotype it is, as [`SearchOutcome::epoch`].
    pub epoch: Option<usize>,
}

impl SearchOutcome {
    /// Where the genotype comes from.
    pub fn searched(&self) -> Searched {
        Searched { seconds: self.seconds, epoch: self.epoch }
    }
}
