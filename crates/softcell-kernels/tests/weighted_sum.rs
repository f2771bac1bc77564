//! Weighted sums against their definition.

mod common;

use burn::tensor::{Device, Tensor};
use common::{SIZES, compare, host, values};
use softcell_kernels::{reference, weighted_sum};

#[test]
fn agrees_with_reference() {
    for (index, size) in SIZES.into_iter().enumerate() {
        for count in [1, 2, 3, 7, 8, 10, 11, 13, 21] {
            let shape = [1 + index % 3, 3, size[0], size[1]];
            let mut inputs: Vec<_> = (0..count).map(|k| values(shape, k as u64 + 1)).collect();
            inputs.push(values([1, 1, 1, count], 50));
            let split =
                |inputs: &[Tensor<4>]| (inputs[..count].to_vec(), inputs[count].clone().reshape([count]));
            compare(
                &inputs,
                |inputs| {
                    let (terms, weights) = split(inputs);
                    weighted_sum(terms, weights)
                },
                |inputs| {
                    let (terms, weights) = split(inputs);
                    reference::weighted_sum(terms, weights)
                },
                shape.iter().product::<usize>() + count,
                &format!("{count} terms of {shape:?}"),
            );
        }
    }
}

#[test]
fn constants_mix_with_tracked_tensors() {
    let plain = values([2, 3, 4, 4], 1);
    let tracked = Tensor::from_inner(values([2, 3, 4, 4], 2)).require_grad();
    let weights = Tensor::<1>::from_floats([0.25, -2.0], &Device::flex());
    let sum = weighted_sum(vec![plain.clone(), tracked.clone()], weights.clone());
    let grads = sum.sum().backward();
    assert!(host(tracked.grad(&grads).unwrap()).iter().all(|&value| value == -2.0));

    let weights = Tensor::from_inner(weights).require_grad();
    let grads = weighted_sum(vec![plain.clone(), plain], weights.clone()).sum().backward();
    let found = host(weights.grad(&grads).unwrap());
    assert_eq!(found[0], found[1]);
}

#[test]
fn works_under_gradient_checkpointing() {
    let device = Device::flex().autodiff().gradient_checkpointing();
    let x = Tensor::<4>::ones([1, 2, 3, 3], &device).require_grad();
    let constant = Tensor::<4>::ones([1, 2, 3, 3], &Device::flex());
    let weights = Tensor::<1>::from_floats([3.0, 1.0], &device).require_grad();
    let doubled = x.clone() * 2.0;
    let grads = weighted_sum(vec![doubled, constant], weights.clone()).sum().backward();
    assert!(host(x.grad(&grads).unwrap()).iter().all(|&value| value == 6.0));
    assert_eq!(host(weights.grad(&grads).unwrap()), [36.0, 18.0]);
}
