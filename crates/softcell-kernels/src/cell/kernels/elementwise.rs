//! One pass over a block of pixels: padded copies, sums for statistics, mixtures.

use crate::support::extent::extent;
use crate::support::vector::{Cpu, Vector, store_at, vectorised};

/// A map with a margin on all sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cell) struct Padded {
    pub height: usize,
    pub width: usize,
    pub padding: usize,
}

impl Padded {
    /// Values of a padded row of one block.
    pub fn pitch(&self, lanes: usize) -> usize {
        extent([[self.width + 2 * self.padding, lanes]])
    }

    /// Values of one padded block.
    pub fn len(&self, lanes: usize) -> usize {
        extent([[self.height + 2 * self.padding, self.pitch(lanes)]])
    }

    /// Writes zeros to the margins of all blocks of a buffer.
    pub fn clear_margins(&self, lanes: usize, blocks: &mut [f32]) {
        let (pitch, side) = (self.pitch(lanes), self.padding * lanes);
        if side == 0 {
            return;
        }
        for block in blocks.chunks_exact_mut(self.len(lanes)) {
            let (top, rest) = block.split_at_mut(self.padding * pitch);
            let (middle, bottom) = rest.split_at_mut(self.height * pitch);
            top.fill(0.0);
            bottom.fill(0.0);
            for row in middle.chunks_exact_mut(pitch) {
                row[..side].fill(0.0);
                row[pitch - side..].fill(0.0);
            }
        }
    }
}

#[inline(always)]
fn fill_body<V: Vector>(
    cpu: Cpu<V>,
    map: &[f32],
    affine: Option<(&[f32], &[f32])>,
    rectify: bool,
    plane: Padded,
    padded: &mut [f32],
) {
    let width = plane.width * V::LANES;
    assert!(extent([[plane.height, plane.width, V::LANES]]) <= map.len());
    assert!(plane.len(V::LANES) <= padded.len());
    assert!(affine.is_none_or(|(scale, shift)| scale.len() >= V::LANES && shift.len() >= V::LANES));
    let (zero, one) = (cpu.splat(0.0), cpu.splat(1.0));
    // SAFETY: the assertions above; rows are shorter than the pitch.
    unsafe {
        let (scale, shift) = match affine {
            Some((scale, shift)) => (cpu.load_at(scale, 0), cpu.load_at(shift, 0)),
            None => (one, zero),
        };
        for row in 0..plane.height {
            let from = row * width;
            let to = (row + plane.padding) * plane.pitch(V::LANES) + plane.padding * V::LANES;
            let mut at = 0;
            while at < width {
                let mut value = cpu.load_at(map, from + at);
                if affine.is_some() {
                    value = value.mul_add(scale, shift);
                }
                if rectify {
                    // In this order a NaN stays one.
                    value = zero.max(value);
                }
                store_at(value, padded, to + at);
                at += V::LANES;
            }
        }
    }
}

vectorised! {
    /// Copies a block into the middle of a padded one: `scale · x + shift`, then the rectifier, if wanted. The
    /// margin is not touched.
    pub(in crate::cell) fn fill(
        map: &[f32],
        affine: Option<(&[f32], &[f32])>,
        rectify: bool,
        plane: Padded,
        padded: &mut [f32],
    ) = fill_body
}

/// Partial sums that run side by side, so that additions need not wait for each other.
const CHAINS: usize = 4;

#[inline(always)]
fn moments_body<V: Vector>(cpu: Cpu<V>, map: &[f32], centre: &[f32], sums: &mut [f32], squares: &mut [f32]) {
    let lanes = V::LANES;
    assert!(centre.len() >= lanes && sums.len() >= lanes && squares.len() >= lanes);
    let pixels = map.len() / lanes;
    // SAFETY: the assertion above, and pixels are counted.
    unsafe {
        let centre = cpu.load_at(centre, 0);
        let mut sum = [cpu.splat(0.0); CHAINS];
        let mut square = [cpu.splat(0.0); CHAINS];
        let mut pixel = 0;
        while pixel + CHAINS <= pixels {
            for chain in 0..CHAINS {
                let value = cpu.load_at(map, (pixel + chain) * lanes).sub(centre);
                sum[chain] = sum[chain].add(value);
                square[chain] = value.mul_add(value, square[chain]);
            }
            pixel += CHAINS;
        }
        while pixel < pixels {
            let value = cpu.load_at(map, pixel * lanes).sub(centre);
            sum[0] = sum[0].add(value);
            square[0] = value.mul_add(value, square[0]);
            pixel += 1;
        }
        let sum = sum[0].add(sum[1]).add(sum[2].add(sum[3]));
        let square = square[0].add(square[1]).add(square[2].add(square[3]));
        store_at(cpu.load_at(sums, 0).add(sum), sums, 0);
        store_at(cpu.load_at(squares, 0).add(square), squares, 0);
    }
}

vectorised! {
    /// Adds `Σ (x − centre)` to `sums` and `Σ (x − centre)²` to `squares`.
    pub(in crate::cell) fn moments(map: &[f32], centre: &[f32], sums: &mut [f32], squares: &mut [f32]) = moments_body
}

#[inline(always)]
fn dot_body<V: Vector>(cpu: Cpu<V>, gradient: &[f32], map: &[f32], centre: &[f32], sums: &mut [f32]) {
    let lanes = V::LANES;
    assert!(centre.len() >= lanes && sums.len() >= lanes && gradient.len() >= map.len());
    let pixels = map.len() / lanes;
    // SAFETY: the assertion above, and pixels are counted.
    unsafe {
        let centre = cpu.load_at(centre, 0);
        let mut sum = [cpu.splat(0.0); CHAINS];
        let mut pixel = 0;
        while pixel + CHAINS <= pixels {
            for (chain, sum) in sum.iter_mut().enumerate() {
                let at = (pixel + chain) * lanes;
                *sum = cpu.load_at(map, at).sub(centre).mul_add(cpu.load_at(gradient, at), *sum);
            }
            pixel += CHAINS;
        }
        while pixel < pixels {
            let at = pixel * lanes;
            sum[0] = cpu.load_at(map, at).sub(centre).mul_add(cpu.load_at(gradient, at), sum[0]);
            pixel += 1;
        }
        let sum = sum[0].add(sum[1]).add(sum[2].add(sum[3]));
        store_at(cpu.load_at(sums, 0).add(sum), sums, 0);
    }
}

vectorised! {
    /// Adds `Σ gradient · (x − centre)` to `sums`.
    pub(in crate::cell) fn dot(gradient: &[f32], map: &[f32], centre: &[f32], sums: &mut [f32]) = dot_body
}

#[inline(always)]
fn sum_body<V: Vector>(cpu: Cpu<V>, map: &[f32], sums: &mut [f32]) {
    let lanes = V::LANES;
    assert!(sums.len() >= lanes);
    let pixels = map.len() / lanes;
    // SAFETY: the assertion above, and pixels are counted.
    unsafe {
        let mut sum = [cpu.splat(0.0); CHAINS];
        let mut pixel = 0;
        while pixel + CHAINS <= pixels {
            for (chain, sum) in sum.iter_mut().enumerate() {
                *sum = sum.add(cpu.load_at(map, (pixel + chain) * lanes));
            }
            pixel += CHAINS;
        }
        while pixel < pixels {
            sum[0] = sum[0].add(cpu.load_at(map, pixel * lanes));
            pixel += 1;
        }
        let sum = sum[0].add(sum[1]).add(sum[2].add(sum[3]));
        store_at(cpu.load_at(sums, 0).add(sum), sums, 0);
    }
}

vectorised! {
    /// Adds `Σ x` to `sums`.
    pub(in crate::cell) fn sum(map: &[f32], sums: &mut [f32]) = sum_body
}

#[inline(always)]
fn mix_body<V: Vector>(cpu: Cpu<V>, map: &[f32], scale: &[f32], shift: &[f32], first: bool, out: &mut [f32]) {
    let lanes = V::LANES;
    assert!(scale.len() >= lanes && shift.len() >= lanes && out.len() >= map.len());
    // SAFETY: the assertion above, and pixels are counted.
    unsafe {
        let (scale, shift) = (cpu.load_at(scale, 0), cpu.load_at(shift, 0));
        for pixel in 0..map.len() / lanes {
            let at = pixel * lanes;
            let before = if first { shift } else { cpu.load_at(out, at).add(shift) };
            store_at(cpu.load_at(map, at).mul_add(scale, before), out, at);
        }
    }
}

vectorised! {
    /// `out = scale · x + shift` for the `first` map, `out += scale · x + shift` for the others.
    pub(in crate::cell) fn mix(map: &[f32], scale: &[f32], shift: &[f32], first: bool, out: &mut [f32]) = mix_body
}

#[inline(always)]
fn mix_many<V: Vector, const N: usize>(
    cpu: Cpu<V>,
    maps: [&[f32]; N],
    scales: [&[f32]; N],
    shift: &[f32],
    first: bool,
    out: &mut [f32],
) {
    let lanes = V::LANES;
    assert!(maps.iter().all(|map| map.len() >= out.len()) && shift.len() >= lanes);
    assert!(scales.iter().all(|scale| scale.len() >= lanes));
    // SAFETY: the assertions above, and pixels are counted.
    unsafe {
        let scales: [V; N] = std::array::from_fn(|k| cpu.load_at(scales[k], 0));
        let shift = cpu.load_at(shift, 0);
        for pixel in 0..out.len() / lanes {
            let at = pixel * lanes;
            let mut sum = if first { shift } else { cpu.load_at(out, at).add(shift) };
            for k in 0..N {
                sum = cpu.load_at(maps[k], at).mul_add(scales[k], sum);
            }
            store_at(sum, out, at);
        }
    }
}

#[inline(always)]
fn mix_four<V: Vector>(
    cpu: Cpu<V>,
    maps: [&[f32]; 4],
    scales: [&[f32]; 4],
    shift: &[f32],
    first: bool,
    out: &mut [f32],
) {
    mix_many::<V, 4>(cpu, maps, scales, shift, first, out);
}

#[inline(always)]
fn mix_two<V: Vector>(
    cpu: Cpu<V>,
    maps: [&[f32]; 2],
    scales: [&[f32]; 2],
    shift: &[f32],
    first: bool,
    out: &mut [f32],
) {
    mix_many::<V, 2>(cpu, maps, scales, shift, first, out);
}

vectorised! {
    /// Four maps at once: `out (+)= Σ scales[k] · maps[k] + shift`.
    pub(in crate::cell) fn mix4(
        maps: [&[f32]; 4],
        scales: [&[f32]; 4],
        shift: &[f32],
        first: bool,
        out: &mut [f32],
    ) = mix_four
}

vectorised! {
    /// Two maps at once.
    pub(in crate::cell) fn mix2(
        maps: [&[f32]; 2],
        scales: [&[f32]; 2],
        shift: &[f32],
        first: bool,
        out: &mut [f32],
    ) = mix_two
}

#[inline(always)]
fn combine_body<V: Vector>(
    cpu: Cpu<V>,
    gradient: &[f32],
    map: &[f32],
    coefficients: [&[f32]; 3],
    accumulate: bool,
    out: &mut [f32],
) {
    let lanes = V::LANES;
    assert!(coefficients.iter().all(|c| c.len() >= lanes));
    assert!(out.len() <= gradient.len() && out.len() <= map.len());
    // SAFETY: the assertions above, and pixels are counted.
    unsafe {
        let [a, p, q]: [V; 3] = std::array::from_fn(|k| cpu.load_at(coefficients[k], 0));
        for pixel in 0..out.len() / lanes {
            let at = pixel * lanes;
            let value = cpu.load_at(map, at).mul_add(p, q);
            let mut value = cpu.load_at(gradient, at).mul_add(a, value);
            if accumulate {
                value = cpu.load_at(out, at).add(value);
            }
            store_at(value, out, at);
        }
    }
}

vectorised! {
    /// `out (+)= a · gradient + p · x + q`: the gradient of a map before its normalisation.
    pub(in crate::cell) fn combine(
        gradient: &[f32],
        map: &[f32],
        coefficients: [&[f32]; 3],
        accumulate: bool,
        out: &mut [f32],
    ) = combine_body
}

#[inline(always)]
fn mask_body<V: Vector>(
    cpu: Cpu<V>,
    map: &[f32],
    affine: Option<(&[f32], &[f32])>,
    gradient: &[f32],
    accumulate: bool,
    out: &mut [f32],
) {
    let lanes = V::LANES;
    assert!(affine.is_none_or(|(scale, shift)| scale.len() >= lanes && shift.len() >= lanes));
    assert!(out.len() <= gradient.len() && out.len() <= map.len());
    // SAFETY: the assertions above, and pixels are counted.
    unsafe {
        let zero = cpu.splat(0.0);
        let (scale, shift) = match affine {
            Some((scale, shift)) => (cpu.load_at(scale, 0), cpu.load_at(shift, 0)),
            None => (cpu.splat(1.0), zero),
        };
        for pixel in 0..out.len() / lanes {
            let at = pixel * lanes;
            let mut value = cpu.load_at(map, at);
            if affine.is_some() {
                value = value.mul_add(scale, shift);
            }
            let mut passed = value.if_greater(zero, cpu.load_at(gradient, at), zero);
            if accumulate {
                passed = cpu.load_at(out, at).add(passed);
            }
            store_at(passed, out, at);
        }
    }
}

vectorised! {
    /// The gradient through a rectifier: `out (+)= gradient` where `scale · x + shift > 0`, else 0.
    pub(in crate::cell) fn mask(
        map: &[f32],
        affine: Option<(&[f32], &[f32])>,
        gradient: &[f32],
        accumulate: bool,
        out: &mut [f32],
    ) = mask_body
}
