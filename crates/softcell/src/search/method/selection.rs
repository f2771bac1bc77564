//! What is made of the edge weights in the end.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::space::{EdgeWeights, Genotype, SearchSpace, derive_genotype};

/// How a genotype is taken from edge weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Selection {
    /// The strongest edges of each node with their strongest operations: [`derive_genotype`].
    #[default]
    Strongest,
}

impl Selection {
    /// The genotype that these weights stand for.
    ///
    /// # Errors
    /// As [`derive_genotype`].
    pub fn select(self, weights: &EdgeWeights, space: &SearchSpace) -> Result<Genotype> {
        match self {
            Selection::Strongest => derive_genotype(weights, space),
        }
    }
}
