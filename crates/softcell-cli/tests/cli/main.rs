//! Drives the built program as a user does.

mod support;

mod bench;
mod export;
mod inspecting;
mod limits;
mod listing;
mod planning;
mod predicting;
mod progress;
mod runs;
mod survival;
mod usage;
