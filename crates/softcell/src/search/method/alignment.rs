//! How well the gradients of a network's cells agree (Λ-DARTS, Movahedi et al. 2023).

use super::dot;

/// Λ: the mean cosine of the angles between all pairs of gradients; none of fewer than two, or where one is 0.
#[cfg(test)]
pub fn mean_cosine(gradients: &[Vec<f64>]) -> Option<f64> {
    let units = units(gradients)?;
    let pairs = (0..units.len()).flat_map(|k| (0..k).map(move |l| (k, l)));
    let cosines: Vec<f64> = pairs.map(|(k, l)| dot(&units[k].1, &units[l].1)).collect();
    Some(cosines.iter().sum::<f64>() / cosines.len() as f64)
}

/// `∂Λ/∂g_l = 2/(n(n−1)) · (I − u_l u_lᵀ) Σ_k u_k / ‖g_l‖` with `u = g/‖g‖`, for each of n gradients; none of
/// fewer than two, or where one is 0. Λ is the mean cosine of all pairs.
pub fn directions(gradients: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let units = units(gradients)?;
    let n = units.len() as f64;
    let mut sum = vec![0.0; units[0].1.len()];
    for (_, unit) in &units {
        sum.iter_mut().zip(unit).for_each(|(sum, u)| *sum += u);
    }
    let direction = |(norm, unit): &(f64, Vec<f64>)| {
        let along = dot(unit, &sum);
        let factor = 2.0 / (n * (n - 1.0)) / norm;
        sum.iter().zip(unit).map(|(sum, u)| factor * (sum - along * u)).collect()
    };
    Some(units.iter().map(direction).collect())
}

/// Lengths and unit vectors of two or more.
fn units(gradients: &[Vec<f64>]) -> Option<Vec<(f64, Vec<f64>)>> {
    let unit = |gradient: &Vec<f64>| {
        let norm = dot(gradient, gradient).sqrt();
        (norm > 0.0 && norm.is_finite()).then(|| (norm, gradient.iter().map(|g| g / norm).collect()))
    };
    if gradients.len() < 2 { None } else { gradients.iter().map(unit).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradients() -> Vec<Vec<f64>> {
        vec![vec![1.0, -2.0, 0.5, 3.0], vec![0.3, 0.1, -0.7, 0.2], vec![-4.0, 1.0, 2.0, 0.0]]
    }

    #[test]
    fn directions_are_the_gradient_of_the_mean_cosine() {
        let gradients = gradients();
        let directions = directions(&gradients).unwrap();
        for (l, row) in directions.iter().enumerate() {
            for (i, found) in row.iter().enumerate() {
                let at = |step: f64| {
                    let mut moved = gradients.clone();
                    moved[l][i] += step;
                    mean_cosine(&moved).unwrap()
                };
                let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((found - difference).abs() < 1e-8, "{l} {i}: {found} / {difference}");
            }
        }
    }

    #[test]
    fn known_cosines() {
        let rows = |rows: &[[f64; 2]]| rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>();
        assert_eq!(mean_cosine(&rows(&[[1.0, 0.0], [0.0, 2.0]])), Some(0.0));
        assert_eq!(mean_cosine(&rows(&[[1.0, 0.0], [5.0, 0.0], [-2.0, 0.0]])), Some(-1.0 / 3.0));
        // Vectors of one direction are as much alike as can be.
        let same = directions(&rows(&[[3.0, 0.0], [1.0, 0.0]])).unwrap();
        assert_eq!(same, rows(&[[0.0, 0.0], [0.0, 0.0]]));
    }

    #[test]
    fn nothing_is_said_of_one_gradient_or_of_none() {
        assert_eq!(mean_cosine(&gradients()[..1]), None);
        assert_eq!(directions(&[vec![1.0, 0.0], vec![0.0, 0.0]]), None);
        assert_eq!(directions(&[vec![1.0, 0.0], vec![f64::NAN, 0.0]]), None);
    }
}
