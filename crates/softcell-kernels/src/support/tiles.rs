//! Loops over all windows of a padded plane, a tile of outputs at a time, with the sums in registers.

use super::extent::extent;
use super::simd::{add_lanes, array_at, multiply_add, multiversion};

/// Narrowest tile of outputs, in columns. Rows of padded copies have room for whole tiles.
pub(super) const COLUMNS: usize = 8;

/// Greatest number of output rows in a tile. Padded copies have room for whole tiles.
pub(super) const ROWS: usize = 8;

/// The greatest of some offsets, or 0.
#[inline(always)]
fn greatest(offsets: &[usize]) -> usize {
    offsets.iter().copied().max().unwrap_or(0)
}

/// Calls `$tile::<FMA, C, R>(first output row, first output column)` for tiles that cover an output.
macro_rules! for_each_tile {
    ($rows:expr, $columns:expr, |$row:ident, $column:ident, $C:ident, $R:ident| $body:expr) => {{
        let (rows, columns): (usize, usize) = ($rows, $columns);
        let mut $column = 0;
        while $column < columns {
            let remaining = columns - $column;
            if remaining >= 32 {
                const $C: usize = 32;
                const $R: usize = 2;
                for $row in (0..rows).step_by($R) {
                    $body
                }
                $column += 32;
            } else if remaining >= 16 {
                const $C: usize = 16;
                const $R: usize = 4;
                for $row in (0..rows).step_by($R) {
                    $body
                }
                $column += 16;
            } else {
                const $C: usize = 8;
                const $R: usize = 8;
                for $row in (0..rows).step_by($R) {
                    $body
                }
                $column += 8;
            }
        }
    }};
}

/// Writes the part of a tile that lies inside of an output of the given width.
#[inline(always)]
fn store<const C: usize, const R: usize>(
    tile: &[[f32; C]; R],
    out: &mut [f32],
    columns: usize,
    row: usize,
    column: usize,
) {
    let width = C.min(columns - column);
    for (values, out) in tile.iter().zip(out.chunks_exact_mut(columns).skip(row)) {
        out[column..column + width].copy_from_slice(&values[..width]);
    }
}

#[inline(always)]
fn correlate_body<const FMA: bool>(
    source: &[f32],
    step: usize,
    offsets: &[usize],
    weights: &[f32],
    out: &mut [f32],
    columns: usize,
) {
    let rows = out.len() / columns;
    let last = rows.next_multiple_of(ROWS).saturating_sub(1);
    let end = extent([[last, step], [1, columns.next_multiple_of(COLUMNS)], [1, greatest(offsets)]]);
    assert!(rows > 0 && end <= source.len());
    for_each_tile!(rows, columns, |row, column, C, R| {
        let mut tile = [[0.0f32; C]; R];
        for (&offset, &weight) in offsets.iter().zip(weights) {
            for (r, sums) in tile.iter_mut().enumerate() {
                // SAFETY: the last row is below `rows` rounded up to ROWS and the last column below
                // `columns` rounded up to COLUMNS: inside of `source` by the assertion above.
                let values = unsafe { array_at::<C>(source, offset + (row + r) * step + column) };
                for c in 0..C {
                    sums[c] = multiply_add::<FMA>(weight, values[c], sums[c]);
                }
            }
        }
        store(&tile, out, columns, row, column);
    });
}

multiversion! {
    /// `out[i, j] = Σ_t weights[t] · source[offsets[t] + i·step + j]`, with `columns` columns in `out`.
    ///
    /// # Panics
    ///
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`](super::windows::Layout) have.
    pub(crate) fn correlate(
        source: &[f32],
        step: usize,
        offsets: &[usize],
        weights: &[f32],
        out: &mut [f32],
        columns: usize,
    ) = correlate_body
}

#[inline(always)]
fn select_body<const FMA: bool>(
    source: &[f32],
    winners: &[f32],
    step: usize,
    offsets: &[usize],
    taps: &[f32],
    out: &mut [f32],
    columns: usize,
) {
    let rows = out.len() / columns;
    let last = rows.next_multiple_of(ROWS).saturating_sub(1);
    let end = extent([[last, step], [1, columns.next_multiple_of(COLUMNS)], [1, greatest(offsets)]]);
    assert!(rows > 0 && end <= source.len() && source.len() == winners.len());
    for_each_tile!(rows, columns, |row, column, C, R| {
        let mut tile = [[0.0f32; C]; R];
        for (&offset, &tap) in offsets.iter().zip(taps) {
            for (r, sums) in tile.iter_mut().enumerate() {
                let start = offset + (row + r) * step + column;
                // SAFETY: as in `correlate_body`; both slices have one length.
                let (values, winners) =
                    unsafe { (array_at::<C>(source, start), array_at::<C>(winners, start)) };
                for c in 0..C {
                    let mask = if winners[c] == tap { u32::MAX } else { 0 };
                    sums[c] += f32::from_bits(values[c].to_bits() & mask);
                }
            }
        }
        store(&tile, out, columns, row, column);
    });
}

multiversion! {
    /// `out[i, j] = Σ_t source[p] where winners[p] = taps[t]`, with `p = offsets[t] + i·step + j`.
    ///
    /// # Panics
    ///
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`](super::windows::Layout) have.
    pub(crate) fn select(
        source: &[f32],
        winners: &[f32],
        step: usize,
        offsets: &[usize],
        taps: &[f32],
        out: &mut [f32],
        columns: usize,
    ) = select_body
}

/// `chosen` where `mask` is all ones, `other` where it is zero.
#[inline(always)]
fn blend(mask: u32, chosen: f32, other: f32) -> f32 {
    f32::from_bits((chosen.to_bits() & mask) | (other.to_bits() & !mask))
}

/// Where `value` is greater than `best` or NaN: all ones, else zero. No short cut, hence no branch.
#[inline(always)]
fn wins(value: f32, best: f32) -> u32 {
    (u32::from(value > best) | u32::from(value.is_nan())).wrapping_neg()
}

#[inline(always)]
fn maximum_body<const FMA: bool>(
    source: &[f32],
    step: usize,
    offsets: &[usize],
    out: &mut [f32],
    columns: usize,
) {
    let rows = out.len() / columns;
    let last = rows.next_multiple_of(ROWS).saturating_sub(1);
    let end = extent([[last, step], [1, columns.next_multiple_of(COLUMNS)], [1, greatest(offsets)]]);
    assert!(rows > 0 && end <= source.len());
    for_each_tile!(rows, columns, |row, column, C, R| {
        let mut best = [[f32::NEG_INFINITY; C]; R];
        for &offset in offsets {
            for (r, best) in best.iter_mut().enumerate() {
                // SAFETY: as in `correlate_body`.
                let values = unsafe { array_at::<C>(source, offset + (row + r) * step + column) };
                for c in 0..C {
                    best[c] = blend(wins(values[c], best[c]), values[c], best[c]);
                }
            }
        }
        store(&best, out, columns, row, column);
    });
}

multiversion! {
    /// The greatest value that the taps of each window see; a NaN counts as greatest.
    ///
    /// # Panics
    ///
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`](super::windows::Layout) have.
    pub(crate) fn maximum(
        source: &[f32],
        step: usize,
        offsets: &[usize],
        out: &mut [f32],
        columns: usize,
    ) = maximum_body
}

#[inline(always)]
fn first_maximum_body<const FMA: bool>(
    source: &[f32],
    step: usize,
    offsets: &[usize],
    out: &mut [f32],
    columns: usize,
) {
    let rows = out.len() / columns;
    let last = rows.next_multiple_of(ROWS).saturating_sub(1);
    let end = extent([[last, step], [1, columns.next_multiple_of(COLUMNS)], [1, greatest(offsets)]]);
    assert!(rows > 0 && end <= source.len());
    for_each_tile!(rows, columns, |row, column, C, R| {
        for row in row..row + R {
            let mut best = [f32::NEG_INFINITY; C];
            let mut winner = [[0.0f32; C]];
            for (tap, &offset) in offsets.iter().enumerate() {
                // SAFETY: as in `correlate_body`.
                let values = unsafe { array_at::<C>(source, offset + row * step + column) };
                for c in 0..C {
                    let mask = wins(values[c], best[c]);
                    best[c] = blend(mask, values[c], best[c]);
                    winner[0][c] = blend(mask, tap as f32, winner[0][c]);
                }
            }
            store(&winner, out, columns, row, column);
        }
    });
}

multiversion! {
    /// Which tap of each window is the first to see its [`maximum`]; the last one that sees NaN, if any does.
    ///
    /// # Panics
    ///
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`](super::windows::Layout) have.
    pub(crate) fn first_maximum(
        source: &[f32],
        step: usize,
        offsets: &[usize],
        out: &mut [f32],
        columns: usize,
    ) = first_maximum_body
}

/// Taps that are summed at once by [`tap_sums`].
const TAPS: usize = 9;

#[inline(always)]
fn tap_sums_of<const FMA: bool, const T: usize>(
    source: &[f32],
    step: usize,
    offsets: &[usize; T],
    gradient: &[f32],
    width: usize,
    out: &mut [f32],
) {
    let rows = gradient.len() / width;
    assert!(
        rows > 0
            && width.is_multiple_of(COLUMNS)
            && extent([[rows - 1, step], [1, width], [1, greatest(offsets)]]) <= source.len()
    );
    let mut sums = [[0.0f32; COLUMNS]; T];
    for (row, gradient) in gradient.chunks_exact(width).enumerate() {
        for (block, gradient) in gradient.as_chunks::<COLUMNS>().0.iter().enumerate() {
            for t in 0..T {
                // SAFETY: the row is below `rows` and the last column below `width`: inside of `source` by
                // the assertion above.
                let values =
                    unsafe { array_at::<COLUMNS>(source, offsets[t] + row * step + block * COLUMNS) };
                for c in 0..COLUMNS {
                    sums[t][c] = multiply_add::<FMA>(gradient[c], values[c], sums[t][c]);
                }
            }
        }
    }
    for (sum, out) in sums.iter().zip(out) {
        *out = add_lanes(*sum);
    }
}

#[inline(always)]
fn tap_sums_body<const FMA: bool>(
    source: &[f32],
    step: usize,
    offsets: &[usize],
    gradient: &[f32],
    width: usize,
    out: &mut [f32],
) {
    let (blocks, rest) = offsets.as_chunks::<TAPS>();
    let (out, out_rest) = out.split_at_mut(blocks.len() * TAPS);
    for (offsets, out) in blocks.iter().zip(out.chunks_exact_mut(TAPS)) {
        tap_sums_of::<FMA, TAPS>(source, step, offsets, gradient, width, out);
    }
    let (fours, ones) = rest.as_chunks::<4>();
    let (out_fours, out_ones) = out_rest.split_at_mut(fours.len() * 4);
    for (offsets, out) in fours.iter().zip(out_fours.chunks_exact_mut(4)) {
        tap_sums_of::<FMA, 4>(source, step, offsets, gradient, width, out);
    }
    for (offset, out) in ones.iter().zip(out_ones.chunks_exact_mut(1)) {
        tap_sums_of::<FMA, 1>(source, step, &[*offset], gradient, width, out);
    }
}

multiversion! {
    /// `out[t] = Σ_{i,j} gradient[i, j] · source[offsets[t] + i·step + j]`; rows of `gradient` have `width`
    /// values: whole tiles, zero where the output has no column.
    ///
    /// # Panics
    ///
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`](super::windows::Layout) have.
    pub(crate) fn tap_sums(
        source: &[f32],
        step: usize,
        offsets: &[usize],
        gradient: &[f32],
        width: usize,
        out: &mut [f32],
    ) = tap_sums_body
}

/// The width of rows that [`tap_sums`] wants for an output of so many columns.
pub(crate) fn padded_width(columns: usize) -> usize {
    columns.next_multiple_of(COLUMNS)
}

/// Copies an output into rows of [`padded_width`] values; what lies behind each row is not touched.
pub(crate) fn copy_rows(output: &[f32], columns: usize, padded: &mut [f32]) {
    for (to, from) in padded.chunks_exact_mut(padded_width(columns)).zip(output.chunks_exact(columns)) {
        to[..columns].copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_agree() {
        let source: Vec<f32> = (0..600).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let (step, offsets, weights) = (24, [0, 1, 25, 50], [0.5, -0.25, 2.0, 1.0]);
        let (mut wide, mut narrow) = (vec![0.0; 8 * 17], vec![0.0; 8 * 17]);
        correlate(&source, step, &offsets, &weights, &mut wide, 17);
        correlate_body::<false>(&source, step, &offsets, &weights, &mut narrow, 17);
        for (wide, narrow) in wide.iter().zip(&narrow) {
            assert!((wide - narrow).abs() < 1e-5, "{wide} {narrow}");
        }
    }

    #[test]
    #[should_panic]
    fn a_source_without_room_for_whole_tiles_is_refused() {
        correlate(&[0.0; 72], 8, &[0, 9], &[1.0, 1.0], &mut [0.0; 64], 8);
    }
}
