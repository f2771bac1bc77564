//! The definition of the operation in stock tensor operations.

use burn::tensor::Tensor;

/// [`weighted_sum`](crate::weighted_sum), term by term.
pub fn weighted_sum(terms: Vec<Tensor<4>>, weights: Tensor<1>) -> Tensor<4> {
    terms
        .into_iter()
        .enumerate()
        .map(|(k, term)| term * weights.clone().slice(k..k + 1).reshape([1, 1, 1, 1]))
        .reduce(|sum, term| sum + term)
        .expect("a weighted sum has at least one term")
}
