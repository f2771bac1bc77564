//! What the guard keeps of the epochs that are done, and what it writes into their records.

use serde::{Deserialize, Serialize};

use super::{Alarm, Verdict};
use crate::space::{ByCell, Genotype};

/// All that judging takes: in the checkpoint of a search, so that one that goes on judges as if it had not stopped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// The epochs from the first one on.
    pub epochs: Vec<Watched>,
    /// How often the search went back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<Rollback>,
    /// Of each edge the learnable candidates as the last epoch ranks them, where a rule asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranking: Vec<Vec<usize>>,
}

/// An epoch as the guard saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Skip connections of the watched cell, and noise.
    pub skips: usize,
    /// Most that a healthy one has; none where no candidate is one.
    pub most_skips: Option<usize>,
    /// The alphas' largest eigenvalue, where it was measured.
    pub eigenvalue: Option<f64>,
    /// Epochs in a row, with this one, that rank the learnable operations alike; 0 where no rule asks.
    #[serde(default)]
    pub same_ranking: usize,
    /// The genotype that the alphas stood for.
    pub genotype: Genotype,
}

/// The search went back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// After this epoch, from 0.
    pub from: usize,
    /// To the state after this one.
    pub to: usize,
    /// Weight decay of the weights from there on.
    pub weight_decay: f64,
}

/// Why a search ends, or goes back, after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The guard saw a collapse, and was asked to end the search.
    Collapse,
    /// The stop rule `skips`.
    Skips,
    /// The stop rule `ranking`: for so many epochs.
    Ranking(usize),
    /// The stop rule `eigenvalue`.
    Eigenvalue,
    /// The stop rule `adapt`: it goes back.
    Back(Rollback),
}

/// The guard's part of an epoch's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// For each type of cell the mean, over the edges that the genotype keeps, of the weight of the best operation less
    /// that of the second best, `none` left out; of an edge with one operation its weight.
    pub margins: ByCell<f64>,
    /// Largest algebraic eigenvalue of the Hessian of the validation loss in the alphas, plus their weight decay, where it
    /// was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eigenvalue: Option<f64>,
    /// The cell whose skip connections and noise are watched.
    pub cell: String,
    /// Its skip connections.
    pub skips: usize,
    /// Its operations that are noise, in a space that has it; they count as skip connections do.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub noise: usize,
    /// Its operations.
    pub operations: usize,
    /// Most of both in a healthy cell; none where no candidate is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_skips: Option<usize>,
    /// What the guard thinks.
    pub verdict: Verdict,
    /// The eigenvalue's alarm, from the epoch on in which it goes off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
    /// The epoch, from 0, whose genotype is the result if this is the last one.
    pub taken: usize,
    /// Why the search ends, or goes back, after this epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// How often the search went back before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<Rollback>,
}

/// Whether a count need not be written.
fn is_zero(count: &usize) -> bool {
    *count == 0
}
