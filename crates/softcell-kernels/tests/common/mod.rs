//! What the tests share: seeded values, gradients of a body, comparison.

#![allow(dead_code)]

use burn::tensor::{Device, Tensor, TensorData};

/// A map or weight with pseudo-random values of about unit size.
pub fn values(shape: [usize; 4], seed: u64) -> Tensor<4> {
    let count = shape.iter().product();
    Tensor::from_data(TensorData::new(random(count, seed), shape), &Device::flex())
}

/// Uniform values between −1.5 and 1.5 (SplitMix64).
pub fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..count)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32 * 3.0 - 1.5
        })
        .collect()
}

/// The values of a tensor.
pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec::<f32>().expect("an f32 tensor")
}

/// Result and gradients of a body for tracked inputs, for the loss `Σ y·g` with pseudo-random `g`.
pub fn with_gradients(inputs: &[Tensor<4>], body: impl Fn(&[Tensor<4>]) -> Tensor<4>) -> Vec<Vec<f32>> {
    let inputs: Vec<_> =
        inputs.iter().map(|input| Tensor::from_inner(input.clone()).require_grad()).collect();
    let y = body(&inputs);
    let g = Tensor::from_inner(values(y.dims(), 99));
    let grads = (y.clone() * g).sum().backward();
    let mut all = vec![host(y.inner())];
    all.extend(inputs.iter().map(|input| host(input.grad(&grads).expect("a gradient"))));
    all
}

/// Panics unless all values agree to `terms` roundings of the greatest value around.
pub fn assert_close(found: &[f32], expected: &[f32], terms: usize, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: number of values");
    let scale = expected.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
    let tolerance = f32::EPSILON * scale * (8.0 + 2.0 * (terms as f32).sqrt());
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance,
            "{what}: value {index} is {found}, expected {expected} ± {tolerance}"
        );
    }
}

/// Panics unless a fast body and a reference body agree in result and gradients.
pub fn compare(
    inputs: &[Tensor<4>],
    fast: impl Fn(&[Tensor<4>]) -> Tensor<4>,
    reference: impl Fn(&[Tensor<4>]) -> Tensor<4>,
    terms: usize,
    what: &str,
) {
    let plain = host(fast(inputs));
    let found = with_gradients(inputs, fast);
    let expected = with_gradients(inputs, reference);
    assert_eq!(plain, found[0], "{what}: result with and without autodiff");
    for (part, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_close(found, expected, terms, &format!("{what}, part {part}"));
    }
}

/// Sizes of maps with all sorts of edges.
pub const SIZES: [[usize; 2]; 10] =
    [[1, 1], [1, 5], [5, 1], [2, 2], [3, 3], [7, 5], [8, 8], [9, 9], [16, 15], [32, 32]];
