//! Depthwise convolution of a block of channels and its two gradients, over zero-padded copies.

use crate::support::extent::extent;
use crate::support::vector::{Cpu, Vector, store_at, vectorised};

/// Where windows lie in a padded block and where their results go. Distances are in values, not in pixels.
#[derive(Clone, Copy, Debug)]
pub(in crate::cell) struct Windows {
    /// Rows of windows.
    pub rows: usize,
    /// Windows in a row.
    pub columns: usize,
    /// Pixels from a window to its right neighbour: 1 or 2.
    pub stride: usize,
    /// From a row of windows to the next.
    pub source_row: usize,
    /// From a result to its right neighbour.
    pub out_step: usize,
    /// From a row of results to the next.
    pub out_row: usize,
}

impl Windows {
    fn last_source(&self, lanes: usize) -> usize {
        extent([[self.rows - 1, self.source_row, 1], [self.columns - 1, self.stride, lanes]])
    }

    fn last_out(&self) -> usize {
        extent([[self.rows - 1, self.out_row], [self.columns - 1, self.out_step]])
    }
}

#[inline(always)]
fn greatest(offsets: &[usize]) -> usize {
    offsets.iter().copied().max().unwrap_or(0)
}

/// `R` rows of `Q` windows, the sums in registers.
///
/// # Safety
///
/// All windows must lie inside of `source` and all results inside of `out`.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
unsafe fn tile<V: Vector, const S: usize, const R: usize, const Q: usize>(
    cpu: Cpu<V>,
    source: &[f32],
    start: usize,
    offsets: &[usize],
    weights: &[f32],
    out: &mut [f32],
    out_start: usize,
    windows: &Windows,
    accumulate: bool,
) {
    // SAFETY: by the caller; `weights` has a vector for each offset.
    unsafe {
        let mut sums = [[cpu.splat(0.0); Q]; R];
        for (tap, &offset) in offsets.iter().enumerate() {
            let weight = cpu.load_at(weights, tap * V::LANES);
            for (r, sums) in sums.iter_mut().enumerate() {
                let row = start + offset + r * windows.source_row;
                for (q, sum) in sums.iter_mut().enumerate() {
                    *sum = cpu.load_at(source, row + q * S * V::LANES).mul_add(weight, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (q, &sum) in sums.iter().enumerate() {
                let to = out_start + r * windows.out_row + q * windows.out_step;
                let sum = if accumulate { cpu.load_at(out, to).add(sum) } else { sum };
                store_at(sum, out, to);
            }
        }
    }
}

/// All rows of `Q` columns from `column` on, `R` rows at once where there are so many.
///
/// # Safety
///
/// As for [`tile`].
#[inline(always)]
unsafe fn strip<V: Vector, const S: usize, const R: usize, const Q: usize>(
    cpu: Cpu<V>,
    source: &[f32],
    offsets: &[usize],
    weights: &[f32],
    out: &mut [f32],
    windows: &Windows,
    accumulate: bool,
    column: usize,
) {
    let (from, to) = (column * S * V::LANES, column * windows.out_step);
    let mut row = 0;
    // SAFETY: by the caller.
    unsafe {
        while row + R <= windows.rows {
            let (start, out_start) = (row * windows.source_row + from, row * windows.out_row + to);
            tile::<V, S, R, Q>(cpu, source, start, offsets, weights, out, out_start, windows, accumulate);
            row += R;
        }
        while row < windows.rows {
            let (start, out_start) = (row * windows.source_row + from, row * windows.out_row + to);
            tile::<V, S, 1, Q>(cpu, source, start, offsets, weights, out, out_start, windows, accumulate);
            row += 1;
        }
    }
}

#[inline(always)]
fn correlate_stride<V: Vector, const S: usize>(
    cpu: Cpu<V>,
    source: &[f32],
    offsets: &[usize],
    weights: &[f32],
    out: &mut [f32],
    windows: &Windows,
    accumulate: bool,
) {
    let mut column = 0;
    macro_rules! strips {
        ($($rows:literal x $columns:literal),*) => {
            $(while column + $columns <= windows.columns {
                // SAFETY: `correlate_body` has checked that all windows lie inside of the slices.
                unsafe {
                    strip::<V, S, $rows, $columns>(cpu, source, offsets, weights, out, windows, accumulate, column);
                }
                column += $columns;
            })*
        };
    }
    if V::REGISTERS >= 32 {
        strips!(1 x 16, 2 x 8, 4 x 4, 4 x 2, 8 x 1);
    } else if V::REGISTERS >= 16 {
        strips!(1 x 8, 2 x 4, 4 x 2, 8 x 1);
    } else if V::REGISTERS >= 8 {
        strips!(1 x 4, 2 x 2, 4 x 1);
    } else {
        strips!(1 x 1);
    }
}

#[inline(always)]
fn correlate_body<V: Vector>(
    cpu: Cpu<V>,
    source: &[f32],
    offsets: &[usize],
    weights: &[f32],
    out: &mut [f32],
    windows: Windows,
    accumulate: bool,
) {
    if windows.rows == 0 || windows.columns == 0 {
        return;
    }
    assert!(extent([[greatest(offsets)], [windows.last_source(V::LANES)], [V::LANES]]) <= source.len());
    assert!(extent([[windows.last_out()], [V::LANES]]) <= out.len());
    assert!(extent([[offsets.len(), V::LANES]]) <= weights.len());
    match windows.stride {
        1 => correlate_stride::<V, 1>(cpu, source, offsets, weights, out, &windows, accumulate),
        2 => correlate_stride::<V, 2>(cpu, source, offsets, weights, out, &windows, accumulate),
        stride => unreachable!("strides are 1 or 2, not {stride}"),
    }
}

vectorised! {
    /// `out[y, x] (+)= Σ_t weights[t] · source[window(y, x) + offsets[t]]`, channel by channel.
    ///
    /// # Panics
    ///
    /// If a window or a result lies outside of its slice.
    pub(in crate::cell) fn correlate(
        source: &[f32],
        offsets: &[usize],
        weights: &[f32],
        out: &mut [f32],
        windows: Windows,
        accumulate: bool,
    ) = correlate_body
}

/// Adds to `R` rows of `K` taps what all windows give.
///
/// # Safety
///
/// All windows must lie inside of `source`, all gradients inside of `gradient`.
#[inline(always)]
unsafe fn tap_rows<V: Vector, const K: usize, const R: usize>(
    cpu: Cpu<V>,
    source: &[f32],
    start: usize,
    tap_steps: [usize; 2],
    gradient: &[f32],
    windows: &Windows,
    sums: &mut [f32],
) {
    let rows: [usize; R] = std::array::from_fn(|r| start + r * tap_steps[0]);
    let columns: [usize; K] = std::array::from_fn(|k| k * tap_steps[1]);
    // SAFETY: by the caller; `sums` has a vector for each tap.
    unsafe {
        let mut taps: [[V; K]; R] =
            std::array::from_fn(|r| std::array::from_fn(|k| cpu.load_at(sums, (r * K + k) * V::LANES)));
        for row in 0..windows.rows {
            for column in 0..windows.columns {
                let g = cpu.load_at(gradient, (row * windows.columns + column) * V::LANES);
                let at = row * windows.source_row + column * windows.stride * V::LANES;
                for (taps, start) in taps.iter_mut().zip(rows) {
                    for (tap, step) in taps.iter_mut().zip(columns) {
                        *tap = cpu.load_at(source, at + start + step).mul_add(g, *tap);
                    }
                }
            }
        }
        for (r, taps) in taps.iter().enumerate() {
            for (k, &tap) in taps.iter().enumerate() {
                store_at(tap, sums, (r * K + k) * V::LANES);
            }
        }
    }
}

#[inline(always)]
fn tap_sums_of<V: Vector, const K: usize>(
    cpu: Cpu<V>,
    source: &[f32],
    start: usize,
    tap_steps: [usize; 2],
    gradient: &[f32],
    windows: &Windows,
    sums: &mut [f32],
) {
    let mut row = 0;
    macro_rules! rows {
        ($($rows:literal),*) => {
            $(while row + $rows <= K {
                let sums = &mut sums[row * K * V::LANES..];
                // SAFETY: `tap_sums_body` has checked that all windows lie inside of the slices.
                unsafe {
                    tap_rows::<V, K, $rows>(cpu, source, start + row * tap_steps[0], tap_steps, gradient, windows, sums);
                }
                row += $rows;
            })*
        };
    }
    if V::REGISTERS >= 32 && K <= 5 {
        rows!(5, 3, 1);
    } else if V::REGISTERS >= 16 && K == 3 {
        rows!(3, 1);
    } else {
        rows!(1);
    }
}

#[inline(always)]
fn tap_sums_body<V: Vector>(
    cpu: Cpu<V>,
    source: &[f32],
    start: usize,
    tap_steps: [usize; 2],
    kernel: usize,
    gradient: &[f32],
    windows: Windows,
    sums: &mut [f32],
) {
    if windows.rows == 0 || windows.columns == 0 {
        return;
    }
    let last_tap = extent([[start, 1], [kernel - 1, tap_steps[0]], [kernel - 1, tap_steps[1]]]);
    assert!(extent([[last_tap], [windows.last_source(V::LANES)], [V::LANES]]) <= source.len());
    assert!(extent([[windows.rows, windows.columns, V::LANES]]) <= gradient.len());
    assert!(extent([[kernel, kernel, V::LANES]]) <= sums.len());
    match kernel {
        3 => tap_sums_of::<V, 3>(cpu, source, start, tap_steps, gradient, &windows, sums),
        5 => tap_sums_of::<V, 5>(cpu, source, start, tap_steps, gradient, &windows, sums),
        7 => tap_sums_of::<V, 7>(cpu, source, start, tap_steps, gradient, &windows, sums),
        _ => unreachable!("a plan has no kernel of side {kernel}"),
    }
}

vectorised! {
    /// `sums[t] += Σ_{y,x} gradient[y, x] · source[window(y, x) + tap t]`, channel by channel; `start` is the
    /// first tap of the first window, `tap_steps` the distances of rows and columns of taps.
    ///
    /// # Panics
    ///
    /// If a window lies outside of its slice.
    pub(in crate::cell) fn tap_sums(
        source: &[f32],
        start: usize,
        tap_steps: [usize; 2],
        kernel: usize,
        gradient: &[f32],
        windows: Windows,
        sums: &mut [f32],
    ) = tap_sums_body
}
