//! From bytes to numbers of mean 0 and deviation 1.

use serde::{Deserialize, Serialize};

use super::set::ImageSet;

/// Smallest standard deviation: images of one colour are not blown up.
const MIN_STD: f64 = 1e-3;

/// Mean and standard deviation of each channel, of pixels in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel (of the population, at least 0.001).
    pub std: Vec<f32>,
}

impl Normalization {
    /// Mean and deviation of the images at `indices`: exact sums over a histogram of each channel, in 64 bits.
    pub fn measure(set: &ImageSet, indices: &[usize]) -> Normalization {
        let plane = set.height * set.width;
        let mut histograms = vec![[0u64; 256]; set.channels];
        for &i in indices {
            let image = set.image(i);
            for (channel, bytes) in image.chunks_exact(plane).enumerate() {
                for &byte in bytes {
                    histograms[channel][usize::from(byte)] += 1;
                }
            }
        }
        let (mean, std) = histograms.iter().map(moments).unzip();
        Normalization { mean, std }
    }

    /// The byte whose normalised value is next to `value` in `channel`.
    pub fn byte(&self, channel: usize, value: f32) -> u8 {
        // Casting rounds down and ends at 0 and 255.
        ((value * self.std[channel] + self.mean[channel]) * 255.0 + 0.5) as u8
    }

    /// The table form, for many images.
    pub fn normalizer(&self) -> Normalizer {
        let tables = self.mean.iter().zip(&self.std).map(|(&mean, &std)| {
            let mut table = [0.0; 256];
            for (byte, value) in table.iter_mut().enumerate() {
                *value = (byte as f32 / 255.0 - mean) / std;
            }
            table
        });
        Normalizer { tables: tables.collect() }
    }
}

/// Mean and standard deviation of `value / 255` under the counts of a histogram.
fn moments(histogram: &[u64; 256]) -> (f32, f32) {
    let count = histogram.iter().sum::<u64>().max(1) as f64;
    let values = || histogram.iter().enumerate().map(|(byte, &n)| (byte as f64 / 255.0, n as f64));
    let mean = values().map(|(value, n)| value * n).sum::<f64>() / count;
    let variance = values().map(|(value, n)| (value - mean).powi(2) * n).sum::<f64>() / count;
    (mean as f32, variance.sqrt().max(MIN_STD) as f32)
}

/// [`Normalization`] as one table of 256 values per channel: `(byte / 255 - mean) / std`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalizer {
    tables: Vec<[f32; 256]>,
}

impl Normalizer {
    /// The value of `byte` in `channel`.
    pub fn value(&self, channel: usize, byte: u8) -> f32 {
        self.tables[channel][usize::from(byte)]
    }

    /// Writes the normalised `image` to `out`; both are `[channels, height, width]`.
    ///
    /// # Panics
    ///
    /// If the lengths differ or are no multiple of the number of channels.
    pub fn apply(&self, image: &[u8], out: &mut [f32]) {
        assert_eq!(image.len(), out.len(), "one number per byte");
        assert_eq!(image.len() % self.tables.len(), 0, "channels of one size");
        let plane = image.len() / self.tables.len();
        for ((bytes, values), table) in
            image.chunks_exact(plane).zip(out.chunks_exact_mut(plane)).zip(&self.tables)
        {
            for (value, &byte) in values.iter_mut().zip(bytes) {
                *value = table[usize::from(byte)];
            }
        }
    }
}
