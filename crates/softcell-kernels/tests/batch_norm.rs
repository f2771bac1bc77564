//! Batch normalisation against its definition.

mod common;

use burn::tensor::{Device, Tensor};
use common::{SIZES, assert_close, compare, host, values};
use softcell_kernels::{batch_norm_train, reference};

#[test]
fn agrees_with_reference() {
    for size in SIZES {
        for [images, channels] in [[3, 1], [2, 3], [3, 17]] {
            let shape = [images, channels, size[0], size[1]];
            let terms = 16 * images * size[0] * size[1];
            let what = format!("{shape:?}");
            let x = values(shape, 1) + 0.5;
            compare(
                std::slice::from_ref(&x),
                |inputs| batch_norm_train(inputs[0].clone(), None, 1e-3).y,
                |inputs| reference::batch_norm_train(inputs[0].clone(), None, 1e-3).y,
                terms,
                &what,
            );
            let affine = |inputs: &[Tensor<4>]| {
                Some((inputs[1].clone().reshape([channels]), inputs[2].clone().reshape([channels])))
            };
            let inputs = [x.clone(), values([1, channels, 1, 1], 2), values([1, channels, 1, 1], 3)];
            compare(
                &inputs,
                |inputs| batch_norm_train(inputs[0].clone(), affine(inputs), 1e-3).y,
                |inputs| reference::batch_norm_train(inputs[0].clone(), affine(inputs), 1e-3).y,
                terms,
                &what,
            );
            let (fast, slow) =
                (batch_norm_train(x.clone(), None, 1e-3), reference::batch_norm_train(x, None, 1e-3));
            assert_close(&host(fast.mean), &host(slow.mean), terms, &what);
            assert_close(&host(fast.variance), &host(slow.variance), terms, &what);
        }
    }
}

#[test]
fn statistics_survive_a_large_mean() {
    let shape = [4, 2, 17, 19];
    let x = values(shape, 5) + 10_000.0;
    let found = batch_norm_train(x.clone(), None, 1e-5);
    let data = host(x);
    for channel in 0..2 {
        let plane = shape[2] * shape[3];
        let all: Vec<f64> = (0..shape[0])
            .flat_map(|image| &data[(image * shape[1] + channel) * plane..][..plane])
            .map(|&value| f64::from(value))
            .collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / all.len() as f64;
        let found_mean = f64::from(host(found.mean.clone())[channel]);
        let found_variance = f64::from(host(found.variance.clone())[channel]);
        assert!((found_mean - mean).abs() <= mean * 1e-7, "{found_mean} {mean}");
        assert!((found_variance - variance).abs() <= variance * 1e-6, "{found_variance} {variance}");
    }
}

#[test]
fn statistics_have_no_autodiff_and_gradients_are_optional() {
    let x = Tensor::from_inner(values([2, 3, 4, 4], 1));
    let gamma = Tensor::from_inner(Tensor::<1>::ones([3], &Device::flex())).require_grad();
    let beta = Tensor::<1>::zeros([3], &Device::flex());
    let found = batch_norm_train(x, Some((gamma.clone(), beta)), 1e-5);
    assert!(!found.mean.is_autodiff() && !found.variance.is_autodiff());
    let grads = found.y.sum().backward();
    assert!(gamma.grad(&grads).is_some());
}

#[test]
fn a_shared_gradient_is_not_overwritten() {
    // y is used twice, and once as a leaf of the loss itself: its gradient has several readers.
    let inputs = [values([2, 3, 5, 5], 1), values([2, 3, 5, 5], 2)];
    compare(
        &inputs,
        |inputs| batch_norm_train(inputs[0].clone(), None, 1e-5).y + inputs[1].clone(),
        |inputs| reference::batch_norm_train(inputs[0].clone(), None, 1e-5).y + inputs[1].clone(),
        50,
        "sum",
    );
}
