//! The operations of RandAugment and TrivialAugment, and their strengths, as torchvision defines them on bytes.

use rand::RngExt;

use super::color::{blend, brightness, contrast, saturation};
use super::shape::Shape;
use crate::config::AutoAugment;

/// Strengths of an operation, from weak to strong.
const BINS: usize = 31;
/// RandAugment's operations for an image, and their strength.
const RAND: (usize, usize) = (2, 9);

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

use Operation::{
    AutoContrast, Brightness, Color, Contrast, Equalize, Identity, Posterize, Rotate, Sharpness, ShearX,
    ShearY, Solarize, TranslateX, TranslateY,
};

/// All of them, in torchvision's order.
const ALL: [Operation; 14] = [
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
];

impl Operation {
    /// Its strength at `bin` of [`BINS`], in its own unit.
    fn strength(self, list: AutoAugment, bin: usize, (_, height, width): Shape) -> f64 {
        let part = bin as f64 / (BINS - 1) as f64;
        let wide = list == AutoAugment::Trivial;
        let pick = |trivial: f64, rand: f64| if wide { trivial } else { rand };
        match self {
            Identity | AutoContrast | Equalize => 0.0,
            ShearX | ShearY => part * pick(0.99, 0.3),
            TranslateX => part * pick(32.0, 150.0 / 331.0 * width as f64),
            TranslateY => part * pick(32.0, 150.0 / 331.0 * height as f64),
            Rotate => part * pick(135.0, 30.0),
            Brightness | Color | Contrast | Sharpness => part * pick(0.99, 0.9),
            Posterize => 8.0 - (part * pick(6.0, 4.0)).round_ties_even(),
            Solarize => 255.0 * (1.0 - part),
        }
    }

    /// Whether the strength has a sign, which is drawn.
    fn is_signed(self) -> bool {
        !matches!(self, Identity | Posterize | Solarize | AutoContrast | Equalize)
    }

    /// Changes the image with this strength.
    fn apply(self, image: &mut Vec<u8>, shape: Shape, strength: f64) {
        let factor = 1.0 + strength as f32;
        match self {
            Identity => {}
            ShearX => moved(image, shape, |x, y, _, _| (x + strength * (y + 0.5), y)),
            ShearY => moved(image, shape, |x, y, _, _| (x, y + strength * (x + 0.5))),
            TranslateX => moved(image, shape, |x, y, _, _| (x - strength.trunc(), y)),
            TranslateY => moved(image, shape, |x, y, _, _| (x, y - strength.trunc())),
            Rotate => {
                let (sin, cos) = strength.to_radians().sin_cos();
                moved(image, shape, |x, y, mx, my| {
                    let (x, y) = (x - mx, y - my);
                    (cos * x - sin * y + mx, sin * x + cos * y + my)
                });
            }
            Brightness => brightness(image, factor),
            Color => saturation(image, shape, factor),
            Contrast => contrast(image, shape, factor),
            Sharpness => sharpness(image, shape, factor),
            Posterize => {
                let mask = (0xff00_u16 >> (strength as u32).min(8)) as u8;
                image.iter_mut().for_each(|byte| *byte &= mask);
            }
            Solarize => {
                let inverted = |byte: u8| if f64::from(byte) >= strength { 255 - byte } else { byte };
                image.iter_mut().for_each(|byte| *byte = inverted(*byte));
            }
            AutoContrast => planes(image, shape).for_each(auto_contrast),
            Equalize => planes(image, shape).for_each(equalize),
        }
    }
}

/// Draws operations from the list and changes the image by them.
pub fn auto_augment(image: &mut Vec<u8>, shape: Shape, list: AutoAugment, rng: &mut impl RngExt) {
    let count = match list {
        AutoAugment::None => 0,
        AutoAugment::Trivial => 1,
        AutoAugment::Rand => RAND.0,
    };
    for _ in 0..count {
        let operation = ALL[rng.random_range(0..ALL.len() as u32) as usize];
        let bin = match list {
            AutoAugment::Trivial => rng.random_range(0..BINS as u32) as usize,
            _ => RAND.1,
        };
        let strength = operation.strength(list, bin, shape);
        let negative = operation.is_signed() && rng.random_range(0..2u32) == 1;
        operation.apply(image, shape, if negative { -strength } else { strength });
    }
}

fn planes(image: &mut [u8], shape: Shape) -> impl Iterator<Item = &mut [u8]> {
    image.chunks_exact_mut(shape.1 * shape.2)
}

/// Each pixel from the nearest to where `source` says that it comes from, black from outside. `source` is given column,
/// row and those of the middle.
fn moved(
    image: &mut Vec<u8>,
    (channels, height, width): Shape,
    source: impl Fn(f64, f64, f64, f64) -> (f64, f64),
) {
    let plane = height * width;
    let (mx, my) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    let mut out = vec![0; image.len()];
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = source(x as f64, y as f64, mx, my);
            let (from_x, from_y) = (from_x.round_ties_even(), from_y.round_ties_even());
            let inside = (0.0..width as f64).contains(&from_x) && (0.0..height as f64).contains(&from_y);
            if inside {
                let from = from_y as usize * width + from_x as usize;
                for channel in 0..channels {
                    out[channel * plane + y * width + x] = image[channel * plane + from];
                }
            }
        }
    }
    *image = out;
}

/// Sharpness: a blurred image is mixed in, but for the border.
fn sharpness(image: &mut [u8], shape: Shape, factor: f32) {
    let (height, width) = (shape.1, shape.2);
    if height <= 2 || width <= 2 {
        return;
    }
    for plane in planes(image, shape) {
        let before = plane.to_vec();
        for y in 1..height - 1 {
            for x in 1..width - 1 {
                let mut sum = 4 * u32::from(before[y * width + x]);
                for row in y - 1..=y + 1 {
                    let three = &before[row * width + x - 1..=row * width + x + 1];
                    sum += three.iter().map(|&byte| u32::from(byte)).sum::<u32>();
                }
                let blurred = (sum as f32 / 13.0).round_ties_even();
                plane[y * width + x] = blend(before[y * width + x], blurred, factor);
            }
        }
    }
}

/// The darkest becomes 0 and the brightest 255.
fn auto_contrast(plane: &mut [u8]) {
    let (Some(&low), Some(&high)) = (plane.iter().min(), plane.iter().max()) else { return };
    if low == high {
        return;
    }
    let scale = 255.0 / f32::from(high - low);
    plane.iter_mut().for_each(|byte| *byte = (f32::from(*byte - low) * scale).clamp(0.0, 255.0) as u8);
}

/// Every brightness becomes as frequent as any other, as far as that can be.
fn equalize(plane: &mut [u8]) {
    let mut histogram = [0usize; 256];
    plane.iter().for_each(|&byte| histogram[usize::from(byte)] += 1);
    let Some(&last) = histogram.iter().rfind(|&&count| count > 0) else { return };
    let step = (plane.len() - last) / 255;
    if step == 0 {
        return;
    }
    let mut below = 0;
    let table = histogram.map(|count| {
        // Of the pixels that are darker.
        let value = if below == 0 { 0 } else { ((below + step / 2) / step).min(255) };
        below += count;
        value as u8
    });
    plane.iter_mut().for_each(|byte| *byte = table[usize::from(*byte)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    fn of(operation: Operation, image: &[u8], shape: Shape, strength: f64) -> Vec<u8> {
        let mut image = image.to_vec();
        operation.apply(&mut image, shape, strength);
        image
    }

    #[test]
    fn movements_by_hand() {
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let shape = (1, 3, 3);
        assert_eq!(of(TranslateX, &image, shape, 1.9), [0, 1, 2, 0, 4, 5, 0, 7, 8]);
        assert_eq!(of(TranslateX, &image, shape, -1.0), [2, 3, 0, 5, 6, 0, 8, 9, 0]);
        assert_eq!(of(TranslateY, &image, shape, 1.0), [0, 0, 0, 1, 2, 3, 4, 5, 6]);
        // Counter-clockwise.
        assert_eq!(of(Rotate, &image, shape, 90.0), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
        assert_eq!(of(Rotate, &image, shape, -90.0), [7, 4, 1, 8, 5, 2, 9, 6, 3]);
        // Row y comes from 0.9 (y + 0.5) further right: 0.45, 1.35, 2.25.
        assert_eq!(of(ShearX, &image, shape, 0.9), [1, 2, 3, 5, 6, 0, 9, 0, 0]);
        assert_eq!(of(ShearY, &image, shape, 0.9), [1, 5, 9, 4, 8, 0, 7, 0, 0]);
        assert_eq!(of(Identity, &image, shape, 0.0), image);
    }

    #[test]
    fn tones_by_hand() {
        let (image, shape) = ([0, 100, 127, 128, 200, 255], (1, 2, 3));
        assert_eq!(of(Posterize, &image, shape, 1.0), [0, 0, 0, 128, 128, 128]);
        assert_eq!(of(Posterize, &image, shape, 8.0), image);
        assert_eq!(of(Solarize, &image, shape, 128.0), [0, 100, 127, 127, 55, 0]);
        assert_eq!(of(Solarize, &image, shape, 255.0), [0, 100, 127, 128, 200, 0]);
        assert_eq!(of(AutoContrast, &[50, 100, 150], (1, 1, 3), 0.0), [0, 127, 255]);
        assert_eq!(of(AutoContrast, &[7; 3], (3, 1, 1), 0.0), [7; 3]);
        // 255 pixels of 10 and 255 of 20 and 1 of 30: step 2.
        let mut many = vec![10; 255];
        many.extend([20; 255]);
        many.push(30);
        let equal = of(Equalize, &many, (1, 1, 511), 0.0);
        assert_eq!([equal[0], equal[255], equal[510]], [0, 128, 255]);
        assert_eq!(of(Equalize, &image, shape, 0.0), image, "too few pixels");
        // In the middle (8 x 13 + 5 x 26) / 13 = 18.
        let mut dot = [13; 9];
        dot[4] = 26;
        assert_eq!(of(Sharpness, &dot, (1, 3, 3), -1.0)[4], 18);
        assert_eq!(of(Sharpness, &dot, (1, 3, 3), 1.0)[4], 34);
        assert_eq!(of(Sharpness, &dot, (1, 3, 3), -1.0)[0], 13);
    }

    #[test]
    fn strengths_are_those_of_the_lists() {
        let shape = (3, 100, 331);
        let at = |operation: Operation, list, bin| operation.strength(list, bin, shape);
        assert_eq!(at(TranslateX, AutoAugment::Trivial, 30), 32.0);
        assert_eq!(at(Rotate, AutoAugment::Trivial, 30), 135.0);
        assert_eq!(at(Posterize, AutoAugment::Trivial, 30), 2.0);
        assert_eq!(at(Solarize, AutoAugment::Trivial, 0), 255.0);
        assert!((at(TranslateX, AutoAugment::Rand, 9) - 45.0).abs() < 1e-9);
        assert!((at(Rotate, AutoAugment::Rand, 9) - 9.0).abs() < 1e-9);
        assert!((at(ShearY, AutoAugment::Rand, 9) - 0.09).abs() < 1e-9);
        assert!((at(Color, AutoAugment::Rand, 9) - 0.27).abs() < 1e-9);
        assert_eq!(at(Posterize, AutoAugment::Rand, 9), 7.0);
        assert!((at(Solarize, AutoAugment::Rand, 9) - 178.5).abs() < 1e-9);
    }

    #[test]
    fn draws_keep_the_shape_and_differ() {
        let image: Vec<u8> = (0..3 * 8 * 9).map(|i| (i * 7 % 256) as u8).collect();
        for list in [AutoAugment::Trivial, AutoAugment::Rand] {
            let drawn = |number: u64| {
                let mut copy = image.clone();
                auto_augment(&mut copy, (3, 8, 9), list, &mut stream(3, "test", &[number]));
                copy
            };
            let all: Vec<Vec<u8>> = (0..50).map(drawn).collect();
            assert!(all.iter().all(|copy| copy.len() == image.len()));
            let changed = all.iter().filter(|copy| **copy != image).count();
            assert!((25..=50).contains(&changed), "{changed}");
            assert_eq!(drawn(7), all[7]);
        }
        let mut gray = image[..72].to_vec();
        for number in 0..50 {
            auto_augment(&mut gray, (1, 8, 9), AutoAugment::Trivial, &mut stream(3, "gray", &[number]));
        }
        assert_eq!(gray.len(), 72);
    }
}
