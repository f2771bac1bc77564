//! Losses and what is counted beside them.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Mean cross-entropy against targets of `1 − ε` on the label plus `ε / classes` everywhere:
/// `−(1/N) Σ_n Σ_c t_nc · log softmax(logits)_nc`.
///
/// # Shapes
/// - `logits` `[N, classes]`, `labels` `[N]`
/// - Output `[1]`
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f64) -> Tensor<1> {
    let [n, classes] = logits.dims();
    let log = log_softmax(logits, 1);
    let hit = log.clone().gather(1, labels.reshape([n, 1])).sum() * ((1.0 - smoothing) / n as f64);
    let loss =
        if smoothing > 0.0 { hit + log.sum() * (smoothing / (classes as f64 * n as f64)) } else { hit };
    loss.neg()
}

/// Running means of a pass over data.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Meter {
    /// Images seen.
    pub images: u64,
    /// Σ loss · images.
    pub loss_sum: f64,
    /// Images whose label had the largest logit.
    pub top1: u64,
    /// Images whose label was among the five largest logits.
    pub top5: u64,
}

impl Meter {
    /// Adds a batch: its mean loss, its logits `[N, classes]` row by row, its labels.
    pub fn add(&mut self, loss: f32, logits: &[f32], labels: &[u32]) {
        let classes = logits.len() / labels.len().max(1);
        self.images += labels.len() as u64;
        self.loss_sum += f64::from(loss) * labels.len() as f64;
        for (row, &label) in logits.chunks(classes).zip(labels) {
            let rank = rank(row, label as usize);
            self.top1 += u64::from(rank == 0);
            self.top5 += u64::from(rank < 5);
        }
    }

    /// Mean loss.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.images.max(1) as f64
    }

    /// Share of images with the right class first.
    pub fn accuracy(&self) -> f64 {
        self.top1 as f64 / self.images.max(1) as f64
    }

    /// Share of images with the right class among the first five.
    pub fn top5_accuracy(&self) -> f64 {
        self.top5 as f64 / self.images.max(1) as f64
    }
}

/// How many classes come before `label`: those with a larger logit, or an equal one and a lower index.
fn rank(row: &[f32], label: usize) -> usize {
    let own = row[label];
    row.iter().enumerate().filter(|&(c, &v)| v > own || (v == own && c < label) || v.is_nan()).count()
}

/// The index of the largest value, the first one on ties.
pub fn argmax(row: &[f32]) -> usize {
    row.iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (i, &v)| if v > best.1 { (i, v) } else { best })
        .0
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn cross_entropy_equals_the_closed_form() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_data(TensorData::from([[1.0f32, 2.0, 0.5], [0.0, 0.0, 0.0]]), &device);
        let labels = Tensor::<1, Int>::from_data(TensorData::from([1i64, 2]), &device);
        let log_z = (1f64.exp() + 2f64.exp() + 0.5f64.exp()).ln();
        let plain = ((log_z - 2.0) + 3f64.ln()) / 2.0;
        let value = |smoothing| {
            f64::from(
                cross_entropy(logits.clone(), labels.clone(), smoothing)
                    .into_data()
                    .try_to_vec::<f32>()
                    .unwrap()[0],
            )
        };
        assert!((value(0.0) - plain).abs() < 1e-6);
        let spread = ((3.0 * log_z - 3.5) + 3.0 * 3f64.ln()) / 6.0;
        assert!((value(0.1) - (0.9 * plain + 0.1 * spread)).abs() < 1e-6);
    }

    #[test]
    fn meter_counts_first_and_first_five() {
        let mut meter = Meter::default();
        let falling: Vec<f32> = (0..7).map(|c| -(c as f32)).collect();
        meter.add(1.0, &[falling.clone(), falling.clone(), falling].concat(), &[0, 4, 5]);
        assert_eq!((meter.images, meter.top1, meter.top5), (3, 1, 2));
        assert_eq!(meter.loss(), 1.0);
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        assert_eq!(argmax(&[0.0, 3.0, 3.0]), 1);
    }
}
