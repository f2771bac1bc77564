//! How far an exported file's answers are from the network's.

use serde::Serialize;

use super::sample::{Origin, Sample};
use crate::error::{Error, Result};
use crate::space::softmax;

/// How an exported file answered when it was run beside the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// Images compared.
    pub images: usize,
    /// Where they come from.
    pub origin: Origin,
    /// Sizes of the batches they went in.
    pub batches: Vec<usize>,
    /// By how much the answers differ.
    #[serde(flatten)]
    pub deviation: Deviation,
}

/// The largest differences so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Deviation {
    /// Of a class's probability.
    pub probability_deviation: f64,
    /// Of a logit, as a share of the largest logit of its image in magnitude.
    pub logit_deviation: f64,
}

impl Verification {
    /// A file that deviates by more, in either figure, is not written.
    pub const LIMIT: f64 = 1e-4;

    /// What was found on a sample.
    ///
    /// # Errors
    /// When it is more than [`Self::LIMIT`], or not a number.
    pub fn of(sample: &Sample, batches: Vec<usize>, deviation: Deviation) -> Result<Verification> {
        let Deviation { probability_deviation, logit_deviation } = deviation;
        if larger(probability_deviation, logit_deviation) <= Verification::LIMIT {
            return Ok(Verification {
                images: sample.images.len(),
                origin: sample.origin,
                batches,
                deviation,
            });
        }
        Err(Error::invalid(
            "the file that was made",
            format!(
                "answers that deviate by {probability_deviation:.1e} in probability and {logit_deviation:.1e} of \
                 the largest logit"
            ),
            format!("at most {:.0e} from those of the trained network", Verification::LIMIT),
            "nothing was written; weights that are not finite numbers do this, and faults of Softcell, which \
             please report",
        ))
    }
}

impl Deviation {
    /// Compares the logits of some images, `classes` of each, with those expected, and the probabilities with
    /// those that follow.
    pub fn add(&mut self, expected: &[f32], logits: &[f32], probabilities: Option<&[f32]>, classes: usize) {
        let answers = [Some(logits), probabilities].into_iter().flatten();
        if answers.into_iter().any(|answers| answers.len() != expected.len()) {
            // Answers of another number are infinitely far away.
            self.logit_deviation = f64::INFINITY;
            return;
        }
        for (image, expected) in expected.chunks(classes).enumerate() {
            let of_image = |answers: &'_ [f32]| -> Vec<f64> {
                answers[image * classes..][..classes].iter().map(|&answer| f64::from(answer)).collect()
            };
            let expected: Vec<f64> = expected.iter().map(|&logit| f64::from(logit)).collect();
            let logits = of_image(logits);
            let scale = expected.iter().fold(0.0f64, |scale, logit| scale.max(logit.abs()));
            let difference = difference(&expected, &logits);
            // Logits of zero are equal or infinitely far apart.
            let share = if difference == 0.0 { 0.0 } else { difference / scale };
            self.logit_deviation = larger(self.logit_deviation, share);
            let probabilities = probabilities.map_or_else(|| softmax(&logits), of_image);
            let difference = self::difference(&softmax(&expected), &probabilities);
            self.probability_deviation = larger(self.probability_deviation, difference);
        }
    }
}

/// The largest difference between two numbers at the same place.
fn difference(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, larger)
}

/// The larger of two; what is not a number is larger than all.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(deviation: Deviation) -> Result<Verification> {
        let sample = Sample { images: vec![vec![0]], origin: Origin::MadeUp };
        Verification::of(&sample, vec![1], deviation)
    }

    #[test]
    fn deviations_are_the_largest_of_all_images() {
        let mut deviation = Deviation::default();
        deviation.add(&[0.0, 0.0, 4.0, -8.0], &[0.0, 0.0, 4.0, -8.0008], None, 2);
        assert!((deviation.logit_deviation - 1e-4).abs() < 1e-7, "{deviation:?}");
        assert!(deviation.probability_deviation < 1e-7, "{deviation:?}");
        deviation.add(&[0.0, 0.0], &[0.0, 0.0], Some(&[0.25, 0.75]), 2);
        assert!((deviation.probability_deviation - 0.25).abs() < 1e-12, "{deviation:?}");
        let error = verified(deviation).unwrap_err().to_string();
        assert!(error.contains("2.5e-1 in probability"), "{error}");
        let small = Deviation { probability_deviation: 1e-5, logit_deviation: 9e-5 };
        assert_eq!(verified(small.clone()).unwrap().deviation, small);
        assert!(verified(Deviation { logit_deviation: 2e-4, ..small }).is_err());
    }

    #[test]
    fn what_is_no_number_or_no_answer_is_a_deviation() {
        for (expected, found) in [
            ([0.0, 1.0], vec![0.0, f32::NAN]),
            ([f32::NAN, 1.0], vec![0.0, 1.0]),
            ([f32::NAN, f32::NAN], vec![f32::NAN, f32::NAN]),
            ([0.0, 1.0], vec![0.0, f32::INFINITY]),
            ([0.0, 0.0], vec![0.0, 1e-3]),
            ([0.0, 1.0], vec![0.0]),
        ] {
            let mut deviation = Deviation::default();
            deviation.add(&expected, &found, None, 2);
            deviation.add(&[0.0, 1.0], &[0.0, 1.0], None, 2);
            assert!(verified(deviation).is_err(), "{expected:?} {found:?}");
        }
    }
}
