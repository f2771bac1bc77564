//! Losses and what is counted beside them.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

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

/// [`cross_entropy`], with a weight for each class where there are any.
///
/// With weights w it is what `torch.nn.CrossEntropyLoss(weight=w, label_smoothing=ε)` defines: with the labels y,
/// `−[(1 − ε) Σ_n w_{y_n} · log softmax(logits)_{n,y_n} + (ε / classes) Σ_n Σ_c w_c · log softmax(logits)_nc] /
/// Σ_n w_{y_n}`. Weights that are all 1 give [`cross_entropy`].
///
/// # Shapes
/// - `logits` `[N, classes]`, `labels` `[N]`, `weights` `[classes]`
/// - Output `[1]`
pub fn class_weighted_cross_entropy(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Option<&Tensor<1>>,
    smoothing: f64,
) -> Tensor<1> {
    let Some(weights) = weights else { return cross_entropy(logits, labels, smoothing) };
    let [n, classes] = logits.dims();
    let log = log_softmax(logits, 1);
    let of_labels = weights.clone().gather(0, labels.clone());
    let all = of_labels.clone().sum();
    let hit = (log.clone().gather(1, labels.reshape([n, 1])).reshape([n]) * of_labels).sum();
    let sum = if smoothing > 0.0 {
        let spread = (log * weights.clone().reshape([1, classes])).sum();
        hit * (1.0 - smoothing) + spread * (smoothing / classes as f64)
    } else {
        hit
    };
    (sum / all).neg()
}

/// The weights of the classes as a tensor for [`class_weighted_cross_entropy`].
pub(crate) fn class_weight_tensor(weights: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(weights.to_vec(), [weights.len()]), device)
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

/// How many classes come before `label`: those with a larger logit, or an equal one and a lower index. Where a logit
/// is NaN or infinite there is no answer that could be right.
fn rank(row: &[f32], label: usize) -> usize {
    if row.iter().any(|logit| !logit.is_finite()) {
        return usize::MAX;
    }
    let own = row[label];
    row.iter().enumerate().filter(|&(c, &v)| v > own || (v == own && c < label)).count()
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

    const LOGITS: [[f32; 3]; 4] = [[1.0, 2.0, 0.5], [0.0, 0.0, 0.0], [-1.0, 0.25, 3.0], [0.5, -2.0, 1.5]];
    const LABELS: [usize; 4] = [1, 2, 0, 2];
    const WEIGHTS: [f64; 3] = [0.5, 2.0, 3.25];

    /// Value and gradient of the weighted loss by its definition, with plain numbers.
    fn by_definition(weights: [f64; 3], smoothing: f64) -> (f64, Vec<f64>) {
        let all: f64 = LABELS.iter().map(|&y| weights[y]).sum();
        let (mut loss, mut gradient) = (0.0, Vec::new());
        for (row, &y) in LOGITS.iter().zip(&LABELS) {
            let z: f64 = row.iter().map(|&v| f64::from(v).exp()).sum();
            // The weight of each class's log-probability in the sum.
            let share: Vec<f64> = (0..3)
                .map(|c| {
                    let hit = if c == y { (1.0 - smoothing) * weights[y] } else { 0.0 };
                    hit + smoothing / 3.0 * weights[c]
                })
                .collect();
            let total: f64 = share.iter().sum();
            for c in 0..3 {
                let p = f64::from(row[c]).exp() / z;
                loss -= share[c] * p.ln() / all;
                gradient.push((total * p - share[c]) / all);
            }
        }
        (loss, gradient)
    }

    fn by_tensors(weights: Option<[f64; 3]>, smoothing: f64) -> (f64, Vec<f64>) {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_data(TensorData::from(LOGITS), &device).require_grad();
        let labels = Tensor::<1, Int>::from_data(TensorData::from(LABELS.map(|y| y as i64)), &device);
        let weights = weights.map(|w| class_weight_tensor(&w.map(|v| v as f32), &device));
        let loss = class_weighted_cross_entropy(logits.clone(), labels, weights.as_ref(), smoothing);
        let gradient = logits.grad(&loss.backward()).unwrap();
        let plain = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<_>>();
        let loss = plain(loss.inner().into_data().try_to_vec::<f32>().unwrap())[0];
        (loss, plain(gradient.into_data().try_to_vec::<f32>().unwrap()))
    }

    #[test]
    fn weighted_cross_entropy_and_its_gradient_equal_the_definition() {
        for smoothing in [0.0, 0.1, 0.75] {
            for weights in [WEIGHTS, [1.0; 3], [4.0; 3]] {
                let (loss, gradient) = by_tensors(Some(weights), smoothing);
                let (expected, slopes) = by_definition(weights, smoothing);
                assert!((loss - expected).abs() < 1e-6, "{weights:?} {smoothing}: {loss} {expected}");
                for (found, expected) in gradient.iter().zip(&slopes) {
                    assert!((found - expected).abs() < 1e-6, "{weights:?} {smoothing}: {found} {expected}");
                }
            }
            let (plain, none) = (by_tensors(Some([1.0; 3]), smoothing).0, by_tensors(None, smoothing).0);
            assert!((plain - none).abs() < 1e-6, "{smoothing}: {plain} {none}");
        }
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
