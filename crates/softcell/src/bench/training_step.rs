//! Steps of the derived network's training.

use burn::tensor::Device;
use serde::Serialize;

use super::arithmetic::Work;
use super::derived::Derived;
use super::images::Images;
use super::report::Report;
use super::timing::Repeats;
use crate::config::Config;
use crate::error::Result;
use crate::event::{Observer, Position};
use crate::pipeline::network_cost;
use crate::thread_pool::in_pool;
use crate::train::{Learner, build_network};

/// A training step to be timed: forward, backward, clipping, SGD.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainBench {
    /// The network.
    #[serde(flatten)]
    pub network: Derived,
    /// With the auxiliary head, whose loss counts 0.4.
    pub auxiliary: bool,
    /// Probability of drop path in every step, in [0, 1).
    pub drop_path: f64,
    /// As [`TrainConfig::recompute`](crate::config::TrainConfig::recompute).
    pub recompute: bool,
    /// What is trained on.
    #[serde(flatten)]
    pub images: Images,
    /// How often.
    #[serde(flatten)]
    pub repeats: Repeats,
}

impl TrainBench {
    /// Builds the network and times its steps on `device`, the plain one.
    ///
    /// # Errors
    /// Settings outside their range, an auxiliary head on too small a map, a loss that is not finite,
    /// whatever the observer answers.
    pub fn run(&self, device: &Device, observer: &mut dyn Observer) -> Result<Report<Self>> {
        let config = self.config();
        config.train.check()?;
        self.images.check()?;
        self.repeats.check()?;
        in_pool(|| self.measure(&config, &device.clone().autodiff(), observer))
    }

    fn config(&self) -> Config {
        let mut config = self.network.config();
        config.train.auxiliary = self.auxiliary;
        config.train.drop_path_prob = self.drop_path;
        config.train.batch_size = self.images.batch_size;
        config.train.recompute = self.recompute;
        config
    }

    fn measure(
        &self,
        config: &Config,
        autodiff: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Report<Self>> {
        let set = self.images.shape();
        let net = build_network(&self.network.genotype, &config.train, &set, autodiff)?;
        let mut learner = Learner::new(net, &config.train, self.images.seed);
        let batch = self.images.batch("train", autodiff);
        let lr = config.train.learning_rate_at(0);
        let times = self.repeats.time(observer, |step| {
            learner.step(&batch, lr, self.drop_path, Position { epoch: 0, step }).loss
        })?;
        let cost = network_cost(&self.network.genotype, config, &set);
        Ok(Report::new(Work::TrainingStep, cost, self.images.batch_size, times, self.clone()))
    }
}
