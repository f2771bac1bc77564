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
    /// `Π(P + U(−ε, ε))`; Π brings every number into `[0, 1]` and divides by their sum: SDARTS-RS.
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
        // A row of zeros, an edge that a selection has taken away, stays one.
        let part = |weight: f64, sum: f64| if sum == 0.0 { 0.0 } else { weight / sum };
        let over = |(row, sum): (&Vec<f64>, &f64)| row.iter().map(|&weight| part(weight, *sum)).collect();
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

#[cfg(test)]
mod tests {
    use super::super::relaxation::Moment;
    use super::super::{EdgeNormalization, Half, Method};
    use super::*;
    use crate::space::SearchSpace;

    const AT: Moment = Moment { seed: 3, epoch: 2, epochs: 10, step: 4, half: Half::Weights };

    /// `L(w) = Σ g·w`, which says that the loss fell where `lies`.
    struct Linear {
        slope: EdgeGradient,
        lies: bool,
        asked: Vec<&'static str>,
        seen: Vec<EdgeWeights>,
    }

    impl Linear {
        fn at(&self, weights: &EdgeWeights) -> f64 {
            weights.values().zip(self.slope.values()).map(|(w, g)| w * g).sum()
        }
    }

    impl Probe for Linear {
        fn loss(&mut self, weights: &EdgeWeights) -> f64 {
            self.asked.push("loss");
            let loss = self.at(weights);
            if self.lies { -(self.asked.len() as f64) } else { loss }
        }

        fn slope(&mut self, weights: &EdgeWeights) -> EdgeGradient {
            self.asked.push("slope");
            self.seen.push(weights.clone());
            self.slope.clone()
        }
    }

    fn relaxed(edge_weights: EdgeNormalization, auxiliary_skip: bool) -> Relaxed {
        let method = Method { edge_weights, ..Method::default() };
        let relaxer = method.relaxer(&SearchSpace { auxiliary_skip, ..SearchSpace::darts() });
        relaxer.relax(&relaxer.initial(5), AT)
    }

    /// A loss that rises with the first four candidates of eight and falls with the others; none in any other column.
    fn probe(relaxed: &Relaxed) -> Linear {
        let sign = |k: usize| [1.0, -1.0, 0.0][k / 4];
        let row = |row: &Vec<f64>| (0..row.len()).map(|k| 0.5 * sign(k)).collect();
        let slope = EdgeGradient(relaxed.weights.map(|rows| rows.iter().map(row).collect()));
        Linear { slope, lies: false, asked: Vec::new(), seen: Vec::new() }
    }

    /// Sum of each row's candidates.
    fn sums(weights: &EdgeWeights) -> Vec<f64> {
        weights.cells().flatten().map(|row| row[..8].iter().sum()).collect()
    }

    #[test]
    fn projections() {
        let close = |found: Vec<f64>, wanted: &[f64]| {
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} / {wanted:?}");
        };
        close(project(vec![0.5, 0.25, 0.25]), &[0.5, 0.25, 0.25]);
        close(project(vec![-0.1, 0.2, 0.6]), &[0.0, 0.25, 0.75]);
        close(project(vec![1.5, 1.0, 0.0]), &[0.5, 0.5, 0.0]);
        close(project(vec![-0.3, -0.1, -0.2]), &[0.0, 1.0, 0.0]);
        close(project(vec![0.0, 0.0]), &[1.0, 0.0]);
        let mut random = stream(1, "projections", &[]);
        for _ in 0..1000 {
            let row = project((0..8).map(|_| random.random::<f64>() * 3.0 - 2.0).collect());
            assert!(
                (row.iter().sum::<f64>() - 1.0).abs() < 1e-12 && row.iter().all(|p| (0.0..=1.0).contains(p))
            );
        }
    }

    /// Rows keep their sums, the column beside the candidates stays, and the noise is of the width of ε.
    #[test]
    fn random_noise() {
        for edges in EdgeNormalization::ALL {
            let relaxed = relaxed(edges, true);
            let (mut mean, mut square, mut n) = (0.0, 0.0, 0.0);
            for step in 0..200 {
                let moment = Moment { step, ..AT };
                let mut probe = probe(&relaxed);
                let found = Perturbation::Random.disturb(&relaxed, 0.03, moment, &mut probe);
                assert_eq!(found, Perturbation::Random.disturb(&relaxed, 0.03, moment, &mut probe));
                assert!(probe.asked.is_empty());
                for (a, b) in sums(&found).iter().zip(sums(&relaxed.weights)) {
                    assert!((a - b).abs() < 1e-9, "{a} / {b}");
                }
                let rows = found.cells().flatten().zip(relaxed.weights.cells().flatten());
                for (row, before) in rows {
                    assert_eq!(row[8], before[8]);
                    let whole: f64 = before[..8].iter().sum();
                    for (share, before) in row[..8].iter().zip(before) {
                        let noise = (share - before) / whole;
                        assert!((0.0..=whole).contains(share) && noise.abs() < 0.06);
                        mean += noise;
                        square += noise * noise;
                        n += 1.0;
                    }
                }
            }
            // Normalising takes from each entry 1/8 of the sum of all: U(−ε, ε) has the variance ε²/3, 7/8 are left.
            let variance = 0.03f64.powi(2) / 3.0 * 7.0 / 8.0;
            assert!((mean / n).abs() < 1e-12, "{mean}");
            assert!((square / n / variance - 1.0).abs() < 0.1, "{} / {variance}", square / n);
        }
        let other = relaxed(EdgeNormalization::None, false);
        let at = |moment| Perturbation::Random.disturb(&other, 0.03, moment, &mut probe(&other));
        assert_ne!(at(AT), at(Moment { epoch: 3, ..AT }));
        let none = Perturbation::None.disturb(&other, 0.03, AT, &mut probe(&other));
        assert_eq!(none, other.weights);
    }

    #[test]
    fn the_adversary_goes_up_the_slope() {
        for edges in EdgeNormalization::ALL {
            let relaxed = relaxed(edges, true);
            let mut probe = probe(&relaxed);
            let found = Perturbation::Adversarial.disturb(&relaxed, 0.1, AT, &mut probe);
            let mut order = vec!["loss"];
            order.extend(["slope"; 7]);
            order.push("loss");
            assert_eq!(probe.asked, order);
            let start = Perturbation::Random.disturb(&relaxed, 0.1, AT, &mut self::probe(&relaxed));
            assert_eq!(probe.seen[0], start);
            let losses: Vec<f64> =
                probe.seen.iter().chain([&found]).map(|weights| probe.at(weights)).collect();
            assert!(losses.windows(2).all(|pair| pair[0] < pair[1] + 1e-9), "{losses:?}");
            for (row, before) in found.cells().flatten().zip(relaxed.weights.cells().flatten()) {
                let whole: f64 = before[..8].iter().sum();
                for (k, (share, before)) in row[..8].iter().zip(before).enumerate() {
                    let moved = (share - before) / whole * [1.0, -1.0][k / 4];
                    assert!((0.05..0.13).contains(&moved), "{k}: {moved}");
                }
                assert_eq!(row[8], before[8]);
            }
            for (a, b) in sums(&found).iter().zip(sums(&relaxed.weights)) {
                assert!((a - b).abs() < 1e-9, "{a} / {b}");
            }
            // A loss that fell: what was found is no disturbance.
            let mut lying = Linear { lies: true, ..self::probe(&relaxed) };
            let kept = Perturbation::Adversarial.disturb(&relaxed, 0.1, AT, &mut lying);
            assert_eq!(kept, relaxed.weights);
        }
    }

    /// No slope, no step: what is left is the random start.
    #[test]
    fn without_a_slope_the_adversary_stays() {
        let relaxed = relaxed(EdgeNormalization::None, false);
        let mut probe = probe(&relaxed);
        probe.slope.values_mut().for_each(|g| *g = 0.0);
        let found = Perturbation::Adversarial.disturb(&relaxed, 0.01, AT, &mut probe);
        let start = Perturbation::Random.disturb(&relaxed, 0.01, AT, &mut probe);
        for (a, b) in found.values().zip(start.values()) {
            assert!((a - b).abs() < 5e-3, "{a} / {b}");
        }
    }
}
