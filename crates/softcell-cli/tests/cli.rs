//! Drives the built program as a user does.

mod support;

mod commands;
mod runs;
mod survival;
