//! Samples of the concrete distribution.

use rand::Rng;
use rand_distr::{Distribution, Exp1};

use super::rows::Mixed;
use crate::space::softmax;

/// What is taken of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Itself: every candidate has a weight.
    Dense,
    /// 1 for its largest entry, 0 for the others; the gradient is that of the sample (straight-through).
    Hard,
}

/// `p̃ = softmax((log softmax(α) + g)/τ)` with `g = −ln E`, `E ~ Exp(1)`, row by row: Maddison et al. 2017, Jang et al.
/// 2017; SNAS takes it as it is, GDAS its largest entry (Dong & Yang 2019).
///
/// Whatever τ, `P(argmax p̃ = k) = softmax(α)_k`. With the gradient G of the weights,
/// `∂L/∂α_k = p̃_k · (G_k − Σ_j p̃_j G_j)/τ`; `log softmax` instead of α only shifts a row, which the softmax does not see.
/// Of a hard sample G is known for the candidate that ran alone: it is 0 for the others, as in GDAS's search of the
/// space of DARTS. Its search of NAS-Bench-201 adds the other weights (zeros) to the edge's map, so that there they have
/// the sum of the map's gradient; that is not done here.
pub fn concrete(alphas: &[Vec<f32>], temperature: f64, sample: Sample, random: &mut impl Rng) -> Mixed {
    let rows: Vec<Vec<f64>> = alphas.iter().map(|row| draw(row, temperature, random)).collect();
    let factors = rows.iter().map(|row| row.iter().map(|p| p / temperature).collect()).collect();
    let weights = match sample {
        Sample::Dense => rows.clone(),
        Sample::Hard => rows.iter().map(|row| one_hot(row)).collect(),
    };
    Mixed::centred(weights, factors, rows)
}

fn draw(alphas: &[f32], temperature: f64, random: &mut impl Rng) -> Vec<f64> {
    let logits: Vec<f64> = alphas.iter().map(|&a| (f64::from(a) + gumbel(random)) / temperature).collect();
    softmax(&logits)
}

/// A draw of the standard Gumbel distribution; an exponential of 0 would be infinite and is drawn again.
fn gumbel(random: &mut impl Rng) -> f64 {
    loop {
        let exponential: f64 = Exp1.sample(random);
        if exponential > 0.0 {
            return -exponential.ln();
        }
    }
}

/// 1 at the first of the largest entries, 0 elsewhere.
pub fn one_hot(row: &[f64]) -> Vec<f64> {
    let mut largest = 0;
    for (k, value) in row.iter().enumerate() {
        if *value > row[largest] {
            largest = k;
        }
    }
    (0..row.len()).map(|k| if k == largest { 1.0 } else { 0.0 }).collect()
}
