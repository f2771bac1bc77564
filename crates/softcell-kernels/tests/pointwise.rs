//! Pointwise convolution against its definition.

mod common;

use burn::tensor::Tensor;
use common::{SIZES, compare, values};
use softcell_kernels::{pointwise_conv2d, reference};

#[test]
fn agrees_with_reference() {
    for size in SIZES {
        for (images, inputs, outputs) in
            [(1, 1, 1), (3, 2, 3), (1, 3, 17), (3, 16, 16), (5, 17, 6), (40, 4, 5)]
        {
            let shape = [images, inputs, size[0], size[1]];
            compare(
                &[values(shape, 1), values([outputs, inputs, 1, 1], 2)],
                |inputs| pointwise_conv2d(inputs[0].clone(), inputs[1].clone()),
                |inputs| reference::pointwise_conv2d(inputs[0].clone(), inputs[1].clone()),
                images * size[0] * size[1] + inputs + outputs,
                &format!("{shape:?} to {outputs} channels"),
            );
        }
    }
}

#[test]
fn constants_get_no_gradient() {
    let (x, weight) = (values([2, 3, 4, 4], 1), values([5, 3, 1, 1], 2));
    let tracked = Tensor::from_inner(weight.clone()).require_grad();
    let grads = pointwise_conv2d(x.clone(), tracked.clone()).sum().backward();
    assert!(tracked.grad(&grads).is_some());
    let tracked = Tensor::from_inner(x).require_grad();
    let grads = pointwise_conv2d(tracked.clone(), weight).sum().backward();
    assert!(tracked.grad(&grads).is_some());
}
