//! Pools against their definition.

mod common;

use burn::tensor::{Device, Tensor};
use common::{SIZES, compare, host, values, with_gradients};
use softcell_kernels::{Pool, pool3x3, reference};

#[test]
fn agree_with_reference() {
    for size in SIZES {
        for [images, channels] in [[1, 17], [3, 2]] {
            for kind in [Pool::Max, Pool::Average] {
                for stride in [1, 2, 3] {
                    let shape = [images, channels, size[0], size[1]];
                    compare(
                        &[values(shape, 1)],
                        |x| pool3x3(x[0].clone(), kind, stride),
                        |x| reference::pool3x3(x[0].clone(), kind, stride),
                        9,
                        &format!("{kind:?} of {shape:?}, stride {stride}"),
                    );
                }
            }
        }
    }
}

#[test]
fn ties_go_to_the_first_maximum() {
    for stride in [1, 2] {
        // Few different values: many ties.
        let x = (values([2, 3, 12, 9], 1) * 2.0).round();
        compare(
            &[x],
            |x| pool3x3(x[0].clone(), Pool::Max, stride),
            |x| reference::pool3x3(x[0].clone(), Pool::Max, stride),
            9,
            "ties",
        );
    }
    let equal = Tensor::<4>::ones([1, 1, 4, 4], &Device::flex()) * -3.0;
    let x = Tensor::from_inner(equal).require_grad();
    let grads = pool3x3(x.clone(), Pool::Max, 2).sum().backward();
    let expected = [
        1.0, 1.0, 0.0, 0.0, //
        1.0, 1.0, 0.0, 0.0, //
        0.0, 0.0, 0.0, 0.0, //
        0.0, 0.0, 0.0, 0.0f32,
    ];
    assert_eq!(host(x.grad(&grads).unwrap()), expected);
}

#[test]
fn nan_wins_and_does_no_harm() {
    let shape = [1, 2, 9, 9];
    let mut data = host(values(shape, 1));
    data[10] = f32::NAN;
    let x = Tensor::<1>::from_floats(&data[..], &Device::flex()).reshape(shape);
    for kind in [Pool::Max, Pool::Average] {
        for stride in [1, 2] {
            let all = with_gradients(std::slice::from_ref(&x), |x| pool3x3(x[0].clone(), kind, stride));
            assert!(all[0][0].is_nan(), "{kind:?}");
            assert!(all[0].iter().skip(81).all(|value| !value.is_nan()), "{kind:?}");
            assert!(all[1].iter().all(|value| !value.is_nan()), "{kind:?}");
        }
    }
}
