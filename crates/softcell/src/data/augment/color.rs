//! Changes of brightness, contrast and saturation, as torchvision defines them on bytes.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::shape::Shape;

/// `factor` of the byte and the rest of `other`, cut off to a byte.
pub fn blend(byte: u8, other: f32, factor: f32) -> u8 {
    (factor * f32::from(byte) + (1.0 - factor) * other).clamp(0.0, 255.0) as u8
}

/// Brightness: black is mixed in.
pub fn brightness(image: &mut [u8], factor: f32) {
    image.iter_mut().for_each(|byte| *byte = blend(*byte, 0.0, factor));
}

/// Contrast: the mean of the gray image is mixed in.
pub fn contrast(image: &mut [u8], shape: Shape, factor: f32) {
    let plane = shape.1 * shape.2;
    let sum: u64 = (0..plane).map(|i| u64::from(gray(image, shape, i))).sum();
    let mean = (sum as f64 / plane as f64) as f32;
    image.iter_mut().for_each(|byte| *byte = blend(*byte, mean, factor));
}

/// Saturation: the gray image is mixed in. Gray images stay.
pub fn saturation(image: &mut [u8], shape: Shape, factor: f32) {
    let (channels, plane) = (shape.0, shape.1 * shape.2);
    if channels != 3 {
        return;
    }
    for i in 0..plane {
        let gray = f32::from(gray(image, shape, i));
        for channel in 0..channels {
            let byte = &mut image[channel * plane + i];
            *byte = blend(*byte, gray, factor);
        }
    }
}

/// The gray of pixel `i`: the luma of colours, cut off to a byte.
fn gray(image: &[u8], (channels, height, width): Shape, i: usize) -> u8 {
    let plane = height * width;
    if channels != 3 {
        return image[i];
    }
    let part = |channel: usize| f32::from(image[channel * plane + i]);
    (0.2989 * part(0) + 0.587 * part(1) + 0.114 * part(2)) as u8
}

/// All three, in an order that is drawn, each by a factor that is uniform between `1 - strength` and `1 + strength`:
/// torchvision's `ColorJitter` without the hue.
pub fn jitter(image: &mut [u8], shape: Shape, strength: f64, rng: &mut impl RngExt) {
    let mut order = [0, 1, 2];
    order.shuffle(rng);
    let factors = [0; 3].map(|_| (1.0 - strength + 2.0 * strength * rng.random::<f64>()) as f32);
    for which in order {
        match which {
            0 => brightness(image, factors[0]),
            1 => contrast(image, shape, factors[1]),
            _ => saturation(image, shape, factors[2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    /// Two pixels: (200, 100, 50) and (0, 10, 255).
    const IMAGE: [u8; 6] = [200, 0, 100, 10, 50, 255];
    const SHAPE: Shape = (3, 1, 2);

    #[test]
    fn by_hand() {
        let of = |change: &dyn Fn(&mut [u8])| {
            let mut image = IMAGE;
            change(&mut image);
            image
        };
        assert_eq!(of(&|image| brightness(image, 0.5)), [100, 0, 50, 5, 25, 127]);
        assert_eq!(of(&|image| brightness(image, 2.0)), [255, 0, 200, 20, 100, 255]);
        // Gray: 59.78 + 58.7 + 5.7 = 124 and 5.87 + 29.07 = 34; their mean is 79.
        assert_eq!(of(&|image| contrast(image, SHAPE, 0.0)), [79; 6]);
        assert_eq!(of(&|image| contrast(image, SHAPE, 0.5)), [139, 39, 89, 44, 64, 167]);
        assert_eq!(of(&|image| saturation(image, SHAPE, 0.0)), [124, 34, 124, 34, 124, 34]);
        assert_eq!(of(&|image| saturation(image, SHAPE, 0.5)), [162, 17, 112, 22, 87, 144]);
        assert_eq!(of(&|image| brightness(image, 1.0)), IMAGE);
        assert_eq!(of(&|image| contrast(image, SHAPE, 1.0)), IMAGE);
        assert_eq!(of(&|image| saturation(image, SHAPE, 1.0)), IMAGE);
        let mut plain = [10, 30];
        saturation(&mut plain, (1, 1, 2), 0.0);
        assert_eq!(plain, [10, 30]);
        contrast(&mut plain, (1, 1, 2), 0.0);
        assert_eq!(plain, [20, 20]);
    }

    #[test]
    fn jitter_stays_within_its_strength() {
        let (mut low, mut high) = (u8::MAX, 0);
        for number in 0..500 {
            let mut image = [100; 3];
            jitter(&mut image, (3, 1, 1), 0.2, &mut stream(1, "test", &[number]));
            // Of one gray pixel contrast and saturation change at most the rounding.
            low = low.min(image[0]);
            high = high.max(image[0]);
        }
        assert!((77..=82).contains(&low) && (117..=120).contains(&high), "{low} {high}");
        let mut image = IMAGE;
        jitter(&mut image, SHAPE, 0.0, &mut stream(1, "test", &[0]));
        assert_eq!(image, IMAGE);
    }
}
