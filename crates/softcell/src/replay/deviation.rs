//! How far two tensors are apart, and whether that is too far.

use std::collections::BTreeMap;

use super::{Precision, ReplayReport};
use crate::network::HostTensor;

/// Largest `max|a − b| / max|b|` that passes. A correct implementation in f32 reaches about 1e-5.
pub const RELATIVE_TOLERANCE: f64 = 1e-3;

/// Deviations of a correct implementation in f32 stay below this wherever no ReLU and no max pool decided
/// otherwise than in the recording.
pub const ROUNDING: f64 = 1e-4;

/// In place of a deviation that is no number; JSON has no infinity.
const UNMEASURABLE: f64 = f64::MAX;

/// Whether a quantity depends on which side of zero a ReLU saw, or on which value won a max pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It is continuous in what goes in: forward values, and anything of a single operation.
    Smooth,
    /// It jumps with such decisions: gradients, and everything after a step along them.
    Kinked,
}

/// The deviations met so far.
#[derive(Debug, Default)]
pub(super) struct Deviations {
    largest: BTreeMap<String, f64>,
    failures: Vec<String>,
    /// What is beyond rounding, whether it passes or not.
    notices: Vec<String>,
    smooth_failed: bool,
}

impl Deviations {
    /// Judges `ours` by the relative tolerance.
    pub(super) fn compare(
        &mut self,
        quantity: &str,
        reach: Reach,
        name: &str,
        ours: &HostTensor,
        recorded: &HostTensor,
    ) {
        let relative = relative(ours, recorded);
        self.note(quantity, relative);
        let sentence = |tolerance: f64| {
            let what = describe(ours, recorded, relative, "relative");
            format!("{quantity}: {name} {what}; the tolerance is {tolerance:e}")
        };
        if relative > RELATIVE_TOLERANCE {
            self.failures.push(sentence(RELATIVE_TOLERANCE));
            self.smooth_failed |= reach == Reach::Smooth;
        }
        if relative > ROUNDING && reach == Reach::Kinked {
            self.notices.push(sentence(ROUNDING));
        }
    }

    /// Judges `ours`, which kinks can reach, by an absolute tolerance; the relative deviation is noted without
    /// judging it, the absolute one under `<quantity>_absolute`.
    pub(super) fn compare_absolute(
        &mut self,
        quantity: &str,
        name: &str,
        ours: &HostTensor,
        recorded: &HostTensor,
        tolerance: f64,
    ) {
        self.note(quantity, relative(ours, recorded));
        let quantity = format!("{quantity}_absolute");
        let absolute = absolute(ours, recorded);
        self.note(&quantity, absolute);
        if absolute > tolerance {
            let what = describe(ours, recorded, absolute, "absolute");
            let sentence = format!("{quantity}: {name} {what}; the tolerance is {tolerance:e}");
            self.notices.push(sentence.clone());
            self.failures.push(sentence);
        }
    }

    /// Judges two things that must be equal.
    pub(super) fn compare_exact<T: PartialEq + std::fmt::Display>(
        &mut self,
        quantity: &str,
        reach: Reach,
        ours: &T,
        recorded: &T,
    ) {
        let differs = ours != recorded;
        self.note(quantity, if differs { 1.0 } else { 0.0 });
        if differs {
            let sentence = format!("{quantity}: {ours} instead of the recorded {recorded}");
            match reach {
                Reach::Smooth => self.smooth_failed = true,
                Reach::Kinked => self.notices.push(sentence.clone()),
            }
            self.failures.push(sentence);
        }
    }

    /// Whether something departs further than rounding alone takes it, but nothing that kinks cannot reach.
    pub(super) fn may_be_rounding(&self) -> bool {
        !self.smooth_failed && !self.notices.is_empty()
    }

    /// The departures that [`Deviations::may_be_rounding`] speaks of.
    pub(super) fn into_notices(self) -> Vec<String> {
        self.notices
    }

    fn note(&mut self, quantity: &str, deviation: f64) {
        let largest = self.largest.entry(quantity.to_string()).or_insert(0.0);
        *largest = largest.max(deviation);
    }

    pub(super) fn into_report(
        self,
        kind: String,
        precision: Precision,
        rounding: Vec<String>,
    ) -> ReplayReport {
        let ok = self.failures.is_empty();
        ReplayReport {
            kind,
            ok,
            max_relative_error: self.largest,
            failures: self.failures,
            precision,
            rounding,
        }
    }
}

/// `max|a − b|`.
fn absolute(ours: &HostTensor, recorded: &HostTensor) -> f64 {
    if ours.shape != recorded.shape {
        return UNMEASURABLE;
    }
    let mut largest = 0.0_f64;
    for (&a, &b) in ours.values.iter().zip(&recorded.values) {
        let difference = (f64::from(a) - f64::from(b)).abs();
        if !difference.is_finite() {
            return UNMEASURABLE;
        }
        largest = largest.max(difference);
    }
    largest
}

/// `max|a − b| / max|b|`, or `max|a − b|` where b is zero throughout.
fn relative(ours: &HostTensor, recorded: &HostTensor) -> f64 {
    let absolute = absolute(ours, recorded);
    let size = recorded.values.iter().fold(0.0_f64, |size, &b| size.max(f64::from(b).abs()));
    if absolute == UNMEASURABLE || size == 0.0 { absolute } else { absolute / size }
}

fn describe(ours: &HostTensor, recorded: &HostTensor, deviation: f64, measure: &str) -> String {
    if ours.shape != recorded.shape {
        return format!("has shape {:?} instead of the recorded {:?}", ours.shape, recorded.shape);
    }
    if deviation == UNMEASURABLE {
        let side = if ours.values.iter().all(|v| v.is_finite()) { "the recording" } else { "the replay" };
        return format!("has a value in {side} that is not a finite number");
    }
    format!("deviates by {deviation:.2e} ({measure})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> HostTensor {
        HostTensor { shape: vec![values.len()], values: values.to_vec() }
    }

    #[test]
    fn relative_to_the_largest_recorded_value() {
        let recorded = tensor(&[1.0, -4.0, 0.5]);
        assert_eq!(relative(&tensor(&[1.5, -4.0, 0.5]), &recorded), 0.125);
        assert_eq!(absolute(&tensor(&[1.5, -4.0, 0.5]), &recorded), 0.5);
        assert_eq!(relative(&tensor(&[0.25, 0.0]), &tensor(&[0.0, 0.0])), 0.25);
        assert_eq!(relative(&tensor(&[]), &tensor(&[])), 0.0);
    }

    #[test]
    fn what_cannot_be_measured_fails() {
        for (ours, recorded, word) in [
            (tensor(&[f32::NAN, 1.0]), tensor(&[1.0, 1.0]), "in the replay that is not a finite number"),
            (tensor(&[1.0]), tensor(&[f32::INFINITY]), "in the recording that is not a finite number"),
            (tensor(&[f32::INFINITY]), tensor(&[f32::INFINITY]), "not a finite number"),
            (tensor(&[1.0, 1.0]), tensor(&[1.0]), "has shape [2] instead of the recorded [1]"),
        ] {
            let mut deviations = Deviations::default();
            deviations.compare("logits", Reach::Kinked, "train.logits", &ours, &recorded);
            deviations.compare_absolute("alphas", "step.0.alphas_normal", &ours, &recorded, 1.0);
            let report = deviations.into_report("search".into(), Precision::F32, Vec::new());
            assert!(!report.ok);
            assert_eq!(report.max_relative_error["logits"], f64::MAX);
            assert_eq!(report.failures.len(), 2, "{:?}", report.failures);
            assert!(report.failures.iter().all(|f| f.contains(word)), "{:?}", report.failures);
            assert!(!serde_json::to_string(&report).unwrap().contains("null"));
        }
    }

    #[test]
    fn tolerances_are_kept_apart() {
        let mut deviations = Deviations::default();
        deviations.compare("loss", Reach::Kinked, "a", &tensor(&[1.0005]), &tensor(&[1.0]));
        // Far apart in relative terms, near in absolute ones: alphas are judged by the latter.
        deviations.compare_absolute("alphas", "b", &tensor(&[2e-5]), &tensor(&[1e-5]), 1.5e-5);
        assert!(deviations.failures.is_empty());
        deviations.compare_absolute("alphas", "c", &tensor(&[3e-5]), &tensor(&[1e-5]), 1.5e-5);
        deviations.compare("loss", Reach::Kinked, "d", &tensor(&[1.01]), &tensor(&[1.0]));
        deviations.compare_exact("parameters", Reach::Smooth, &3, &3);
        deviations.compare_exact("genotype", Reach::Kinked, &"one", &"other");
        let report = deviations.into_report("search".into(), Precision::F32, Vec::new());
        assert_eq!(report.failures.len(), 3);
        assert!(
            report.failures[0].starts_with("alphas_absolute: c deviates by 2.00e-5 (absolute)"),
            "{report:?}"
        );
        assert_eq!(report.failures[1], "loss: d deviates by 1.00e-2 (relative); the tolerance is 1e-3");
        assert_eq!(report.failures[2], "genotype: one instead of the recorded other");
        assert_eq!(report.max_relative_error["parameters"], 0.0);
        assert_eq!(report.max_relative_error["genotype"], 1.0);
        assert!((report.max_relative_error["alphas"] - 2.0).abs() < 1e-6);
    }

    #[test]
    fn only_what_kinks_reach_may_be_rounding() {
        let compare = |reach, ours| {
            let mut deviations = Deviations::default();
            deviations.compare("loss", reach, "a", &tensor(&[ours]), &tensor(&[1.0]));
            deviations
        };
        assert!(!compare(Reach::Kinked, 1.000_05).may_be_rounding(), "rounding explains it");
        assert!(compare(Reach::Kinked, 1.000_5).may_be_rounding());
        assert!(compare(Reach::Kinked, 1.5).may_be_rounding());
        assert!(!compare(Reach::Smooth, 1.5).may_be_rounding());
        let mut deviations = compare(Reach::Kinked, 1.5);
        deviations.compare_exact("parameters", Reach::Smooth, &1, &2);
        assert!(!deviations.may_be_rounding(), "one failure that kinks cannot reach settles it");
        assert_eq!(compare(Reach::Kinked, 1.5).into_notices().len(), 1);
    }
}
