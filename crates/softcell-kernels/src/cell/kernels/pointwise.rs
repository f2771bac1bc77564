//! Pointwise convolution of all blocks of a strip of pixels: small matrix products with the sums in registers.

use crate::support::ahead::Ahead;
use crate::support::extent::extent;
use crate::support::vector::{Cpu, Vector, store_at, vectorised};

/// Blocks of channels of some pixels.
#[derive(Clone, Copy, Debug)]
pub(in crate::cell) struct Strip<'a> {
    /// Block after block, pixel after pixel.
    pub values: &'a [f32],
    /// Values from a block to the next.
    pub block: usize,
    /// How many channels each block really has.
    pub channels: &'a [usize],
}

/// Cache lines to fetch ahead for each block of a tile and each block of channels that it reads: as much as
/// memory delivers in that time.
const FETCH: usize = 3;

/// `Q` pixels of `B` blocks.
///
/// # Safety
///
/// The pixels must lie inside of `x`, the blocks inside of `weights`.
#[inline(always)]
unsafe fn tile<V: Vector, const Q: usize, const B: usize>(
    cpu: Cpu<V>,
    x: Strip<'_>,
    pixel: usize,
    weights: &[f32],
    row: usize,
    first: usize,
    ahead: &mut Ahead,
) -> [[V; B]; Q] {
    let mut sums = [[cpu.splat(0.0); B]; Q];
    let mut weight_at = first * V::LANES;
    let mut block_at = pixel * V::LANES;
    // SAFETY: by the caller.
    unsafe {
        for &channels in x.channels {
            ahead.fetch(FETCH * B);
            for channel in 0..channels {
                let weight: [V; B] = std::array::from_fn(|b| cpu.load_at(weights, weight_at + b * V::LANES));
                for (q, sums) in sums.iter_mut().enumerate() {
                    let value = cpu.splat_at(x.values, block_at + channel + q * V::LANES);
                    for (sum, weight) in sums.iter_mut().zip(weight) {
                        *sum = value.mul_add(weight, *sum);
                    }
                }
                weight_at += row;
            }
            block_at += x.block;
        }
    }
    sums
}

#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn columns<V: Vector, const Q: usize, const B: usize>(
    cpu: Cpu<V>,
    x: Strip<'_>,
    pixels: usize,
    weights: &[f32],
    row: usize,
    first: usize,
    out: &mut [f32],
    out_block: usize,
    ahead: &mut Ahead,
) {
    macro_rules! write {
        ($sums:expr, $pixel:expr) => {
            for (q, sums) in $sums.iter().enumerate() {
                for (b, &sum) in sums.iter().enumerate() {
                    let to = (first + b) * out_block + ($pixel + q) * V::LANES;
                    // SAFETY: `pointwise_body` has checked that all results lie inside of `out`.
                    unsafe { store_at(sum, out, to) };
                }
            }
        };
    }
    let mut pixel = 0;
    while pixel + Q <= pixels {
        // SAFETY: `pointwise_body` has checked that all pixels lie inside of `x`.
        let sums = unsafe { tile::<V, Q, B>(cpu, x, pixel, weights, row, first, ahead) };
        write!(sums, pixel);
        pixel += Q;
    }
    while Q > 4 && pixel + 4 <= pixels {
        // SAFETY: as above.
        let sums = unsafe { tile::<V, 4, B>(cpu, x, pixel, weights, row, first, ahead) };
        write!(sums, pixel);
        pixel += 4;
    }
    while pixel < pixels {
        // SAFETY: as above.
        let sums = unsafe { tile::<V, 1, B>(cpu, x, pixel, weights, row, first, ahead) };
        write!(sums, pixel);
        pixel += 1;
    }
}

#[inline(always)]
fn pointwise_body<V: Vector>(
    cpu: Cpu<V>,
    x: Strip<'_>,
    pixels: usize,
    weights: &[f32],
    out_blocks: usize,
    out: &mut [f32],
    out_block: usize,
    ahead: &mut Ahead,
) {
    if pixels == 0 || out_blocks == 0 {
        return;
    }
    let row = out_blocks * V::LANES;
    check::<V>(x, pixels);
    assert!(extent([[x.channels.iter().sum(), out_blocks, V::LANES]]) <= weights.len());
    assert!(extent([[out_blocks - 1, out_block], [pixels, V::LANES]]) <= out.len());
    let mut first = 0;
    macro_rules! blocks {
        ($($pixels:literal x $blocks:literal),*) => {
            $(while first + $blocks <= out_blocks {
                columns::<V, $pixels, $blocks>(cpu, x, pixels, weights, row, first, out, out_block, ahead);
                first += $blocks;
            })*
        };
    }
    if V::REGISTERS >= 32 {
        if out_blocks == 4 {
            blocks!(8 x 2);
        }
        blocks!(8 x 3, 8 x 2, 16 x 1);
    } else if V::REGISTERS >= 16 {
        blocks!(4 x 2, 8 x 1);
    } else if V::REGISTERS >= 8 {
        blocks!(4 x 1);
    } else {
        blocks!(1 x 1);
    }
}

/// Checks that all pixels lie inside of a strip.
#[inline(always)]
fn check<V: Vector>(x: Strip<'_>, pixels: usize) {
    assert!(x.channels.iter().all(|&channels| channels <= V::LANES));
    assert!(extent([[x.channels.len().saturating_sub(1), x.block], [pixels, V::LANES]]) <= x.values.len());
}

vectorised! {
    /// `out[p, o] = Σ_i x[p, i] · weights[i, o]`; a row of `weights` has `out_blocks` blocks. Meanwhile memory
    /// that is wanted next is fetched `ahead`.
    ///
    /// # Panics
    ///
    /// If a pixel lies outside of its slice.
    pub(in crate::cell) fn pointwise(
        x: Strip<'_>,
        pixels: usize,
        weights: &[f32],
        out_blocks: usize,
        out: &mut [f32],
        out_block: usize,
        ahead: &mut Ahead,
    ) = pointwise_body
}

/// Adds to `C` rows of `B` blocks of the weights' gradient what all pixels give.
///
/// # Safety
///
/// The pixels must lie inside of `x` and `gradient`, the rows and blocks inside of `sums`.
#[inline(always)]
unsafe fn outer<V: Vector, const C: usize, const B: usize>(
    cpu: Cpu<V>,
    x: &[f32],
    gradient: &[f32],
    gradient_block: usize,
    pixels: usize,
    sums: &mut [f32],
    row: usize,
) {
    // SAFETY: by the caller.
    unsafe {
        let mut tile: [[V; B]; C] =
            std::array::from_fn(|c| std::array::from_fn(|b| cpu.load_at(sums, c * row + b * V::LANES)));
        for pixel in 0..pixels {
            let at = pixel * V::LANES;
            let g: [V; B] = std::array::from_fn(|b| cpu.load_at(gradient, b * gradient_block + at));
            for (c, tile) in tile.iter_mut().enumerate() {
                let value = cpu.splat_at(x, at + c);
                for (sum, g) in tile.iter_mut().zip(g) {
                    *sum = value.mul_add(g, *sum);
                }
            }
        }
        for (c, tile) in tile.iter().enumerate() {
            for (b, &sum) in tile.iter().enumerate() {
                store_at(sum, sums, c * row + b * V::LANES);
            }
        }
    }
}

#[inline(always)]
fn outer_rows<V: Vector, const B: usize>(
    cpu: Cpu<V>,
    x: &[f32],
    channels: usize,
    gradient: &[f32],
    gradient_block: usize,
    pixels: usize,
    sums: &mut [f32],
    row: usize,
) {
    let mut channel = 0;
    macro_rules! channels {
        ($($count:literal),*) => {
            $(while channel + $count <= channels {
                let (x, sums) = (&x[channel..], &mut sums[channel * row..]);
                // SAFETY: `outer_body` has checked that all pixels and blocks lie inside of the slices; a
                // block of `x` has room for all its channels.
                unsafe { outer::<V, $count, B>(cpu, x, gradient, gradient_block, pixels, sums, row) };
                channel += $count;
            })*
        };
    }
    if V::REGISTERS >= 32 && B == 1 {
        channels!(16, 4, 1);
    } else if V::REGISTERS >= 32 {
        channels!(8, 4, 1);
    } else if V::REGISTERS >= 16 {
        channels!(8, 1);
    } else if V::REGISTERS >= 8 {
        channels!(4, 1);
    } else {
        channels!(1);
    }
}

#[inline(always)]
fn outer_body<V: Vector>(
    cpu: Cpu<V>,
    x: Strip<'_>,
    gradient: &[f32],
    gradient_block: usize,
    out_blocks: usize,
    pixels: usize,
    sums: &mut [f32],
) {
    if pixels == 0 || out_blocks == 0 {
        return;
    }
    let row = out_blocks * V::LANES;
    check::<V>(x, pixels);
    assert!(extent([[x.channels.iter().sum(), out_blocks, V::LANES]]) <= sums.len());
    assert!(extent([[out_blocks - 1, gradient_block], [pixels, V::LANES]]) <= gradient.len());
    let mut first = 0;
    macro_rules! blocks {
        ($($blocks:literal),*) => {
            $(while first + $blocks <= out_blocks {
                let mut done = 0;
                for (block, &channels) in x.channels.iter().enumerate() {
                    outer_rows::<V, $blocks>(cpu,
                        &x.values[block * x.block..],
                        channels,
                        &gradient[first * gradient_block..],
                        gradient_block,
                        pixels,
                        &mut sums[done * row + first * V::LANES..],
                        row,
                    );
                    done += channels;
                }
                first += $blocks;
            })*
        };
    }
    if V::REGISTERS >= 32 {
        blocks!(3, 2, 1);
    } else {
        blocks!(1);
    }
}

vectorised! {
    /// `sums[i, o] += Σ_p x[p, i] · gradient[p, o]`; a row of `sums` has `out_blocks` blocks.
    ///
    /// # Panics
    ///
    /// If a pixel lies outside of its slice.
    pub(in crate::cell) fn outer_products(
        x: Strip<'_>,
        gradient: &[f32],
        gradient_block: usize,
        out_blocks: usize,
        pixels: usize,
        sums: &mut [f32],
    ) = outer_body
}
