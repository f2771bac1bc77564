//! What is made of a supernet in the end.

use serde::{Deserialize, Serialize};

/// How a genotype comes of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Selection {
    /// The strongest edges of each node with their strongest operations: [`derive_genotype`](crate::space::derive_genotype).
    #[default]
    Strongest,
    /// Of these, the edges whose weight reaches a threshold; nodes without any fall away: FairDARTS (Chu et al. 2020).
    Threshold,
    /// All edges, each with its strongest operation, `none` among them: SNAS (Xie et al. 2019).
    AllEdges,
    /// The strongest pairs of operation and source of each node, of which two may have the same source: GDAS (Dong and
    /// Yang 2019) in the space of DARTS.
    Pairs,
    /// The strongest, with a limit on the skip connections of the normal cell: P-DARTS (Chen et al. 2019).
    LimitedSkips,
    /// What the supernet misses most when it is taken away, edge by edge, with epochs between in which the weights get
    /// used to it: DARTS-PT (Wang et al. 2021).
    Perturb,
    /// The best of random cells, each measured with the weights of the supernet: random search with weight sharing (Li
    /// and Talwalkar 2019).
    ScoredSamples,
    /// A cell drawn by the rules of the space. Nothing is searched.
    Random,
}

impl Selection {
    /// All.
    pub const ALL: [Selection; 8] = [
        Selection::Strongest,
        Selection::Threshold,
        Selection::AllEdges,
        Selection::Pairs,
        Selection::LimitedSkips,
        Selection::Perturb,
        Selection::ScoredSamples,
        Selection::Random,
    ];

    /// Whether edge weights alone give the genotype, after whichever epoch.
    pub const fn is_of_weights(self) -> bool {
        !matches!(self, Selection::Perturb | Selection::ScoredSamples | Selection::Random)
    }

    /// The name, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Selection::Strongest => "strongest",
            Selection::Threshold => "threshold",
            Selection::AllEdges => "all-edges",
            Selection::Pairs => "pairs",
            Selection::LimitedSkips => "limited-skips",
            Selection::Perturb => "perturb",
            Selection::ScoredSamples => "scored-samples",
            Selection::Random => "random",
        }
    }

    /// Whether parts of the supernet are tried after the epochs of the search.
    pub const fn has_trials(self) -> bool {
        matches!(self, Selection::Perturb | Selection::ScoredSamples)
    }

    /// Whether the result is found after the last epoch, so that it is not the one of that epoch's record.
    pub const fn ends_with_trials(self) -> bool {
        matches!(self, Selection::ScoredSamples)
    }
}
