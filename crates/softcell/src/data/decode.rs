//! One image file: looked at, or decoded to bytes of a wanted shape.

use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageReader, Limits, Pixel, imageops};

use super::set::FILTER;
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

/// A decoder within the limits; the format is told by the content, else by the name.
fn decoder(path: &Path) -> Result<impl ImageDecoder, String> {
    let reader =
        ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|e| e.to_string())?;
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    limits.reserve(decoder.total_bytes()).map_err(|e| e.to_string())?;
    decoder.set_limits(limits).map_err(|e| e.to_string())?;
    Ok(decoder)
}

/// The orientation tag; none where it is missing or damaged.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// Looks at the head of an image file; the text says why it cannot be read.
pub(super) fn head(path: &Path) -> Result<Head, String> {
    let mut decoder = decoder(path)?;
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

/// Decodes an image file: upright, on white, with the channels and size of `shape`.
///
/// Colours become gray by their luminance (Rec. 709), gray becomes three equal channels.
pub(super) fn decode(path: &Path, shape: Shape) -> Result<Decoded, String> {
    let mut decoder = decoder(path)?;
    let orientation = orientation(&mut decoder);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    image.apply_orientation(orientation);
    let color = image.color().has_color();
    let (image, transparent) = on_white(image);
    let resized = (image.height() as usize, image.width() as usize) != (shape.height, shape.width);
    let pixels = match shape.channels {
        1 => sized(image.into_luma8(), shape).into_raw(),
        _ => planes(&sized(image.into_rgb8(), shape).into_raw()),
    };
    Ok(Decoded { pixels, resized, color, transparent })
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
fn sized<P: Pixel<Subpixel = u8> + 'static>(
    image: ImageBuffer<P, Vec<u8>>,
    shape: Shape,
) -> ImageBuffer<P, Vec<u8>> {
    let (width, height) = (shape.width as u32, shape.height as u32);
    if image.dimensions() == (width, height) {
        image
    } else {
        imageops::resize(&image, width, height, FILTER)
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
/// round; 16 bits rounded to 8; then brought to the size by the filter of training, whatever the ratio of
/// its sides. Of an animation the first picture.
///
/// # Shapes
///
/// Returns `[channels, height, width]`, whatever size and mode the file has; `channels` is 1 or 3.
///
/// # Errors
///
/// A file that cannot be read as an image.
pub fn read_image(path: &Path, channels: usize, height: usize, width: usize) -> Result<Vec<u8>> {
    decode(path, Shape { channels, height, width }).map(|decoded| decoded.pixels).map_err(|reason| {
        Error::data(
            path,
            format!("cannot be read as an image ({reason})"),
            "give a PNG, JPEG, BMP, GIF, WebP, TIFF or PNM file",
        )
    })
}
