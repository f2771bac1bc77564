//! What a search leaves behind: a record of each epoch, a state to go on from, an outcome.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::bilevel::Bilevel;
use crate::error::Result;
use crate::event::Position;
use crate::loss::Meter;
use crate::nn::{NamedTensors, load_named, named_tensors, weight_names};
use crate::resume::check_velocity;
use crate::space::{ArchWeights, Genotype, SearchSpace, derive_genotype, entropy};

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
    pub alphas: ArchWeights,
    /// Alphas after the softmax.
    pub edge_weights: ArchWeights,
    /// Mean entropy of the normal cell's edges, in nats.
    pub entropy_normal: f32,
    /// Mean entropy of the reduction cell's edges, in nats.
    pub entropy_reduction: f32,
    /// Skip connections the genotype has in its normal cell.
    pub skips_normal: usize,
    /// Skip connections the genotype has in its reduction cell.
    pub skips_reduction: usize,
    /// The genotype that the alphas stand for now, in the original's text.
    pub genotype: String,
    /// Seconds the epoch took.
    pub seconds: f64,
}

/// What edge weights stand for at the moment: how undecided they are, and the genotype that they give.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaning {
    /// Mean entropy of the edges in nats, of the normal and of the reduction cell.
    pub entropy: [f32; 2],
    /// Skip connections that the genotype has in its normal and in its reduction cell.
    pub skips: [usize; 2],
    /// The genotype.
    pub genotype: Genotype,
}

impl Leaning {
    /// Of edge weights, the alphas after the softmax.
    ///
    /// # Errors
    /// As [`derive_genotype`].
    pub fn of(edge_weights: &ArchWeights, space: &SearchSpace) -> Result<Leaning> {
        let genotype = derive_genotype(edge_weights, space)?;
        Ok(Leaning {
            entropy: [entropy(&edge_weights.normal), entropy(&edge_weights.reduction)],
            skips: [genotype.normal.n_skips(), genotype.reduction.n_skips()],
            genotype,
        })
    }
}

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
    pub alphas: ArchWeights,
    /// Steps the alphas' Adam has done.
    pub adam_steps: u64,
    /// Its moments.
    pub adam: NamedTensors,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct SearchOutcome {
    /// The derived genotype.
    pub genotype: Genotype,
    /// The last alphas.
    pub alphas: ArchWeights,
    /// Seconds it took, interruptions left out.
    pub seconds: f64,
}

impl Bilevel {
    /// Copies everything that moves into `state`'s tensors.
    pub(super) fn to_state(&self, position: Position, meter: Meter, seconds: [f64; 2]) -> SearchState {
        let (adam_steps, adam) = self.adam.to_named();
        SearchState {
            position,
            meter,
            epoch_seconds: seconds[1],
            seconds: seconds[0],
            net: named_tensors(&self.net),
            velocity: self.sgd.to_named(&weight_names(&self.net)),
            alphas: self.alphas.to_rows(),
            adam_steps,
            adam,
        }
    }

    /// The inverse.
    pub(super) fn restore(&mut self, state: &SearchState, device: &Device) -> Result<()> {
        let origin = "search checkpoint";
        self.net = load_named(self.net.clone(), &state.net, origin)?;
        check_velocity(origin, &self.net, &state.velocity)?;
        self.sgd.restore(&weight_names(&self.net), &state.velocity, device);
        self.alphas = crate::supernet::ArchParams::from_rows(&state.alphas, &device.clone().autodiff());
        self.adam.restore(state.adam_steps, &state.adam, state.alphas.values().count())
    }
}
