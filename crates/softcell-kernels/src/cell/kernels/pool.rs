//! Pooling of a block of channels over 3×3 windows with padding 1 or 2×2 windows without, and its gradient.

use crate::support::extent::extent;
use crate::support::vector::{Cpu, Vector, store_at, vectorised};

/// The sides of a map and the stride of the windows over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cell) struct PoolShape {
    pub height: usize,
    pub width: usize,
    pub stride: usize,
    /// Pixels of a window before the one that its stride leads to; one more follows that.
    pub before: usize,
}

impl PoolShape {
    /// Rows and columns of windows.
    pub fn output(&self) -> [usize; 2] {
        [self.height.div_ceil(self.stride), self.width.div_ceil(self.stride)]
    }
}

/// First and last pixel of a window along an axis of `length` pixels.
#[inline(always)]
fn window(index: usize, shape: PoolShape, length: usize) -> (usize, usize) {
    let centre = index * shape.stride;
    (centre.saturating_sub(shape.before), (centre + 1).min(length - 1))
}

#[inline(always)]
fn for_each_window(shape: PoolShape, mut f: impl FnMut(usize, (usize, usize), (usize, usize))) {
    let [rows, columns] = shape.output();
    for row in 0..rows {
        let vertical = window(row, shape, shape.height);
        for column in 0..columns {
            f(row * columns + column, vertical, window(column, shape, shape.width));
        }
    }
}

#[inline(always)]
fn check<V: Vector>(shape: PoolShape, map: usize, out: usize) {
    let [rows, columns] = shape.output();
    assert!(
        extent([[shape.height, shape.width, V::LANES]]) <= map && extent([[rows, columns, V::LANES]]) <= out
    );
}

#[inline(always)]
fn max_body<V: Vector>(cpu: Cpu<V>, map: &[f32], shape: PoolShape, out: &mut [f32]) {
    check::<V>(shape, map.len(), out.len());
    for_each_window(shape, |index, (top, bottom), (left, right)| {
        // SAFETY: windows lie inside of the map, whose size was checked.
        unsafe {
            let mut best = cpu.load_at(map, (top * shape.width + left) * V::LANES);
            for row in top..=bottom {
                for column in left..=right {
                    best = best.max(cpu.load_at(map, (row * shape.width + column) * V::LANES));
                }
            }
            store_at(best, out, index * V::LANES);
        }
    });
}

vectorised! {
    /// The greatest value of each window.
    pub(in crate::cell) fn max(map: &[f32], shape: PoolShape, out: &mut [f32]) = max_body
}

#[inline(always)]
fn average_body<V: Vector>(cpu: Cpu<V>, map: &[f32], shape: PoolShape, out: &mut [f32]) {
    check::<V>(shape, map.len(), out.len());
    for_each_window(shape, |index, (top, bottom), (left, right)| {
        let count = (bottom - top + 1) * (right - left + 1);
        // SAFETY: windows lie inside of the map, whose size was checked.
        unsafe {
            let mut sum = cpu.splat(0.0);
            for row in top..=bottom {
                for column in left..=right {
                    sum = sum.add(cpu.load_at(map, (row * shape.width + column) * V::LANES));
                }
            }
            store_at(sum.mul(cpu.splat(1.0 / count as f32)), out, index * V::LANES);
        }
    });
}

vectorised! {
    /// The mean of each window's values; the margin does not count.
    pub(in crate::cell) fn average(map: &[f32], shape: PoolShape, out: &mut [f32]) = average_body
}

#[inline(always)]
fn max_gradient_body<V: Vector>(
    cpu: Cpu<V>,
    map: &[f32],
    pooled: &[f32],
    gradient: &[f32],
    shape: PoolShape,
    out: &mut [f32],
) {
    check::<V>(shape, map.len().min(out.len()), pooled.len().min(gradient.len()));
    for_each_window(shape, |index, (top, bottom), (left, right)| {
        // SAFETY: windows lie inside of the map, whose size was checked.
        unsafe {
            let zero = cpu.splat(0.0);
            let best = cpu.load_at(pooled, index * V::LANES);
            // What nobody has taken yet: the first winner takes all.
            let mut rest = cpu.load_at(gradient, index * V::LANES);
            for row in top..=bottom {
                for column in left..=right {
                    let at = (row * shape.width + column) * V::LANES;
                    let value = cpu.load_at(map, at);
                    let taken = best.if_greater(value, zero, rest);
                    rest = best.if_greater(value, rest, zero);
                    store_at(cpu.load_at(out, at).add(taken), out, at);
                }
            }
        }
    });
}

vectorised! {
    /// Adds the gradient of each window to the first of its greatest values.
    pub(in crate::cell) fn max_gradient(
        map: &[f32],
        pooled: &[f32],
        gradient: &[f32],
        shape: PoolShape,
        out: &mut [f32],
    ) = max_gradient_body
}

#[inline(always)]
fn average_gradient_body<V: Vector>(cpu: Cpu<V>, gradient: &[f32], shape: PoolShape, out: &mut [f32]) {
    check::<V>(shape, out.len(), gradient.len());
    for_each_window(shape, |index, (top, bottom), (left, right)| {
        let count = (bottom - top + 1) * (right - left + 1);
        // SAFETY: windows lie inside of the map, whose size was checked.
        unsafe {
            let share = cpu.load_at(gradient, index * V::LANES).mul(cpu.splat(1.0 / count as f32));
            for row in top..=bottom {
                for column in left..=right {
                    let at = (row * shape.width + column) * V::LANES;
                    store_at(cpu.load_at(out, at).add(share), out, at);
                }
            }
        }
    });
}

vectorised! {
    /// Adds an equal share of the gradient of each window to its values.
    pub(in crate::cell) fn average_gradient(gradient: &[f32], shape: PoolShape, out: &mut [f32]) = average_gradient_body
}
