//! What disturbs the edge weights while the weights learn.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::relaxation::{Moment, Relaxed, one_hot};
use crate::random::stream;
use crate::space::{EdgeGradient, EdgeWeights};

/// Steps of the adversary (SmoothDARTS).
const ATTACKS: usize = 7;

/// The training batch at some edge weights, the network as it is in evaluation.
pub trait Probe {
    /// The loss: a forward pass.
    fn loss(&mut self, weights: &EdgeWeights) -> f64;
    /// Its gradient in the edge weights: a forward and a backward pass.
    fn slope(&mut self, weights: &EdgeWeights) -> EdgeGradient;
}

/// A disturbance of the edge weights in each step of the weights, SmoothDARTS (Chen & Hsieh 2020); the alphas step
/// undisturbed.
///
/// It acts on the shares `P` of a row, its candidates' weights over their sum, which is put back afterwards: where edges
/// have weights of their own, these stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Perturbation {
    /// None.
    #[default]
    None,
    /// `Π(P + U(−ε, ε))` with Π of [`project`]: SDARTS-RS.
    Random,
    /// As the random one, then seven steps `P̂ ← Π(clamp(P̂ + 2ε/7 · sign ∇L(P̂), P − ε, P + ε))` against the loss of the
    /// training batch; P is kept where its loss is the larger one: SDARTS-ADV.
    Adversarial,
}

impl Perturbation {
    /// All of them.
    pub const ALL: [Perturbation; 3] = [Perturbation::None, Perturbation::Random, Perturbation::Adversarial];

    /// The name, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Perturbation::None => "none",
            Perturbation::Random => "random",
            Perturbation::Adversarial => "adversarial",
        }
    }

    /// The edge weights that a step of the weights sees in the place of `relaxed`'s. They are constants of that step.
    ///
    /// `strength` is ε. The draw is of `random::stream(seed, "perturbation", &[epoch, step])`.
    pub fn disturb(
        self,
        relaxed: &Relaxed,
        strength: f64,
        moment: Moment,
        probe: &mut dyn Probe,
    ) -> EdgeWeights {
        let shares = Shares::of(relaxed);
        let mut random = stream(moment.seed, "perturbation", &[moment.epoch as u64, moment.step as u64]);
        match self {
            Perturbation::None => relaxed.weights.clone(),
            Perturbation::Random => shares.weights(&shares.around(strength, &mut random)),
            Perturbation::Adversarial => {
                let before = probe.loss(&relaxed.weights);
                let mut found = shares.around(strength, &mut random);
                for _ in 0..ATTACKS {
                    let slope = probe.slope(&shares.weights(&found));
                    found = shares.against(&found, &slope, strength);
                }
                let disturbed = shares.weights(&found);
                if before > probe.loss(&disturbed) { relaxed.weights.clone() } else { disturbed }
            }
        }
    }
}

/// The rows of edge weights as shares of their sums.
struct Shares<'a> {
    relaxed: &'a Relaxed,
    /// `[row][candidate]`, cell by cell.
    shares: Vec<Vec<f64>>,
    sums: Vec<f64>,
}

impl<'a> Shares<'a> {
    fn of(relaxed: &'a Relaxed) -> Self {
        let candidates = |row: &Vec<f64>| row[..row.len() - relaxed.beside].to_vec();
        let rows: Vec<Vec<f64>> = relaxed.weights.cells().flatten().map(candidates).collect();
        let sums: Vec<f64> = rows.iter().map(|row| row.iter().sum()).collect();
        let over = |(row, sum): (&Vec<f64>, &f64)| row.iter().map(|weight| weight / sum).collect();
        Self { relaxed, shares: rows.iter().zip(&sums).map(over).collect(), sums }
    }

    /// `Π(P + U(−ε, ε))`.
    fn around(&self, strength: f64, random: &mut impl Rng) -> Vec<Vec<f64>> {
        let mut draw = || strength * (2.0 * random.random::<f64>() - 1.0);
        let mut row = |row: &Vec<f64>| project(row.iter().map(|share| share + draw()).collect());
        self.shares.iter().map(&mut row).collect()
    }

    /// A step up the slope from `found`, no further than ε from P.
    fn against(&self, found: &[Vec<f64>], slope: &EdgeGradient, strength: f64) -> Vec<Vec<f64>> {
        let step = 2.0 * strength / ATTACKS as f64;
        // The shares' gradient is the weights' times the row's sum, which is above 0.
        let row = |((found, share), slope): ((&Vec<f64>, &Vec<f64>), &Vec<f64>)| {
            let moved = found.iter().zip(share).zip(slope).map(|((found, share), slope)| {
                let sign = if *slope == 0.0 { 0.0 } else { slope.signum() };
                (found + step * sign).clamp(share - strength, share + strength)
            });
            project(moved.collect())
        };
        found.iter().zip(&self.shares).zip(slope.cells().flatten()).map(row).collect()
    }

    /// The edge weights of these shares.
    fn weights(&self, shares: &[Vec<f64>]) -> EdgeWeights {
        let mut weights = self.relaxed.weights.clone();
        let rows = weights.cells_mut().flatten().zip(shares).zip(&self.sums);
        for ((row, shares), sum) in rows {
            row.iter_mut().zip(shares).for_each(|(weight, share)| *weight = share * sum);
        }
        weights
    }
}

/// Π: every number into `[0, 1]`, then over their sum; where all are 0 or less, 1 for the largest.
pub fn project(row: Vec<f64>) -> Vec<f64> {
    let clamped: Vec<f64> = row.iter().map(|share| share.clamp(0.0, 1.0)).collect();
    let sum: f64 = clamped.iter().sum();
    if sum > 0.0 { clamped.iter().map(|share| share / sum).collect() } else { one_hot(&row) }
}
