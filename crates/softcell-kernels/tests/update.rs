//! Steps of weights against their definitions.

mod common;

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use common::{assert_close, host, random};
use softcell_kernels::{Descent, blend, descend, reference, sum_of_squares};

/// Less than a vector, its edges, and more than one thread works on at once.
const LENGTHS: [usize; 8] = [1, 7, 8, 15, 16, 33, 16_385, 150_001];

fn flat(count: usize, seed: u64) -> Tensor<1> {
    Tensor::from_data(TensorData::new(random(count, seed), [count]), &Device::flex())
}

#[test]
fn steps_are_those_of_the_definition() {
    for n in LENGTHS {
        for nesterov in [false, true] {
            let descent = Descent { lr: 0.1, momentum: 0.9, decay: 0.05, factor: 0.3, nesterov };
            let (mut found, mut expected) = ((flat(n, 1), None), (flat(n, 1), None));
            for step in 0..3 {
                let (w, m) = descend(found.0, found.1, flat(n, 5 + step), descent);
                found = (w, Some(m));
                let (w, m) = reference::descend(expected.0, expected.1, flat(n, 5 + step), descent);
                expected = (w, Some(m));
            }
            let what = format!("{n} weights, nesterov {nesterov}");
            assert_close(&host(found.0), &host(expected.0), 3, &what);
            assert_close(&host(found.1.unwrap()), &host(expected.1.unwrap()), 3, &what);
        }
        let found = blend(flat(n, 1), flat(n, 2), [0.9, 0.1]);
        assert_close(&host(found), &host(reference::blend(flat(n, 1), flat(n, 2), [0.9, 0.1])), 1, "blend");
        let both = || vec![flat(n, 3), flat(2 * n + 1, 4)];
        let (found, expected) = (sum_of_squares(both()), reference::sum_of_squares(both()));
        assert!((found - expected).abs() <= 1e-6 * expected, "{n}: {found}, expected {expected}");
    }
}

/// Values that others hold stay, and parts of a tensor are read where they lie.
#[test]
fn nobody_elses_values_change() {
    let (all, moved) = (flat(40, 1), flat(40, 2));
    let before = (host(all.clone()), host(moved.clone()));
    let part = |tensor: &Tensor<1>| tensor.clone().slice(10..30);
    let descent = Descent { lr: 0.1, momentum: 0.9, decay: 0.0, factor: 1.0, nesterov: false };
    let (w, m) = descend(part(&all), Some(part(&moved)), part(&moved), descent);
    let b = blend(part(&all), part(&moved), [0.5, 0.5]);
    assert_eq!((host(all.clone()), host(moved.clone())), before);
    for i in 0..20 {
        let (x, y) = (before.0[10 + i], before.1[10 + i]);
        assert!(
            (host(m.clone())[i] - 1.9 * y).abs() < 1e-6 && (host(w.clone())[i] - (x - 0.19 * y)).abs() < 1e-6
        );
        assert!((host(b.clone())[i] - 0.5 * (x + y)).abs() < 1e-6);
    }
    let squares: f64 = before.0[10..30].iter().map(|&x| f64::from(x).powi(2)).sum();
    assert!((sum_of_squares(vec![part(&all)]) - squares).abs() < 1e-6);
    assert_eq!(sum_of_squares(Vec::new()), 0.0);
}

/// In f64 the definitions run.
#[test]
fn other_types_run_on_the_definition() {
    let wide = |seed| flat(5, seed).cast(FloatDType::F64);
    let descent = Descent { lr: 0.1, momentum: 0.9, decay: 0.05, factor: 1.0, nesterov: true };
    let (w, m) = descend(wide(1), Some(wide(2)), wide(3), descent);
    let f64s = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f64>().expect("an f64 tensor");
    let (x, v, g) = (f64s(wide(1))[4], f64s(wide(2))[4], f64s(wide(3))[4]);
    let d = g + 0.05 * x;
    let velocity = 0.9 * v + d;
    assert!((f64s(m)[4] - velocity).abs() < 1e-12);
    assert!((f64s(w)[4] - (x - 0.1 * (d + 0.9 * velocity))).abs() < 1e-12);
    assert!((f64s(blend(wide(1), wide(2), [0.25, 2.0]))[4] - (0.25 * x + 2.0 * v)).abs() < 1e-12);
    let squares = |seed| f64s(wide(seed)).into_iter().map(|x| x * x).sum::<f64>();
    assert!((sum_of_squares(vec![wide(1), wide(2)]) - squares(1) - squares(2)).abs() < 1e-12);
}
