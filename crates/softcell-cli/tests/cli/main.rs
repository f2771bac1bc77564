//! Drives the built program as a user does.

mod support;

mod balance;
mod beginning;
mod bench;
mod bounds;
mod colour;
mod converting;
mod export;
#[cfg(unix)]
mod guide;
mod hostile;
mod import;
mod inspecting;
mod json;
mod keeping;
mod latency;
mod limits;
mod listing;
mod memory;
mod names;
mod photos;
mod planning;
mod predicting;
mod progress;
mod ranks;
mod records;
mod reporting;
mod runs;
mod selecting;
mod spaces;
mod survival;
mod terminal;
mod training;
mod transcript;
mod usage;
