//! Pictures for TensorBoard: edge weights as a matrix, cells as they are drawn everywhere.

#[cfg(feature = "raster")]
use image::DynamicImage;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

use super::proto::Image;
#[cfg(feature = "raster")]
use crate::drawing::{draw_named, to_pixels};
#[cfg(feature = "raster")]
use crate::space::Genotype;

/// Pixels for one of a drawing.
#[cfg(feature = "raster")]
const SCALE: f32 = 2.0;
/// Side of an entry of a matrix in pixels.
const SIDE: u32 = 24;
/// Colours of weight 0 and of weight 1.
const LIGHT: [f32; 3] = [247.0, 251.0, 255.0];
const DARK: [f32; 3] = [8.0, 48.0, 107.0];

/// Weights from 0 to 1: a row for each edge, a column for each candidate, the darker the heavier.
pub fn matrix(rows: &[Vec<f64>]) -> Image {
    let (height, width) =
        (rows.len() as u32 * SIDE, rows.iter().map(Vec::len).max().unwrap_or(0) as u32 * SIDE);
    let pixel = |x: u32, y: u32| {
        let weight = rows[(y / SIDE) as usize].get((x / SIDE) as usize).copied().unwrap_or(0.0) as f32;
        // Half of all colours are for weights below 1/4: those of a search begin at 1/8.
        let shade = weight.clamp(0.0, 1.0).sqrt();
        Rgb(std::array::from_fn(|c| (LIGHT[c] + (DARK[c] - LIGHT[c]) * shade).round() as u8))
    };
    let image = RgbImage::from_fn(width, height, pixel);
    encoded(&image)
}

/// A cell; `None` where it is too large to be drawn.
#[cfg(feature = "raster")]
pub fn cell(genotype: &Genotype, name: &str) -> Option<Image> {
    let svg = draw_named(genotype, &[name]).ok()?;
    to_pixels(&svg, SCALE).ok().map(|picture| encoded(&DynamicImage::from(picture).to_rgb8()))
}

fn encoded(picture: &RgbImage) -> Image {
    let (width, height) = picture.dimensions();
    let mut encoded = Vec::new();
    PngEncoder::new(&mut encoded)
        .write_image(picture, width, height, ExtendedColorType::Rgb8)
        .expect("an image in memory can be encoded");
    Image { height: height as i32, width: width as i32, colorspace: 3, encoded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_weights_are_dark() {
        let picture = matrix(&[vec![0.0, 1.0, 0.25], vec![0.5, 0.0, 0.0]]);
        let read = image::load_from_memory(&picture.encoded).unwrap().to_rgb8();
        assert_eq!(read.dimensions(), (3 * SIDE, 2 * SIDE));
        let at = |column: u32, row: u32| read.get_pixel(column * SIDE + 1, row * SIDE + SIDE - 1).0;
        assert_eq!((at(0, 0), at(1, 0)), ([247, 251, 255], [8, 48, 107]));
        assert!(at(2, 0)[0] > at(0, 1)[0], "a half is darker than a quarter");
    }
}
