//! One image file: looked at, or decoded to bytes of a wanted shape.

use std::fs;
use std::io::{BufRead, Cursor, Seek};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageError, ImageReader, Limits, Pixel, imageops};

use super::fault::Fault;
use super::set::FILTER;
use crate::config::Resize;
use crate::error::{Error, Result};

/// Longest side of a file, in pixels, and most memory for decoding it: more is taken for a trap.
const MAX_SIDE: u32 = 32_768;
const MAX_BYTES: u64 = 512 << 20;

/// What the head of an image file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Rows, upright.
    pub height: usize,
    /// Columns, upright.
    pub width: usize,
    /// Whether it has colours.
    pub color: bool,
}

/// The shape that images are brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// 1 or 3.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A decoded image and what was done to it.
#[derive(Debug, Clone)]
pub(super) struct Decoded {
    /// `[channels, height, width]`.
    pub pixels: Vec<u8>,
    /// It had another size.
    pub resized: bool,
    /// It has colours.
    pub color: bool,
    /// It had pixels that are not opaque.
    pub transparent: bool,
}

/// A decoder within the limits; the format is told by the content.
fn decoder<'a, R: BufRead + Seek + 'a>(reader: R) -> Result<impl ImageDecoder + 'a, ImageError> {
    let reader = ImageReader::new(reader).with_guessed_format()?;
    let mut decoder = reader.into_decoder()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    Ok(decoder)
}

/// The orientation tag; none where it is missing or damaged.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// Looks at the head of an image.
pub(super) fn head<R: BufRead + Seek>(mut reader: R) -> Result<Head, Fault> {
    let start = reader.fill_buf().map_err(|e| Fault::of_io(&e))?;
    let start = start[..start.len().min(512)].to_vec();
    let mut decoder = decoder(reader).map_err(|e| Fault::of_image(&e, &start))?;
    let (width, height) = decoder.dimensions();
    let (width, height) = match orientation(&mut decoder) {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    };
    Ok(Head { height: height as usize, width: width as usize, color: decoder.color_type().has_color() })
}

/// Decodes an image: upright, on white, with the channels and size of `shape`, brought to it as `resize` says.
///
/// Colours become gray by their luminance (Rec. 709), gray becomes three equal channels.
pub(super) fn decode(bytes: &[u8], shape: Shape, resize: Resize) -> Result<Decoded, Fault> {
    let fault = |e: ImageError| Fault::of_image(&e, &bytes[..bytes.len().min(512)]);
    // The decoder would fill up what is missing.
    if jpeg_is_cut_off(bytes) {
        return Err(Fault::CutOff);
    }
    let mut decoder = decoder(Cursor::new(bytes)).map_err(fault)?;
    let orientation = orientation(&mut decoder);
    let mut image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    image.apply_orientation(orientation);
    let color = image.color().has_color();
    let (image, transparent) = on_white(image);
    let resized = (image.height() as usize, image.width() as usize) != (shape.height, shape.width);
    let pixels = match shape.channels {
        1 => brought(image.into_luma8(), shape, resize).into_raw(),
        _ => planes(&brought(image.into_rgb8(), shape, resize).into_raw()),
    };
    Ok(Decoded { pixels, resized, color, transparent })
}

/// Whether a JPEG has no end-of-image marker after the beginning of its first scan.
///
/// Segments before the scan are stepped over by their lengths: a thumbnail in one of them has an end of its own.
/// In a scan a byte FF is followed by 00 or a marker, so that FF D9 is nothing but the end; bytes after it do no harm.
fn jpeg_is_cut_off(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return false;
    }
    let mut at = 2;
    while at + 4 <= bytes.len() && bytes[at] == 0xff {
        match bytes[at + 1] {
            0xff => at += 1,
            0xda => return !bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]),
            0xd8 | 0x01 | 0xd0..=0xd7 => at += 2,
            _ => at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])),
        }
    }
    at >= bytes.len()
}

/// Lays a picture with transparency on white, in 8 bits; says whether there was any.
fn on_white(image: DynamicImage) -> (DynamicImage, bool) {
    if !image.color().has_alpha() {
        return (image, false);
    }
    let blend = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let mut image = image.into_rgba8();
    let mut transparent = false;
    for pixel in image.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        transparent |= alpha < 255;
        pixel.0 = [blend(red, alpha), blend(green, alpha), blend(blue, alpha), 255];
    }
    (DynamicImage::ImageRgba8(image), transparent)
}

/// At the size of `shape`.
fn brought<P: Pixel<Subpixel = u8> + 'static>(
    image: ImageBuffer<P, Vec<u8>>,
    shape: Shape,
    resize: Resize,
) -> ImageBuffer<P, Vec<u8>> {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let (from_width, from_height) = image.dimensions();
    if (from_width, from_height) == (width, height) {
        return image;
    }
    let scale = |side: u32, to: u32, from: u32| {
        ((u64::from(side) * u64::from(to) + u64::from(from) / 2) / u64::from(from)) as u32
    };
    // Whether the width, brought to the wanted one, makes the height too small for a crop (fitting for a border).
    let wide = u64::from(from_width) * u64::from(height) > u64::from(from_height) * u64::from(width);
    match resize {
        Resize::Squash => imageops::resize(&image, width, height, FILTER),
        Resize::Crop => {
            // The largest part in the middle that has the wanted ratio of sides, brought to the size.
            let (part_width, part_height) = match wide {
                true => (scale(from_height, width, height).clamp(1, from_width), from_height),
                false => (from_width, scale(from_width, height, width).clamp(1, from_height)),
            };
            let (left, top) = ((from_width - part_width) / 2, (from_height - part_height) / 2);
            let part = imageops::crop_imm(&image, left, top, part_width, part_height).to_image();
            imageops::resize(&part, width, height, FILTER)
        }
        Resize::Letterbox => {
            let (inner_width, inner_height) = match wide {
                true => (width, scale(from_height, width, from_width).clamp(1, height)),
                false => (scale(from_width, height, from_height).clamp(1, width), height),
            };
            let inner = imageops::resize(&image, inner_width, inner_height, FILTER);
            // Black, as the border of the random crop.
            let mut whole = ImageBuffer::new(width, height);
            let (left, top) = ((width - inner_width) / 2, (height - inner_height) / 2);
            imageops::replace(&mut whole, &inner, i64::from(left), i64::from(top));
            whole
        }
    }
}

/// From pixel after pixel to channel after channel.
fn planes(pixels: &[u8]) -> Vec<u8> {
    (0..3).flat_map(|channel| pixels.iter().skip(channel).step_by(3).copied()).collect()
}

/// Reads one image as [`open`](super::open) reads those of a folder, for prediction.
///
/// Whatever its mode (gray, palette, with transparency, 16 bit, CMYK): upright by its orientation tag; laid
/// on white; turned gray by luminance for a network of gray images, to three equal channels the other way
/// round; 16 bits rounded to 8; then brought to the size by the filter of training, as `resize` says. Of an
/// animation the first picture.
///
/// # Shapes
///
/// `shape` and what is returned are `[channels, height, width]`, whatever size and mode the file has; channels
/// are 1 or 3.
///
/// # Errors
///
/// A file that cannot be read as an image.
pub fn read_image(path: &Path, shape: [usize; 3], resize: Resize) -> Result<Vec<u8>> {
    let [channels, height, width] = shape;
    let bytes = fs::read(path).map_err(|e| Fault::of_io(&e));
    let decoded = bytes.and_then(|bytes| decode(&bytes, Shape { channels, height, width }, resize));
    decoded.map(|decoded| decoded.pixels).map_err(|fault| {
        Error::data(
            path,
            format!("cannot be read as an image: {fault}"),
            "give a PNG, JPEG, BMP, GIF, WebP, TIFF or PNM file",
        )
    })
}
