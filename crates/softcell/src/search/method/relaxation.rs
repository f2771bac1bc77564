//! How alphas become edge weights.

mod dirichlet;
mod form;
mod gumbel;
mod paths;
mod relaxer;
mod rows;
mod softmax;
mod temperature;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use self::dirichlet::{concentrations, slopes};
pub(super) use self::gumbel::one_hot;
pub use self::relaxer::Relaxer;
pub(in crate::search) use self::rows::dot;
pub(super) use self::rows::{each, sigmoid};
pub(super) use self::softmax::softmax;
pub use self::temperature::{Temperature, TemperatureCurve};
use super::order::Half;
use crate::space::{AlphaGradient, EdgeGradient, EdgeWeights, Paths, SearchSpace};

/// Edge weights that take one architecture of the space, drawn uniformly: [`paths::sample`] of each kind of cell.
pub(super) fn random_paths(space: &SearchSpace, random: &mut impl rand::Rng) -> EdgeWeights {
    let forms = form::CellForm::of(space);
    forms.iter().map(|(name, form)| (name.to_owned(), paths::sample(form, random).weights)).collect()
}

/// When alphas are relaxed, for what changes over a search or is drawn: a draw is of
/// `random::stream(seed, …, &[epoch, step])` with a name for the half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The run's seed.
    pub seed: u64,
    /// Epoch, from 0.
    pub epoch: usize,
    /// Epochs of the search.
    pub epochs: usize,
    /// Step of the epoch, from 0.
    pub step: usize,
    /// For which half of the step.
    pub half: Half,
}

/// Edge weights, and the way back from their gradient to that of the alphas.
pub struct Relaxed {
    /// What multiplies the outputs of the candidates: the leaf of the network's graph.
    pub weights: EdgeWeights,
    /// Which of the candidates run.
    pub paths: Paths,
    /// How many columns at the end of each row are no candidate's: 1 with an auxiliary skip connection, else 0. No alpha
    /// moves them.
    pub beside: usize,
    pullback: Box<dyn Fn(&EdgeGradient) -> AlphaGradient + Send + Sync>,
}

impl Relaxed {
    /// All operations run; `pullback` takes ∂L/∂w to ∂L/∂α.
    pub fn new(
        weights: EdgeWeights,
        pullback: impl Fn(&EdgeGradient) -> AlphaGradient + Send + Sync + 'static,
    ) -> Self {
        Self { weights, paths: Paths::All, beside: 0, pullback: Box::new(pullback) }
    }

    /// The same where only operations run whose weight is not 0: the time and memory of a step shrink with their number.
    /// The pullback gets a gradient of 0 for all others, which have none of their own.
    pub fn chosen(self) -> Self {
        Self { paths: Paths::Chosen, ..self }
    }

    /// Other weights, of which only those that are not 0 run; their gradient is changed before it is pulled back.
    pub(super) fn wrapped(
        self,
        weights: EdgeWeights,
        change: impl Fn(&EdgeGradient) -> EdgeGradient + Send + Sync + 'static,
    ) -> Self {
        let Self { beside, pullback, .. } = self;
        Self {
            weights,
            paths: Paths::Chosen,
            beside,
            pullback: Box::new(move |gradient| pullback(&change(gradient))),
        }
    }

    /// ∂L/∂α, given ∂L/∂w.
    pub fn pull_back(&self, gradient: &EdgeGradient) -> AlphaGradient {
        (self.pullback)(gradient)
    }
}

impl fmt::Debug for Relaxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relaxed")
            .field("weights", &self.weights)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

/// How the alphas of an edge become the weights of its candidates.
///
/// A sample is one for each kind of cell, shared by all its cells, and a fresh one in each half of a step. Validation,
/// records and selection see what is expected instead ([`Relaxer::expected`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Relaxation {
    /// `w_k = exp(α_k) / Σ_j exp(α_j)` over the candidates of each edge, `none` included (A1).
    #[default]
    Softmax,
    /// A concrete sample, dense: `softmax((α + g)/τ)`, g of the Gumbel distribution (SNAS, Xie et al. 2019). Its code
    /// has τ from 1 to 0.03, linear; DrNAS's repetition of it in NAS-Bench-201 from 10 to 1.
    Gumbel,
    /// The largest entry of such a sample: one operation an edge, the gradient that of the sample (GDAS, Dong & Yang
    /// 2019). Its code has τ from 10 to 0.1, linear.
    GumbelHard,
    /// A sample of the Dirichlet distribution of `elu(α) + 1` (DrNAS, Chen et al. 2021).
    Dirichlet,
    /// `w_k = 1/(1 + exp(−α_k))`: candidates do not compete (FairDARTS, Chu et al. 2020). Alphas begin at 0.
    Sigmoid,
    /// The alphas are the weights, a point of the simplex (GAEA, Li et al. 2021), uniform at first.
    Simplex,
    /// The same weight for all candidates; no alpha counts.
    Uniform,
    /// An architecture drawn uniformly in each step (random search with weight sharing); no alpha counts.
    RandomPath,
}

impl Relaxation {
    /// All of them.
    pub const ALL: [Relaxation; 8] = [
        Relaxation::Softmax,
        Relaxation::Gumbel,
        Relaxation::GumbelHard,
        Relaxation::Dirichlet,
        Relaxation::Sigmoid,
        Relaxation::Simplex,
        Relaxation::Uniform,
        Relaxation::RandomPath,
    ];

    /// The name, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Relaxation::Softmax => "softmax",
            Relaxation::Gumbel => "gumbel",
            Relaxation::GumbelHard => "gumbel-hard",
            Relaxation::Dirichlet => "dirichlet",
            Relaxation::Sigmoid => "sigmoid",
            Relaxation::Simplex => "simplex",
            Relaxation::Uniform => "uniform",
            Relaxation::RandomPath => "random-path",
        }
    }

    /// Whether alphas have a say.
    pub const fn has_alphas(self) -> bool {
        !matches!(self, Relaxation::Uniform | Relaxation::RandomPath)
    }

    /// Whether edge weights follow the alphas smoothly where the draws stay the same, so that gradients can be
    /// differenced and compared from epoch to epoch: not where one operation is taken, nor where a sampler may reject
    /// what it drew, nor where a falling temperature makes the same step in the alphas ever larger.
    pub const fn is_smooth(self) -> bool {
        self.has_alphas() && !self.runs_paths() && !matches!(self, Relaxation::Dirichlet | Relaxation::Gumbel)
    }

    /// Whether a step runs one operation an edge.
    pub const fn runs_paths(self) -> bool {
        matches!(self, Relaxation::GumbelHard | Relaxation::RandomPath)
    }
}

/// Whether edges have weights of their own, beside those of their candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EdgeNormalization {
    /// None: a node is the plain sum of its edges.
    #[default]
    None,
    /// A weight for each edge, `softmax(β)` over the incoming edges of a node, which multiplies those of its candidates
    /// (PC-DARTS, Xu et al. 2020). The β are alphas in groups of their own, a row for each node: `normal.nodes` and so
    /// on. With [`Relaxation::Simplex`] they are the weights themselves, as in GAEA's search of that space.
    Softmax,
}

impl EdgeNormalization {
    /// Both.
    pub const ALL: [EdgeNormalization; 2] = [EdgeNormalization::None, EdgeNormalization::Softmax];

    /// The name, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            EdgeNormalization::None => "none",
            EdgeNormalization::Softmax => "softmax",
        }
    }
}
