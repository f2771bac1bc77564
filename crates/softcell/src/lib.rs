//! Softcell: differentiable architecture search as a fast library.

#![forbid(unsafe_code)]

pub mod bench;
pub mod config;
pub mod data;
pub mod destination;
pub mod device;
pub mod drawing;
pub mod error;
pub mod evaluate;
pub mod event;
mod examples;
pub mod export;
pub mod forecast;
pub mod import;
pub mod loss;
pub mod measures;
pub mod memory;
pub mod model;
pub mod nn;
pub mod optim;
pub mod pipeline;
mod pool;
pub mod predict;
pub mod random;
pub mod reading;
pub mod replay;
pub mod report;
mod resume;
pub mod run;
pub mod search;
pub mod shown;
pub mod sizing;
pub mod space;
pub mod train;

pub use error::{Error, Result};
