//! Softcell: differentiable architecture search as a fast library.
//!
//! Images go in; a cell is searched for them, the network built from it is trained and tested, and comes out as data. The
//! program `softcell` is a thin layer over this crate.
//!
//! ```
//! use softcell::event::{Event, Observer};
//! use softcell::experiment::Experiment;
//! use softcell::space::Genotype;
//!
//! /// Keeps the genotype of each epoch of the search.
//! #[derive(Default)]
//! struct Watch(Vec<Genotype>);
//!
//! impl Observer for Watch {
//!     fn on(&mut self, event: Event<'_>) -> softcell::Result<()> {
//!         if let Event::SearchEpoch(epoch) = event {
//!             self.0.push(epoch.genotype.clone());
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> softcell::Result<()> {
//! // Left alone, sizes and epochs are chosen for the images; here all is as small as it can be.
//! let experiment = Experiment::digits()
//!     .set("data.images_per_class", 16)?
//!     .set("search.epochs", 2)?
//!     .set("search.nodes", 1)?
//!     .set("train.epochs", 1)?
//!     .set("train.layers", 2)?
//!     .set("train.init_channels", 4)?;
//! let mut watch = Watch::default();
//! let fitted = experiment.fit(&mut watch)?;
//! assert_eq!(watch.0.len(), 2);
//! assert_eq!(fitted.result.genotype, watch.0[1].to_text());
//! assert!((0.0..=1.0).contains(&fitted.result.test_accuracy));
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! - [`experiment`]: a whole run, from images and settings to a tested network; begin here. [`event`] is how it speaks.
//! - [`config`]: the settings, and how they are chosen and checked. [`data`]: images in, batches out.
//! - [`space`]: search spaces and genotypes as plain data, their dialects and costs. [`drawing`]: cells as pictures.
//! - [`search`] and [`train`]: the two loops. [`nn`]: the networks they work on.
//! - [`run`]: the folder of a run. [`report`]: a run as a page.
//! - [`model`]: a trained network: prediction, import. [`export`]: files for other programs.
//! - [`ranks`]: several processes at one run.
//! - [`replay`]: conformance with the original implementation. [`bench`](mod@bench): how fast this machine is.
//!
//! A user's mistake is an [`Error`], which says what was found, what was expected and what helps; what helps is typed
//! ([`Remedy`]), so that a program can name its own flags.

#![forbid(unsafe_code)]

pub mod bench;
mod benchmark_table;
pub mod config;
pub mod data;
mod destination;
mod device;
pub mod drawing;
mod error;
mod evaluate;
pub mod event;
pub mod experiment;
pub mod export;
mod forecast;
mod import;
mod kept_images;
pub mod latency;
mod loss;
mod measures;
mod memory;
pub mod model;
mod network;
pub mod nn;
mod optim;
mod pipeline;
mod predict;
#[doc(hidden)]
pub mod program;
mod random;
pub mod ranks;
mod reading;
mod records;
pub mod replay;
pub mod report;
mod resume;
pub mod run;
pub mod search;
mod selection;
mod shown;
mod sizing;
pub mod space;
mod thread_pool;
pub mod train;

pub use error::{Advice, Error, Excerpt, Remedy, Result, Words};
