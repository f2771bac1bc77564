//! Drives the built program as a user does.

mod support;

mod inspecting;
mod runs;
mod survival;
mod usage;
