//! What a run shows: its cells as pictures, and all of it as one page.
//!
//! [`draw_cells`] and [`animate_cells`] write SVG; with the feature `raster`, [`to_png`] and [`to_gif`] turn
//! that into pixels. [`RunRecord`] reads a run folder, also of a run that is going on or was killed;
//! [`report`] and [`comparison`] make of it an HTML page that needs nothing but itself: no network, no image
//! or script beside it. Charts are drawn by uPlot, which the page contains.

mod cell;
mod charts;
mod classes;
mod comparison;
mod health;
mod page;
#[cfg(feature = "raster")]
mod raster;
mod record;
mod sections;
mod statistics;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod words;

pub use cell::{CellChoice, animate as animate_cells, draw as draw_cells};
pub use comparison::comparison;
pub use health::{Warning, warnings};
#[cfg(feature = "raster")]
pub use raster::{to_gif, to_png};
pub use record::{RunRecord, State};
pub use sections::report;
pub use statistics::wilson;
pub use words::{duration, grouped, percent, quoted, size};
