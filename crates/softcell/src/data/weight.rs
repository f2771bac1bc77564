//! What an image takes in memory, told by its head: before it is decoded, on the way, and when it is brought to a size.

use image::{ColorType, ImageDecoder, ImageFormat};

use super::fault::Fault;

/// Bytes that one counted pixel may take in any buffer: four samples of 8 bits.
const BYTES_OF_A_PIXEL: u64 = 4;
/// Bytes of a pixel while it is scaled: four samples in f32.
const BYTES_BETWEEN: u64 = 16;
/// Bytes of a file beyond its pixels.
const BYTES_OF_A_HEAD: u64 = 1 << 20;

/// Most bytes of what is decoded where an image may have so many pixels.
pub(super) fn most_bytes(pixels: u64) -> u64 {
    pixels.saturating_mul(BYTES_OF_A_PIXEL)
}

/// Most bytes of a file where an image may have so many pixels: more than they take uncompressed, in 16 bits.
pub(super) fn most_bytes_of_file(pixels: u64) -> u64 {
    most_bytes(pixels).saturating_mul(2).saturating_add(BYTES_OF_A_HEAD)
}

/// Size and kind of an image as its head tells them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    width: u32,
    height: u32,
    /// Bytes of what is decoded.
    raw: u64,
    color: ColorType,
}

impl Weight {
    pub fn of(decoder: &impl ImageDecoder) -> Weight {
        let (width, height) = decoder.dimensions();
        Weight { width, height, raw: decoder.total_bytes(), color: decoder.color_type() }
    }

    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Refuses more than `most` pixels; those of more than 4 bytes count as several.
    pub fn check(self, most: u64) -> Result<Weight, Fault> {
        let (pixels, bytes) = (self.pixels(), self.raw.div_ceil(BYTES_OF_A_PIXEL));
        let Weight { width, height, .. } = self;
        if pixels > most {
            let found = format!("it has {width}x{height} pixels, {pixels} in all");
            return Err(Fault::TooLarge { found, most });
        }
        if bytes > most {
            let each = self.raw / pixels.max(1);
            let found =
                format!("its {width}x{height} pixels have {each} bytes each and count as {bytes} of 4 bytes");
            return Err(Fault::TooLarge { found, most });
        }
        Ok(self)
    }

    /// Bytes of what lies between scaling `columns` to `rows` and scaling those to the wanted columns.
    pub fn between(self, columns: u32, rows: u32, most: u64) -> Result<u64, Fault> {
        let bytes = u64::from(columns) * u64::from(rows) * BYTES_BETWEEN;
        if bytes > most_bytes(most) {
            let Weight { width, height, .. } = self;
            let count = bytes / BYTES_OF_A_PIXEL;
            let found =
                format!("its {width}x{height} pixels count as {count} while they are scaled to {rows} rows");
            return Err(Fault::TooLarge { found, most });
        }
        Ok(bytes)
    }

    /// Most bytes that are taken until it is upright and has 8 bits and the wanted channels.
    pub fn peak(self, way: Way) -> u64 {
        let (raw, pixels, channels) = (self.raw, self.pixels(), way.channels as u64);
        let decoding = match way.format {
            Some(ImageFormat::Png | ImageFormat::Bmp) => raw,
            // The file is copied; coefficients of 16 bits are kept for all scans.
            Some(ImageFormat::Jpeg) => way.file + if way.is_progressive { 3 * raw } else { raw },
            _ => 2 * raw,
        };
        let turning = if way.is_turned { 2 * raw } else { 0 };
        let converting = match self.color {
            ColorType::L8 if channels == 1 => raw,
            ColorType::Rgb8 if channels == 3 => raw,
            color if !color.has_alpha() => raw + channels * pixels,
            // First in 8 bits with colours, then laid on white.
            color => {
                let laid = if color == ColorType::Rgba8 { raw } else { raw + 4 * pixels };
                laid.max((4 + channels) * pixels)
            }
        };
        decoding.max(turning).max(converting)
    }
}

/// What is done to an image on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// The format of the file.
    pub format: Option<ImageFormat>,
    /// Whether it is a JPEG in several scans.
    pub is_progressive: bool,
    /// Whether rows become columns.
    pub is_turned: bool,
    /// 1 or 3.
    pub channels: usize,
    /// Bytes of the file.
    pub file: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGA: u64 = 1_000_000;

    fn weight(width: u32, height: u32, color: ColorType) -> Weight {
        let raw = u64::from(width) * u64::from(height) * u64::from(color.bytes_per_pixel());
        Weight { width, height, raw, color }
    }

    #[test]
    fn pixels_of_many_bytes_count_as_several() {
        let fits = |color, most| weight(1000, 1000, color).check(most).is_ok();
        for (color, count) in [
            (ColorType::L8, MEGA),
            (ColorType::Rgb8, MEGA),
            (ColorType::Rgba8, MEGA),
            (ColorType::Rgb16, 3 * MEGA / 2),
            (ColorType::Rgba16, 2 * MEGA),
            (ColorType::Rgba32F, 4 * MEGA),
        ] {
            assert!(fits(color, count) && !fits(color, count - 1), "{color:?}");
        }
        let refusal = weight(1000, 1000, ColorType::Rgba16).check(MEGA).unwrap_err().to_string();
        assert!(refusal.contains("8 bytes each and count as 2000000"), "{refusal}");
        assert!(refusal.contains("at most 1000000") && refusal.contains("max_image_pixels"), "{refusal}");
        assert!(weight(u32::MAX, u32::MAX, ColorType::L8).check(u64::MAX / 2).is_err());
    }

    #[test]
    fn scaling_counts_too() {
        let long = weight(50_000, 2, ColorType::L8);
        assert_eq!(long.between(50_000, 224, 100 * MEGA).unwrap(), 50_000 * 224 * 16);
        let refusal = long.between(50_000, 4096, 100 * MEGA).unwrap_err().to_string();
        assert!(refusal.contains("819200000 while they are scaled to 4096 rows"), "{refusal}");
    }

    #[test]
    fn what_need_not_be_done_takes_nothing() {
        let photo = weight(10_000, 10_000, ColorType::Rgb8);
        let format = Some(ImageFormat::Jpeg);
        let way = Way { format, is_progressive: false, is_turned: false, channels: 3, file: 7 };
        assert_eq!(photo.peak(way), 300 * MEGA + 7);
        assert_eq!(photo.peak(Way { channels: 1, ..way }), 400 * MEGA);
        assert_eq!(photo.peak(Way { is_turned: true, ..way }), 600 * MEGA);
        assert_eq!(photo.peak(Way { is_progressive: true, ..way }), 900 * MEGA + 7);
    }

    #[test]
    fn the_dearest_image_of_a_limit_takes_twelve_bytes_a_pixel() {
        let colors = [
            ColorType::L8,
            ColorType::La8,
            ColorType::Rgb8,
            ColorType::Rgba8,
            ColorType::L16,
            ColorType::Rgba16,
            ColorType::Rgb32F,
        ];
        for color in colors {
            let side = (10_000.0 / (f64::from(color.bytes_per_pixel()) / 4.0).max(1.0).sqrt()) as u32;
            let weight = weight(side, side, color);
            assert!(weight.check(100 * MEGA).is_ok(), "{color:?}");
            let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Tiff, ImageFormat::Gif];
            let way = |format| {
                let format = Some(format);
                Way { format, is_progressive: true, is_turned: true, channels: 3, file: 0 }
            };
            let peak = formats.into_iter().map(|format| weight.peak(way(format))).max();
            assert!(peak.unwrap() <= 1200 * MEGA, "{color:?}: {peak:?}");
        }
    }
}
