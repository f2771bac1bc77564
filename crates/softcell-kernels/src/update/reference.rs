//! The definitions of the operations in stock tensor operations.

use burn::tensor::Tensor;

use super::Descent;

/// [`descend`](crate::descend), step by step.
pub fn descend(
    weight: Tensor<1>,
    velocity: Option<Tensor<1>>,
    gradient: Tensor<1>,
    descent: Descent,
) -> (Tensor<1>, Tensor<1>) {
    let Descent { lr, momentum, decay, factor, nesterov } = descent;
    let direction = gradient * factor + weight.clone() * decay;
    let velocity = match velocity {
        Some(velocity) => velocity * momentum + direction.clone(),
        None => direction.clone(),
    };
    let along = if nesterov { direction + velocity.clone() * momentum } else { velocity.clone() };
    (weight - along * lr, velocity)
}

/// [`blend`](crate::blend).
pub fn blend(old: Tensor<1>, new: Tensor<1>, [keep, take]: [f64; 2]) -> Tensor<1> {
    old * keep + new * take
}

/// [`sum_of_squares`](crate::sum_of_squares).
pub fn sum_of_squares(tensors: Vec<Tensor<1>>) -> f64 {
    if tensors.is_empty() {
        return 0.0;
    }
    // One transfer, however many there are.
    let sums = tensors.into_iter().map(|x| (x.clone() * x).sum().reshape([1])).collect();
    let sums = Tensor::<1>::cat(sums, 0).into_data().convert::<f64>();
    sums.try_to_vec::<f64>().expect("converted to f64").into_iter().sum()
}
