//! Fast bodies on slices: one pass over memory.

use super::Descent;
use crate::support::parallel::{chunks, for_each};
use crate::support::sums::dot;

/// Values that one thread works on at once.
const CHUNK: usize = 1 << 14;

/// A step; `velocity` is 0 before the first one.
pub(super) fn descend(weight: &mut [f32], velocity: &mut [f32], gradient: &[f32], descent: Descent) {
    let Descent { lr, momentum, decay, factor, nesterov } = descent;
    let [lr, momentum, decay, factor] = [lr, momentum, decay, factor].map(|number| number as f32);
    let parts = chunks(weight, CHUNK).into_iter().zip(chunks(velocity, CHUNK)).zip(gradient.chunks(CHUNK));
    for_each(
        parts.collect(),
        CHUNK,
        || (),
        |(), _, ((weight, velocity), gradient)| {
            for ((w, m), g) in weight.iter_mut().zip(velocity).zip(gradient) {
                let direction = g * factor + *w * decay;
                *m = *m * momentum + direction;
                *w -= if nesterov { direction + *m * momentum } else { *m } * lr;
            }
        },
    );
}

/// `old ← keep · old + take · new`.
pub(super) fn blend(old: &mut [f32], new: &[f32], factors: [f64; 2]) {
    let [keep, take] = factors.map(|factor| factor as f32);
    let parts = chunks(old, CHUNK).into_iter().zip(new.chunks(CHUNK)).collect();
    for_each(
        parts,
        CHUNK,
        || (),
        |(), _, (old, new): (&mut [f32], &[f32])| {
            old.iter_mut().zip(new).for_each(|(old, new)| *old = *old * keep + *new * take);
        },
    );
}

/// `Σ x²`, chunk by chunk.
pub(super) fn sum_of_squares(x: &[f32]) -> f64 {
    let mut sums = vec![0.0; x.len().div_ceil(CHUNK)];
    let parts = sums.iter_mut().zip(x.chunks(CHUNK)).collect();
    for_each(parts, CHUNK, || (), |(), _, (sum, x): (&mut f64, &[f32])| *sum = dot(x, x));
    sums.into_iter().sum()
}
