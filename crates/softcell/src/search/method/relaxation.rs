//! How alphas become edge weights.

mod softmax;

use std::fmt;

use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use self::softmax::{pull_back, softmax};
use super::order::Half;
use crate::error::{Error, Result};
use crate::random::stream;
use crate::space::{AlphaGradient, Alphas, ByCell, EdgeGradient, EdgeWeights, SearchSpace};

/// Standard deviation of the initial alphas (A1).
const INITIAL_DEVIATION: f32 = 1e-3;

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
    pullback: Box<dyn Fn(&EdgeGradient) -> AlphaGradient + Send + Sync>,
}

impl Relaxed {
    /// `pullback` takes ∂L/∂w to ∂L/∂α.
    pub fn new(
        weights: EdgeWeights,
        pullback: impl Fn(&EdgeGradient) -> AlphaGradient + Send + Sync + 'static,
    ) -> Self {
        Self { weights, pullback: Box::new(pullback) }
    }

    /// Other weights, whose gradient is changed before it is pulled back.
    pub(super) fn wrapped(
        self,
        weights: EdgeWeights,
        change: impl Fn(&EdgeGradient) -> EdgeGradient + Send + Sync + 'static,
    ) -> Self {
        let pullback = self.pullback;
        Self { weights, pullback: Box::new(move |gradient| pullback(&change(gradient))), ..self }
    }

    /// ∂L/∂α, given ∂L/∂w.
    pub fn pull_back(&self, gradient: &EdgeGradient) -> AlphaGradient {
        (self.pullback)(gradient)
    }
}

impl fmt::Debug for Relaxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relaxed").field("weights", &self.weights).finish_non_exhaustive()
    }
}

/// How alphas become edge weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Relaxation {
    /// `w_k = exp(α_k) / Σ_j exp(α_j)` over the candidates of each edge, `none` included (A1).
    #[default]
    Softmax,
}

impl Relaxation {
    /// The form of the alphas in a space: the names of their groups, and how long the rows of each are.
    pub fn rows(self, space: &SearchSpace) -> ByCell<Vec<usize>> {
        match self {
            Relaxation::Softmax => space.candidates_by_edge(),
        }
    }

    /// The alphas that a search begins with: `1e-3 · N(0, 1)`, from the stream `init/alphas`.
    pub fn initial(self, space: &SearchSpace, seed: u64) -> Alphas {
        match self {
            Relaxation::Softmax => {
                let mut random = stream(seed, "init/alphas", &[]);
                let mut draw = || {
                    let z: f32 = StandardNormal.sample(&mut random);
                    INITIAL_DEVIATION * z
                };
                let mut row = |&n: &usize| (0..n).map(|_| draw()).collect();
                Alphas(self.rows(space).map(|lengths| lengths.iter().map(&mut row).collect()))
            }
        }
    }

    /// The edge weights of a pass at this moment, and their pullback.
    pub fn relax(self, alphas: &Alphas, _moment: Moment) -> Relaxed {
        match self {
            Relaxation::Softmax => {
                let weights = self.expected(alphas);
                let alphas = alphas.clone();
                Relaxed::new(weights, move |gradient| {
                    let rows = |(name, rows): (&str, &Vec<Vec<f32>>)| {
                        let gradient = gradient.get(name).expect("a gradient for each cell");
                        (name.to_owned(), pull_back(rows, gradient))
                    };
                    alphas.iter().map(rows).collect()
                })
            }
        }
    }

    /// What the alphas stand for when nothing is drawn or disturbed: for validation, selection and records.
    pub fn expected(self, alphas: &Alphas) -> EdgeWeights {
        match self {
            Relaxation::Softmax => EdgeWeights(alphas.map(|rows| softmax(rows))),
        }
    }

    /// The alphas with their groups in the order of the space.
    ///
    /// # Errors
    /// Alphas of another space: when a group is missing or too many, or has other rows.
    pub fn fit(self, alphas: &Alphas, space: &SearchSpace) -> Result<Alphas> {
        let (found, expected) = (alphas.lengths(), self.rows(space));
        let group = |name: &str| Some((name.to_owned(), alphas.get(name)?.clone()));
        let fitted: Option<Alphas> = expected.names().map(group).collect();
        if let Some(fitted) = fitted.filter(|a| a.len() == alphas.len() && a.lengths() == expected) {
            return Ok(fitted);
        }
        let form = |rows: &ByCell<Vec<usize>>| {
            let one = |(name, rows): (&str, &Vec<usize>)| match rows.windows(2).all(|n| n[0] == n[1]) {
                true => format!("{name} {} x {}", rows.len(), rows.first().unwrap_or(&0)),
                false => format!("{name} {rows:?}"),
            };
            rows.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let remedy = "use the nodes and candidates the alphas were made with";
        Err(Error::invalid("alphas", form(&found), form(&expected), remedy))
    }
}
