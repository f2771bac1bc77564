//! What a run shows, as one page.
//!
//! [`RunRecord`] reads a run folder, also of a run that is going on or was killed;
//! [`report`] and [`comparison`] make of it an HTML page that needs nothing but itself: no network, no image
//! or script beside it. Charts are drawn by uPlot, which the page contains; where scripts are switched off, they stand
//! still.

mod calibration;
mod charts;
mod classes;
mod comparison;
mod figure;
mod guard;
mod head;
mod health;
mod page;
mod plane;
mod record;
mod scatter;
mod sections;
mod selection;
mod statistics;
mod tabulated;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod training;
mod words;

pub use comparison::{COMPARISON_TITLE, comparison};
pub use health::{Warning, findings, warnings};
pub use record::{RunRecord, State};
pub use sections::report;
pub use statistics::{interval, wilson};
pub use words::{counted, duration, grouped, percent, quoted, size};
