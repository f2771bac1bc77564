//! A perceptual hash: pictures that look alike have hashes that differ in few bits.

use std::f64::consts::PI;

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageBuffer, Luma};

/// Side of the picture that is transformed.
const SIDE: usize = 16;
/// Frequencies that are kept, in each direction.
const LOW: usize = 8;

/// The 64 lowest frequencies of a picture of 16x16, each a bit: whether it is at least their median (the pHash of
/// hackerfactor.com, "Looks Like It", with the median for the mean). Eight bits of a row of frequencies make a byte, the
/// lowest frequency last; the first byte is the highest of the number.
pub(super) fn fingerprint(picture: &GrayImage) -> u64 {
    let small: ImageBuffer<Luma<u8>, Vec<u8>> =
        imageops::resize(picture, SIDE as u32, SIDE as u32, FilterType::Lanczos3);
    let frequencies = low_frequencies(small.as_raw());
    let mut sorted = frequencies;
    sorted.sort_unstable_by(f64::total_cmp);
    let median = f64::midpoint(sorted[LOW * LOW / 2 - 1], sorted[LOW * LOW / 2]);
    let byte = |row: &[f64]| {
        row.iter().enumerate().fold(0, |byte, (i, &value)| byte | u64::from(value >= median) << i)
    };
    frequencies.chunks_exact(LOW).fold(0, |hash, row| hash << 8 | byte(row))
}

/// The discrete cosine transform (DCT-II, not normalised) of a picture, cut to its lowest frequencies:
/// `Σ_y Σ_x p(y, x) cos(π/16 (y + ½) k) cos(π/16 (x + ½) l)`, row by row.
fn low_frequencies(picture: &[u8]) -> [f64; LOW * LOW] {
    let mut cosines = [[0.0; SIDE]; LOW];
    for (k, row) in cosines.iter_mut().enumerate() {
        for (n, value) in row.iter_mut().enumerate() {
            *value = (PI / SIDE as f64 * (n as f64 + 0.5) * k as f64).cos();
        }
    }
    let mut across = [[0.0; LOW]; SIDE];
    for (pixels, row) in picture.chunks_exact(SIDE).zip(&mut across) {
        for (cosine, value) in cosines.iter().zip(row) {
            *value = pixels.iter().zip(cosine).map(|(&pixel, c)| f64::from(pixel) * c).sum();
        }
    }
    let mut both = [0.0; LOW * LOW];
    for (k, cosine) in cosines.iter().enumerate() {
        for l in 0..LOW {
            both[LOW * k + l] = across.iter().zip(cosine).map(|(row, c)| row[l] * c).sum();
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, value: impl Fn(u32, u32) -> u32) -> GrayImage {
        GrayImage::from_fn(width, height, |x, y| Luma([value(x, y) as u8]))
    }

    /// As `image_hasher` 3.1.1 (median, DCT, 8x8) has them, which gave the same for 600 random smooth pictures too.
    #[test]
    fn hashes_are_those_that_the_bounds_were_measured_with() {
        let ramp = picture(32, 32, |x, y| 3 * x + 4 * y);
        let mix = picture(40, 30, |x, y| (x * x + 7 * y + x * y) % 251);
        let ring = picture(48, 48, |x, y| ((x.abs_diff(20).pow(2) + y.abs_diff(30).pow(2)) / 9).min(255));
        let hashes = [ramp, mix, ring].map(|picture| fingerprint(&picture));
        assert_eq!(hashes, [0x15ea_9138_47d2_d6ec, 0xc100_e0f4_71fe_f07e, 0x555f_0b5f_0be1_0ba1]);
    }

    /// Of cos(π/16 (x + ½) l) only frequency l is left, with half the sum of squares.
    #[test]
    fn a_cosine_has_one_frequency() {
        let wave = |x: usize| (PI / 16.0 * (x as f64 + 0.5) * 3.0).cos();
        let pixels: Vec<u8> = (0..256).map(|at| (127.5 + 100.0 * wave(at % 16)).round() as u8).collect();
        for (at, value) in low_frequencies(&pixels).into_iter().enumerate() {
            let expected = [127.5 * 256.0, 0.0, 0.0, 100.0 * 8.0 * 16.0].get(at).copied().unwrap_or(0.0);
            assert!((value - expected).abs() <= 0.5 * 256.0, "{at}: {value} for {expected}");
        }
    }
}
