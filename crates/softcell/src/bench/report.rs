//! What a measurement came to.

use serde::Serialize;

use super::arithmetic::Work;
use super::timing::{Times, median};
use crate::memory::peak_rss_mb;
use crate::space::Cost;

/// What a measurement came to; `S` are its settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report<S> {
    /// What was timed.
    pub work: Work,
    /// Median of the steps, in seconds.
    pub seconds_per_step: f64,
    /// Images of the batch by the seconds of a step. A step of a search takes two batches and counts one, as
    /// a search counts its images.
    pub images_per_second: f64,
    /// Arithmetic achieved, in 10⁹ floating-point operations ([`Work::flop`]) per second; none where it is not counted.
    pub gflops: Option<f64>,
    /// Arithmetic of a step, in 10⁹ floating-point operations; none where it is not counted.
    pub gflop_per_step: Option<f64>,
    /// Seconds of each step that was timed, in order.
    pub seconds: Vec<f64>,
    /// Loss of the last step: the same on any number of threads.
    pub loss: f32,
    /// Multiply-adds of one forward pass for one image; an auxiliary head is left out.
    pub macs: u64,
    /// Weights of the network; an auxiliary head is left out.
    pub parameters: u64,
    /// Largest resident size of this process, in 10⁶ bytes, where the system tells.
    pub peak_rss_mb: Option<f64>,
    /// Threads of the pool.
    pub threads: usize,
    /// What was asked for.
    pub settings: S,
}

impl<S> Report<S> {
    pub(super) fn new(work: Work, cost: Cost, images: usize, times: Times, settings: S) -> Self {
        let seconds_per_step = median(&times.seconds);
        let gflop_per_step = work.flop(cost.macs, images).map(|flop| flop as f64 / 1e9);
        Report {
            work,
            seconds_per_step,
            images_per_second: images as f64 / seconds_per_step,
            gflops: gflop_per_step.map(|gflop| gflop / seconds_per_step),
            gflop_per_step,
            seconds: times.seconds,
            loss: times.loss,
            macs: cost.macs,
            parameters: cost.parameters,
            peak_rss_mb: peak_rss_mb(),
            threads: rayon::current_num_threads(),
            settings,
        }
    }
}
