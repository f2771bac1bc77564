//! Pictures of any mode answer as their 8-bit RGB equivalents.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};
use png::{BitDepth, ColorType};

use super::super::read_image;
use super::temp;
use crate::config::Resize;

const SIZE: [u32; 2] = [20, 14];

/// A picture of few colours with gradients, so that resizing and conversions have something to get wrong.
fn colors() -> RgbImage {
    RgbImage::from_fn(SIZE[0], SIZE[1], |x, y| Rgb([(x / 4 * 60) as u8, (y / 3 * 50) as u8, 200]))
}

/// That picture in gray.
fn grays() -> GrayImage {
    GrayImage::from_fn(SIZE[0], SIZE[1], |x, y| Luma([(x * 9 + y * 5) as u8]))
}

/// Bytes of `picture` written as `name` and read for a network of these channels.
fn bytes(picture: impl Into<DynamicImage>, name: &str, channels: usize) -> Vec<u8> {
    let dir = temp();
    let file = dir.path().join(name);
    picture.into().save(&file).unwrap();
    read_image(&file, [channels, 8, 8], Resize::Squash, 1_000_000).unwrap()
}

/// A PNG of the given kind, with palette and transparency where there are any.
fn png(color: ColorType, depth: BitDepth, palette: &[u8], alphas: &[u8], data: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIZE[0], SIZE[1]);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette.to_vec());
    }
    if !alphas.is_empty() {
        encoder.set_trns(alphas.to_vec());
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    file
}

fn bytes_of_png(file: &[u8], channels: usize) -> Vec<u8> {
    let dir = temp();
    let path = dir.path().join("x.png");
    std::fs::write(&path, file).unwrap();
    read_image(&path, [channels, 8, 8], Resize::Squash, 1_000_000).unwrap()
}

/// Palette and one index per pixel.
fn indexed(picture: &RgbImage) -> (Vec<[u8; 3]>, Vec<u8>) {
    let mut palette: Vec<[u8; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
    palette.sort_unstable();
    palette.dedup();
    let index = |pixel: &Rgb<u8>| palette.binary_search(&pixel.0).unwrap() as u8;
    let indices = picture.pixels().map(index).collect();
    (palette, indices)
}

#[test]
fn palettes_are_colours() {
    let (palette, indices) = indexed(&colors());
    for channels in [1, 3] {
        let expected = bytes(colors(), "x.png", channels);
        let file = png(ColorType::Indexed, BitDepth::Eight, &palette.concat(), &[], &indices);
        assert_eq!(bytes_of_png(&file, channels), expected, "{channels} channels");
        let opaque = vec![255; palette.len()];
        let file = png(ColorType::Indexed, BitDepth::Eight, &palette.concat(), &opaque, &indices);
        assert_eq!(bytes_of_png(&file, channels), expected, "{channels} channels, with transparency");
    }
    // A palette of grays is gray to a network of gray images.
    let (palette, indices) = indexed(&DynamicImage::from(grays()).into_rgb8());
    let file = png(ColorType::Indexed, BitDepth::Eight, &palette.concat(), &[], &indices);
    assert_eq!(bytes_of_png(&file, 1), bytes(grays(), "x.png", 1));
}

#[test]
fn transparent_entries_of_a_palette_are_white() {
    let pixels = (SIZE[0] * SIZE[1]) as usize;
    let file = png(ColorType::Indexed, BitDepth::Eight, &[9, 9, 9], &[0], &vec![0; pixels]);
    assert_eq!(bytes_of_png(&file, 3), [255; 3 * 64]);
}

#[test]
fn sixteen_bits_are_eight() {
    let wide = |byte: u8| u16::from(byte) * 257;
    let colour = ImageBuffer::from_fn(SIZE[0], SIZE[1], |x, y| Rgb(colors().get_pixel(x, y).0.map(wide)));
    let clear = ImageBuffer::from_fn(SIZE[0], SIZE[1], |x, y| {
        let [r, g, b] = colors().get_pixel(x, y).0.map(wide);
        Rgba([r, g, b, u16::MAX])
    });
    let gray = ImageBuffer::from_fn(SIZE[0], SIZE[1], |x, y| Luma(grays().get_pixel(x, y).0.map(wide)));
    for channels in [1, 3] {
        let expected = bytes(colors(), "x.png", channels);
        for name in ["x.png", "x.tiff"] {
            assert_eq!(bytes(DynamicImage::ImageRgb16(colour.clone()), name, channels), expected, "{name}");
        }
        assert_eq!(bytes(DynamicImage::ImageRgba16(clear.clone()), "x.png", channels), expected);
        let expected = bytes(grays(), "x.png", channels);
        assert_eq!(bytes(DynamicImage::ImageLuma16(gray.clone()), "x.png", channels), expected);
    }
}

#[test]
fn gray_is_three_equal_channels_and_back() {
    let rgb = DynamicImage::from(grays()).into_rgb8();
    let clear = ImageBuffer::from_fn(SIZE[0], SIZE[1], |x, y| LumaA([grays().get_pixel(x, y).0[0], 255]));
    for channels in [1, 3] {
        let expected = bytes(grays(), "x.png", channels);
        assert_eq!(bytes(rgb.clone(), "x.png", channels), expected, "RGB, {channels} channels");
        assert_eq!(bytes(clear.clone(), "x.png", channels), expected, "with alpha, {channels} channels");
    }
    let plane = bytes(grays(), "x.png", 1);
    assert_eq!(bytes(grays(), "x.png", 3), [plane.clone(), plane.clone(), plane].concat());
}

#[test]
fn one_bit_is_black_and_white() {
    let row = [0b1111_0000, 0b1111_0000, 0b1111_0000];
    let file = png(ColorType::Grayscale, BitDepth::One, &[], &[], &row.repeat(SIZE[1] as usize));
    let expected = GrayImage::from_fn(SIZE[0], SIZE[1], |x, _| Luma([if x % 8 < 4 { 255 } else { 0 }]));
    assert_eq!(bytes_of_png(&file, 1), bytes(expected, "x.png", 1));
}

/// Left half red (0, 255, 255, 0), right half gray (0, 0, 0, 155), as Pillow writes it with quality 95.
#[test]
fn inks_are_colours() {
    let dir = temp();
    let file = dir.path().join("x.jpg");
    std::fs::write(&file, include_bytes!("cmyk.jpg")).unwrap();
    let found = read_image(&file, [3, 8, 8], Resize::Squash, 1_000_000).unwrap();
    let near = |found: u8, expected: u8| found.abs_diff(expected) <= 3;
    for (channel, [left, right]) in [[255, 100], [0, 100], [0, 100]].into_iter().enumerate() {
        let row = &found[channel * 64..channel * 64 + 8];
        assert!(near(row[1], left) && near(row[6], right), "channel {channel}: {row:?}");
    }
}
