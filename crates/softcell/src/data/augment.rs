//! Random crop, mirror, colours and cutout of the training images.

mod color;
mod crop;
mod operations;
mod shape;

use rand::RngExt;

use super::normalize::Normalizer;
use crate::config::{AutoAugment, DataConfig};
use color::jitter;
use crop::Region;
use operations::auto_augment;
use shape::Shape;

/// How training images are varied: crop, mirror, operations, colours, normalise, cutout. With what is younger switched
/// off it is as in the original DARTS: padded crop, mirror, normalise, cutout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augment {
    /// Zero padding on all four sides before a crop of the original size, in pixels; 0: no crop.
    ///
    /// The padding is 0 before the normalisation, so it is `(0 - mean) / std` after it.
    pub crop_padding: usize,
    /// Mirror left to right with probability one half.
    pub flip: bool,
    /// Side of the square set to 0 after the normalisation; its centre is uniform over the image and what
    /// lies outside is cut off. An odd side counts as one less, as in the original.
    pub cutout_length: Option<usize>,
    /// How probable that is, 0 to 1; 1 is always.
    pub cutout_probability: f64,
    /// Least share of the area of a random resized crop, which is there in place of the padded one; 0: none.
    pub crop_scale: f64,
    /// Strength of the changes of brightness, contrast and saturation; 0: none.
    pub color_jitter: f64,
    /// Further operations.
    pub auto_augment: AutoAugment,
}

impl Augment {
    /// How the settings vary images, with the stage's cutout.
    pub fn of(data: &DataConfig, cutout_length: Option<usize>) -> Augment {
        Augment {
            crop_padding: data.crop_padding,
            flip: data.flip,
            cutout_length,
            cutout_probability: 1.0,
            crop_scale: data.crop_scale,
            color_jitter: data.color_jitter,
            auto_augment: data.auto_augment,
        }
    }

    /// Whether nothing is varied.
    pub fn is_none(&self) -> bool {
        let still = self.crop_padding == 0 && self.crop_scale == 0.0 && !self.flip;
        still && !self.recolours() && !self.cuts()
    }

    /// Whether there is a cutout.
    fn cuts(&self) -> bool {
        self.cutout_length.is_some_and(|length| length > 1) && self.cutout_probability > 0.0
    }

    /// Whether more is done than to move pixels.
    fn recolours(&self) -> bool {
        self.color_jitter > 0.0 || self.auto_augment != AutoAugment::None
    }

    /// Draws a variation from `rng` and writes it, normalised, to `out`.
    ///
    /// `shape` is (channels, height, width) of both `image` and `out`.
    ///
    /// # Panics
    ///
    /// If `image` or `out` does not have that shape.
    pub fn apply(
        &self,
        image: &[u8],
        shape: (usize, usize, usize),
        normalizer: &Normalizer,
        rng: &mut impl RngExt,
        out: &mut [f32],
    ) {
        let (channels, height, width) = shape;
        assert_eq!(image.len(), channels * height * width, "the image has its shape");
        assert_eq!(out.len(), image.len(), "one number per byte");
        let region = (self.crop_scale > 0.0).then(|| Region::draw(shape, self.crop_scale, rng));
        let variation = self.draw(height, width, rng);
        if region.is_none() && !self.recolours() {
            return variation.apply(image, shape, normalizer, out);
        }
        let mut bytes = match region {
            Some(region) => region.resized(image, shape),
            None => variation.shifted(image, shape),
        };
        if variation.mirrored {
            bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        auto_augment(&mut bytes, shape, self.auto_augment, rng);
        if self.color_jitter > 0.0 {
            jitter(&mut bytes, shape, self.color_jitter, rng);
        }
        let rest = Variation { down: 0, right: 0, mirrored: false, cut: variation.cut };
        rest.apply(&bytes, shape, normalizer, out);
    }

    /// One draw, but for resized crop and colours. A switched-off part draws nothing.
    fn draw(&self, height: usize, width: usize, rng: &mut impl RngExt) -> Variation {
        let padding = self.crop_padding as isize;
        let (down, right) = match self.crop_padding {
            0 => (0, 0),
            _ if self.crop_scale > 0.0 => (0, 0),
            p => {
                let mut offset = || rng.random_range(0..=2 * p as u32) as isize - padding;
                (offset(), offset())
            }
        };
        let mirrored = self.flip && rng.random_range(0..2u32) == 1;
        let cuts =
            self.cutout_probability >= 1.0 || (self.cuts() && rng.random::<f64>() < self.cutout_probability);
        let cut = self.cutout_length.filter(|_| cuts).map(|length| {
            let mut range = |side: usize| {
                let centre = rng.random_range(0..side as u32) as usize;
                (centre.saturating_sub(length / 2), (centre + length / 2).min(side))
            };
            (range(height), range(width))
        });
        Variation { down, right, mirrored, cut }
    }
}

/// A variation that has been drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variation {
    /// Row of the source that becomes row 0.
    down: isize,
    /// Column of the source that becomes column 0 (before mirroring).
    right: isize,
    mirrored: bool,
    /// Rows and columns, each from..to, that are set to 0.
    cut: Option<((usize, usize), (usize, usize))>,
}

impl Variation {
    /// The padded crop alone, on bytes: 0 in the gaps.
    fn shifted(&self, image: &[u8], (_, height, width): Shape) -> Vec<u8> {
        let mut out = vec![0; image.len()];
        let planes = image.chunks_exact(height * width).zip(out.chunks_exact_mut(height * width));
        for (source, target) in planes {
            for (y, row) in target.chunks_exact_mut(width).enumerate() {
                let Some(from) = y.checked_add_signed(self.down).filter(|&from| from < height) else {
                    continue;
                };
                for (x, byte) in row.iter_mut().enumerate() {
                    if let Some(column) = x.checked_add_signed(self.right).filter(|&column| column < width) {
                        *byte = source[from * width + column];
                    }
                }
            }
        }
        out
    }

    fn apply(&self, image: &[u8], shape: (usize, usize, usize), normalizer: &Normalizer, out: &mut [f32]) {
        let (channels, height, width) = shape;
        let plane = height * width;
        // Columns of the crop that lie inside the image.
        let first = (-self.right).clamp(0, width as isize) as usize;
        let last = (width as isize - self.right).clamp(0, width as isize) as usize;
        for channel in 0..channels {
            let source = &image[channel * plane..(channel + 1) * plane];
            let target = &mut out[channel * plane..(channel + 1) * plane];
            target.fill(normalizer.value(channel, 0));
            for (y, row) in target.chunks_exact_mut(width).enumerate() {
                let from = y as isize + self.down;
                if from >= 0 && from < height as isize && first < last {
                    let start = (from * width as isize + first as isize + self.right) as usize;
                    let bytes = &source[start..start + last - first];
                    for (value, &byte) in row[first..last].iter_mut().zip(bytes) {
                        *value = normalizer.value(channel, byte);
                    }
                }
                if self.mirrored {
                    row.reverse();
                }
            }
            if let Some(((top, bottom), (left, right))) = self.cut {
                for row in target.chunks_exact_mut(width).take(bottom).skip(top) {
                    row[left..right].fill(0.0);
                }
            }
        }
    }
}
