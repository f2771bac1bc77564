//! The selection among several cells: some searched, some drawn at random, some given. All are trained in the same way, each
//! to the end of a schedule of its own, and answer for a part of the images that neither weights nor alphas have seen;
//! the best are trained longer, and the best of these is taken.
//!
//! A selection is made of parts (`part`), searches and trainings, none of which depends on what happens beside it. Each
//! has a folder of its own, so that parts can be done by several processes, in any order, and one that was interrupted
//! goes on. What is to be done next follows from what is done (`select`).

mod candidates;
mod part;
mod select;
mod work;

pub(crate) use select::{Done, Selecting};
pub use work::{Counting, Parts, Workers};
