//! When the alphas' largest eigenvalue has risen: the rule of RobustDARTS (Zela et al. 2020).

use serde::{Deserialize, Serialize};

/// The rule on measurements `x_0, x_1, …` of the eigenvalue. With `h = ⌊window / 2⌋` and
/// `m_c = mean(x_{max(0, c−h)}, …, x_{c+h})`, it goes off at the first measurement i for which, with `c = i − h` and
/// `a = c − distance ≥ 0`, `m_c > ratio · m_a > 0` and the epoch of measurement a is `first` or later.
///
/// The official numbers: every second epoch of 50, window 5, distance 4, ratio 1.3, first 10.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EigenvalueRule {
    /// By how much the mean must have grown.
    pub ratio: f64,
    /// Measurements of a mean.
    pub window: usize,
    /// Measurements between the two means.
    pub distance: usize,
    /// Earliest epoch, from 0, that may count as the one before the rise.
    pub first: usize,
}

/// The eigenvalue has risen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The epoch, from 0, at which it was seen.
    pub at: usize,
    /// The epoch, from 0, before the rise.
    pub before: usize,
    /// Mean now over mean then.
    pub ratio: f64,
}

impl EigenvalueRule {
    /// The first alarm of these measurements, each an epoch and what was measured after it.
    pub fn alarm(&self, measured: &[(usize, f64)]) -> Option<Alarm> {
        (0..measured.len()).find_map(|last| self.alarm_at(&measured[..=last]))
    }

    /// Measurements after which there can be an alarm for the first time.
    pub fn fewest(&self) -> usize {
        self.window / 2 + self.distance + 1
    }

    fn alarm_at(&self, measured: &[(usize, f64)]) -> Option<Alarm> {
        let half = self.window / 2;
        let mean = |centre: usize| {
            let window = &measured[centre.saturating_sub(half)..=centre + half];
            window.iter().map(|(_, value)| value).sum::<f64>() / window.len() as f64
        };
        let now = measured.len().checked_sub(1 + half)?;
        let then = now.checked_sub(self.distance)?;
        let (at, before) = (measured.last()?.0, measured[then].0);
        let ratio = mean(now) / mean(then);
        (before >= self.first && mean(then) > 0.0 && ratio > self.ratio).then_some(Alarm {
            at,
            before,
            ratio,
        })
    }
}
