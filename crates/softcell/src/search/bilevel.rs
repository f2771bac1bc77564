//! One bilevel iteration: the alphas on a validation batch, then the weights on a training batch (A2).

use burn::tensor::{Device, FloatDType, Gradients, Tensor};

use crate::config::SearchConfig;
use crate::error::Result;
use crate::evaluate::{DeviceBatch, scalar};
use crate::loss::class_weighted_cross_entropy;
use crate::nn::{
    BatchStatistics, Network, Pass, WeightList, Weighted, absorb, gradients, initialize, update_weights,
};
use crate::optim::{ArchAdam, Sgd, clip_global_norm, global_norm};
use crate::space::{ArchWeights, NetworkPlan};
use crate::supernet::{ArchParams, EdgeWeights, Relaxation};

/// `ε · ‖v‖` of the finite difference.
const DIFFERENCE: f64 = 0.01;

/// How the alphas' gradient sees the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchStep {
    /// `∇_α L_val(w, α)`.
    FirstOrder,
    /// `∇_α L_val(w − ξ·(μm + ∇_w L_train(w, α) + λw), α)`, ξ being the weights' learning rate.
    Unrolled,
}

/// Everything a search moves.
#[derive(Debug, Clone)]
pub struct Bilevel {
    /// The supernet, on an autodiff device.
    pub net: Network,
    /// The alphas, on the same device.
    pub alphas: ArchParams,
    /// Optimiser of the weights.
    pub sgd: Sgd,
    /// Optimiser of the alphas.
    pub adam: ArchAdam,
    /// How alphas become edge weights.
    pub relaxation: Relaxation,
    /// First or second order.
    pub arch_step: ArchStep,
    /// Largest global norm of the weights' gradient; 0 switches clipping off.
    pub grad_clip: f64,
    /// Weight of each class in both losses, `[classes]`, on the same device; none where all count the same.
    pub class_weights: Option<Tensor<1>>,
}

/// What an architecture step saw.
#[derive(Debug, Clone)]
pub struct ArchReport {
    /// Loss on the validation batch (of the virtual network when unrolled).
    pub loss: f32,
    /// The gradient handed to Adam.
    pub gradient: ArchWeights,
}

/// What a weight step saw.
#[derive(Debug, Clone)]
pub struct WeightReport {
    /// Loss on the training batch.
    pub loss: f32,
    /// Logits, `[N, classes]`.
    pub logits: Tensor<2>,
    /// Gradients before clipping.
    pub gradients: WeightList,
    /// Their global norm.
    pub gradient_norm: f64,
}

/// A forward and a backward pass.
struct Differentiated {
    loss: f32,
    logits: Tensor<2>,
    gradients: Gradients,
    statistics: Vec<BatchStatistics>,
}

impl Bilevel {
    /// Where a search begins: weights and alphas drawn under `seed`, optimisers without a past.
    ///
    /// `image` is channels, height and width; `device` is an autodiff device.
    ///
    /// # Errors
    /// When the space cannot be searched.
    pub fn new(
        config: &SearchConfig,
        image: [usize; 3],
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let space = config.space([image[1], image[2]]);
        space.check()?;
        let net = Network::new(NetworkPlan::supernet(&space, image, classes), device);
        Ok(Self {
            net: initialize(net, seed),
            alphas: ArchParams::random(&space, seed, device),
            sgd: Sgd::new(config.momentum, config.weight_decay),
            adam: ArchAdam::new(config.arch_learning_rate, config.arch_weight_decay),
            relaxation: Relaxation::Softmax,
            arch_step: if config.unrolled { ArchStep::Unrolled } else { ArchStep::FirstOrder },
            grad_clip: config.grad_clip,
            class_weights: None,
        })
    }

    /// Steps the alphas. `train` is used by the unrolled step only, with its weight learning rate `xi`.
    pub fn step_alphas(&mut self, train: &DeviceBatch, valid: &DeviceBatch, xi: f64) -> ArchReport {
        let (loss, gradient) = match self.arch_step {
            ArchStep::FirstOrder => self.first_order(valid),
            ArchStep::Unrolled => self.unrolled(train, valid, xi),
        };
        let mut alphas = self.alphas.to_rows();
        self.adam.step(&mut alphas, &gradient);
        self.alphas.assign(&alphas);
        ArchReport { loss, gradient }
    }

    /// Steps the weights.
    pub fn step_weights(&mut self, train: &DeviceBatch, lr: f64) -> WeightReport {
        // The alphas are constants here: their gradient would be thrown away.
        let weights = self.relaxation.edge_weights(&self.alphas).detach();
        let pass = self.differentiate(&self.net, &weights, train);
        self.absorb(pass.statistics);
        let raw = gradients(&self.net, &pass.gradients);
        let (clipped, norm) = clip_global_norm(raw.clone(), self.grad_clip);
        let (net, mut clipped) = (self.net.clone(), clipped);
        let sgd = &mut self.sgd;
        self.net = update_weights(net, |i, w| sgd.step(i, w, clipped[i].take(), lr));
        WeightReport { loss: pass.loss, logits: pass.logits, gradients: raw, gradient_norm: norm }
    }

    fn first_order(&mut self, valid: &DeviceBatch) -> (f32, ArchWeights) {
        let (loss, gradient, statistics) = self.alpha_gradient(self.net.clone(), valid);
        self.absorb(statistics);
        (loss, gradient)
    }

    /// `∇_α L_val(w', α) − ξ · ∇²_{αw} L_train(w, α) · ∇_{w'} L_val(w', α)`.
    fn unrolled(&mut self, train: &DeviceBatch, valid: &DeviceBatch, xi: f64) -> (f32, ArchWeights) {
        let virtual_net = self.virtual_step(train, xi);
        let weights = self.relaxation.edge_weights(&self.alphas);
        // The virtual network is a copy: its statistics are dropped with it.
        let pass = self.differentiate(&virtual_net, &weights, valid);
        let direct = self.alphas.gradient(&pass.gradients);
        let vector = gradients(&virtual_net, &pass.gradients);
        let implicit = self.hessian_vector_product(train, &vector);
        (pass.loss, combine(&direct, &implicit, -xi))
    }

    /// `w' = w − ξ·(μm + ∇_w L_train(w, α) + λw)`; the gradient is not clipped.
    fn virtual_step(&mut self, train: &DeviceBatch, xi: f64) -> Network {
        let weights = self.relaxation.edge_weights(&self.alphas).detach();
        let pass = self.differentiate(&self.net, &weights, train);
        self.absorb(pass.statistics);
        let mut gradient = gradients(&self.net, &pass.gradients);
        update_weights(self.net.clone(), |i, w| match gradient[i].take() {
            Some(g) => {
                let direction = self.sgd.direction(i, &w, g);
                w - direction * xi
            }
            None => w,
        })
    }

    /// `∇²_{αw} L_train · v`, by a central difference along v.
    ///
    /// The weights themselves are never touched: both perturbed networks are copies.
    fn hessian_vector_product(&mut self, train: &DeviceBatch, vector: &WeightList) -> ArchWeights {
        central_difference(global_norm(vector), |epsilon| {
            let perturbed = update_weights(self.net.clone(), |i, w| match &vector[i] {
                Some(v) => w + v.clone() * epsilon,
                None => w,
            });
            let (_, gradient, statistics) = self.alpha_gradient(perturbed, train);
            // In the original these passes run through the network itself and move its statistics.
            self.absorb(statistics);
            gradient
        })
    }

    /// Loss, gradient of the alphas alone, and the statistics, of any network of this space.
    fn alpha_gradient(&self, net: Network, batch: &DeviceBatch) -> (f32, ArchWeights, Vec<BatchStatistics>) {
        let weights = self.relaxation.edge_weights(&self.alphas);
        let pass = self.differentiate(&net.no_grad(), &weights, batch);
        (pass.loss, self.alphas.gradient(&pass.gradients), pass.statistics)
    }

    fn differentiate(&self, net: &Network, weights: &EdgeWeights, batch: &DeviceBatch) -> Differentiated {
        let mut pass = Pass::train();
        let logits = net.forward_mixed(batch.images.clone(), &weights.flat(), &mut pass);
        let labels = batch.labels.clone();
        let loss = class_weighted_cross_entropy(logits.clone(), labels, self.class_weights.as_ref(), 0.0);
        let gradients = loss.backward();
        Differentiated {
            loss: scalar(loss.inner().cast(FloatDType::F32)),
            logits: logits.inner(),
            gradients,
            statistics: pass.statistics,
        }
    }

    fn absorb(&mut self, statistics: Vec<BatchStatistics>) {
        self.net = absorb(self.net.clone(), statistics);
    }
}

/// `(g(ε) − g(−ε)) / 2ε` with `ε = 0.01 / norm`, g(ε) being the alphas' gradient at weights `w + ε·v` and
/// `norm` the length of v. Of a v of length zero any ε gives the right product, which is zero.
fn central_difference(norm: f64, mut gradient_at: impl FnMut(f64) -> ArchWeights) -> ArchWeights {
    let epsilon = if norm > 0.0 { DIFFERENCE / norm } else { DIFFERENCE };
    let plus = gradient_at(epsilon);
    let minus = gradient_at(-epsilon);
    let scale = (1.0 / (2.0 * epsilon)) as f32;
    let mut product = combine(&plus, &minus, -1.0);
    product.values_mut().for_each(|v| *v *= scale);
    product
}

/// `a + factor · b`.
fn combine(a: &ArchWeights, b: &ArchWeights, factor: f64) -> ArchWeights {
    let mut sum = a.clone();
    for (x, &y) in sum.values_mut().zip(b.values()) {
        *x = (f64::from(*x) + factor * f64::from(y)) as f32;
    }
    sum
}

#[cfg(test)]
mod tests;
