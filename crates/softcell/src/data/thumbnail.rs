//! Small pictures of images, for pages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, GrayImage, ImageResult, RgbImage};

use super::set::{FILTER, ImageSet};

/// Longest side of a thumbnail, in pixels.
const LONGEST_SIDE: u32 = 64;
/// Thumbnails of up to this side are stored without loss.
const LOSSLESS_SIDE: u32 = 36;
const JPEG_QUALITY: u8 = 82;

impl ImageSet {
    /// Image `i` as a `data:` address: PNG, or JPEG where it is not tiny, of at most 64 pixels a side.
    ///
    /// # Panics
    ///
    /// If there is no image `i`.
    pub fn thumbnail(&self, i: usize) -> String {
        let picture = self.picture(i);
        let longest = picture.width().max(picture.height());
        let picture = if longest > LONGEST_SIDE {
            let side = |side: u32| (side * LONGEST_SIDE / longest).max(1);
            picture.resize_exact(side(picture.width()), side(picture.height()), FILTER)
        } else {
            picture
        };
        let (mut bytes, kind) = (Vec::new(), if longest > LOSSLESS_SIDE { "jpeg" } else { "png" });
        let encoded: ImageResult<()> = match kind {
            "jpeg" => picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
            _ => picture.write_with_encoder(PngEncoder::new(&mut bytes)),
        };
        encoded.expect("small pictures can be encoded into memory");
        format!("data:image/{kind};base64,{}", STANDARD.encode(bytes))
    }

    /// Image `i`, its channels side by side in each pixel.
    fn picture(&self, i: usize) -> DynamicImage {
        let bytes = self.image(i);
        let (width, height) = (self.width as u32, self.height as u32);
        if self.channels == 1 {
            let gray = GrayImage::from_raw(width, height, bytes.into_owned());
            return gray.expect("an image has height x width bytes").into();
        }
        let plane = self.height * self.width;
        let mut picture = RgbImage::new(width, height);
        for (pixel, target) in picture.pixels_mut().enumerate() {
            for (channel, value) in target.0.iter_mut().enumerate() {
                *value = bytes[channel * plane + pixel];
            }
        }
        picture.into()
    }
}
