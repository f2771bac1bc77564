//! Crop, mirror, normalisation, cutout.

use rand_chacha::ChaCha8Rng;

use crate::config::AutoAugment;
use crate::data::{Augment, Normalization, Normalizer};
use crate::random::stream;

const OFF: Augment = Augment {
    crop_padding: 0,
    flip: false,
    cutout_length: None,
    cutout_probability: 1.0,
    crop_scale: 0.0,
    color_jitter: 0.0,
    auto_augment: AutoAugment::None,
};

/// A normaliser of channel means 0.5, 0.25, ... and deviations 0.5.
fn normalizer(channels: usize) -> Normalizer {
    let mean = (0..channels).map(|channel| 0.5 / (channel + 1) as f32).collect();
    Normalization { mean, std: vec![0.5; channels] }.normalizer()
}

fn rng(number: u64) -> ChaCha8Rng {
    stream(7, "test", &[number])
}

/// All different bytes, none 0.
fn image(channels: usize, height: usize, width: usize) -> Vec<u8> {
    (1..=channels * height * width).map(|i| i as u8).collect()
}

fn applied(augment: Augment, shape: (usize, usize, usize), number: u64) -> Vec<f32> {
    let image = image(shape.0, shape.1, shape.2);
    let mut out = vec![f32::NAN; image.len()];
    augment.apply(&image, shape, &normalizer(shape.0), &mut rng(number), &mut out);
    out
}

/// Undoes the normalisation.
fn bytes(out: &[f32], shape: (usize, usize, usize)) -> Vec<u8> {
    let plane = shape.1 * shape.2;
    let byte =
        |(i, value): (usize, &f32)| ((value * 0.5 + 0.5 / (i / plane + 1) as f32) * 255.0).round() as u8;
    out.iter().enumerate().map(byte).collect()
}

#[test]
fn normalisation_takes_mean_and_deviation_of_each_channel() {
    let mut out = [0.0; 4];
    normalizer(2).apply(&[0, 255, 51, 204], &mut out);
    for (found, expected) in out.iter().zip([-1.0, 1.0, -0.1, 1.1]) {
        assert!((found - expected).abs() < 1e-6, "{out:?}");
    }
}

#[test]
fn nothing_switched_on_is_normalisation() {
    let shape = (3, 3, 5);
    let mut expected = vec![0.0; 45];
    normalizer(3).apply(&image(3, 3, 5), &mut expected);
    assert_eq!(applied(OFF, shape, 0), expected);
    assert!(OFF.is_none());
    assert!(!Augment { flip: true, ..OFF }.is_none());
}

#[test]
fn a_crop_is_a_shift_with_black_in_the_gaps_alike_in_all_channels() {
    let shape = (2, 4, 5);
    let (height, width, padding) = (4, 5, 2);
    let source = image(2, 4, 5);
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..400 {
        let found = bytes(&applied(Augment { crop_padding: 2, ..OFF }, shape, number), shape);
        let shifted = |down: i32, right: i32| -> Vec<u8> {
            let mut expected = Vec::new();
            for (channel, y, x) in
                (0..2).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x))))
            {
                let (y, x) = (y + down, x + right);
                let inside = (0..height).contains(&y) && (0..width).contains(&x);
                expected.push(if inside {
                    source[(channel * height * width + y * width + x) as usize]
                } else {
                    0
                });
            }
            expected
        };
        let shift = (-padding..=padding)
            .flat_map(|down| (-padding..=padding).map(move |right| (down, right)))
            .find(|&(down, right)| shifted(down, right) == found)
            .unwrap_or_else(|| panic!("no shift gives {found:?}"));
        seen.insert(shift);
    }
    assert_eq!(seen.len(), 25, "every shift occurs");
}

#[test]
fn padding_may_exceed_the_image() {
    let shape = (1, 2, 2);
    let mut blank = 0;
    for number in 0..200 {
        let found = bytes(&applied(Augment { crop_padding: 5, ..OFF }, shape, number), shape);
        blank += usize::from(found == [0; 4]);
    }
    // 9 of 121 shifts leave some of the image to see.
    assert!((160..200).contains(&blank), "{blank}");
}

#[test]
fn half_of_the_images_are_mirrored_left_to_right() {
    let shape = (2, 2, 3);
    let plain = image(2, 2, 3);
    let mirror: Vec<u8> = plain.chunks(3).flat_map(|row| row.iter().rev().copied()).collect();
    let mut mirrored = 0;
    for number in 0..400 {
        let found = bytes(&applied(Augment { flip: true, ..OFF }, shape, number), shape);
        assert!(found == plain || found == mirror, "{found:?}");
        mirrored += usize::from(found == mirror);
    }
    assert!((160..240).contains(&mirrored), "{mirrored} of 400");
}

#[test]
fn cutout_is_a_square_of_zeros_cut_at_the_border() {
    let (height, width) = (6, 5);
    let shape = (2, height, width);
    let whole = applied(OFF, shape, 0);
    // Bytes 64 and 128 would be near 0 by themselves; there are none so far.
    assert!(whole.iter().all(|&value| value != 0.0));
    // An odd side counts as one less.
    for length in [4, 5] {
        let mut centres = std::collections::BTreeSet::new();
        for number in 0..600 {
            let found = applied(Augment { cutout_length: Some(length), ..OFF }, shape, number);
            let square = |cy: usize, cx: usize| -> Vec<f32> {
                let inside = |at: usize, centre: usize| at + 2 >= centre && at < centre + 2;
                let at = |i: usize| (i / width % height, i % width);
                let value = |(i, &value): (usize, &f32)| {
                    if inside(at(i).0, cy) && inside(at(i).1, cx) { 0.0 } else { value }
                };
                whole.iter().enumerate().map(value).collect()
            };
            let centre = (0..height)
                .flat_map(|cy| (0..width).map(move |cx| (cy, cx)))
                .find(|&(cy, cx)| square(cy, cx) == found)
                .unwrap_or_else(|| panic!("no centre gives {found:?}"));
            centres.insert(centre);
        }
        assert_eq!(centres.len(), height * width, "every centre occurs");
    }
}

/// Of 4000 images 1000, with a deviation of 27.
#[test]
fn cutout_happens_as_often_as_it_is_told_to() {
    let shape = (1, 6, 6);
    let cut = |probability, number| {
        let augment = Augment { cutout_length: Some(4), cutout_probability: probability, ..OFF };
        applied(augment, shape, number).contains(&0.0)
    };
    let count = |probability| (0..4000).filter(|&number| cut(probability, number)).count();
    let quarter = count(0.25);
    assert!((900..=1100).contains(&quarter), "{quarter}");
    assert_eq!((count(0.0), count(1.0)), (0, 4000));
}

#[test]
fn cutout_larger_than_the_image_blanks_it() {
    let found = applied(Augment { cutout_length: Some(100), ..OFF }, (1, 3, 4), 0);
    assert_eq!(found, [0.0; 12]);
}

/// The least jitter that is on: it changes no byte.
const NEARLY: f64 = 1e-12;

#[test]
fn on_bytes_the_old_parts_do_the_same() {
    let shape = (3, 6, 7);
    let old = Augment { crop_padding: 2, flip: true, cutout_length: Some(4), ..OFF };
    let mut alike = 0;
    for number in 0..40 {
        let (old, new) =
            (applied(old, shape, number), applied(Augment { color_jitter: NEARLY, ..old }, shape, number));
        // Truncation may take one from a byte.
        alike += usize::from(old.iter().zip(&new).all(|(old, new)| (old - new).abs() < 3.0 * 2.0 / 255.0));
    }
    assert_eq!(alike, 40);
}

#[test]
fn a_resized_crop_takes_the_place_of_the_padded_one() {
    let shape = (1, 16, 16);
    let white = vec![255; 256];
    for number in 0..50 {
        let augment = Augment { crop_padding: 8, crop_scale: 0.3, ..OFF };
        let mut out = vec![0.0; 256];
        augment.apply(&white, shape, &normalizer(1), &mut rng(number), &mut out);
        assert!(bytes(&out, shape).iter().all(|&byte| byte == 255), "no border comes in");
    }
    let crops = |number| applied(Augment { crop_scale: 0.3, ..OFF }, shape, number);
    assert_ne!(crops(0), crops(1));
    assert_eq!(crops(1), crops(1));
    for augment in [
        Augment { crop_scale: 0.3, ..OFF },
        Augment { color_jitter: 0.1, ..OFF },
        Augment { auto_augment: AutoAugment::Rand, ..OFF },
    ] {
        assert!(!augment.is_none());
    }
}
