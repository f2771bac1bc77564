//! Windows over one plane of a map: padded copies in which all windows of a row can be worked on at once.

use super::tiles::{COLUMNS, ROWS};

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
        let after: [usize; 2] = std::array::from_fn(|axis| padding[axis].div_ceil(stride[axis]));
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
