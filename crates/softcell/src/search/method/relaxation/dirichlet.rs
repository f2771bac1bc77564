//! Samples of a Dirichlet distribution and their gradient in its concentrations (DrNAS, Chen et al. 2021).

use rand::Rng;
use rand_distr::{Distribution, Gamma};
use special::Gamma as _;

use super::rows::{Mixed, each};

/// The least concentration: one of 0 has no distribution.
const LEAST: f64 = 1e-30;

/// `c = elu(α) + 1`: `α + 1` above 0, `exp(α)` below.
fn concentration(alpha: f64) -> f64 {
    if alpha > 0.0 { alpha + 1.0 } else { alpha.exp().max(LEAST) }
}

/// ∂c/∂α.
fn slope(alpha: f64) -> f64 {
    if alpha > 0.0 { 1.0 } else { alpha.exp() }
}

/// `c = elu(α) + 1` of all alphas.
pub fn concentrations(alphas: &[Vec<f32>]) -> Vec<Vec<f64>> {
    each(alphas, concentration)
}

/// ∂c/∂α of all alphas.
pub fn slopes(alphas: &[Vec<f32>]) -> Vec<Vec<f64>> {
    each(alphas, slope)
}

/// The mean of the distribution, `c_k/c₀` with `c₀ = Σ_j c_j`, row by row: `∂(c_k/c₀)/∂c_j = (δ_jk − c_k/c₀)/c₀`.
pub fn mean(alphas: &[Vec<f32>]) -> Mixed {
    let concentrations = concentrations(alphas);
    let sums: Vec<f64> = concentrations.iter().map(|row| row.iter().sum()).collect();
    let over = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
        rows.iter().zip(&sums).map(|(row, sum)| row.iter().map(|c| c / sum).collect()).collect()
    };
    let weights = over(&concentrations);
    Mixed::centred(weights.clone(), over(&slopes(alphas)), weights)
}

/// `x ~ Dirichlet(elu(α) + 1)`, row by row, reparameterised (Figurnov et al. 2018): with the gradient G of x,
/// `∂L/∂c_k = D_k · (G_k − Σ_j x_j G_j)`, `D_k = −∂_a I_{x_k}(a, b) / (pdf(x_k; a, b) · (1 − x_k))`, where
/// `a = c_k`, `b = Σ_{j≠k} c_j`, and x_k alone is of Beta(a, b).
pub fn sample(alphas: &[Vec<f32>], random: &mut impl Rng) -> Mixed {
    let mut weights = Vec::with_capacity(alphas.len());
    let mut factors = Vec::with_capacity(alphas.len());
    for (concentrations, slopes) in concentrations(alphas).iter().zip(slopes(alphas)) {
        let drawn = draw(concentrations, random);
        let sum: f64 = concentrations.iter().sum();
        let factor = |k: usize| {
            let share = &drawn[k];
            slopes[k] * drift(share, concentrations[k], (sum - concentrations[k]).max(LEAST))
        };
        factors.push(match drawn.len() {
            // One candidate has the weight 1 whatever its alpha.
            1 => vec![0.0],
            n => (0..n).map(factor).collect(),
        });
        weights.push(drawn.into_iter().map(|share| share.x).collect());
    }
    Mixed::centred(weights.clone(), factors, weights)
}

/// A part of the whole.
struct Share {
    x: f64,
    /// `1 − x`, the sum of the others.
    rest: f64,
    /// `ln x`, where x itself may be too small for a number.
    log: f64,
}

/// Logarithms of Gamma variates, normalised. A variate of a small shape may be too small for a number, its logarithm is
/// not: `Gamma(c) = Gamma(c + 1) · U^(1/c)`.
fn draw(concentrations: &[f64], random: &mut impl Rng) -> Vec<Share> {
    let logarithm = |&c: &f64| {
        let gamma: f64 = Gamma::new(c + 1.0, 1.0).expect("a shape above 1").sample(random);
        let exponential: f64 = rand_distr::Exp1.sample(random);
        gamma.ln() - exponential / c
    };
    let logs: Vec<f64> = concentrations.iter().map(logarithm).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let parts: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
    let sum: f64 = parts.iter().sum();
    let share = |(k, log): (usize, &f64)| {
        let others: f64 = parts.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, part)| part).sum();
        Share { x: parts[k] / sum, rest: others / sum, log: log - largest - sum.ln() }
    };
    logs.iter().enumerate().map(share).collect()
}

/// `−∂_a I_x(a, b) / (pdf(x; a, b) · (1 − x))`.
///
/// `I_x(a, b) = x^a y^b/B(a, b) · Σ_n t_n` with `t_n = (a+b)_n/(a)_{n+1} · x^n` and `y = 1 − x`: all terms are above 0.
/// Hence, B being the Beta function and ψ the digamma function,
/// `∂_a I / pdf = x y · (ℓ·Σ t_n + Σ t_n s_n)`, `ℓ = ln x − ψ(a) + ψ(a+b)`, `s_n = ∂_a ln t_n`. Above the mean the
/// series of `I_y(b, a) = 1 − I_x(a, b)` is the one that ends soon.
fn drift(share: &Share, a: f64, b: f64) -> f64 {
    let Share { x, rest: y, log } = *share;
    let through_constant = log - a.digamma() + (a + b).digamma();
    if x <= (a + 1.0) / (a + b + 2.0) {
        let [sum, slopes] = series(x, a, b, |n| 1.0 / (a + b + n) - 1.0 / (a + n + 1.0), -1.0 / a);
        -x * (through_constant * sum + slopes)
    } else {
        let [sum, slopes] = series(y, b, a, |n| 1.0 / (a + b + n), 0.0);
        x * (through_constant * sum + slopes)
    }
}

/// `Σ t_n` and `Σ t_n s_n` with `t_n = (p+q)_n/(p)_{n+1} · z^n`, `s_0 = first` and `s_{n+1} = s_n + growth(n)`.
fn series(z: f64, p: f64, q: f64, growth: impl Fn(f64) -> f64, first: f64) -> [f64; 2] {
    // Far more than a share that is not at the other end of its distribution needs.
    const MOST: usize = 100_000;
    let (mut term, mut slope) = (1.0 / p, first);
    let (mut sum, mut slopes) = (0.0, 0.0);
    for n in 0..MOST {
        let n = n as f64;
        sum += term;
        slopes += term * slope;
        if term <= 1e-17 * sum {
            break;
        }
        slope += growth(n);
        term *= (p + q + n) / (p + 1.0 + n) * z;
    }
    [sum, slopes]
}

#[cfg(test)]
mod tests {
    use special::Beta;

    use super::*;
    use crate::random::stream;

    /// `∂_a I_x(a, b)` from the drift, and by a central difference of I itself.
    #[test]
    fn the_drift_is_the_slope_of_the_distribution() {
        let shapes = [0.05, 0.3, 1.0, 2.5, 8.0, 40.0];
        for a in shapes {
            for b in shapes {
                for x in [1e-6, 1e-3, 0.05, 0.2, 0.5, 0.8, 0.95, 0.999] {
                    let share = Share { x, rest: 1.0 - x, log: f64::ln(x) };
                    let density =
                        ((a - 1.0) * f64::ln(x) + (b - 1.0) * f64::ln(1.0 - x) - a.ln_beta(b)).exp();
                    let found = -drift(&share, a, b) * density * (1.0 - x);
                    let distribution = |a: f64| x.inc_beta(a, b, a.ln_beta(b));
                    let step = 1e-4 * a;
                    let wanted = (distribution(a + step) - distribution(a - step)) / (2.0 * step);
                    assert!((found - wanted).abs() < 1e-6, "a {a}, b {b}, x {x}: {found} / {wanted}");
                }
            }
        }
    }

    /// Of two candidates with c = (a, 1), `P(x ≤ t) = t^a`, hence `x = U^(1/a)` and `∂x/∂a = −x ln x/a`.
    #[test]
    fn two_candidates_have_a_closed_form() {
        for a in [0.2, 1.0, 3.7] {
            for x in [1e-12, 0.1, 0.5, 0.9, 1.0 - 1e-12] {
                let share = Share { x, rest: 1.0 - x, log: f64::ln(x) };
                let (found, wanted) = (drift(&share, a, 1.0) * (1.0 - x), -x * f64::ln(x) / a);
                assert!((found - wanted).abs() < 1e-9 * wanted.max(1e-3), "{a}, {x}: {found} / {wanted}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_stay_numbers() {
        let rows = [vec![-80.0, -60.0, -100.0], vec![-80.0, 50.0, 0.0], vec![1e4, 1e4, 1e4], vec![0.3]];
        for step in 0..200 {
            let mixed = sample(&rows, &mut stream(1, "ends", &[step]));
            for row in &mixed.weights {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{row:?}");
            }
            let gradient = rows.iter().map(|row| (0..row.len()).map(|k| k as f64 - 0.5).collect());
            let back = mixed.pull_back(&gradient.collect::<Vec<_>>());
            assert!(back.iter().flatten().all(|g| g.is_finite()), "{back:?}");
            assert_eq!(back[3], [0.0]);
        }
    }
}
