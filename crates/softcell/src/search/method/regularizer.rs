//! What is added to the loss of the alphas.

use serde::{Deserialize, Serialize};
use special::Gamma;

use super::relaxation::{Relaxation, Relaxer, concentrations, each, sigmoid, slopes, softmax_of};
use crate::space::{AlphaGradient, Alphas};

/// A term of the alphas' loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Penalty {
    /// Its value.
    pub value: f64,
    /// Its gradient in the alphas.
    pub gradient: AlphaGradient,
}

/// A term that depends on the alphas of candidates, and on no image. Those of edges are in none.
///
/// The L2 of the alphas' optimiser is none: as in PyTorch it belongs to that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Regularizer {
    /// None.
    #[default]
    None,
    /// `Σ over kinds of cells of mean_e ln Σ_k exp(α_{e,k})` (β-DARTS, Ye et al. 2022). Its gradient is the softmax: at
    /// the code's weights it outweighs the loss, and Adam makes of it an almost even push of all alphas. The code for
    /// NAS-Bench-201 has the weight rise linearly to 50 over its 100 epochs.
    Beta,
    /// `−mean (σ(α) − ½)²` over all alphas (FairDARTS, Chu et al. 2020; the code's weight is 10).
    Binary,
    /// `−mean |σ(α) − ½|` over all alphas: the other form of FairDARTS's code.
    BinaryL1,
    /// `Σ_e KL(Dirichlet(elu(α_e) + 1) ‖ Dirichlet(1))` (DrNAS, Chen et al. 2021; the code's weight is 1e-3).
    Kl,
    /// `Σ α ln(α·n)` over all alphas, n being those of the edge (GAEA, Li et al. 2021): the entropy missing to that of
    /// the uniform point.
    Entropy,
}

/// How the weight of the term changes over the epochs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ramp {
    /// The same in all epochs.
    #[default]
    Constant,
    /// `λ·e/E`: from 0 in the first epoch, nearly the whole in the last.
    Linear,
}

impl Ramp {
    /// Both.
    pub const ALL: [Ramp; 2] = [Ramp::Constant, Ramp::Linear];

    /// The weight in an epoch, from 0, of so many.
    pub fn at(self, weight: f64, epoch: usize, epochs: usize) -> f64 {
        match self {
            Ramp::Constant => weight,
            Ramp::Linear => weight * epoch as f64 / epochs as f64,
        }
    }
}

/// Rows of numbers.
type Rows = Vec<Vec<f64>>;

impl Regularizer {
    /// All of them.
    pub const ALL: [Regularizer; 6] = [
        Regularizer::None,
        Regularizer::Beta,
        Regularizer::Binary,
        Regularizer::BinaryL1,
        Regularizer::Kl,
        Regularizer::Entropy,
    ];

    /// The name, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            Regularizer::None => "none",
            Regularizer::Beta => "beta",
            Regularizer::Binary => "binary",
            Regularizer::BinaryL1 => "binary-l1",
            Regularizer::Kl => "kl",
            Regularizer::Entropy => "entropy",
        }
    }

    /// The relaxations that it was made for.
    pub const fn relaxations(self) -> &'static [Relaxation] {
        match self {
            Regularizer::None => &Relaxation::ALL,
            Regularizer::Beta => &[Relaxation::Softmax, Relaxation::Gumbel, Relaxation::GumbelHard],
            Regularizer::Binary | Regularizer::BinaryL1 => &[Relaxation::Sigmoid],
            Regularizer::Kl => &[Relaxation::Dirichlet],
            Regularizer::Entropy => &[Relaxation::Simplex],
        }
    }

    /// The term times its weight; none where there is nothing to add.
    pub fn penalty(self, weight: f64, relaxer: &Relaxer, alphas: &Alphas) -> Option<Penalty> {
        let all = relaxer.cells().map(|name| alphas.get(name).expect("alphas of these cells"));
        let count = all.flatten().flatten().count() as f64;
        let term: fn(&[Vec<f32>], f64) -> (f64, Rows) = match self {
            Regularizer::None => return None,
            Regularizer::Beta => beta,
            Regularizer::Binary => binary,
            Regularizer::BinaryL1 => binary_l1,
            Regularizer::Kl => kl,
            Regularizer::Entropy => entropy,
        };
        let mut value = 0.0;
        let mut group = |(name, rows): (&str, &Vec<Vec<f32>>)| {
            let of_cells = relaxer.cells().any(|cell| cell == name);
            let (more, gradient) = if of_cells { term(rows, count) } else { (0.0, each(rows, |_| 0.0)) };
            value += weight * more;
            let scaled = gradient.iter().map(|row| row.iter().map(|g| weight * g).collect()).collect();
            (name.to_owned(), scaled)
        };
        let gradient = alphas.iter().map(&mut group).collect();
        Some(Penalty { value, gradient })
    }
}

fn beta(rows: &[Vec<f32>], _: f64) -> (f64, Rows) {
    let (mut value, mut gradient) = (0.0, Vec::with_capacity(rows.len()));
    let edges = rows.len() as f64;
    for row in each(rows, |alpha| alpha) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        value += (largest + row.iter().map(|alpha| (alpha - largest).exp()).sum::<f64>().ln()) / edges;
        gradient.push(softmax_of(&row).iter().map(|p| p / edges).collect());
    }
    (value, gradient)
}

fn binary(rows: &[Vec<f32>], count: f64) -> (f64, Rows) {
    let off = |alpha: f64| sigmoid(alpha) - 0.5;
    let value = each(rows, |alpha| off(alpha).powi(2)).concat().iter().sum::<f64>();
    (-value / count, each(rows, |alpha| -2.0 * off(alpha) * sigmoid(alpha) * sigmoid(-alpha) / count))
}

fn binary_l1(rows: &[Vec<f32>], count: f64) -> (f64, Rows) {
    let off = |alpha: f64| sigmoid(alpha) - 0.5;
    let sign = |alpha: f64| if alpha == 0.0 { 0.0 } else { alpha.signum() };
    let value = each(rows, |alpha| off(alpha).abs()).concat().iter().sum::<f64>();
    (-value / count, each(rows, |alpha| -sign(alpha) * sigmoid(alpha) * sigmoid(-alpha) / count))
}

/// `ln Γ(c₀) − Σ ln Γ(c_k) − ln Γ(n) + Σ (c_k − 1)(ψ(c_k) − ψ(c₀))` with `c₀ = Σ c_k`;
/// `∂/∂c_k = (c_k − 1)·ψ′(c_k) − (c₀ − n)·ψ′(c₀)`.
fn kl(rows: &[Vec<f32>], _: f64) -> (f64, Rows) {
    let ln_gamma = |x: f64| Gamma::ln_gamma(x).0;
    let (mut value, mut gradient) = (0.0, Vec::with_capacity(rows.len()));
    for (c, slopes) in concentrations(rows).iter().zip(slopes(rows)) {
        let (sum, n) = (c.iter().sum::<f64>(), c.len() as f64);
        value += ln_gamma(sum) - ln_gamma(n);
        value += c.iter().map(|c| (c - 1.0) * (c.digamma() - sum.digamma()) - ln_gamma(*c)).sum::<f64>();
        let shared = (sum - n) * sum.trigamma();
        let slope = |(c, slope): (&f64, &f64)| ((c - 1.0) * c.trigamma() - shared) * slope;
        gradient.push(c.iter().zip(&slopes).map(slope).collect());
    }
    (value, gradient)
}

fn entropy(rows: &[Vec<f32>], _: f64) -> (f64, Rows) {
    let (mut value, mut gradient) = (0.0, Vec::with_capacity(rows.len()));
    for row in each(rows, |alpha| alpha) {
        let n = row.len() as f64;
        value += row.iter().map(|alpha| alpha * (alpha * n).ln()).sum::<f64>();
        gradient.push(row.iter().map(|alpha| (alpha * n).ln() + 1.0).collect());
    }
    (value, gradient)
}
