//! One image file, for prediction.

use std::io::Read;
use std::path::Path;

use image::{DynamicImage, ImageBuffer};

use super::decode::{Decoded, Shape, decode, of_pixels};
use super::fault::Fault;
use super::files::{Place, Store};
use super::weight::most_bytes_of_file;
use crate::config::Resize;
use crate::error::{Error, Result};

/// Reads one image as [`open`](super::open) reads those of a folder, for prediction.
///
/// Whatever its mode (gray, palette, with transparency, 16 bit, CMYK): upright by its orientation tag; laid
/// on white; turned gray by luminance for a network of gray images, to three equal channels the other way
/// round; 16 bits rounded to 8; then brought to the size by the filter of training, as `resize` says. Of an
/// animation the first picture.
///
/// At most `most_pixels` are decoded, as the setting `data.max_image_pixels` counts them; threads that decode share
/// their memory, and wait for one another where there is too little.
///
/// # Shapes
///
/// `shape` and what is returned are `[channels, height, width]`, whatever size and mode the file has; channels
/// are 1 or 3.
///
/// # Errors
///
/// A file that cannot be read as an image, or has more pixels.
pub fn read_image(path: &Path, shape: [usize; 3], resize: Resize, most_pixels: usize) -> Result<Vec<u8>> {
    let most = most_pixels as u64;
    let bytes = Store::Files.bytes(&Place::File(path.to_path_buf()), most);
    let decoded = bytes.and_then(|bytes| decode(&bytes, to(shape), resize, most));
    answer(path, decoded)
}

/// The same of an image file whose bytes are given; `name` is what errors call it.
///
/// # Errors
///
/// Bytes that are no image, or have more pixels.
pub fn read_image_bytes(
    bytes: &[u8],
    name: &Path,
    shape: [usize; 3],
    resize: Resize,
    most_pixels: usize,
) -> Result<Vec<u8>> {
    answer(name, decode(bytes, to(shape), resize, most_pixels as u64))
}

/// The bytes of an image file from a stream, such as standard input, until its end; `name` is what errors call it.
///
/// # Errors
///
/// A stream without a byte, one with more bytes than an image of so many pixels can have, and what the system says.
pub fn read_image_stream(stream: impl Read, name: &Path, most_pixels: usize) -> Result<Vec<u8>> {
    let most = most_bytes_of_file(most_pixels as u64);
    let mut bytes = Vec::new();
    stream.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io("read", name))?;
    match bytes.len() as u64 {
        0 => Err(Error::data(name, "ends without a byte", "pipe an image file into it")),
        found if found > most => Err(Error::data(
            name,
            format!("has more than {most} bytes, the most that an image of {most_pixels} pixels may have"),
            "pipe one image file into it, or raise data.max_image_pixels",
        )),
        _ => Ok(bytes),
    }
}

/// The same of an image in memory, pixel after pixel of 8 bits: gray, of three colours, or of these and an opacity.
///
/// # Shapes
///
/// `size` is that of `pixels`, `[height, width, channels]`, channels 1, 3 or 4.
///
/// # Errors
///
/// Pixels that are not of this size, and none at all.
pub fn bring_pixels(pixels: Vec<u8>, size: [usize; 3], shape: [usize; 3], resize: Resize) -> Result<Vec<u8>> {
    let [height, width, channels] = size;
    let found = pixels.len();
    let image = match (u32::try_from(width), u32::try_from(height), channels) {
        (Ok(0), ..) | (_, Ok(0), _) => None,
        (Ok(w), Ok(h), 1) => ImageBuffer::from_raw(w, h, pixels).map(DynamicImage::ImageLuma8),
        (Ok(w), Ok(h), 3) => ImageBuffer::from_raw(w, h, pixels).map(DynamicImage::ImageRgb8),
        (Ok(w), Ok(h), 4) => ImageBuffer::from_raw(w, h, pixels).map(DynamicImage::ImageRgba8),
        _ => None,
    };
    let image = image.filter(|_| found == height * width * channels).ok_or_else(|| {
        Error::invalid(
            "image",
            format!("{found} bytes for {height}x{width} pixels of {channels} bytes"),
            "at least a pixel, of 1, 3 or 4 bytes, and the bytes of all of them",
            "give the image in rows, columns and channels",
        )
    })?;
    Ok(of_pixels(image, to(shape), resize).pixels)
}

fn to([channels, height, width]: [usize; 3]) -> Shape {
    Shape { channels, height, width }
}

fn answer(name: &Path, decoded: Result<Decoded, Fault>) -> Result<Vec<u8>> {
    decoded
        .map(|decoded| decoded.pixels)
        .map_err(|fault| Error::data(name, format!("cannot be read as an image: {fault}"), fault.remedy()))
}
