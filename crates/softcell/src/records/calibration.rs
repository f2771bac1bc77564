//! Whether the probabilities that a network states are the shares of right answers.

use serde::{Deserialize, Serialize};

/// Ranges of probability, all of the same width, as in Guo et al. 2017.
const BINS: usize = 15;
/// Standard errors beyond which a difference is none of chance.
const BEYOND_CHANCE: f64 = 2.0;
/// The same as a multiple of the error that chance brings about: of one range, two standard errors of its share are
/// 2·√(π/2) times the mean distance.
const BEYOND_MEAN_CHANCE: f64 = 2.5;

/// The probabilities that were given to the answers beside the share of them that is right.
///
/// Range `b` of `B` holds the answers whose probability `p` is in `(b/B, (b+1)/B]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The expected calibration error (Guo et al. 2017): `Σ_b n_b/n · |right_b/n_b − confidence_b|`, from 0 to 1. 0 of
    /// no images.
    pub expected_calibration_error: f64,
    /// The ranges, from 0 to 1; 15 of them in what this version writes.
    pub bins: Vec<CalibrationBin>,
}

/// The answers of one range of probability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Images that were answered with such a probability.
    pub images: u64,
    /// Those of them whose answer is right.
    pub right: u64,
    /// Mean of the probabilities; none without images.
    pub confidence: Option<f64>,
}

/// What the probabilities are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationVerdict {
    /// No difference that chance does not explain.
    AtItsWord,
    /// They are higher on average than the share of right answers: overconfident.
    TooSure,
    /// They are lower: underconfident.
    TooUnsure,
    /// They fit on average, but some are too high and others too low.
    Mixed,
}

/// Counts answers by their probability.
#[derive(Debug, Clone)]
pub struct Calibrating {
    /// Images, right ones and the sum of the probabilities.
    bins: [(u64, u64, f64); BINS],
}

impl Default for Calibrating {
    fn default() -> Self {
        Self { bins: [(0, 0, 0.0); BINS] }
    }
}

impl Calibrating {
    /// Adds an answer with the probability that was given to it, from 0 to 1, to an image of class `truth`.
    pub fn add(&mut self, probability: f64, answer: usize, truth: usize) {
        let place = (probability * BINS as f64).ceil() as usize;
        let bin = &mut self.bins[place.clamp(1, BINS) - 1];
        bin.0 += 1;
        bin.1 += u64::from(answer == truth);
        bin.2 += probability;
    }

    /// What was counted.
    pub fn finish(self) -> Calibration {
        let bin = |(images, right, sum): (u64, u64, f64)| CalibrationBin {
            images,
            right,
            confidence: (images > 0).then(|| (sum / images as f64).clamp(0.0, 1.0)),
        };
        let bins: Vec<CalibrationBin> = self.bins.into_iter().map(bin).collect();
        Calibration { expected_calibration_error: error_of(&bins), bins }
    }
}

/// The expected calibration error of these ranges.
pub(crate) fn error_of(bins: &[CalibrationBin]) -> f64 {
    weighed(bins, |bin, confidence| (bin.right as f64 / bin.images as f64 - confidence).abs())
}

/// `Σ_b n_b/n · value(b)` over the ranges with images.
fn weighed(bins: &[CalibrationBin], value: impl Fn(&CalibrationBin, f64) -> f64) -> f64 {
    let images: u64 = bins.iter().map(|bin| bin.images).sum();
    let of = |bin: &CalibrationBin| Some(bin.images as f64 * value(bin, bin.confidence?));
    bins.iter().filter_map(of).sum::<f64>() / images.max(1) as f64
}

impl Calibration {
    /// Images that were answered.
    pub fn images(&self) -> u64 {
        self.bins.iter().map(|bin| bin.images).sum()
    }

    /// Those whose answer is right.
    pub fn right(&self) -> u64 {
        self.bins.iter().map(|bin| bin.right).sum()
    }

    /// Mean of all probabilities; 0 of no images.
    pub fn mean_confidence(&self) -> f64 {
        weighed(&self.bins, |_, confidence| confidence)
    }

    /// The expected calibration error that chance alone brings about on so many images, if each range were right as
    /// often as it says: `Σ_b n_b/n · E|X_b/n_b − c_b|` with `X_b` binomial of `n_b` draws with `c_b`.
    pub fn error_by_chance(&self) -> f64 {
        weighed(&self.bins, |bin, confidence| mean_distance(bin.images, confidence) / bin.images as f64)
    }

    /// What the probabilities are worth: too high or too low where their mean is further from the share of right answers
    /// than two standard errors, `√(Σ_b n_b c_b (1−c_b)) / n`; mixed where the expected calibration error is more than
    /// 2.5 times what chance brings about.
    pub fn verdict(&self) -> CalibrationVerdict {
        let images = self.images().max(1) as f64;
        let gap = self.mean_confidence() - self.right() as f64 / images;
        let variance = weighed(&self.bins, |_, confidence| confidence * (1.0 - confidence));
        let chance = BEYOND_CHANCE * (variance / images).sqrt();
        if gap > chance {
            CalibrationVerdict::TooSure
        } else if -gap > chance {
            CalibrationVerdict::TooUnsure
        } else if self.expected_calibration_error > BEYOND_MEAN_CHANCE * self.error_by_chance() {
            CalibrationVerdict::Mixed
        } else {
            CalibrationVerdict::AtItsWord
        }
    }
}

/// `E|X − np|` of a binomial `X` of `n` draws with probability `p`: `2 m C(n, m) p^m (1−p)^(n−m+1)` with
/// `m = ⌊np⌋ + 1` (de Moivre), and 0 where `p` is 0 or 1.
fn mean_distance(n: u64, p: f64) -> f64 {
    let m = (n as f64 * p).floor() as u64 + 1;
    if p <= 0.0 || p >= 1.0 || m > n {
        return 0.0;
    }
    // Of so many, the normal distribution is as good.
    if n > 100_000 {
        return (2.0 / std::f64::consts::PI * n as f64 * p * (1.0 - p)).sqrt();
    }
    let choices: f64 = (1..=m).map(|k| ((n - m + k) as f64 / k as f64).ln()).sum();
    let (m, n) = (m as f64, n as f64);
    (2f64.ln() + m.ln() + choices + m * p.ln() + (n - m + 1.0) * (-p).ln_1p()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answers: &[(f64, bool)]) -> Calibration {
        let mut counting = Calibrating::default();
        answers.iter().for_each(|&(p, right)| counting.add(p, usize::from(right), 1));
        counting.finish()
    }

    /// By hand: 0.95 and 0.96 lie in the last range (right 1 of 2, mean 0.955), 0.5 in the eighth, (7/15, 8/15].
    #[test]
    fn the_error_is_that_of_the_formula() {
        let found = of(&[(0.95, true), (0.96, false), (0.5, true)]);
        assert_eq!((found.bins[14].images, found.bins[14].right, found.bins[7].images), (2, 1, 1));
        assert_eq!((found.images(), found.right()), (3, 2));
        assert!((found.expected_calibration_error - (2.0 * 0.455 + 0.5) / 3.0).abs() < 1e-12);
        assert!((found.mean_confidence() - 2.41 / 3.0).abs() < 1e-12);
        // The ends of a range: the upper one is in it.
        let ends = of(&[(1.0, true), (1.0 / 15.0, true), (2.0 / 15.0 + 1e-9, true), (0.0, false)]);
        let images: Vec<u64> = ends.bins.iter().map(|bin| bin.images).collect();
        assert_eq!((images[14], images[0], images[2]), (1, 2, 1));
        assert_eq!(of(&[]).expected_calibration_error, 0.0);
    }

    #[test]
    fn a_distance_is_the_sum_over_all_outcomes() {
        for (n, p) in [(1u64, 0.3), (2, 0.5), (7, 0.9), (30, 0.97), (30, 0.5), (5, 0.2)] {
            let choose = |k: u64| (1..=k).map(|i| (n - k + i) as f64 / i as f64).product::<f64>();
            let chance = |k: u64| choose(k) * f64::powi(p, k as i32) * f64::powi(1.0 - p, (n - k) as i32);
            let sum: f64 = (0..=n).map(|k| chance(k) * (k as f64 - n as f64 * p).abs()).sum();
            let found = mean_distance(n, p);
            assert!((found - sum).abs() < 1e-9, "{n} {p}: {found} {sum}");
        }
        assert_eq!((mean_distance(10, 1.0), mean_distance(10, 0.0)), (0.0, 0.0));
        let [exact, normal] = [mean_distance(100_000, 0.9), mean_distance(100_001, 0.9)];
        assert!((exact / normal - 1.0).abs() < 1e-4, "{exact} {normal}");
    }

    #[test]
    fn a_difference_counts_where_it_is_beyond_chance() {
        let share = |p: f64, right: usize, n: usize| (0..n).map(move |i| (p, i < right));
        let verdict = |answers: Vec<(f64, bool)>| of(&answers).verdict();
        // 80 of 100 has a standard error of 4 points.
        assert_eq!(verdict(share(0.8, 75, 100).collect()), CalibrationVerdict::AtItsWord);
        assert_eq!(verdict(share(0.8, 71, 100).collect()), CalibrationVerdict::TooSure);
        assert_eq!(verdict(share(0.8, 89, 100).collect()), CalibrationVerdict::TooUnsure);
        assert_eq!(verdict(share(1.0, 99, 100).collect()), CalibrationVerdict::TooSure);
        assert_eq!(verdict(share(1.0, 100, 100).collect()), CalibrationVerdict::AtItsWord);
        let mixed = share(0.9, 75, 100).chain(share(0.6, 75, 100)).collect();
        assert_eq!(verdict(mixed), CalibrationVerdict::Mixed);
        assert_eq!(verdict(Vec::new()), CalibrationVerdict::AtItsWord);
    }
}
