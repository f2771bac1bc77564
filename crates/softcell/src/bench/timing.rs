//! The clock.

use std::time::Instant;

use serde::Serialize;

use crate::config::whole;
use crate::error::{Error, Remedy, Result};
use crate::event::{Event, Observer};

const MAX_STEPS: usize = 1_000_000;

/// How often a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Steps before the clock runs, in which caches, workspaces and the momentum come to be.
    pub warmup: usize,
    /// Steps that are timed, at least 1.
    pub steps: usize,
}

/// What the clock saw.
pub(super) struct Times {
    /// Seconds of each timed step, in order.
    pub(super) seconds: Vec<f64>,
    /// Loss of the last step.
    pub(super) loss: f32,
}

impl Repeats {
    /// Whether there is a step to time.
    pub(super) fn check(self) -> Result<()> {
        whole("steps", self.steps, 1..=MAX_STEPS)?;
        whole("warmup", self.warmup, 0..=MAX_STEPS)
    }

    /// Takes the steps; `step` gets the number of each from 0 and answers its loss.
    pub(super) fn time(
        self,
        observer: &mut dyn Observer,
        mut step: impl FnMut(usize) -> f32,
    ) -> Result<Times> {
        let total = self.warmup + self.steps;
        let mut times = Times { seconds: Vec::with_capacity(self.steps), loss: f32::NAN };
        observer.on(Event::Measuring { done: 0, total })?;
        for i in 0..total {
            let clock = Instant::now();
            times.loss = step(i);
            let seconds = clock.elapsed().as_secs_f64();
            if !times.loss.is_finite() {
                return Err(Error::invalid(
                    format!("step {}", i + 1),
                    format!("a loss of {}", times.loss),
                    "a finite loss, without which the times say nothing",
                    "take another " + Remedy::Setting("seed") + " or fewer steps",
                ));
            }
            if i >= self.warmup {
                times.seconds.push(seconds);
            }
            observer.on(Event::Measuring { done: i + 1, total })?;
        }
        Ok(times)
    }
}

/// The middle one of some numbers, or the mean of the two in the middle.
///
/// # Panics
/// When there is none.
pub(super) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Silent;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[5.0]), 5.0);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), 3.0);
    }

    #[test]
    fn steps_to_warm_up_are_taken_and_not_timed() {
        let mut taken = Vec::new();
        let step = |i| {
            taken.push(i);
            i as f32
        };
        let times = Repeats { warmup: 2, steps: 3 }.time(&mut Silent, step).unwrap();
        assert_eq!((times.seconds.len(), times.loss), (3, 4.0));
        assert_eq!(taken, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_loss_that_is_no_number_ends_it() {
        let error = Repeats { warmup: 0, steps: 2 }.time(&mut Silent, |_| f32::NAN).err().unwrap();
        assert!(error.to_string().contains("step 1: found a loss of NaN"), "{error}");
    }
}
