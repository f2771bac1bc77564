//! Drives the built program as a user does.

mod support;

mod bench;
mod converting;
mod export;
mod import;
mod inspecting;
mod limits;
mod listing;
mod memory;
mod names;
mod planning;
mod predicting;
mod progress;
mod reporting;
mod runs;
mod survival;
mod terminal;
mod usage;
