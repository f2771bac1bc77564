//! The floating-point operations of a step.

use serde::{Serialize, Serializer};

use crate::search::ArchStep;
use crate::search::method::MethodName;

/// A multiplication and an addition.
const PER_MULTIPLY_ADD: u64 = 2;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// An architecture step on one batch and a weight step on another.
    SearchStep(ArchStep),
    /// A step of the search by another method than plain DARTS.
    MethodStep(MethodName),
    /// A step of the derived network's training.
    TrainingStep,
    /// Answers for a batch.
    Evaluation,
}

impl Work {
    /// In words.
    pub fn name(self) -> String {
        match self {
            Work::SearchStep(ArchStep::FirstOrder) => "first-order search step".to_owned(),
            Work::SearchStep(ArchStep::Unrolled) => "second-order search step".to_owned(),
            Work::MethodStep(method) => format!("search step of {method}"),
            Work::TrainingStep => "training step".to_owned(),
            Work::Evaluation => "evaluation".to_owned(),
        }
    }

    /// The arithmetic of a step, for each image of a batch, in forward passes.
    ///
    /// A backward pass costs one forward pass for the gradients of the maps, and one more where those of the
    /// weights are wanted. Only what the algorithm needs counts, whatever the program does. None for a step that is not
    /// made of passes of all of the network.
    pub const fn forward_passes(self) -> Option<u64> {
        const FORWARD: u64 = 1;
        const TO_ALPHAS: u64 = FORWARD + 1;
        const TO_WEIGHTS: u64 = FORWARD + 2;
        Some(match self {
            Work::MethodStep(_) => return None,
            Work::Evaluation => FORWARD,
            Work::TrainingStep => TO_WEIGHTS,
            Work::SearchStep(ArchStep::FirstOrder) => TO_ALPHAS + TO_WEIGHTS,
            // Virtual step, validation batch at the virtual weights, two sides of the finite difference,
            // weight step.
            Work::SearchStep(ArchStep::Unrolled) => TO_WEIGHTS + TO_WEIGHTS + 2 * TO_ALPHAS + TO_WEIGHTS,
        })
    }

    /// Floating-point operations of a step: `2 · macs · images · forward_passes`.
    ///
    /// `macs` are the multiply-adds of one forward pass for one image, `images` those of a batch.
    pub fn flop(self, macs: u64, images: usize) -> Option<u64> {
        Some(PER_MULTIPLY_ADD * macs * images as u64 * self.forward_passes()?)
    }
}

impl Serialize for Work {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{SearchSpace, supernet_cost};

    /// The paper's supernet on 32x32 images, batch 64.
    #[test]
    fn operations_of_the_papers_steps() {
        let macs = supernet_cost(&SearchSpace::darts(), 3, 10, 32, 32).macs;
        assert_eq!(macs / 1_000_000, 300);
        let giga = |work: Work| work.flop(macs, 64).unwrap() as f64 / 1e9;
        assert_eq!(giga(Work::SearchStep(ArchStep::FirstOrder)).round(), 192.0);
        assert_eq!(giga(Work::SearchStep(ArchStep::Unrolled)).round(), 500.0);
        assert_eq!(giga(Work::TrainingStep).round(), 115.0);
        assert_eq!(giga(Work::Evaluation).round(), 38.0);
    }
}
