//! One step of the search: both halves, as the method has them (A2).

use burn::tensor::{Device, FloatDType, Gradients, Tensor};

use super::freezing::Freezer;
use super::latency;
use super::method::{
    ArchStep, CandidateCosts, FixedRows, Half, Latency, Method, Moment, Penalty, Probe, Relaxed, Relaxer,
    Resources, directions,
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
use crate::optim::{Sgd, clip_alphas, clip_global_norm, global_norm};
use crate::random::stream;
use crate::space::{
    AlphaGradient, Alphas, CellKind, EdgeGradient, EdgeWeights, NetworkPlan, Paths, SearchSpace,
};

/// `ε · ‖v‖` of the finite difference.
const DIFFERENCE: f64 = 0.01;

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
    pub(super) fn find_costs(&mut self, device: &Device) {
        if self.method.resource_latency > 0.0 {
            latency::measure(self.net.plan(), device, &mut self.latencies);
        }
        let costs = || latency::candidate_costs(self.net.plan(), &self.latencies);
        self.costs = self.method.minds_resources().then(costs);
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
        let aligned = self.method.alignment_at(moment.epoch, moment.epochs);
        if aligned > 0.0 {
            return self.aligned_step(&weights, paths, train, moment, lr);
        }
        // The edge weights are constants here: their gradient would be thrown away.
        let weights = constants(&weights, paths, train);
        let pass = self.differentiate(&self.net, &weights, train, self.training(moment, Draw::Weights));
        self.absorb(pass.statistics);
        let gradients = gradients(&self.net, &pass.gradients);
        self.move_weights(pass.loss, pass.logits, gradients, lr)
    }

    /// The same with a gradient that makes normal cells agree: `∇_w L − λ_t ∇_w Λ`.
    fn aligned_step(
        &mut self,
        weights: &EdgeWeights,
        paths: Paths,
        train: &DeviceBatch,
        moment: Moment,
        lr: f64,
    ) -> WeightReport {
        let leaf = self.apart(weights, paths, None, train).require_grad();
        let pass = self.differentiate(&self.net, &leaf, train, self.training(moment, Draw::Weights));
        self.absorb(pass.statistics);
        let mut raw = gradients(&self.net, &pass.gradients);
        let by_cell = leaf.gradients(&pass.gradients);
        if let Some(term) = self.alignment(weights, paths, by_cell, train, moment) {
            raw = added(raw, term, -self.method.alignment_at(moment.epoch, moment.epochs));
        }
        self.move_weights(pass.loss, pass.logits, raw, lr)
    }

    /// Steps both by one pass over the batch of the weights.
    pub fn step_both(&mut self, at: Position, train: &DeviceBatch, lr: f64) -> (ArchReport, WeightReport) {
        let moment = self.moment(at, Half::Both);
        let relaxed = self.relax(moment);
        let leaf = constants(&relaxed.weights, relaxed.paths, train).require_grad();
        let pass = self.differentiate(&self.net, &leaf, train, self.training(moment, Draw::Weights));
        let gradient = relaxed.pull_back(&leaf.gradient(&pass.gradients, &relaxed.weights));
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
        let (clipped, norm) = clip_global_norm(raw.clone(), self.grad_clip);
        let (net, mut clipped) = (self.net.clone(), clipped);
        let sgd = &mut self.sgd;
        self.net = update_weights(net, |i, w| sgd.step(i, w, clipped[i].take(), lr));
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

    fn first_order(
        &mut self,
        relaxed: &Relaxed,
        valid: &DeviceBatch,
        moment: Moment,
    ) -> (f32, AlphaGradient) {
        let pass = self.training(moment, Draw::Alphas);
        let (loss, gradient, statistics) = match self.freezer.is_some() {
            false => self.alpha_gradient(self.net.clone(), relaxed, valid, pass),
            true => self.both_gradients(relaxed, valid, pass),
        };
        self.absorb(statistics);
        (loss, gradient)
    }

    /// `∇_α L_val(w', α) − ξ · ∇²_{αw} L_train(w, α) · ∇_{w'} L_val(w', α)`.
    fn unrolled(
        &mut self,
        relaxed: &Relaxed,
        train: &DeviceBatch,
        valid: &DeviceBatch,
        xi: f64,
        moment: Moment,
    ) -> (f32, AlphaGradient) {
        let virtual_net = self.virtual_step(relaxed, train, xi, moment);
        let leaf = constants(&relaxed.weights, relaxed.paths, valid).require_grad();
        // The virtual network is a copy: its statistics are dropped with it.
        let pass = self.differentiate(&virtual_net, &leaf, valid, self.training(moment, Draw::Alphas));
        let direct = relaxed.pull_back(&leaf.gradient(&pass.gradients, &relaxed.weights));
        let mut vector = gradients(&virtual_net, &pass.gradients);
        if let Some(freezer) = &mut self.freezer {
            freezer.validation(vector.clone());
            // Frozen weights do not follow the alphas.
            vector = freezer.moving(vector);
        }
        let implicit = self.hessian_vector_product(relaxed, train, &vector, moment);
        (pass.loss, combine(&direct, &implicit, -xi))
    }

    /// `w' = w − ξ·(μm + ∇_w L_train(w, α) + λw)`; the gradient is not clipped.
    fn virtual_step(&mut self, relaxed: &Relaxed, train: &DeviceBatch, xi: f64, moment: Moment) -> Network {
        let weights = constants(&relaxed.weights, relaxed.paths, train);
        let pass = self.differentiate(&self.net, &weights, train, self.training(moment, Draw::Virtual));
        self.absorb(pass.statistics);
        let mut gradient = gradients(&self.net, &pass.gradients);
        if let Some(freezer) = &self.freezer {
            gradient = freezer.moving(gradient);
        }
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
    fn hessian_vector_product(
        &mut self,
        relaxed: &Relaxed,
        train: &DeviceBatch,
        vector: &WeightList,
        moment: Moment,
    ) -> AlphaGradient {
        central_difference(global_norm(vector), |epsilon| {
            let perturbed = update_weights(self.net.clone(), |i, w| match &vector[i] {
                Some(v) => w + v.clone() * epsilon,
                None => w,
            });
            let pass = self.training(moment, Draw::Virtual);
            let (_, gradient, statistics) = self.alpha_gradient(perturbed, relaxed, train, pass);
            // In the original these passes run through the network itself and move its statistics.
            self.absorb(statistics);
            gradient
        })
    }

    /// As [`Self::alpha_gradient`] of the network itself, with the gradient of its weights, which the freezer takes.
    fn both_gradients(
        &mut self,
        relaxed: &Relaxed,
        batch: &DeviceBatch,
        pass: Pass,
    ) -> (f32, AlphaGradient, Vec<BatchStatistics>) {
        let leaf = constants(&relaxed.weights, relaxed.paths, batch).require_grad();
        let pass = self.differentiate(&self.net, &leaf, batch, pass);
        let gradient = relaxed.pull_back(&leaf.gradient(&pass.gradients, &relaxed.weights));
        let of_weights = gradients(&self.net, &pass.gradients);
        if let Some(freezer) = &mut self.freezer {
            freezer.validation(of_weights);
        }
        (pass.loss, gradient, pass.statistics)
    }

    /// Loss, gradient of the alphas alone, and the statistics, of any network of this space.
    pub(super) fn alpha_gradient(
        &self,
        net: Network,
        relaxed: &Relaxed,
        batch: &DeviceBatch,
        pass: Pass,
    ) -> (f32, AlphaGradient, Vec<BatchStatistics>) {
        let leaf = constants(&relaxed.weights, relaxed.paths, batch).require_grad();
        let pass = self.differentiate(&net.no_grad(), &leaf, batch, pass);
        let gradient = relaxed.pull_back(&leaf.gradient(&pass.gradients, &relaxed.weights));
        (pass.loss, gradient, pass.statistics)
    }

    /// Edge weights for each cell by itself, `more` of each added times a factor.
    fn apart(
        &self,
        weights: &EdgeWeights,
        paths: Paths,
        more: Option<(f64, &[Vec<f64>])>,
        batch: &DeviceBatch,
    ) -> EdgeTensors {
        let types: Vec<usize> = self.net.plan().cell_blocks().map(|cell| cell.cell).collect();
        EdgeTensors::apart(weights, paths, &types, more, (&batch.images.device(), batch.images.dtype()))
    }

    /// `∇_w Λ`, Λ being how well the normal cells agree in their gradients of the edge weights, the mean cosine of all
    /// pairs (Λ-DARTS, Movahedi et al. 2023): with `δ = ∂Λ/∂g` for the gradients g it is the derivative of `∇_w L`
    /// along δ, here a central difference, `ε = ε₀/‖δ‖₂` over all cells. None where Λ is not defined: with fewer than
    /// two normal cells, or where a gradient is 0.
    fn alignment(
        &mut self,
        weights: &EdgeWeights,
        paths: Paths,
        gradients_by_cell: Vec<Vec<f64>>,
        train: &DeviceBatch,
        moment: Moment,
    ) -> Option<WeightList> {
        let plan = self.net.plan();
        let normal: Vec<bool> =
            plan.cell_blocks().map(|cell| plan.cell_type(cell).kind == CellKind::Normal).collect();
        let of_normal = gradients_by_cell.iter().zip(&normal).filter(|(_, normal)| **normal);
        let directions = directions(&of_normal.map(|(gradient, _)| gradient.clone()).collect::<Vec<_>>())?;
        let length = directions.iter().flatten().map(|d| d * d).sum::<f64>().sqrt();
        if length == 0.0 {
            return None;
        }
        let epsilon = self.method.alignment_epsilon / length;
        let mut directions = directions.into_iter();
        let direction = |(gradient, normal): (Vec<f64>, bool)| match normal {
            true => directions.next().expect("one for each normal cell"),
            false => vec![0.0; gradient.len()],
        };
        let along: Vec<Vec<f64>> = gradients_by_cell.into_iter().zip(normal).map(direction).collect();
        let [plus, minus] = [epsilon, -epsilon].map(|step| {
            let moved = self.apart(weights, paths, Some((step, &along)), train);
            let pass = self.differentiate(&self.net, &moved, train, self.training(moment, Draw::Weights));
            // As in the original these passes move the running statistics.
            self.absorb(pass.statistics);
            gradients(&self.net, &pass.gradients)
        });
        let scale = 1.0 / (2.0 * epsilon);
        let scaled = added(plus, minus, -1.0).into_iter().map(|g| g.map(|g| g * scale));
        Some(scaled.collect())
    }

    fn differentiate(
        &self,
        net: &Network,
        weights: &EdgeTensors,
        batch: &DeviceBatch,
        mut pass: Pass,
    ) -> Differentiated {
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
        self.net = absorb(self.net.clone(), statistics);
    }
}

/// What a perturbation may ask: the network with running statistics, which stay as they are.
struct BatchProbe<'a> {
    bilevel: &'a Bilevel,
    batch: &'a DeviceBatch,
    paths: Paths,
}

impl Probe for BatchProbe<'_> {
    fn loss(&mut self, weights: &EdgeWeights) -> f64 {
        let net = self.bilevel.net.clone().no_grad();
        let weights = constants(weights, self.paths, self.batch);
        let (loss, _) = self.bilevel.loss(&net, &weights, self.batch, &mut Pass::eval());
        f64::from(scalar(loss.inner().cast(FloatDType::F32)))
    }

    fn slope(&mut self, weights: &EdgeWeights) -> EdgeGradient {
        let leaf = constants(weights, self.paths, self.batch).require_grad();
        let net = self.bilevel.net.clone().no_grad();
        let pass = self.bilevel.differentiate(&net, &leaf, self.batch, Pass::eval());
        leaf.gradient(&pass.gradients, weights)
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

/// `a + factor · b`, of the weights that both have.
fn added(a: WeightList, b: WeightList, factor: f64) -> WeightList {
    let sum = |(a, b)| match (a, b) {
        (Some(a), Some(b)) => Some(a + b * factor),
        (a, _) => a,
    };
    a.into_iter().zip(b).map(sum).collect()
}

/// Edge weights beside the images of a batch.
fn constants(weights: &EdgeWeights, paths: Paths, batch: &DeviceBatch) -> EdgeTensors {
    EdgeTensors::along(weights, paths, &batch.images.device())
}

/// The halves of a step.
trait Halves {
    fn method(&self) -> &Method;
    /// Epochs of the search.
    fn epochs(&self) -> usize;
    fn alphas(&mut self, at: Position);
    fn weights(&mut self, at: Position);
    fn both(&mut self, at: Position);
}

/// Goes through the halves that the method has at this moment.
fn walk(halves: &mut impl Halves, at: Position) {
    let Method { order, schedule, .. } = halves.method();
    let (order, move_alphas) = (*order, schedule.steps_in(at.epoch, halves.epochs()));
    for half in order.halves() {
        match half {
            Half::Alphas if move_alphas => halves.alphas(at),
            Half::Both if move_alphas => halves.both(at),
            Half::Alphas => {}
            Half::Both | Half::Weights => halves.weights(at),
        }
    }
}

/// A step under way.
struct Work<'a> {
    bilevel: &'a mut Bilevel,
    train: &'a DeviceBatch,
    valid: Option<&'a DeviceBatch>,
    lr: f64,
    arch: Option<ArchReport>,
    weight: Option<WeightReport>,
}

impl Halves for Work<'_> {
    fn method(&self) -> &Method {
        &self.bilevel.method
    }

    fn epochs(&self) -> usize {
        self.bilevel.epochs
    }

    fn alphas(&mut self, at: Position) {
        self.arch = self.valid.map(|valid| self.bilevel.step_alphas(at, self.train, valid, self.lr));
    }

    fn weights(&mut self, at: Position) {
        self.weight = Some(self.bilevel.step_weights(at, self.train, self.lr));
    }

    fn both(&mut self, at: Position) {
        let (arch, weight) = self.bilevel.step_both(at, self.train, self.lr);
        (self.arch, self.weight) = (Some(arch), Some(weight));
    }
}

/// `(g(ε) − g(−ε)) / 2ε` with `ε = 0.01 / norm`, g(ε) being the alphas' gradient at weights `w + ε·v` and
/// `norm` the length of v. Of a v of length zero any ε gives the right product, which is zero.
fn central_difference(norm: f64, mut gradient_at: impl FnMut(f64) -> AlphaGradient) -> AlphaGradient {
    let epsilon = if norm > 0.0 { DIFFERENCE / norm } else { DIFFERENCE };
    let plus = gradient_at(epsilon);
    let minus = gradient_at(-epsilon);
    let scale = (1.0 / (2.0 * epsilon)) as f32;
    let mut product = combine(&plus, &minus, -1.0);
    product.values_mut().for_each(|v| *v = f64::from(*v as f32 * scale));
    product
}

/// `a + factor · b`, each number rounded to f32, as the network's own gradients are.
fn combine(a: &AlphaGradient, b: &AlphaGradient, factor: f64) -> AlphaGradient {
    let mut sum = a.clone();
    for (x, &y) in sum.values_mut().zip(b.values()) {
        *x = f64::from((*x + factor * y) as f32);
    }
    sum
}

#[cfg(test)]
mod tests;
