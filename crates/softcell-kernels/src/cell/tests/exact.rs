//! Cells of small integers: nothing is rounded, so both bodies must agree to the last bit.

use std::sync::Arc;

use super::case::*;
use crate::Pool;
use crate::cell::{CellConfig, NormStatistics, Operation, Preparation, Statistics};

/// Mostly zeros, so that sums stay small.
fn integers(count: usize, seed: u32) -> Vec<f32> {
    numbers(count, seed).into_iter().map(|x| if x.abs() > 0.5 { (x * 3.0).round() } else { 0.0 }).collect()
}

/// Whole means, and deviations of ½, 1 or 2.
fn statistics(case: &Case) -> Statistics {
    let plan = case.plan();
    let norm = |norm: usize| {
        let channels = plan.norm_channels(norm);
        let seed = 100 + norm as u32;
        NormStatistics {
            norm,
            mean: integers(channels, seed),
            variance: integers(channels, seed + 1).iter().map(|x| 4.0f32.powi(*x as i32 % 2)).collect(),
            count: 0,
        }
    };
    Statistics { norms: (0..plan.norms()).map(norm).collect() }
}

/// Whether no part of the result was all zeros.
fn check(config: CellConfig, size: [usize; 2], only: Option<Vec<bool>>) -> bool {
    let config = CellConfig { epsilon: 0.0, ..config };
    let scales = Some(integers(config.terms.len() * 3, 31));
    let mut case = Case { only, scales, ..Case::new(config, size) };
    case.given = Some(Arc::new(statistics(&case)));
    let mut fill = case.fill(integers);
    // Weights of convolutions and normalisations: ones, minus ones and many zeros.
    fill.weights
        .iter_mut()
        .enumerate()
        .for_each(|(index, x)| *x = if index % 3 == 0 { x.signum() * x.abs().min(1.0) } else { 0.0 });
    let (expected, (found, _)) = (case.reference(&fill), case.fast(&fill));
    let mut all = true;
    for ((name, expected), (_, found)) in expected.values.iter().zip(&found.values) {
        let largest = expected.iter().fold(0.0f64, |a, x| a.max(x.abs()));
        assert!(largest < 2.0f64.powi(22), "{name} of {:?} is too large to be exact: {largest}", case.config);
        all &= largest > 0.0;
        assert_eq!(expected, found, "{name} of {:?}", case.config);
    }
    assert_eq!(expected.values[0].1, case.inner(&fill), "image by image");
    all
}

/// Small maps of mostly zeros may have gradients that are all zeros; many have none.
fn many_are(full: &[bool]) {
    let count = full.iter().filter(|&&full| full).count();
    assert!(4 * count > full.len(), "{count} of {} cells have no part that is all zeros", full.len());
}

/// Averages are exact in windows of one, two or four pixels: on maps of two rows or columns at most.
fn sizes(average: bool) -> &'static [[usize; 2]] {
    if average { &[[2, 2], [1, 2], [1, 1]] } else { &[[2, 2], [5, 4], [1, 3]] }
}

#[test]
fn nas_bench_201() {
    let mut full = Vec::new();
    for lanes in [8, 16] {
        for channels in [3, 8, 9, 16, 17] {
            for &size in sizes(true) {
                full.push(check(CellConfig { affine: true, ..bench_201(channels, lanes) }, size, None));
            }
        }
    }
    many_are(&full);
}

#[test]
fn every_operation_but_averages() {
    let (mut full, mut full_paths) = (Vec::new(), Vec::new());
    let operations = |stride| {
        let mut operations = all_operations(stride, true);
        operations.retain(|operation| !matches!(operation, Operation::Pool { kind: Pool::Average, .. }));
        operations.extend([1, 3].map(|kernel| Operation::Convolution { kernel }));
        operations
    };
    for lanes in [8, 16] {
        for (channels, share) in [(3, 1), (8, 1), (9, 1), (16, 4), (18, 2), (6, 3)] {
            for stride in [1, 2] {
                for &size in sizes(false) {
                    let bypass = (share > 1).then_some(Operation::Bypass);
                    let terms =
                        dense(2, 1, stride, |stride| operations(stride).into_iter().chain(bypass).collect());
                    let inputs = vec![
                        prepared(1, channels, Preparation::None),
                        prepared(2, 3, if channels == 8 { Preparation::Halve } else { Preparation::Keep }),
                    ];
                    let config = CellConfig {
                        share,
                        inputs,
                        affine: true,
                        nodes: 1,
                        output: vec![2],
                        terms,
                        ..every_operation(channels, stride, lanes)
                    };
                    let only = (0..config.terms.len()).map(|term| term % 3 != 1).collect();
                    full.push(check(config.clone(), size, None));
                    full_paths.push(check(config, size, Some(only)));
                }
            }
        }
    }
    many_are(&full);
    many_are(&full_paths);
}
