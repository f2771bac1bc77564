//! The softmax of rows and its pullback.
//!
//! Searches of earlier versions computed both with Burn's tensors in f32. They keep their bits: each number is rounded
//! to f32 where it was, and the sums are still Burn's, since their order depends on the processor's vectors.

use burn::tensor::{Device, Tensor, TensorData};

/// `p_k = exp(α_k − max α) / Σ_j exp(α_j − max α)`, row by row.
///
/// A row with NaN or +∞ becomes NaN.
pub fn softmax(alphas: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let (exponentials, sums) = exponentials(alphas);
    let row = |(row, sum): (&Vec<f32>, &f32)| row.iter().map(|e| f64::from(e / sum)).collect();
    exponentials.iter().zip(&sums).map(row).collect()
}

/// `∂L/∂α_k = p_k · (g_k − Σ_j p_j g_j)` with `g = ∂L/∂p`, row by row.
///
/// In the order of the chain rule over `p = e/s`, `s = Σ e`, `e = exp(α − max α)`:
/// `∂L/∂α_k = (g_k · 1/s + Σ_j g_j · (−e_j)/s²) · e_k`.
pub fn pull_back(alphas: &[Vec<f32>], gradient: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let (exponentials, sums) = exponentials(alphas);
    let through_sum: Vec<Vec<f32>> = (exponentials.iter().zip(&sums))
        .zip(gradient)
        .map(|((row, sum), g)| row.iter().zip(g).map(|(e, g)| *g as f32 * (-e / (sum * sum))).collect())
        .collect();
    let through_sums = sums_of(&through_sum);
    (exponentials.iter().zip(sums.iter().zip(&through_sums)))
        .zip(gradient)
        .map(|((row, (sum, through_sum)), g)| {
            let reciprocal = 1.0 / sum;
            let alpha = |(e, g): (&f32, &f64)| f64::from((*g as f32 * reciprocal + through_sum) * e);
            row.iter().zip(g).map(alpha).collect()
        })
        .collect()
}

/// `exp(α − max α)` and its sum, for each row.
fn exponentials(alphas: &[Vec<f32>]) -> (Vec<Vec<f32>>, Vec<f32>) {
    let shifted = |row: &Vec<f32>| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.iter().map(|alpha| (alpha - largest).exp()).collect()
    };
    let exponentials: Vec<Vec<f32>> = alphas.iter().map(shifted).collect();
    let sums = sums_of(&exponentials);
    (exponentials, sums)
}

/// The sum of each row.
fn sums_of(rows: &[Vec<f32>]) -> Vec<f32> {
    let mut sums = Vec::with_capacity(rows.len());
    for rows in rows.chunk_by(|a, b| a.len() == b.len()) {
        let data = TensorData::new(rows.concat(), [rows.len(), rows[0].len()]);
        let sum = Tensor::<2>::from_data(data, &Device::flex()).sum_dim(1).into_data();
        sums.extend(sum.try_to_vec::<f32>().expect("the sums of f32 are f32"));
    }
    sums
}

#[cfg(test)]
mod tests {
    use burn::tensor::activation;
    use rand::RngExt;

    use super::*;
    use crate::random::stream;

    /// Rows of `n` numbers of very different sizes.
    fn numbers(name: &str, rows: usize, n: usize) -> Vec<Vec<f32>> {
        let mut random = stream(5, name, &[n as u64]);
        let mut row = |i: usize| {
            let scale = 10f32.powi(i as i32 % 7 - 3);
            (0..n).map(|_| (random.random::<f32>() * 2.0 - 1.0) * scale).collect()
        };
        (0..rows).map(&mut row).collect()
    }

    fn bits(numbers: impl IntoIterator<Item = f32>) -> Vec<u32> {
        numbers.into_iter().map(f32::to_bits).collect()
    }

    fn in_f32(rows: &[Vec<f64>]) -> Vec<f32> {
        rows.iter()
            .flatten()
            .map(|&number| {
                assert_eq!(f64::from(number as f32), number, "all numbers are those of f32");
                number as f32
            })
            .collect()
    }

    fn in_f64(rows: &[Vec<f32>]) -> Vec<Vec<f64>> {
        rows.iter().map(|row| row.iter().map(|&number| f64::from(number)).collect()).collect()
    }

    /// The softmax as earlier searches computed it: by the tensors' own operations, on the autodiff device.
    #[test]
    fn value_and_gradient_have_the_bits_of_burns_operations() {
        const ROWS: usize = 200;
        let device = Device::flex().autodiff();
        for n in 1..=20 {
            let (alphas, gradient) = (numbers("alphas", ROWS, n), numbers("gradient", ROWS, n));
            let tensor = |rows: &[Vec<f32>]| {
                Tensor::<2>::from_data(TensorData::new(rows.concat(), [ROWS, n]), &device)
            };
            let leaf = tensor(&alphas).require_grad();
            let weights = activation::softmax(leaf.clone(), 1);
            // The gradient of Σ p·g in p is g.
            let gradients = (weights.clone() * tensor(&gradient)).sum().backward();
            let wanted = weights.inner().into_data().try_to_vec::<f32>().unwrap();
            assert_eq!(bits(in_f32(&softmax(&alphas))), bits(wanted), "weights of {n}");
            let wanted = leaf.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
            let found = pull_back(&alphas, &in_f64(&gradient));
            assert_eq!(bits(in_f32(&found)), bits(wanted), "gradient of {n}");
        }
    }

    #[test]
    fn rows_of_other_lengths_change_nothing() {
        let rows: Vec<Vec<f32>> = [3, 3, 8, 2, 8].iter().flat_map(|&n| numbers("ragged", 1, n)).collect();
        let gradient = in_f64(&rows);
        let alone: Vec<Vec<f64>> = rows.iter().flat_map(|row| softmax(std::slice::from_ref(row))).collect();
        assert_eq!(softmax(&rows), alone);
        let back = pull_back(&rows, &gradient);
        for (i, row) in rows.iter().enumerate() {
            assert_eq!(back[i..=i], pull_back(std::slice::from_ref(row), &gradient[i..=i]));
        }
    }

    /// The softmax in f64.
    fn exact(row: &[f64]) -> Vec<f64> {
        let total: f64 = row.iter().map(|alpha| alpha.exp()).sum();
        row.iter().map(|alpha| alpha.exp() / total).collect()
    }

    #[test]
    fn value_and_pullback_follow_their_formulas() {
        for n in 1..=10 {
            let last = |name| vec![numbers(name, 4, n).pop().expect("four rows")];
            let (alphas, g) = (last("exact"), in_f64(&last("g")));
            let row = &in_f64(&alphas)[0];
            let p = exact(row);
            for (found, wanted) in softmax(&alphas)[0].iter().zip(&p) {
                assert!((found - wanted).abs() < 1e-6 * wanted, "{found} / {wanted}");
            }
            let mean: f64 = p.iter().zip(&g[0]).map(|(p, g)| p * g).sum();
            for (k, found) in pull_back(&alphas, &g)[0].iter().enumerate() {
                let wanted = p[k] * (g[0][k] - mean);
                assert!((found - wanted).abs() < 1e-6, "{n}: {found} / {wanted}");
                let loss = |step: f64| {
                    let mut moved = row.clone();
                    moved[k] += step;
                    exact(&moved).iter().zip(&g[0]).map(|(p, g)| p * g).sum::<f64>()
                };
                let difference = (loss(1e-5) - loss(-1e-5)) / 2e-5;
                assert!((found - difference).abs() < 1e-6, "{n}: {found} / {difference}");
            }
        }
    }

    #[test]
    fn known_values() {
        let rows = softmax(&[vec![0.0, 2f32.ln(), 5f32.ln()], vec![1e4, 1e4], vec![7.0]]);
        for (found, wanted) in rows[0].iter().zip([0.125, 0.25, 0.625]) {
            assert!((found - wanted).abs() < 1e-6, "{found}");
        }
        assert_eq!((&rows[1][..], &rows[2][..]), (&[0.5, 0.5][..], &[1.0][..]));
        assert!(softmax(&[vec![0.0, f32::NAN]])[0][0].is_nan());
        assert!(softmax(&[vec![0.0, f32::INFINITY]])[0][1].is_nan());
    }
}
