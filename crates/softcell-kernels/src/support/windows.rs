//! Windows over one plane of a map: padded copies in which all windows of a row can be worked on at once.

use super::simd::{array_at, multiply_add, multiversion};

/// Narrowest tile of outputs, in columns. Rows of padded copies have room for whole tiles.
const COLUMNS: usize = 8;

/// Greatest number of output rows in a tile. Padded copies have room for whole tiles.
const ROWS: usize = 8;

/// A padded copy of a plane for windows that step by `stride`.
///
/// Row by row, each row split by the remainder of the column modulo the horizontal stride: what one tap sees
/// in neighbouring windows lies next to each other whatever the stride is.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    plane: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    rows: usize,
    phase: usize,
}

impl Layout {
    /// For `windows` windows of `extent` rows and columns each.
    fn new(
        plane: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        extent: [usize; 2],
        windows: [usize; 2],
    ) -> Self {
        let rows = (windows[0].next_multiple_of(ROWS) - 1) * stride[0] + extent[0];
        let phase = windows[1].next_multiple_of(COLUMNS) + (extent[1] - 1) / stride[1];
        Self { plane, stride, padding, rows, phase }
    }

    /// A buffer for a padded copy, with `border` everywhere.
    pub(crate) fn buffer(&self, border: f32) -> Vec<f32> {
        vec![border; self.rows * self.stride[1] * self.phase]
    }

    /// From a window's first value to the value `row` rows and `column` columns further.
    fn offset(&self, row: usize, column: usize) -> usize {
        (row * self.stride[1] + column % self.stride[1]) * self.phase + column / self.stride[1]
    }

    /// From a window to the window below.
    pub(crate) fn step(&self) -> usize {
        self.stride[0] * self.stride[1] * self.phase
    }

    /// Copies a plane into a buffer of [`Self::buffer`], each value through `map`. The border is not touched.
    #[inline(always)]
    pub(crate) fn fill(&self, buffer: &mut [f32], plane: &[f32], map: impl Fn(f32) -> f32) {
        let [stride, padding, width] = [self.stride[1], self.padding[1], self.plane[1]];
        let rows = buffer.chunks_exact_mut(stride * self.phase).skip(self.padding[0]);
        for (row, values) in rows.zip(plane.chunks_exact(width)) {
            for (remainder, row) in row.chunks_exact_mut(self.phase).enumerate() {
                // First column of this remainder, counted in the padded row, that holds a value.
                let first = padding + (remainder + stride - padding % stride) % stride;
                let values = values.get(first - padding..).unwrap_or_default();
                let row = row.get_mut(first / stride..).unwrap_or_default();
                match stride {
                    1 => row.iter_mut().zip(values).for_each(|(to, &from)| *to = map(from)),
                    2 => {
                        let (pairs, rest) = values.as_chunks::<2>();
                        row.iter_mut().zip(pairs).for_each(|(to, from)| *to = map(from[0]));
                        let row = row.get_mut(pairs.len()..).unwrap_or_default();
                        row.iter_mut().zip(rest).for_each(|(to, &from)| *to = map(from));
                    }
                    _ => {
                        let from = values.iter().step_by(stride);
                        row.iter_mut().zip(from).for_each(|(to, &from)| *to = map(from));
                    }
                }
            }
        }
    }
}

/// The pixels of an input whose row and column have one remainder modulo the stride. All of them are seen
/// through the same taps of the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    first: [usize; 2],
    /// Height and width.
    pub(crate) size: [usize; 2],
    /// Which taps of the kernel see these pixels.
    pub(crate) taps: Vec<usize>,
    /// Where in the padded output the window lies whose tap sees the first pixel.
    pub(crate) offsets: Vec<usize>,
}

/// All windows over a plane.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// Height and width of the plane.
    pub(crate) input: [usize; 2],
    /// How many windows there are, vertically and horizontally.
    pub(crate) output: [usize; 2],
    /// Height and width of the kernel, in taps.
    pub(crate) kernel: [usize; 2],
    stride: [usize; 2],
    /// The padded input.
    pub(crate) source: Layout,
    /// Per tap: from the first value of a window in the padded input to the value this tap sees.
    pub(crate) offsets: Vec<usize>,
    /// The padded output, for sums over all windows that see a pixel.
    pub(crate) target: Layout,
    /// The input by remainder modulo the stride.
    pub(crate) phases: Vec<Phase>,
}

impl Windows {
    /// Windows of `kernel` taps that lie `dilation` apart.
    pub(crate) fn new(
        input: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        dilation: [usize; 2],
    ) -> Self {
        let extent: [usize; 2] = std::array::from_fn(|axis| dilation[axis] * (kernel[axis] - 1) + 1);
        let output: [usize; 2] =
            std::array::from_fn(|axis| (input[axis] + 2 * padding[axis] - extent[axis]) / stride[axis] + 1);
        let source = Layout::new(input, stride, padding, extent, output);
        let taps = || (0..kernel[0] * kernel[1]).map(|tap| [tap / kernel[1], tap % kernel[1]]);
        let offsets =
            taps().map(|[row, column]| source.offset(row * dilation[0], column * dilation[1])).collect();

        // Tap k of window o sees pixel i = o·stride + k·dilation − padding. With i = r + stride·a this is
        // window o = a + (r + padding − k·dilation) / stride if that is a whole number. The padded output has
        // a margin of `before` for the negative ones.
        let before: [usize; 2] = std::array::from_fn(|axis| {
            (extent[axis] - 1).saturating_sub(padding[axis]).div_ceil(stride[axis])
        });
        let after: [usize; 2] = std::array::from_fn(|axis| (stride[axis] - 1 + padding[axis]) / stride[axis]);
        let largest: [usize; 2] = std::array::from_fn(|axis| input[axis].div_ceil(stride[axis]));
        let reach = std::array::from_fn(|axis| before[axis] + after[axis] + 1);
        let target = Layout::new(output, [1, 1], before, reach, largest);
        let window = |axis: usize, remainder: usize, tap: usize| -> Option<usize> {
            let shifted = before[axis] * stride[axis] + remainder + padding[axis];
            let shifted = shifted.checked_sub(tap * dilation[axis])?;
            (shifted % stride[axis] == 0).then_some(shifted / stride[axis])
        };
        let mut phases = Vec::new();
        for first in (0..stride[0]).flat_map(|row| (0..stride[1]).map(move |column| [row, column])) {
            let mut phase = Phase {
                first,
                size: std::array::from_fn(|axis| {
                    input[axis].saturating_sub(first[axis]).div_ceil(stride[axis])
                }),
                taps: Vec::new(),
                offsets: Vec::new(),
            };
            for (index, tap) in taps().enumerate() {
                if let (Some(row), Some(column)) = (window(0, first[0], tap[0]), window(1, first[1], tap[1]))
                {
                    phase.taps.push(index);
                    phase.offsets.push(target.offset(row, column));
                }
            }
            phases.push(phase);
        }
        Self { input, output, kernel, stride, source, offsets, target, phases }
    }

    /// How many values the plane has.
    pub(crate) fn input_len(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// How many windows there are.
    pub(crate) fn output_len(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// How many taps the kernel has.
    pub(crate) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Writes a plane of the input's size phase by phase: `compute(phase, values)` writes the pixels of one
    /// phase in row-major order. `scratch` holds at least [`Self::input_len`] values.
    pub(crate) fn write_input(
        &self,
        plane: &mut [f32],
        scratch: &mut [f32],
        mut compute: impl FnMut(&Phase, &mut [f32]),
    ) {
        if let [phase] = &self.phases[..] {
            return compute(phase, plane);
        }
        for phase in self.phases.iter().filter(|phase| phase.size[0] * phase.size[1] > 0) {
            let values = &mut scratch[..phase.size[0] * phase.size[1]];
            compute(phase, values);
            let rows = plane.chunks_exact_mut(self.input[1]).skip(phase.first[0]).step_by(self.stride[0]);
            for (row, values) in rows.zip(values.chunks_exact(phase.size[1])) {
                let row = row[phase.first[1]..].iter_mut().step_by(self.stride[1]);
                row.zip(values).for_each(|(to, &from)| *to = from);
            }
        }
    }
}

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
    let end = (rows.next_multiple_of(ROWS) - 1) * step + columns.next_multiple_of(COLUMNS);
    assert!(rows > 0 && greatest(offsets) + end <= source.len());
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
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`] have.
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
    let end = (rows.next_multiple_of(ROWS) - 1) * step + columns.next_multiple_of(COLUMNS);
    assert!(rows > 0 && greatest(offsets) + end <= source.len() && source.len() == winners.len());
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
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`] have.
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

#[inline(always)]
fn maximum_body<const FMA: bool>(
    source: &[f32],
    step: usize,
    offsets: &[usize],
    greatest_value: &mut [f32],
    winners: &mut [f32],
    columns: usize,
) {
    let rows = greatest_value.len() / columns;
    let end = (rows.next_multiple_of(ROWS) - 1) * step + columns.next_multiple_of(COLUMNS);
    assert!(rows > 0 && greatest(offsets) + end <= source.len());
    for_each_tile!(rows, columns, |row, column, C, R| {
        let mut best = [[f32::NEG_INFINITY; C]; R];
        let mut winner = [[0.0f32; C]; R];
        for (tap, &offset) in offsets.iter().enumerate() {
            let tap = tap as f32;
            for r in 0..R {
                // SAFETY: as in `correlate_body`.
                let values = unsafe { array_at::<C>(source, offset + (row + r) * step + column) };
                for c in 0..C {
                    // The first of equal values stays; a NaN wins and stays.
                    // Without short cuts, so that the loop has no branches.
                    let better = (values[c] > best[r][c]) | values[c].is_nan();
                    best[r][c] = if better { values[c] } else { best[r][c] };
                    winner[r][c] = if better { tap } else { winner[r][c] };
                }
            }
        }
        store(&best, greatest_value, columns, row, column);
        if !winners.is_empty() {
            store(&winner, winners, columns, row, column);
        }
    });
}

multiversion! {
    /// The greatest value that the taps of each window see, and which tap was the first to see it.
    /// `winners` may be empty if nobody asks.
    ///
    /// # Panics
    ///
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`] have.
    pub(crate) fn maximum(
        source: &[f32],
        step: usize,
        offsets: &[usize],
        greatest_value: &mut [f32],
        winners: &mut [f32],
        columns: usize,
    ) = maximum_body
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
            && greatest(offsets) + (rows - 1) * step + width <= source.len()
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
        *out = sum.iter().sum();
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
    /// If `source` has no room for whole tiles, which buffers of a [`Layout`] have.
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
