//! What the calibration in `result.json` may say.

use super::record::{Checked, Record, count, holds, if_there, share, whole};
use crate::records::{Calibration, CalibrationBin, error_of};

/// Most ranges of probability.
const MOST_BINS: usize = 1000;
/// By how much numbers may differ for rounding's sake.
const ROUNDING: f64 = 1e-6;

impl Record for Calibration {
    fn check(&self) -> Checked {
        share("calibration.expected_calibration_error", self.expected_calibration_error)?;
        whole("calibration.bins", self.bins.len(), 1..=MOST_BINS)?;
        let width = 1.0 / self.bins.len() as f64;
        for (i, bin) in self.bins.iter().enumerate() {
            let field = |name: &str| format!("calibration.bins[{i}].{name}");
            let &CalibrationBin { images, right, confidence } = bin;
            count(&field("images"), images)?;
            holds(right <= images, &field("right"), right, format!("at most {images}, as images says"))?;
            let found = confidence.map_or("none".to_owned(), |confidence| confidence.to_string());
            holds(
                confidence.is_some() == (images > 0),
                &field("confidence"),
                found,
                "one where there are images",
            )?;
            if_there(confidence, |confidence| {
                let [low, high] = [i as f64 * width, (i + 1) as f64 * width];
                let fits = (low - ROUNDING..=high + ROUNDING).contains(&confidence);
                holds(fits, &field("confidence"), confidence, format!("a number from {low} to {high}"))
            })?;
        }
        let (found, expected) = (self.expected_calibration_error, error_of(&self.bins));
        let fits = (found - expected).abs() < ROUNDING;
        holds(fits, "calibration.expected_calibration_error", found, format!("{expected}, as of the bins"))
    }
}
