//! One image file: looked at, or decoded to bytes of a wanted shape.

use std::io::{BufRead, Cursor, Seek};

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageError, ImageReader, Limits, Pixel, imageops};

use super::fault::Fault;
use super::room::PICTURES;
use super::set::FILTER;
use super::weight::{Way, Weight, most_bytes};
use crate::config::Resize;

/// Most bytes of what a PNG holds beside its pixels, unpacked, such as a profile of colours.
const MOST_BESIDE: u64 = 64 << 20;

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

/// A decoder of an image of at most so many pixels; the format is told by the content.
fn decoder<'a, R: BufRead + Seek + 'a>(reader: R, most: u64) -> Result<impl ImageDecoder + 'a, ImageError> {
    let limits = |bytes| {
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(bytes);
        limits
    };
    let mut reader = ImageReader::new(reader).with_guessed_format()?;
    reader.limits(limits(MOST_BESIDE));
    let mut decoder = reader.into_decoder()?;
    // What is decoded, and as much again while it is decoded.
    decoder.set_limits(limits(2 * most_bytes(most)))?;
    Ok(decoder)
}

/// The orientation tag; none where it is missing or damaged.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// Whether it makes rows of columns.
fn is_turned(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// Looks at the head of an image, which may have at most so many pixels.
pub(super) fn head<R: BufRead + Seek>(mut reader: R, most: u64) -> Result<Head, Fault> {
    let start = reader.fill_buf().map_err(|e| Fault::of_io(&e))?;
    let start = start[..start.len().min(512)].to_vec();
    let mut decoder = decoder(reader, most).map_err(|e| Fault::of_image(&e, &start, most))?;
    Weight::of(&decoder).check(most)?;
    let (width, height) = decoder.dimensions();
    let (width, height) =
        if is_turned(orientation(&mut decoder)) { (height, width) } else { (width, height) };
    Ok(Head { height: height as usize, width: width as usize, color: decoder.color_type().has_color() })
}

/// Decodes an image of at most `most` pixels: upright, on white, with the channels and size of `shape`, brought to it
/// as `resize` says.
///
/// Colours become gray by their luminance (Rec. 709), gray becomes three equal channels.
pub(super) fn decode(bytes: &[u8], shape: Shape, resize: Resize, most: u64) -> Result<Decoded, Fault> {
    let fault = |e: ImageError| Fault::of_image(&e, &bytes[..bytes.len().min(512)], most);
    let mut decoder = decoder(Cursor::new(bytes), most).map_err(fault)?;
    let weight = Weight::of(&decoder).check(most)?;
    // The decoder would fill up what is missing.
    let jpeg = jpeg_frame(bytes);
    if jpeg == Some(JpegFrame::CutOff) {
        return Err(Fault::CutOff);
    }
    let orientation = orientation(&mut decoder);
    let (width, height) = decoder.dimensions();
    let size = if is_turned(orientation) { (height, width) } else { (width, height) };
    let part = Part::of(size, shape, resize);
    let between = weight.between(part.columns(), shape.height as u32, most)?;
    let way = Way {
        format: image::guess_format(bytes).ok(),
        is_progressive: jpeg == Some(JpegFrame::Progressive),
        is_turned: is_turned(orientation),
        channels: shape.channels,
        file: bytes.len() as u64,
    };
    let _room = PICTURES.take(weight.peak(way) + between);
    let mut image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    image.apply_orientation(orientation);
    Ok(finished(image, shape, part))
}

/// The same of an image that is decoded and upright.
pub(super) fn of_pixels(image: DynamicImage, shape: Shape, resize: Resize) -> Decoded {
    let part = Part::of((image.width(), image.height()), shape, resize);
    finished(image, shape, part)
}

/// On white, with the channels and size of `shape`.
fn finished(image: DynamicImage, shape: Shape, part: Part) -> Decoded {
    let color = image.color().has_color();
    let (image, transparent) = on_white(image);
    let resized = (image.height() as usize, image.width() as usize) != (shape.height, shape.width);
    let pixels = match shape.channels {
        1 => brought(image.into_luma8(), shape, part).into_raw(),
        _ => planes(&brought(image.into_rgb8(), shape, part).into_raw()),
    };
    Decoded { pixels, resized, color, transparent }
}

/// How the pixels of a JPEG are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JpegFrame {
    /// Its end is missing.
    CutOff,
    /// Row of blocks after row of blocks.
    Sequential,
    /// In several scans, which the decoder keeps whole.
    Progressive,
}

/// How the pixels are stored where it is a JPEG; without an end-of-image marker after the beginning of its first scan it
/// is cut off.
///
/// Segments before the scan are stepped over by their lengths: a thumbnail in one of them has an end of its own.
/// In a scan a byte FF is followed by 00 or a marker, so that FF D9 is nothing but the end; bytes after it do no harm.
fn jpeg_frame(bytes: &[u8]) -> Option<JpegFrame> {
    if !bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return None;
    }
    let mut frame = JpegFrame::Sequential;
    let mut at = 2;
    while at + 4 <= bytes.len() && bytes[at] == 0xff {
        match bytes[at + 1] {
            0xff => at += 1,
            0xda => {
                let ends = bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
                return Some(if ends { frame } else { JpegFrame::CutOff });
            }
            0xd8 | 0x01 | 0xd0..=0xd7 => at += 2,
            marker => {
                if marker == 0xc2 {
                    frame = JpegFrame::Progressive;
                }
                at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            }
        }
    }
    Some(if at >= bytes.len() { JpegFrame::CutOff } else { frame })
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

/// What of an image is brought to a size, and to which.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// All of it: it has the size.
    Whole { width: u32 },
    /// A part in the middle, to the whole size.
    Middle { left: u32, top: u32, width: u32, height: u32 },
    /// All of it, to the middle of the size.
    Bordered { from: u32, width: u32, height: u32 },
}

impl Part {
    fn of((from_width, from_height): (u32, u32), shape: Shape, resize: Resize) -> Part {
        let (width, height) = (shape.width as u32, shape.height as u32);
        if (from_width, from_height) == (width, height) {
            return Part::Whole { width };
        }
        let scale = |side: u32, to: u32, from: u32| {
            ((u64::from(side) * u64::from(to) + u64::from(from) / 2) / u64::from(from)) as u32
        };
        // Whether the width, brought to the wanted one, makes the height too small for a crop (fitting for a border).
        let wide = u64::from(from_width) * u64::from(height) > u64::from(from_height) * u64::from(width);
        match resize {
            Resize::Squash => Part::Middle { left: 0, top: 0, width: from_width, height: from_height },
            Resize::Crop => {
                // The largest part in the middle that has the wanted ratio of sides, brought to the size.
                let (width, height) = match wide {
                    true => (scale(from_height, width, height).clamp(1, from_width), from_height),
                    false => (from_width, scale(from_width, height, width).clamp(1, from_height)),
                };
                let (left, top) = ((from_width - width) / 2, (from_height - height) / 2);
                Part::Middle { left, top, width, height }
            }
            Resize::Letterbox => {
                let (width, height) = match wide {
                    true => (width, scale(from_height, width, from_width).clamp(1, height)),
                    false => (scale(from_width, height, from_height).clamp(1, width), height),
                };
                Part::Bordered { from: from_width, width, height }
            }
        }
    }

    /// Columns of the image that are scaled.
    fn columns(self) -> u32 {
        match self {
            Part::Whole { width } | Part::Middle { width, .. } => width,
            Part::Bordered { from, .. } => from,
        }
    }
}

/// At the size of `shape`.
fn brought<P: Pixel<Subpixel = u8> + 'static>(
    image: ImageBuffer<P, Vec<u8>>,
    shape: Shape,
    part: Part,
) -> ImageBuffer<P, Vec<u8>> {
    let (width, height) = (shape.width as u32, shape.height as u32);
    match part {
        Part::Whole { .. } => image,
        Part::Middle { left, top, width: columns, height: rows } => {
            // Looked at in its place: a copy could be as large as the image.
            let part = imageops::crop_imm(&image, left, top, columns, rows);
            imageops::resize(&*part, width, height, FILTER)
        }
        Part::Bordered { width: inner_width, height: inner_height, .. } => {
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
