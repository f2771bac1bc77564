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
#[cfg(feature = "raster")]
pub(crate) use svg::draw_named;
pub use svg::{CellChoice, draw_cell, draw_cells};
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

fn operations(cell: &CellGene) -> usize {
    cell.nodes.iter().map(Vec::len).sum()
}

/// Refuses genotypes that are no genotypes, and those that are too large to draw.
fn check(genotype: &Genotype) -> Result<()> {
    genotype.check()?;
    genotype.cells.cells().try_for_each(|cell| check_size(operations(cell)))
}

/// Refuses a cell of so many operations, if they are too many to draw.
fn check_size(operations: usize) -> Result<()> {
    if operations <= MOST_OPERATIONS {
        return Ok(());
    }
    Err(Error::invalid(
        "drawing of a cell",
        format!("{operations} operations"),
        format!("at most {MOST_OPERATIONS}"),
        "read it as text instead",
    ))
}

/// How a node is called in pictures and text: `c_{k-2}`, `c_{k-1}`, or its number in the genotype.
/// The cell has so many inputs.
pub(crate) fn node_name(node: usize, inputs: usize) -> String {
    match inputs.checked_sub(node) {
        Some(before) if before > 0 => format!("c_{{k-{before}}}"),
        _ => node.to_string(),
    }
}
