//! Depthwise convolution against its definition.

mod common;

use burn::tensor::Tensor;
use common::{SIZES, compare, values};
use softcell_kernels::{Activation, ConvShape, depthwise_conv2d, reference};

#[test]
fn agrees_with_reference() {
    for (index, size) in SIZES.into_iter().enumerate() {
        let [images, channels] = [[1, 3], [3, 2], [2, 1], [3, 16], [1, 17]][index % 5];
        for kernel in [1, 3, 5, 7] {
            for (stride, dilation) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)] {
                for activation in [Activation::Identity, Activation::Relu] {
                    let padding = dilation * (kernel - 1) / 2;
                    let options = ConvShape::square(stride, padding, dilation).with_activation(activation);
                    check([images, channels, size[0], size[1]], [kernel, kernel], options);
                }
            }
        }
    }
}

#[test]
fn agrees_with_unusual_padding_and_oblong_kernels() {
    for (padding, stride, dilation, kernel) in [
        ([0, 0], [1, 1], [1, 1], [3, 3]),
        ([0, 0], [2, 2], [1, 1], [3, 3]),
        ([4, 3], [1, 1], [1, 1], [3, 3]),
        ([3, 5], [2, 3], [1, 1], [2, 3]),
        ([1, 2], [1, 2], [2, 1], [3, 4]),
        ([2, 0], [3, 1], [1, 3], [5, 1]),
    ] {
        for activation in [Activation::Identity, Activation::Relu] {
            check([2, 3, 9, 11], kernel, ConvShape { stride, padding, dilation, activation });
        }
    }
}

fn check(shape: [usize; 4], kernel: [usize; 2], options: ConvShape) {
    let inputs = [values(shape, 1), values([shape[1], 1, kernel[0], kernel[1]], 2)];
    let terms = shape[0] * shape[2] * shape[3] + kernel[0] * kernel[1];
    compare(
        &inputs,
        |inputs| depthwise_conv2d(inputs[0].clone(), inputs[1].clone(), options),
        |inputs| reference::depthwise_conv2d(inputs[0].clone(), inputs[1].clone(), options),
        terms,
        &format!("{shape:?}, kernel {kernel:?}, {options:?}"),
    );
}

#[test]
fn untracked_parents_get_no_gradient() {
    let (x, weight) = (values([2, 3, 8, 8], 1), values([3, 1, 3, 3], 2));
    let options = ConvShape::square(1, 1, 1);
    let tracked = Tensor::from_inner(weight.clone()).require_grad();
    let grads = depthwise_conv2d(x.clone(), tracked.clone(), options).sum().backward();
    assert!(tracked.grad(&grads).is_some());
    let tracked = Tensor::from_inner(x).require_grad();
    let constant = Tensor::from_inner(weight);
    let grads = depthwise_conv2d(tracked.clone(), constant.clone(), options).sum().backward();
    assert!(tracked.grad(&grads).is_some());
    assert!(constant.grad(&grads).is_none());
}

#[test]
fn views_are_read_in_their_own_order() {
    let x = values([2, 5, 8, 3], 1).swap_dims(1, 3).slice([0..2, 0..3, 1..7, 0..5]);
    let inputs = [x, values([3, 1, 3, 3], 2)];
    let options = ConvShape::square(1, 1, 1);
    compare(
        &inputs,
        |inputs| depthwise_conv2d(inputs[0].clone(), inputs[1].clone(), options),
        |inputs| reference::depthwise_conv2d(inputs[0].clone(), inputs[1].clone(), options),
        100,
        "a view",
    );
}
