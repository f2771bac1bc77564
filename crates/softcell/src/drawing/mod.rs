//! A cell as a picture: inputs left, output right, each operation in a box on its way from node to node.
//!
//! The boxes of operations are items of a layered drawing (Sugiyama, Tagawa & Toda 1981), as the nodes are:
//! nodes stand in even columns, operations in odd ones, and lines are curved only between columns. So no box
//! touches another and no line crosses a box, whatever the cell. Widths are those of the built-in font, and
//! the text of a box is held to its width with other fonts.
//!
//! [`draw_cells`] and [`animate_cells`] write SVG; with the feature `raster`, `to_png` and `to_gif` turn that
//! into pixels.

mod animation;
mod colours;
mod columns;
mod layout;
mod order;
#[cfg(feature = "raster")]
mod raster;
mod svg;
#[cfg(test)]
mod tests;

pub use animation::animate_cells;
pub(crate) use animation::{Frame, frames, inline_frames};
pub(crate) use colours::series_properties;
#[cfg(feature = "raster")]
pub(crate) use raster::to_pixels;
#[cfg(feature = "raster")]
pub use raster::{to_gif, to_png};
pub use svg::{CellChoice, draw_cells};
pub(crate) use svg::{inline, inline_style};

use crate::error::{Error, Result};
use crate::space::{CellGene, Genotype};

/// Height of a character in pixels.
const FONT_SIZE: f64 = 12.0;
/// Width of a character of DejaVu Sans Mono, as a share of its height.
const ADVANCE: f64 = 0.602;
/// Blank between two boxes, one below the other, or a box and a line.
const CONTENT_GAP: f64 = 8.0;
/// Blank between two lines.
const LINE_GAP: f64 = 7.0;
/// With more operations than this a drawing says nothing to anybody.
const MOST_OPERATIONS: usize = 200;

/// Width of a text in pixels.
fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * FONT_SIZE * ADVANCE
}

/// Whether a cell is small enough to be drawn.
fn is_drawable(cell: &CellGene) -> bool {
    cell.nodes.iter().map(Vec::len).sum::<usize>() <= MOST_OPERATIONS
}

/// Refuses genotypes that are no genotypes, and those that are too large to draw.
fn check(genotype: &Genotype) -> Result<()> {
    genotype.check()?;
    let cells = [&genotype.normal, &genotype.reduction];
    let Some(cell) = cells.into_iter().find(|cell| !is_drawable(cell)) else { return Ok(()) };
    Err(Error::invalid(
        "drawing of a cell",
        format!("{} operations", cell.nodes.iter().map(Vec::len).sum::<usize>()),
        format!("at most {MOST_OPERATIONS}"),
        "read it as text instead",
    ))
}

/// How a node is called in pictures and text: `c_{k-2}`, `c_{k-1}`, or its number in the genotype.
pub(crate) fn node_name(node: usize) -> String {
    match node {
        0 => "c_{k-2}".to_owned(),
        1 => "c_{k-1}".to_owned(),
        node => node.to_string(),
    }
}
