//! The largest eigenvalue of a symmetric matrix that is known by its products alone.

use super::method::dot;

/// Residual of the Ritz vector, as a share of its value, at which it is taken.
const SETTLED: f64 = 0.005;

/// The largest algebraic eigenvalue, by Lanczos' iteration with full reorthogonalisation from `start`, in at most `most`
/// products.
///
/// It ends when the residual `‖Ax − θx‖` of the largest Ritz value θ is below 0.5 % of it. There is an eigenvalue within the
/// residual of θ, and θ is not above the largest, as far as the products are exact; its error falls with the square of the
/// residual. An eigenvector of which `start` has next to nothing is missed: draw it. Everything is added in one order: the same products give the same bits.
pub(super) fn largest_eigenvalue(
    start: Vec<f64>,
    most: usize,
    mut product: impl FnMut(&[f64]) -> Vec<f64>,
) -> f64 {
    let n = start.len();
    let length = norm(&start);
    let mut basis = vec![scaled(start, 1.0 / length)];
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    loop {
        let vector = basis.last().expect("there is a first vector");
        let mut next = product(vector);
        diagonal.push(dot(&next, vector));
        // Once is not enough where almost nothing is left.
        for _ in 0..2 {
            for other in &basis {
                let share = dot(&next, other);
                next.iter_mut().zip(other).for_each(|(x, o)| *x -= share * o);
            }
        }
        let found = largest_of_tridiagonal(&diagonal, &beside);
        let rest = norm(&next);
        let size = diagonal.iter().chain(&beside).fold(0.0, |most: f64, x: &f64| most.max(x.abs()));
        // What is left of a space that has been gone through is rounding.
        let through = diagonal.len() == n.min(most) || rest.is_nan() || rest <= 1e-6 * size;
        let residual = rest * last_of_vector(&diagonal, &beside, found);
        if residual <= SETTLED * found.abs() || through {
            return found;
        }
        beside.push(rest);
        basis.push(scaled(next, 1.0 / rest));
    }
}

/// By bisection: the number of eigenvalues above x is that of the positive pivots of `T − x·I` (Sylvester).
fn largest_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> f64 {
    let radius = |i: usize| {
        let left = i.checked_sub(1).map_or(0.0, |i| beside[i].abs());
        left + beside.get(i).map_or(0.0, |b| b.abs())
    };
    let ends = || diagonal.iter().enumerate();
    let mut low = ends().map(|(i, d)| d - radius(i)).fold(f64::INFINITY, f64::min);
    let mut high = ends().map(|(i, d)| d + radius(i)).fold(f64::NEG_INFINITY, f64::max);
    let is_above = |x: f64| {
        let mut pivot = 1.0f64;
        (0..diagonal.len()).any(|i| {
            let square = i.checked_sub(1).map_or(0.0, |i| beside[i] * beside[i]);
            pivot = diagonal[i] - x - square / pivot;
            if pivot == 0.0 {
                pivot = -f64::MIN_POSITIVE.sqrt();
            }
            pivot > 0.0
        })
    };
    // Not a number: nothing is above or below it.
    if !(low.is_finite() && high.is_finite()) {
        return f64::NAN;
    }
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if is_above(middle) { low = middle } else { high = middle }
    }
    high
}

/// The last entry, by its size, of the unit eigenvector of so large an eigenvalue: by the rows of `(T − θI)x = 0` from the
/// first on. Of the largest all entries have one sign where the numbers beside the diagonal are positive, so nothing
/// cancels.
fn last_of_vector(diagonal: &[f64], beside: &[f64], eigenvalue: f64) -> f64 {
    let mut x = vec![1.0];
    for (i, b) in beside.iter().enumerate() {
        let before = i.checked_sub(1).map_or(0.0, |j| beside[j] * x[j]);
        x.push(((eigenvalue - diagonal[i]) * x[i] - before) / b);
    }
    (x[x.len() - 1] / norm(&x)).abs()
}

pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn scaled(mut vector: Vec<f64>, factor: f64) -> Vec<f64> {
    vector.iter_mut().for_each(|x| *x *= factor);
    vector
}

/// All eigenvalues of a symmetric matrix, by Jacobi's rotations.
#[cfg(test)]
pub(super) fn all_eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    for _ in 0..100 {
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
                let (upper, lower) = a.split_at_mut(q);
                for (first, second) in upper[p].iter_mut().zip(&mut lower[0]) {
                    let (x, y) = (*first, *second);
                    (*first, *second) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    (0..n).map(|i| a[i][i]).collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::stream;

    fn numbers(n: usize, seed: u64) -> Vec<f64> {
        let mut random = stream(seed, "numbers", &[]);
        (0..n).map(|_| random.random::<f64>() * 2.0 - 1.0).collect()
    }

    fn found(matrix: &[Vec<f64>], most: usize) -> f64 {
        let product = |v: &[f64]| matrix.iter().map(|row| dot(row, v)).collect();
        largest_eigenvalue(numbers(matrix.len(), 11), most, product)
    }

    #[test]
    fn of_symmetric_matrices() {
        for (n, seed) in [(1, 1), (2, 2), (5, 3), (30, 4), (60, 5)] {
            let x: Vec<Vec<f64>> = numbers(n * n, seed).chunks(n).map(<[f64]>::to_vec).collect();
            let matrix: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| x[i][j] + x[j][i]).collect()).collect();
            let largest = all_eigenvalues(matrix.clone()).into_iter().fold(f64::NEG_INFINITY, f64::max);
            let value = found(&matrix, 40);
            assert!((value - largest).abs() < 1e-2 * largest.abs(), "{n}: {value} / {largest}");
        }
    }

    /// Largest by sign, not by size; a space in which the vectors run out; a matrix of nothing.
    #[test]
    fn of_matrices_of_few_eigenvalues() {
        let diagonal = |values: &[f64]| {
            let row = |(i, &value): (usize, &f64)| {
                (0..values.len()).map(|j| if i == j { value } else { 0.0 }).collect()
            };
            values.iter().enumerate().map(row).collect::<Vec<Vec<f64>>>()
        };
        assert!((found(&diagonal(&[-9.0, 0.5, -2.0, 0.1]), 20) - 0.5).abs() < 1e-9);
        assert!((found(&diagonal(&[3.0; 7]), 20) - 3.0).abs() < 1e-9);
        assert!((found(&diagonal(&[-3.0, -1.0]), 20) + 1.0).abs() < 1e-9);
        assert_eq!(found(&diagonal(&[0.0; 5]), 20), 0.0);
        assert!(found(&diagonal(&[f64::NAN, 1.0]), 20).is_nan());
    }

    #[test]
    fn products_are_few() {
        let mut asked = 0;
        // Outliers and a bulk, as Hessians of losses have them.
        let values: Vec<f64> =
            (0..224).map(|i| if i < 5 { 1.0 - 0.2 * i as f64 } else { 1e-3 * i as f64 / 224.0 }).collect();
        let product = |v: &[f64]| {
            asked += 1;
            v.iter().zip(&values).map(|(v, d)| v * d).collect()
        };
        let value = largest_eigenvalue(numbers(224, 8), 40, product);
        assert!((value - 1.0).abs() < 1e-2 && asked <= 12, "{value} after {asked}");
    }
}
