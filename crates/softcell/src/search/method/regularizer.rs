//! What is added to the loss of the alphas.

use serde::{Deserialize, Serialize};
use special::Gamma;

use super::relaxation::{Relaxation, Relaxer, concentrations, each, sigmoid, slopes};
use crate::space::{AlphaGradient, Alphas, softmax};

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
        gradient.push(softmax(&row).iter().map(|p| p / edges).collect());
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

#[cfg(test)]
mod tests {
    use super::super::{AlphaOptimizer, EdgeNormalization, ExponentiatedGradient, Method};
    use super::*;
    use crate::optim::ArchAdam;
    use crate::random::stream;
    use crate::space::SearchSpace;
    use rand::RngExt;

    fn relaxer(term: Regularizer) -> Relaxer {
        let relaxation = term.relaxations()[0];
        let mut method = Method { relaxation, edge_weights: EdgeNormalization::Softmax, ..Method::default() };
        if relaxation == Relaxation::Simplex {
            method.alphas = AlphaOptimizer::ExponentiatedGradient(ExponentiatedGradient::default());
        }
        method.relaxer(&SearchSpace::darts().with_nodes(2))
    }

    /// Alphas in steps of 1/1024.
    fn alphas(term: Regularizer, relaxer: &Relaxer) -> Alphas {
        let mut random = stream(2, "alphas", &[]);
        let mut alphas = relaxer.initial(1);
        alphas.values_mut().for_each(|alpha| {
            let number: f32 = random.random::<f32>() * 4.0 - 2.0;
            let number = if term == Regularizer::Entropy { 0.3 + number.abs() / 4.0 } else { number };
            *alpha = (number * 1024.0).round() / 1024.0;
        });
        alphas
    }

    const TERMS: [Regularizer; 5] = [
        Regularizer::Beta,
        Regularizer::Binary,
        Regularizer::BinaryL1,
        Regularizer::Kl,
        Regularizer::Entropy,
    ];

    #[test]
    fn gradients_are_slopes() {
        const STEP: f32 = 1.0 / 1024.0;
        for term in TERMS {
            let relaxer = relaxer(term);
            let alphas = alphas(term, &relaxer);
            let penalty = term.penalty(3.0, &relaxer, &alphas).unwrap();
            assert_eq!(penalty.gradient.lengths(), alphas.lengths());
            let value = |alphas: &Alphas| term.penalty(3.0, &relaxer, alphas).unwrap().value;
            for (k, &found) in penalty.gradient.values().enumerate() {
                let moved = |step: f32| {
                    let mut alphas = alphas.clone();
                    *alphas.values_mut().nth(k).unwrap() += step;
                    value(&alphas)
                };
                let wanted = (moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP);
                assert!(
                    (found - wanted).abs() < 2e-5 * wanted.abs().max(1.0),
                    "{term:?} {k}: {found} / {wanted}"
                );
            }
            let of_nodes = penalty.gradient.cells().skip(2).flatten().flatten();
            assert!(of_nodes.copied().all(|g| g == 0.0), "{term:?}");
            assert!(penalty.gradient.cells().take(2).flatten().flatten().any(|g| g.abs() > 1e-3), "{term:?}");
        }
    }

    #[test]
    fn known_values() {
        let value = |term: Regularizer, fill: &dyn Fn(usize) -> f32| {
            let relaxer = relaxer(term);
            let mut alphas = relaxer.initial(1);
            for row in alphas.cells_mut().take(2).flatten() {
                row.iter_mut().enumerate().for_each(|(k, alpha)| *alpha = fill(k));
            }
            term.penalty(1.0, &relaxer, &alphas).unwrap().value
        };
        for (term, fill, wanted) in [
            // A mean over the edges of each kind of cell, summed over two kinds.
            (Regularizer::Beta, &(|_| 0.0f32) as &dyn Fn(usize) -> f32, 2.0 * 8f64.ln()),
            (Regularizer::Beta, &|_| 1.5, 2.0 * (8f64.ln() + 1.5)),
            (Regularizer::Binary, &|_| 0.0, 0.0),
            (Regularizer::Binary, &|k| if k < 4 { 50.0 } else { 0.0 }, -0.125),
            (Regularizer::BinaryL1, &|k| if k < 4 { -50.0 } else { 0.0 }, -0.25),
            (Regularizer::Kl, &|_| 0.0, 0.0),
            // Ten edges of Dirichlet(2, 1, …): ln Γ(9) − ln Γ(8) + ψ(2) − ψ(9).
            (
                Regularizer::Kl,
                &|k| if k == 0 { 1.0 } else { 0.0 },
                10.0 * (8f64.ln() - (2..=8).map(|k| 1.0 / f64::from(k)).sum::<f64>()),
            ),
            (Regularizer::Entropy, &|_| 0.125, 0.0),
            (Regularizer::Entropy, &|k| if k == 0 { 1.0 - 7e-7 } else { 1e-7 }, 10.0 * 8f64.ln()),
        ] {
            let found = value(term, fill);
            assert!((found - wanted).abs() < 2e-4, "{term:?}: {found} / {wanted}");
        }
        let relaxer = relaxer(Regularizer::None);
        assert_eq!(Regularizer::None.penalty(1.0, &relaxer, &relaxer.initial(1)), None);
    }

    /// The trajectory of β-DARTS: at the weights of its code the softmax is the whole gradient, of which Adam makes an
    /// almost even push down of all alphas, whatever their shares; without the term they go where the loss sends them.
    #[test]
    fn under_adam_beta_pushes_all_alphas_down() {
        let relaxer = Method::default().relaxer(&SearchSpace::darts());
        let start = relaxer.initial(1);
        let (epochs, steps, lr) = (20, 20, 3e-4);
        let run = |weight: f64| {
            let mut alphas = start.clone();
            let mut adam = ArchAdam::new(lr, [0.5, 0.999], 1e-3);
            let mut random = stream(3, "loss", &[]);
            for epoch in 0..epochs {
                for _ in 0..steps {
                    let mut gradient: AlphaGradient =
                        AlphaGradient(start.map_values(|_| (random.random::<f64>() - 0.5) * 1e-3));
                    let weight = Ramp::Linear.at(weight, epoch, epochs);
                    let more = Regularizer::Beta.penalty(weight, &relaxer, &alphas).unwrap();
                    gradient.values_mut().zip(more.gradient.values()).for_each(|(sum, more)| *sum += more);
                    adam.step(&mut alphas, &gradient);
                }
            }
            let moves = alphas.values().zip(start.values()).map(|(after, before)| f64::from(after - before));
            moves.collect::<Vec<f64>>()
        };
        let statistics = |moves: &[f64]| {
            let n = moves.len() as f64;
            let mean = moves.iter().sum::<f64>() / n;
            (mean, (moves.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / n).sqrt())
        };
        let ((down, spread), (still, _)) = (statistics(&run(50.0)), statistics(&run(0.0)));
        // All steps but those of the first epoch, in which the term weighs nothing; √3 is what a gradient that rises
        // like its weight is above the root of the mean of its squares so far.
        let even = lr * (steps * (epochs - 1)) as f64 * 3f64.sqrt();
        assert!((-1.05..-0.85).contains(&(down / even)), "{down} / {even}");
        assert!(spread < 0.05 * down.abs(), "{spread} / {down}");
        assert!(still.abs() < 0.1 * down.abs(), "{still} / {down}");
    }
}
