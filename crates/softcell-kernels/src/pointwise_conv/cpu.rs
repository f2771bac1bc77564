//! Fast body and gradient on slices: small matrix products, one image after the other.

use crate::support::parallel::{chunks, for_each};
use crate::support::simd::{LANES, add_lanes, array_at, multiply_add, multiversion};

/// Output channels that are computed at once.
const ROWS: usize = 4;

/// Pixels that are computed at once.
const COLUMNS: usize = 16;

/// Matrix `[outputs, inputs]` in blocks of [`ROWS`] outputs: `[blocks, inputs, ROWS]`, filled up with zeros.
fn pack(outputs: usize, inputs: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut packed = vec![0.0; outputs.next_multiple_of(ROWS) * inputs];
    for (block, packed) in packed.chunks_exact_mut((ROWS * inputs).max(1)).enumerate() {
        for (input, packed) in packed.chunks_exact_mut(ROWS).enumerate() {
            for (row, packed) in packed.iter_mut().enumerate() {
                let output = block * ROWS + row;
                if output < outputs {
                    *packed = value(output, input);
                }
            }
        }
    }
    packed
}

/// `y[n] = weight · x[n]` for `x: [N, inputs, plane]` and `weight: [outputs, inputs]`.
pub(super) fn forward(x: &[f32], weight: &[f32], outputs: usize, inputs: usize, plane: usize) -> Vec<f32> {
    let packed = pack(outputs, inputs, |output, input| weight[output * inputs + input]);
    product(x, &packed, outputs, inputs, plane)
}

/// `∂x[n] = weightᵀ · g[n]` for `g: [N, outputs, plane]`.
pub(super) fn input_gradient(
    g: &[f32],
    weight: &[f32],
    outputs: usize,
    inputs: usize,
    plane: usize,
) -> Vec<f32> {
    let packed = pack(inputs, outputs, |input, output| weight[output * inputs + input]);
    product(g, &packed, inputs, outputs, plane)
}

/// A packed matrix times every image.
fn product(x: &[f32], packed: &[f32], outputs: usize, inputs: usize, plane: usize) -> Vec<f32> {
    let images = x.len() / (inputs * plane).max(1);
    let mut y = vec![0.0; images * outputs * plane];
    for_each(
        chunks(&mut y, outputs * plane),
        outputs * inputs * plane,
        || vec![0.0; inputs * COLUMNS],
        |strip, image, y| {
            multiply_image(&x[image * inputs * plane..][..inputs * plane], packed, plane, strip, y)
        },
    );
    y
}

#[inline(always)]
fn multiply_image_body<const FMA: bool>(
    x: &[f32],
    packed: &[f32],
    plane: usize,
    strip: &mut [f32],
    y: &mut [f32],
) {
    let (strip, _) = strip.as_chunks_mut::<COLUMNS>();
    let inputs = strip.len();
    for column in (0..plane).step_by(COLUMNS) {
        let width = COLUMNS.min(plane - column);
        for (strip, x) in strip.iter_mut().zip(x.chunks_exact(plane)) {
            let values = &x[column..column + width];
            match values.as_array::<COLUMNS>() {
                Some(values) => *strip = *values,
                None => strip[..width].copy_from_slice(values),
            }
        }
        for (weights, y) in packed.chunks_exact(ROWS * inputs).zip(y.chunks_mut(ROWS * plane)) {
            let (weights, _) = weights.as_chunks::<ROWS>();
            let mut tile = [[0.0f32; COLUMNS]; ROWS];
            for (weights, values) in weights.iter().zip(strip.iter()) {
                for row in 0..ROWS {
                    for c in 0..COLUMNS {
                        tile[row][c] = multiply_add::<FMA>(weights[row], values[c], tile[row][c]);
                    }
                }
            }
            for (sums, y) in tile.iter().zip(y.chunks_exact_mut(plane)) {
                y[column..column + width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

multiversion! {
    /// `y = weight · x` for one image `x: [inputs, plane]` and a packed weight; `strip` holds
    /// [`COLUMNS`] pixels of all inputs.
    fn multiply_image(
        x: &[f32],
        packed: &[f32],
        plane: usize,
        strip: &mut [f32],
        y: &mut [f32],
    ) = multiply_image_body
}

/// Pixels whose products are added up in `f32` before they go to the total: at least one image.
const PIXELS: usize = 512;

/// `∂weight = Σ_n g[n] · x[n]ᵀ`: partial sums over fixed blocks of images, added in order.
pub(super) fn weight_gradient(x: &[f32], g: &[f32], outputs: usize, inputs: usize, plane: usize) -> Vec<f32> {
    let images = (PIXELS / plane.max(1)).clamp(1, 16);
    let (x, g) = (x.chunks(images * inputs * plane), g.chunks(images * outputs * plane));
    let mut partial = vec![0.0; x.len() * outputs * inputs];
    let items = chunks(&mut partial, outputs * inputs).into_iter().zip(x.zip(g)).collect();
    for_each(
        items,
        images * outputs * inputs * plane,
        || vec![[0.0; LANES]; 2 * inputs],
        |lanes, _, (partial, (x, g))| {
            for (pair, out) in partial.chunks_mut(2 * inputs).enumerate() {
                let lanes = &mut lanes[..out.len()];
                dot_rows(x, g, [outputs, inputs, plane], 2 * pair, lanes);
                add_rest(x, g, [outputs, inputs, plane], 2 * pair, lanes);
                out.iter_mut().zip(lanes).for_each(|(out, lanes)| *out = add_lanes(*lanes));
            }
        },
    );
    let mut total = vec![0.0f64; outputs * inputs];
    for partial in partial.chunks_exact(outputs * inputs) {
        total.iter_mut().zip(partial).for_each(|(total, &part)| *total += f64::from(part));
    }
    total.into_iter().map(|total| total as f32).collect()
}

/// Partial sums in `lanes[o, i] = Σ_n g[n, output + o, ·]·x[n, input + i, ·]` over whole lanes of pixels, for
/// `O` outputs and `I` inputs.
#[inline(always)]
fn dot_tile<const FMA: bool, const O: usize, const I: usize>(
    x: &[f32],
    g: &[f32],
    [outputs, inputs, plane]: [usize; 3],
    [output, input]: [usize; 2],
    lanes: &mut [[f32; LANES]],
) {
    let mut sums = [[[0.0f32; LANES]; I]; O];
    for (x, g) in x.chunks_exact(inputs * plane).zip(g.chunks_exact(outputs * plane)) {
        let (x, g) = (&x[input * plane..][..I * plane], &g[output * plane..][..O * plane]);
        for pixel in (0..plane / LANES * LANES).step_by(LANES) {
            // SAFETY: `pixel + LANES` is at most `plane`, and the slices hold `I` and `O` planes.
            let x: [_; I] = std::array::from_fn(|i| unsafe { array_at::<LANES>(x, i * plane + pixel) });
            for (o, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                let g = unsafe { array_at::<LANES>(g, o * plane + pixel) };
                for (x, sums) in x.iter().zip(sums) {
                    for lane in 0..LANES {
                        sums[lane] = multiply_add::<FMA>(g[lane], x[lane], sums[lane]);
                    }
                }
            }
        }
    }
    for (sums, lanes) in sums.iter().zip(lanes.chunks_exact_mut(inputs)) {
        lanes[input..input + I].copy_from_slice(sums);
    }
}

#[inline(always)]
fn dot_rows_body<const FMA: bool>(
    x: &[f32],
    g: &[f32],
    sizes: [usize; 3],
    output: usize,
    lanes: &mut [[f32; LANES]],
) {
    let inputs = sizes[1];
    let fours = inputs / 4 * 4;
    if lanes.len() == 2 * inputs {
        for input in (0..fours).step_by(4) {
            dot_tile::<FMA, 2, 4>(x, g, sizes, [output, input], lanes);
        }
        for input in fours..inputs {
            dot_tile::<FMA, 2, 1>(x, g, sizes, [output, input], lanes);
        }
    } else {
        for input in (0..fours).step_by(4) {
            dot_tile::<FMA, 1, 4>(x, g, sizes, [output, input], lanes);
        }
        for input in fours..inputs {
            dot_tile::<FMA, 1, 1>(x, g, sizes, [output, input], lanes);
        }
    }
}

multiversion! {
    /// Partial sums of `Σ_n g[n, o, ·]·x[n, i, ·]` over whole lanes of pixels, for one or two outputs from
    /// `output` on (as many as `lanes` has rows) and all inputs; `sizes` are outputs, inputs and pixels.
    fn dot_rows(
        x: &[f32],
        g: &[f32],
        sizes: [usize; 3],
        output: usize,
        lanes: &mut [[f32; LANES]],
    ) = dot_rows_body
}

/// Adds the pixels that [`dot_rows`] left out.
fn add_rest(
    x: &[f32],
    g: &[f32],
    [outputs, inputs, plane]: [usize; 3],
    output: usize,
    lanes: &mut [[f32; LANES]],
) {
    let whole = plane / LANES * LANES;
    if whole == plane {
        return;
    }
    for (x, g) in x.chunks_exact(inputs * plane).zip(g.chunks_exact(outputs * plane)) {
        let g = g.chunks_exact(plane).skip(output);
        for (g, lanes) in g.zip(lanes.chunks_exact_mut(inputs)) {
            for (x, lanes) in x.chunks_exact(plane).zip(lanes) {
                for ((lane, &g), &x) in lanes.iter_mut().zip(&g[whole..]).zip(&x[whole..]) {
                    *lane += g * x;
                }
            }
        }
    }
}
