//! The operations on tensors of the Flex device.

use burn::backend::Flex;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::{Descent, cpu};
use crate::support::extension::primitive;
use crate::support::flex::{contiguous, tensor};

/// A tensor's values, to be changed; those that somebody else holds as well are copied.
fn own(tensor: Tensor<1>) -> FlexTensor {
    contiguous(primitive::<Flex, 1>(tensor))
}

fn back(tensor: FlexTensor) -> Tensor<1> {
    Tensor::from_primitive::<Flex>(tensor)
}

/// What `f` makes of a tensor's values.
fn read<R>(tensor: Tensor<1>, f: impl FnOnce(&[f32]) -> R) -> R {
    let tensor = primitive::<Flex, 1>(tensor);
    // A part of another tensor is read where it lies.
    match tensor.as_slice::<f32>() {
        Some(values) => f(values),
        None => f(contiguous(tensor).storage()),
    }
}

pub(super) fn descend(
    weight: Tensor<1>,
    velocity: Option<Tensor<1>>,
    gradient: Tensor<1>,
    descent: Descent,
) -> (Tensor<1>, Tensor<1>) {
    let [n] = weight.dims();
    let mut weight = own(weight);
    let mut velocity = velocity.map_or_else(|| tensor(vec![0.0; n], [n]), own);
    read(gradient, |gradient| {
        cpu::descend(weight.storage_mut(), velocity.storage_mut(), gradient, descent);
    });
    (back(weight), back(velocity))
}

pub(super) fn blend(old: Tensor<1>, new: Tensor<1>, factors: [f64; 2]) -> Tensor<1> {
    let mut old = own(old);
    read(new, |new| cpu::blend(old.storage_mut(), new, factors));
    back(old)
}

pub(super) fn sum_of_squares(x: Tensor<1>) -> f64 {
    read(x, cpu::sum_of_squares)
}
