//! Answers of the derived network.

use burn::tensor::Device;
use serde::Serialize;

use super::arithmetic::Work;
use super::derived::Derived;
use super::images::Images;
use super::report::Report;
use super::timing::Repeats;
use crate::config::Config;
use crate::error::Result;
use crate::evaluate::{DeviceBatch, answer};
use crate::event::Observer;
use crate::network::Network;
use crate::network::Pass;
use crate::network::{absorb, initialize};
use crate::pipeline::network_cost;
use crate::thread_pool::in_pool;
use crate::train::build_network;

/// How often a batch's statistics move the running ones: of where they began, 0.9⁶⁴ ≈ 0.1 % stays.
const ABSORBED: usize = 64;

/// Answers for a batch, to be timed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluateBench {
    /// The network.
    #[serde(flatten)]
    pub network: Derived,
    /// What is answered for.
    #[serde(flatten)]
    pub images: Images,
    /// How often.
    #[serde(flatten)]
    pub repeats: Repeats,
}

impl EvaluateBench {
    /// Builds the network and times its answers on `device`, the plain one.
    ///
    /// # Errors
    /// Settings outside their range, a loss that is not finite, whatever the observer answers.
    pub fn run(&self, device: &Device, observer: &mut dyn Observer) -> Result<Report<Self>> {
        let config = self.network.config();
        config.train.check()?;
        self.images.check()?;
        self.repeats.check()?;
        in_pool(|| self.measure(&config, device, observer))
    }

    fn measure(&self, config: &Config, device: &Device, observer: &mut dyn Observer) -> Result<Report<Self>> {
        let set = self.images.shape();
        let net = build_network(&self.network.genotype, &config.train, &set, device)?;
        let batch = self.images.batch("test", device);
        let net = settled(initialize(net, self.images.seed), &batch);
        let times = self.repeats.time(observer, |_| {
            answer(batch.clone(), |images| net.forward(images, &mut Pass::eval()).logits).0
        })?;
        let cost = network_cost(&self.network.genotype, config, &set);
        Ok(Report::new(Work::Evaluation, cost, self.images.batch_size, times, self.clone()))
    }
}

/// The network with running statistics like those of a batch, as training leaves them.
///
/// With those it is built with, nothing would keep the maps at their size: they would fade from cell to cell,
/// and in the end to denormal numbers, which no trained network has and some processors handle slowly.
fn settled(mut net: Network, batch: &DeviceBatch) -> Network {
    let mut pass = Pass::train();
    net.forward(batch.images.clone(), &mut pass);
    (0..ABSORBED).for_each(|_| absorb(&mut net, pass.statistics.clone()));
    net
}
