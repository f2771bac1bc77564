//! One training step of the derived network.

use burn::tensor::Tensor;

use crate::config::TrainConfig;
use crate::evaluate::{DeviceBatch, scalar};
use crate::event::Position;
use crate::loss::class_weighted_cross_entropy;
use crate::network::Network;
use crate::network::{DropPath, Noise, Pass};
use crate::network::{absorb, gradients, initialize, update_weights};
use crate::optim::{Sgd, clip_global_norm};
use crate::random::stream;

/// Everything training moves, and the settings of a step that stay.
#[derive(Debug, Clone)]
pub struct Learner {
    /// The network, on an autodiff device.
    pub net: Network,
    /// Optimiser of its weights.
    pub sgd: Sgd,
    /// Key of the random stream of drop path.
    pub seed: u64,
    /// Largest global norm of the gradient; 0 switches clipping off.
    pub grad_clip: f64,
    /// Weight of the auxiliary head's loss.
    pub auxiliary_weight: f64,
    /// ε of the label smoothing, in [0, 1).
    pub label_smoothing: f64,
    /// Weight of each class in the loss, `[classes]`, on the network's device; none where all count the same.
    pub class_weights: Option<Tensor<1>>,
}

/// What a training step saw.
#[derive(Debug, Clone)]
pub struct TrainReport {
    /// Loss on the batch, that of the auxiliary head included.
    pub loss: f32,
    /// Logits, `[N, classes]`.
    pub logits: Tensor<2>,
    /// Global norm of the gradient before clipping.
    pub gradient_norm: f64,
}

impl Learner {
    /// Where training begins: the weights of `net` drawn under `seed`, an optimiser without a past.
    pub fn new(net: Network, config: &TrainConfig, seed: u64) -> Self {
        Self {
            net: initialize(net, seed),
            sgd: Sgd::new(config.momentum, config.weight_decay),
            seed,
            grad_clip: config.grad_clip,
            auxiliary_weight: config.auxiliary_weight,
            label_smoothing: config.label_smoothing,
            class_weights: None,
        }
    }

    /// Loss `CE(logits) + weight · CE(auxiliary)`, backward, clip, SGD with learning rate `lr`.
    ///
    /// `drop_path` is the probability of drop path, in [0, 1); `position` names its random stream.
    pub fn step(&mut self, batch: &DeviceBatch, lr: f64, drop_path: f64, position: Position) -> TrainReport {
        let mut pass = Pass::train();
        let counters = [position.epoch as u64, position.step as u64];
        // The search's passes count from 0.
        pass.noise = Noise::new(self.seed, [counters[0], counters[1], u64::MAX]);
        if drop_path > 0.0 {
            let random = stream(self.seed, "train/drop-path", &counters);
            pass.drop_path = Some(DropPath::new(drop_path, random));
        }
        let out = self.net.forward(batch.images.clone(), &mut pass);
        let loss_of = |logits: Tensor<2>| {
            let (labels, weights) = (batch.labels.clone(), self.class_weights.as_ref());
            class_weighted_cross_entropy(logits, labels, weights, self.label_smoothing)
        };
        let mut loss = loss_of(out.logits.clone());
        if let Some(auxiliary) = out.auxiliary {
            loss = loss + loss_of(auxiliary) * self.auxiliary_weight;
        }
        let grads = loss.backward();
        self.net = absorb(self.net.clone(), pass.statistics);
        let (mut clipped, gradient_norm) = clip_global_norm(gradients(&self.net, &grads), self.grad_clip);
        let sgd = &mut self.sgd;
        self.net = update_weights(self.net.clone(), |i, w| sgd.step(i, w, clipped[i].take(), lr));
        TrainReport { loss: scalar(loss.inner()), logits: out.logits.inner(), gradient_norm }
    }
}
