//! The random resized crop.

use rand::RngExt;

use super::shape::Shape;

/// Tries before the middle is taken.
const TRIES: usize = 10;
/// Ratios of width to height.
const RATIOS: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Region {
    /// A region as torchvision's `RandomResizedCrop` draws it: its share of the area is uniform between `least` and 1,
    /// the logarithm of its ratio of sides between those of 3/4 and 4/3; the middle where ten such do not lie inside.
    pub fn draw((_, height, width): Shape, least: f64, rng: &mut impl RngExt) -> Region {
        let area = (height * width) as f64;
        let uniform = |from: f64, to: f64, rng: &mut _| from + (to - from) * RngExt::random::<f64>(rng);
        for _ in 0..TRIES {
            let target = area * uniform(least, 1.0, rng);
            let ratio = uniform(RATIOS.0.ln(), RATIOS.1.ln(), rng).exp();
            let w = (target * ratio).sqrt().round_ties_even() as usize;
            let h = (target / ratio).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let mut at = |free: usize| rng.random_range(0..=free as u32) as usize;
                return Region { top: at(height - h), left: at(width - w), height: h, width: w };
            }
        }
        Region::middle(height, width)
    }

    /// The largest part in the middle whose ratio is allowed.
    fn middle(height: usize, width: usize) -> Region {
        let ratio = width as f64 / height as f64;
        let (h, w) = if ratio < RATIOS.0 {
            (((width as f64 / RATIOS.0).round_ties_even() as usize).min(height), width)
        } else if ratio > RATIOS.1 {
            (height, ((height as f64 * RATIOS.1).round_ties_even() as usize).min(width))
        } else {
            (height, width)
        };
        Region { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
    }

    /// The region brought to the size of the whole image, interpolating linearly between the middles of pixels.
    pub fn resized(&self, image: &[u8], (channels, height, width): Shape) -> Vec<u8> {
        let rows = taps(self.top, self.height, height);
        let columns = taps(self.left, self.width, width);
        let mut out = Vec::with_capacity(image.len());
        for plane in image.chunks_exact(height * width).take(channels) {
            for &(upper, lower, down) in &rows {
                let upper = &plane[upper * width..(upper + 1) * width];
                let lower = &plane[lower * width..(lower + 1) * width];
                for &(left, right, across) in &columns {
                    let mix = |row: &[u8]| {
                        f32::from(row[left]) + (f32::from(row[right]) - f32::from(row[left])) * across
                    };
                    let (above, below) = (mix(upper), mix(lower));
                    out.push((above + (below - above) * down).round() as u8);
                }
            }
        }
        out
    }
}

/// For each of `to` pixels the two of the region's `from` pixels, which begin at `first`, that it lies between, and how
/// far it is from the former to the latter.
fn taps(first: usize, from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f64 / to as f64;
    let tap = |i: usize| {
        let place = ((i as f64 + 0.5) * scale - 0.5).clamp(0.0, (from - 1) as f64);
        let before = place as usize;
        (first + before, first + (before + 1).min(from - 1), (place - before as f64) as f32)
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn regions_have_the_wanted_areas_and_ratios() {
        let (mut areas, mut count) = (0.0, 0);
        for number in 0..2000 {
            let region = Region::draw((3, 60, 60), 0.25, &mut stream(1, "test", &[number]));
            assert!(region.top + region.height <= 60 && region.left + region.width <= 60);
            let (area, ratio) =
                ((region.height * region.width) as f64 / 3600.0, region.width as f64 / region.height as f64);
            assert!((0.23..=1.0).contains(&area) && (0.72..1.39).contains(&ratio), "{region:?}");
            areas += area;
            count += 1;
        }
        let mean = areas / f64::from(count);
        // Uniform from 0.25 to 1, but for the large ones that do not fit.
        assert!((0.56..0.64).contains(&mean), "{mean}");
        let line = Region::draw((1, 4, 400), 0.9, &mut stream(1, "test", &[0]));
        assert_eq!(line, Region { top: 0, left: 197, height: 4, width: 5 });
    }

    #[test]
    fn the_whole_is_the_image_and_a_ramp_stays_a_ramp() {
        let image: Vec<u8> = (0..2 * 8 * 8).map(|i| (i * 2 % 251) as u8).collect();
        let whole = Region { top: 0, left: 0, height: 8, width: 8 };
        assert_eq!(whole.resized(&image, (2, 8, 8)), image);
        // Columns 2 to 5 of a ramp of 40 per column: twice as fine, 20 per column, even at the ends.
        let ramp: Vec<u8> = (0..64).map(|i| (i % 8) as u8 * 36).collect();
        let half = Region { top: 1, left: 2, height: 4, width: 4 };
        let found = half.resized(&ramp, (1, 8, 8));
        let expected = [72, 81, 99, 117, 135, 153, 171, 180];
        for row in found.chunks_exact(8) {
            assert_eq!(row, expected);
        }
    }
}
