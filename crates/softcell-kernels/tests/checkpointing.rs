//! Every operation on a device with gradient checkpointing.

mod common;

use burn::tensor::{Device, Tensor};
use common::{assert_close, host, values};
use softcell_kernels::{
    Activation, ConvShape, Pool, batch_norm_train, depthwise_conv2d, pointwise_conv2d, pool3x3, weighted_sum,
};

fn gradients(device: Device) -> Vec<Vec<f32>> {
    let place = |tensor: Tensor<4>| Tensor::<4>::from_data(tensor.into_data(), &device).require_grad();
    let x = place(values([2, 3, 8, 8], 1));
    let depthwise = place(values([3, 1, 3, 3], 2));
    let pointwise = place(values([4, 3, 1, 1], 3));
    let weights = place(values([1, 1, 1, 3], 4));
    let shape = ConvShape::square(1, 1, 1).with_activation(Activation::Relu);
    // The memory-bound stock operations in between are computed again in the backward pass.
    let y = depthwise_conv2d(x.clone() * 2.0, depthwise.clone(), shape);
    let y = pointwise_conv2d(y + 1.0, pointwise.clone());
    let y = batch_norm_train(y * 0.5, None, 1e-5).y;
    let terms =
        vec![y.clone() * 3.0, pool3x3(y.clone() - 1.0, Pool::Max, 1), pool3x3(y * 0.5, Pool::Average, 1)];
    let y = weighted_sum(terms, weights.clone().reshape([3]));
    let g = Tensor::<4>::from_data(values(y.dims(), 9).into_data(), &device);
    let grads = (y * g).sum().backward();
    [x, depthwise, pointwise, weights].iter().map(|input| host(input.grad(&grads).unwrap())).collect()
}

#[test]
fn changes_no_gradient() {
    let plain = gradients(Device::flex().autodiff());
    let checkpointed = gradients(Device::flex().autodiff().gradient_checkpointing());
    for (found, expected) in checkpointed.iter().zip(&plain) {
        assert_close(found, expected, 1, "with checkpointing");
    }
}
