//! One step of the search: both halves, as the method has them (A2).

mod alignment;
mod halves;
mod probe;
mod unrolled;

use burn::tensor::{Device, FloatDType, Gradients, Tensor};

use self::halves::{Work, walk};
use self::probe::BatchProbe;
use super::freezing::Freezer;
use super::latency;
use super::method::{
    ArchStep, CandidateCosts, FixedRows, Half, Latency, Method, Moment, Penalty, Relaxed, Relaxer, Resources,
};
use super::optimizers::{ArchOptimizer, weight_optimizer};
use crate::config::SearchConfig;
use crate::error::Result;
use crate::evaluate::{DeviceBatch, scalar};
use crate::event::Position;
use crate::loss::class_weighted_cross_entropy;
use crate::network::{
    BatchStatistics, DropPath, EdgeTensors, Network, Noise, Pass, WeightList, Weighted, absorb, gradients,
    initialize, update_weights,
};
use crate::optim::{Sgd, clip_alphas, clipping};
use crate::random::stream;
use crate::space::{AlphaGradient, Alphas, EdgeWeights, LatencyTable, NetworkPlan, Paths, SearchSpace};

/// Everything a search moves.
#[derive(Debug, Clone)]
pub struct Bilevel {
    /// How it is done.
    pub method: Method,
    /// Its relaxation, in the space that is searched.
    pub relaxer: Relaxer,
    /// The supernet, on an autodiff device.
    pub net: Network,
    /// The alphas.
    pub alphas: Alphas,
    /// Edges that are decided, whatever their alphas say.
    pub fixed: FixedRows,
    /// Optimiser of the weights.
    pub sgd: Sgd,
    /// Optimiser of the alphas.
    pub optimizer: ArchOptimizer,
    /// Largest global norm of the weights' gradient; 0 switches clipping off.
    pub grad_clip: f64,
    /// As [`SearchConfig::recompute`].
    pub recompute: bool,
    /// Weight of each class in both losses, `[classes]`, on the network's device; none where all count the same.
    pub class_weights: Option<Tensor<1>>,
    /// What random draws of the method depend on.
    pub seed: u64,
    /// Epochs of the search, for what changes over them.
    pub epochs: usize,
    /// What each candidate costs, where the method minds it.
    pub costs: Option<Resources<CandidateCosts>>,
    /// How long operations take on this machine, where the method minds it.
    pub latencies: Vec<Latency>,
    /// What freezes operations, where the method does.
    pub freezer: Option<Freezer>,
}

/// What a step came to.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// What the half of the alphas found; none where they stayed.
    pub alphas: Option<ArchReport>,
    /// What the half of the weights found.
    pub weights: WeightReport,
}

/// What an architecture step saw.
#[derive(Debug, Clone)]
pub struct ArchReport {
    /// Loss on the validation batch (of the virtual network when unrolled; on the training batch where one pass moves
    /// both), with what the regulariser adds.
    pub loss: f32,
    /// The gradient handed to the optimiser.
    pub gradient: AlphaGradient,
}

/// What a weight step saw.
#[derive(Debug, Clone)]
pub struct WeightReport {
    /// Loss on the training batch.
    pub loss: f32,
    /// Logits, `[N, classes]`.
    pub logits: Tensor<2>,
    /// Gradients before clipping, with what the method adds to them.
    pub gradients: WeightList,
    /// Their global norm.
    pub gradient_norm: f64,
}

/// What a forward and a backward pass leave behind.
pub(super) struct Differentiated {
    loss: f32,
    logits: Tensor<2>,
    gradients: Gradients,
    statistics: Vec<BatchStatistics>,
}

impl Bilevel {
    /// Where a search begins: weights and alphas drawn under `seed`, optimisers without a past.
    ///
    /// `device` is an autodiff device.
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
        Self::in_space(config, &space, (image, classes), seed, device)
    }

    /// As [`Bilevel::new`], in this space in the place of the settings'.
    ///
    /// # Errors
    /// When the space cannot be searched.
    pub(super) fn in_space(
        config: &SearchConfig,
        space: &SearchSpace,
        (image, classes): ([usize; 3], usize),
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        space.check()?;
        let method = config.method.clone();
        let relaxer = method.relaxer(space);
        let net = Network::new(NetworkPlan::supernet(space, image, classes), device);
        Ok(Self {
            freezer: Freezer::new(method.freeze, &net),
            net: initialize(net, seed),
            alphas: relaxer.initial(seed),
            sgd: weight_optimizer(method.weights),
            optimizer: ArchOptimizer::new(method.alphas),
            method,
            fixed: FixedRows::default(),
            relaxer,
            grad_clip: config.grad_clip,
            recompute: config.recompute,
            class_weights: None,
            seed,
            epochs: config.epochs,
            costs: None,
            latencies: Vec::new(),
        })
    }

    /// Changes the weight decay of the weights.
    pub(super) fn set_weight_decay(&mut self, weight_decay: f64) {
        self.sgd.weight_decay = weight_decay;
    }

    /// Finds out what each candidate costs, where the method minds it; times are measured on `device`, the plain one,
    /// but for those that are there.
    ///
    /// # Errors
    /// When `times`, in whose place nothing is measured, have none of an operation.
    pub(super) fn find_costs(&mut self, device: &Device, times: Option<&LatencyTable>) -> Result<()> {
        if self.method.resource_latency > 0.0 {
            match times {
                Some(times) => latency::look_up(self.net.plan(), times, &mut self.latencies)?,
                None => latency::measure(self.net.plan(), device, &mut self.latencies),
            }
        }
        let costs = || latency::candidate_costs(self.net.plan(), &self.latencies);
        self.costs = self.method.minds_resources().then(costs);
        Ok(())
    }

    /// A step: both halves in the order of the method, the alphas only where `valid`, a batch of theirs, is given.
    /// `lr` is the learning rate of the weights.
    pub fn step(
        &mut self,
        at: Position,
        train: &DeviceBatch,
        valid: Option<&DeviceBatch>,
        lr: f64,
    ) -> StepReport {
        let mut work = Work { bilevel: self, train, valid, lr, arch: None, weight: None };
        walk(&mut work, at);
        if let Some(freezer) = &mut work.bilevel.freezer {
            freezer.end_step();
        }
        let weights = work.weight.expect("every order has the weights");
        StepReport { alphas: work.arch, weights }
    }

    /// Steps the alphas. `train` is used by the unrolled step only, with its weight learning rate `xi`.
    pub fn step_alphas(
        &mut self,
        at: Position,
        train: &DeviceBatch,
        valid: &DeviceBatch,
        xi: f64,
    ) -> ArchReport {
        let moment = self.moment(at, Half::Alphas);
        let relaxed = self.relax(moment);
        let (loss, gradient) = match self.method.arch_step {
            ArchStep::FirstOrder => self.first_order(&relaxed, valid, moment),
            ArchStep::Unrolled => self.unrolled(&relaxed, train, valid, xi, moment),
        };
        self.move_alphas(&relaxed, loss, gradient, moment)
    }

    /// Steps the weights.
    pub fn step_weights(&mut self, at: Position, train: &DeviceBatch, lr: f64) -> WeightReport {
        let moment = self.moment(at, Half::Weights);
        let relaxed = self.relax(moment);
        let strength = self.method.perturbation_at(at.epoch.min(self.epochs), self.epochs);
        let paths = relaxed.paths;
        let mut probe = BatchProbe { bilevel: self, batch: train, paths };
        let mut weights = self.method.perturbation.disturb(&relaxed, strength, moment, &mut probe);
        self.fixed.apply(&mut weights);
        let alignment = self.method.alignment_at(moment.epoch, moment.epochs);
        if alignment > 0.0 {
            return self.aligned_step(&weights, paths, train, moment, alignment, lr);
        }
        // The edge weights are constants here: their gradient would be thrown away.
        let weights = constants(&weights, paths, train);
        let pass = self.differentiate(&self.net, &weights, train, self.training(moment, Draw::Weights));
        self.absorb(pass.statistics);
        let gradients = gradients(&self.net, &pass.gradients);
        self.move_weights(pass.loss, pass.logits, gradients, lr)
    }

    /// Steps both by one pass over the batch of the weights.
    pub fn step_both(&mut self, at: Position, train: &DeviceBatch, lr: f64) -> (ArchReport, WeightReport) {
        let moment = self.moment(at, Half::Both);
        let relaxed = self.relax(moment);
        let pass = self.training(moment, Draw::Weights);
        let (pass, gradient) = self.through_alphas(&self.net, &relaxed, train, pass);
        let alphas = self.move_alphas(&relaxed, pass.loss, gradient, moment);
        self.absorb(pass.statistics);
        let gradients = gradients(&self.net, &pass.gradients);
        (alphas, self.move_weights(pass.loss, pass.logits, gradients, lr))
    }

    /// Moves the alphas against the gradient of the loss, those of the regulariser and of the resources added.
    fn move_alphas(
        &mut self,
        relaxed: &Relaxed,
        mut loss: f32,
        mut gradient: AlphaGradient,
        moment: Moment,
    ) -> ArchReport {
        let weight = self.method.regularizer_at(moment.epoch, moment.epochs);
        if let Some(Penalty { value, gradient: more }) =
            self.method.regularizer.penalty(weight, &self.relaxer, &self.alphas)
        {
            loss += value as f32;
            gradient.values_mut().zip(more.values()).for_each(|(sum, more)| *sum += more);
        }
        if let Some((value, more)) =
            self.costs.as_ref().and_then(|costs| self.method.resource_term(costs, &relaxed.weights))
        {
            loss += value as f32;
            let more = relaxed.pull_back(&more);
            gradient.values_mut().zip(more.values()).for_each(|(sum, more)| *sum += more);
        }
        clip_alphas(&mut gradient, self.method.alphas.grad_clip());
        self.optimizer.step(&mut self.alphas, &gradient);
        ArchReport { loss, gradient }
    }

    /// Moves the weights against their gradient.
    fn move_weights(&mut self, loss: f32, logits: Tensor<2>, mut raw: WeightList, lr: f64) -> WeightReport {
        if let Some(freezer) = &mut self.freezer {
            freezer.training(&raw);
            raw = freezer.moving(raw);
        }
        let (factor, norm) = clipping(&raw, self.grad_clip);
        let sgd = &mut self.sgd;
        update_weights(&mut self.net, |i, w| sgd.step(i, w, raw[i].clone(), factor, lr));
        WeightReport { loss, logits, gradients: raw, gradient_norm: norm }
    }

    /// Epochs after the search's go on in its last one: what changes over the epochs stays, what is drawn does not.
    pub(super) fn moment(&self, at: Position, half: Half) -> Moment {
        let epoch = at.epoch.min(self.epochs.saturating_sub(1));
        let step = at.step + ((at.epoch - epoch) << 32);
        Moment { seed: self.seed, epoch, epochs: self.epochs, step, half }
    }

    /// The edge weights of a pass, with the edges that are decided.
    fn relax(&self, moment: Moment) -> Relaxed {
        self.fixed.over(self.relaxer.relax(&self.alphas, moment))
    }

    /// A training pass at this moment, with drop path where the method has it. Passes of one draw leave out the same.
    fn training(&self, moment: Moment, draw: Draw) -> Pass {
        let Moment { seed, epoch, epochs, step, .. } = moment;
        let probability = self.method.drop_path_at(epoch, epochs);
        let random = || stream(seed, "search/drop_path", &[epoch as u64, step as u64, draw as u64]);
        let drop_path = (probability > 0.0).then(|| DropPath::new(probability, random()));
        let probability = self.method.schedule.dropout_at(epoch, epochs);
        let random = || stream(seed, "search/skips", &[epoch as u64, step as u64, draw as u64]);
        let skips = (probability > 0.0).then(|| DropPath::new(probability, random()));
        let noise = Noise::new(seed, [epoch as u64, step as u64, draw as u64]);
        Pass { drop_path, skips, noise, ..Pass::train() }
    }

    /// `∇_α L_val(w, α)`. Where operations freeze, the gradient of the weights is taken as well.
    fn first_order(
        &mut self,
        relaxed: &Relaxed,
        valid: &DeviceBatch,
        moment: Moment,
    ) -> (f32, AlphaGradient) {
        let net = if self.freezer.is_some() { self.net.clone() } else { self.net.clone().no_grad() };
        let pass = self.training(moment, Draw::Alphas);
        let (pass, gradient) = self.through_alphas(&net, relaxed, valid, pass);
        if let Some(freezer) = &mut self.freezer {
            freezer.validation(gradients(&net, &pass.gradients));
        }
        self.absorb(pass.statistics);
        (pass.loss, gradient)
    }

    /// A forward and a backward pass of any network of this space, and the gradient of the alphas.
    pub(super) fn through_alphas(
        &self,
        net: &Network,
        relaxed: &Relaxed,
        batch: &DeviceBatch,
        pass: Pass,
    ) -> (Differentiated, AlphaGradient) {
        let leaf = constants(&relaxed.weights, relaxed.paths, batch).require_grad();
        let pass = self.differentiate(net, &leaf, batch, pass);
        let gradient = relaxed.pull_back(&leaf.gradient(&pass.gradients, &relaxed.weights));
        (pass, gradient)
    }

    fn differentiate(
        &self,
        net: &Network,
        weights: &EdgeTensors,
        batch: &DeviceBatch,
        mut pass: Pass,
    ) -> Differentiated {
        pass.recompute = self.recompute;
        let (loss, logits) = self.loss(net, weights, batch, &mut pass);
        let gradients = loss.backward();
        Differentiated {
            loss: scalar(loss.inner().cast(FloatDType::F32)),
            logits: logits.inner(),
            gradients,
            statistics: pass.statistics,
        }
    }

    /// Loss and logits.
    fn loss(
        &self,
        net: &Network,
        weights: &EdgeTensors,
        batch: &DeviceBatch,
        pass: &mut Pass,
    ) -> (Tensor<1>, Tensor<2>) {
        let logits = net.forward_mixed(batch.images.clone(), weights, pass);
        let labels = batch.labels.clone();
        let loss = class_weighted_cross_entropy(logits.clone(), labels, self.class_weights.as_ref(), 0.0);
        (loss, logits)
    }

    fn absorb(&mut self, statistics: Vec<BatchStatistics>) {
        absorb(&mut self.net, statistics);
    }
}

/// Which draw of a step's noise a pass has.
#[derive(Clone, Copy)]
enum Draw {
    /// That of the weights' batch.
    Weights = 0,
    /// That of the alphas' batch.
    Alphas = 1,
    /// That of the weights' batch in the half of the alphas.
    Virtual = 2,
}

/// Edge weights beside the images of a batch.
fn constants(weights: &EdgeWeights, paths: Paths, batch: &DeviceBatch) -> EdgeTensors {
    EdgeTensors::along(weights, paths, &batch.images.device())
}

#[cfg(test)]
mod tests;
