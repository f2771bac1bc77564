//! Drawings as pixels, with the one font that is built in: the same everywhere.

use std::sync::Arc;

use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::png::PngEncoder;
use image::{Delay, ExtendedColorType, Frame, ImageEncoder, RgbaImage};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

use super::animation::still_pictures;
use super::svg::CellChoice;
use crate::error::{Error, Result};
use crate::space::Genotype;

/// DejaVu Sans Mono, its ASCII and a few signs; see `assets/README.md`.
const FONT: &[u8] = include_bytes!("../../assets/fonts/dejavu-sans-mono-ascii.ttf");
/// Largest side of a picture, in pixels.
const LARGEST_SIDE: f32 = 16_384.0;

/// Draws an SVG of [`super::draw_cells`] as PNG, `scale` pixels for each of its own.
///
/// # Errors
/// When the text is not SVG, or the picture would be larger than 16,384 pixels.
pub fn to_png(svg: &str, scale: f32) -> Result<Vec<u8>> {
    let picture = to_pixels(svg, scale)?;
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgba8)
        .map_err(fault)?;
    Ok(bytes)
}

/// Draws cells over the epochs of a search as an animated GIF, as [`super::animate_cells`] does as SVG.
///
/// # Errors
/// Those of [`super::animate_cells`], and when a picture would be too large.
pub fn to_gif(
    epochs: impl IntoIterator<Item = (usize, Genotype)>,
    cells: CellChoice,
    scale: f32,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
    encoder.set_repeat(Repeat::Infinite).map_err(fault)?;
    for (svg, seconds) in still_pictures(epochs, cells)? {
        let delay = Delay::from_numer_denom_ms((seconds * 1000.0) as u32, 1);
        encoder.encode_frame(Frame::from_parts(to_pixels(&svg, scale)?, 0, 0, delay)).map_err(fault)?;
    }
    drop(encoder);
    Ok(bytes)
}

/// Pixels on white; style sheets for other schemes and motion do not count.
pub(crate) fn to_pixels(svg: &str, scale: f32) -> Result<RgbaImage> {
    let mut fonts = Database::new();
    fonts.load_font_data(FONT.to_vec());
    let options =
        Options { fontdb: Arc::new(fonts), font_family: "DejaVu Sans Mono".to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(fault)?;
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| (side * scale).ceil());
    if !(1.0..=LARGEST_SIDE).contains(&width) || !(1.0..=LARGEST_SIDE).contains(&height) {
        return Err(fault(format!("{width}x{height} pixels")));
    }
    let mut pixmap = Pixmap::new(width as u32, height as u32).expect("sides are in range");
    pixmap.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    // Opaque, so nothing has to be taken out of the alpha.
    Ok(RgbaImage::from_raw(width as u32, height as u32, pixmap.take()).expect("four bytes a pixel"))
}

fn fault(found: impl ToString) -> Error {
    Error::invalid(
        "drawing as pixels",
        found.to_string(),
        format!("a picture of at most {LARGEST_SIDE} pixels a side"),
        "write it as SVG instead",
    )
}
