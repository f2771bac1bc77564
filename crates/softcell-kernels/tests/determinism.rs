//! The same bits on any number of threads.

mod common;

use burn::tensor::Tensor;
use common::{values, with_gradients};
use softcell_kernels::{
    Activation, ConvShape, Pool, batch_norm_train, depthwise_conv2d, pointwise_conv2d, pool3x3, weighted_sum,
};

/// Every operation, large enough to be worked on by several threads.
fn everything() -> Vec<Vec<u32>> {
    let x = values([19, 17, 16, 15], 1);
    let relu = ConvShape::square(1, 2, 1).with_activation(Activation::Relu);
    let mut all = Vec::new();
    let mut run = |inputs: &[Tensor<4>], body: &dyn Fn(&[Tensor<4>]) -> Tensor<4>| {
        let bits = with_gradients(inputs, body).into_iter();
        all.extend(bits.map(|values| values.into_iter().map(f32::to_bits).collect()));
    };
    let weight = values([17, 1, 5, 5], 2);
    run(&[x.clone(), weight.clone()], &|i| depthwise_conv2d(i[0].clone(), i[1].clone(), relu));
    let strided = ConvShape { stride: [2, 2], ..relu };
    run(&[x.clone(), weight], &|i| depthwise_conv2d(i[0].clone(), i[1].clone(), strided));
    run(&[x.clone(), values([23, 17, 1, 1], 3)], &|i| pointwise_conv2d(i[0].clone(), i[1].clone()));
    for kind in [Pool::Max, Pool::Average] {
        run(std::slice::from_ref(&x), &|i| pool3x3(i[0].clone(), kind, 1));
    }
    run(&[x.clone(), values([1, 1, 1, 17], 4), values([1, 1, 1, 17], 5)], &|i| {
        let affine = (i[1].clone().reshape([17]), i[2].clone().reshape([17]));
        batch_norm_train(i[0].clone(), Some(affine), 1e-5).y
    });
    run(&[x.clone(), values(x.dims(), 6), values([1, 1, 1, 2], 7)], &|i| {
        weighted_sum(vec![i[0].clone(), i[1].clone()], i[2].clone().reshape([2]))
    });
    all
}

#[test]
fn results_do_not_depend_on_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(everything)
    };
    let one = on(1);
    assert!(one.iter().all(|part| !part.is_empty()));
    for threads in [2, 4] {
        assert!(on(threads) == one, "{threads} threads");
    }
}
