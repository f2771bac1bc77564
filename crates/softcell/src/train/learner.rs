//! One training step of the derived network.

use burn::tensor::Tensor;

use crate::config::TrainConfig;
use crate::evaluate::{DeviceBatch, scalar};
use crate::event::Position;
use crate::loss::class_weighted_cross_entropy;
use crate::network::Network;
use crate::network::{DropPath, Noise, Pass};
use crate::network::{absorb, gradients, initialize, update_weights};
use crate::optim::{Sgd, clipping};
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
    /// As [`TrainConfig::recompute`].
    pub recompute: bool,
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
            sgd: Sgd::new(config.momentum, config.weight_decay).with_nesterov(config.nesterov),
            seed,
            grad_clip: config.grad_clip,
            auxiliary_weight: config.auxiliary_weight,
            label_smoothing: config.label_smoothing,
            recompute: config.recompute,
            class_weights: None,
        }
    }

    /// Loss `CE(logits) + weight · CE(auxiliary)`, backward, clip, SGD with learning rate `lr`.
    ///
    /// `drop_path` is the probability of drop path, in [0, 1); `position` names its random stream.
    pub fn step(&mut self, batch: &DeviceBatch, lr: f64, drop_path: f64, position: Position) -> TrainReport {
        let mut pass = Pass { recompute: self.recompute, ..Pass::train() };
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
        absorb(&mut self.net, pass.statistics);
        let mut gradients = gradients(&self.net, &grads);
        let (factor, gradient_norm) = clipping(&gradients, self.grad_clip);
        let sgd = &mut self.sgd;
        update_weights(&mut self.net, |i, w| sgd.step(i, w, gradients[i].take(), factor, lr));
        TrainReport { loss: scalar(loss.inner()), logits: out.logits.inner(), gradient_norm }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::config::Config;
    use crate::data::ImageSet;
    use crate::network::named_tensors;
    use crate::space::known_genotype;
    use crate::train::build_network;

    fn batch(device: &burn::tensor::Device) -> DeviceBatch {
        let pixels: Vec<f32> = (0..4 * 64).map(|i| (i * i % 97) as f32 / 97.0 - 0.5).collect();
        DeviceBatch {
            images: Tensor::from_data(TensorData::new(pixels, [4, 1, 8, 8]), device),
            labels: Tensor::from_data(TensorData::new(vec![0i64, 1, 1, 0], [4]), device),
        }
    }

    /// Cells that are computed twice change no bit, with drop path and an auxiliary head.
    #[test]
    fn recomputing_cells_changes_no_bit() {
        let device = Device::flex().autodiff();
        let images = ImageSet::empty(["a", "b"].map(String::from).to_vec().into(), [1, 8, 8]);
        let trained = |recompute| {
            let mut config = Config::default().train;
            (config.layers, config.init_channels, config.recompute) = (3, 5, recompute);
            let net = build_network(&known_genotype("DARTS_V2").unwrap(), &config, &images, &device).unwrap();
            let mut learner = Learner::new(net, &config, 1);
            let step = |step| learner.step(&batch(&device), 0.1, 0.3, Position { epoch: 0, step }).loss;
            let losses: Vec<f32> = (0..3).map(step).collect();
            (losses, named_tensors(&learner.net))
        };
        assert!(trained(false) == trained(true));
    }

    /// Without a past, a plain step goes by the gradient, and Nesterov's by `1 + μ` times it.
    #[test]
    fn the_first_step_of_nesterov_is_longer() {
        let device = Device::flex().autodiff();
        let images = ImageSet::empty(["a", "b"].map(String::from).to_vec().into(), [1, 8, 8]);
        let batch = batch(&device);
        let moved = |nesterov| -> Vec<f64> {
            let mut config = Config::default().train;
            (config.layers, config.init_channels, config.auxiliary) = (1, 4, false);
            (config.momentum, config.weight_decay, config.nesterov) = (0.9, 0.0, nesterov);
            let net = build_network(&known_genotype("DARTS_V2").unwrap(), &config, &images, &device).unwrap();
            let mut learner = Learner::new(net, &config, 1);
            let weight = |learner: &Learner| named_tensors(&learner.net)["classifier.weight"].values.clone();
            let before = weight(&learner);
            learner.step(&batch, 0.1, 0.0, Position { epoch: 0, step: 0 });
            weight(&learner).iter().zip(before).map(|(after, before)| f64::from(after - before)).collect()
        };
        let (plain, ahead) = (moved(false), moved(true));
        assert!(plain.iter().any(|step| step.abs() > 1e-3));
        for (plain, ahead) in plain.iter().zip(ahead) {
            assert!((ahead - 1.9 * plain).abs() < 1e-6, "{ahead} {plain}");
        }
    }
}
