//! The one bilevel loop.

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use softcell_kernels::Exchange;

use super::bilevel::Bilevel;
use super::method::{Course, End, Resources, Rollback, Selection, Tally, draw_weights, share};
use super::optimizers::weight_optimizer;
use super::phases::Phases;
use super::scaled::scaled_for_search;
use super::stages::SearchStage;
use super::watcher::Watcher;
use crate::config::{CheckedConfig, HERE, SearchConfig};
use crate::data::{Augment, BatchPlan, Batches, Dataset, Order, class_weights};
use crate::error::{Error, Result};
use crate::evaluate::{DeviceBatch, Evaluation, evaluate, values};
use crate::event::{Event, Observer, Position, Signal, Stage, Step};
use crate::loss::{Meter, class_weight_tensor};
use crate::network::{EdgeTensors, Pass, Weighted};
use crate::random::stream;
use crate::records::{Frozen, Leaning, SearchEpoch, SearchOutcome, SearchState};
use crate::resume::{Progress, check_size};
use crate::space::{Alphas, EdgeWeights, LatencyTable, SearchSpace, supernet_parameters};
use crate::thread_pool::in_pool;

/// Searches a cell for `dataset`, from the beginning or from a state.
///
/// With [`Selection::Random`] nothing is searched: the cell is drawn.
///
/// Images larger than `search.max_side` are scaled down to it: see [`scaled_for_search`].
///
/// `device` is the plain device; the gradients live on its autodiff twin.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::Interrupted`], settings or a state that do not fit, whatever the
/// observer answers.
pub fn search(
    dataset: &Dataset,
    config: &CheckedConfig,
    device: &Device,
    start: Option<&SearchState>,
    observer: &mut dyn Observer,
) -> Result<SearchOutcome> {
    in_pool(|| {
        let (dataset, config) = scaled_for_search(dataset, config);
        if let Some(state) = start {
            let images = &dataset.train;
            let whole = config.search.space([images.height, images.width]);
            let stage = SearchStage::of_state(state, &config.search);
            stage.check(ORIGIN, &config.search, &whole)?;
            let space = stage.space(&config.search, &whole);
            let weights = supernet_parameters(&space, images.channels, images.classes.len());
            check_size(ORIGIN, &state.net, weights)?;
        }
        if config.search.method.selection == Selection::Random {
            return drawn(&dataset, &config);
        }
        let mut search = Search::new(&dataset, &config, device)?;
        search.share(observer.ranks());
        match start {
            Some(state) => search.resume(state)?,
            None => search.watcher.warn(observer)?,
        }
        search.bilevel.find_costs(device, search.times.as_ref())?;
        search.run(observer)
    })
}

/// What a state is called in errors.
pub(super) const ORIGIN: &str = "search checkpoint";

/// A cell drawn under the run's seed by the rules of the space, from the stream `search/random`.
fn drawn(dataset: &Dataset, config: &CheckedConfig) -> Result<SearchOutcome> {
    let space = config.search.space([dataset.train.height, dataset.train.width]);
    space.check()?;
    let method = &config.search.method;
    let weights = draw_weights(&space, &mut stream(config.draws(), "search/random", &[]));
    let Leaning { genotype, .. } = Leaning::of(&weights, &space, method)?;
    let alphas = method.relaxer(&space).initial(config.draws());
    Ok(SearchOutcome { genotype, epoch: None, alphas, seconds: 0.0 })
}

pub(super) struct Search<'a> {
    dataset: &'a Dataset,
    pub(super) config: &'a SearchConfig,
    /// What operations take, where a file says it.
    times: Option<LatencyTable>,
    /// What is searched from the beginning.
    whole: SearchSpace,
    stage: SearchStage,
    /// What is left of it in this stage.
    pub(super) space: SearchSpace,
    pub(super) phases: Phases,
    pub(super) device: Device,
    autodiff: Device,
    pub(super) bilevel: Bilevel,
    weights_plan: BatchPlan,
    pub(super) alphas_plan: BatchPlan,
    pub(super) position: Position,
    meter: Meter,
    pub(super) seconds: f64,
    pub(super) epoch_seconds: f64,
    /// Trials that are done, and the one under way.
    pub(super) trials: Vec<Tally>,
    pub(super) trial: Tally,
    watcher: Watcher,
    /// Who searches as well, each with a share of every batch.
    ranks: Option<Arc<dyn Exchange>>,
}

impl<'a> Search<'a> {
    fn new(dataset: &'a Dataset, config: &'a CheckedConfig, device: &Device) -> Result<Self> {
        let settings = &config.search;
        if dataset.split.alphas.is_empty() {
            return Err(Error::setting(
                "search.train_portion",
                settings.train_portion,
                "less than 1: a search needs images for the alphas",
            ));
        }
        let autodiff = device.clone().autodiff();
        let set = &dataset.train;
        let mut bilevel = Bilevel::new(
            settings,
            [set.channels, set.height, set.width],
            set.classes.len(),
            config.draws(),
            &autodiff,
        )?;
        bilevel.class_weights = class_weights(&config.data.class_weights, set, &dataset.training_indices())?
            .map(|weights| class_weight_tensor(&weights, &autodiff));
        let augment = Augment::of(&config.data, settings.cutout.then_some(settings.cutout_length));
        let plan = |indices: &[usize], stream: &str, order| BatchPlan {
            set: dataset.train.clone(),
            indices: Arc::new(indices.to_vec()),
            normalization: dataset.normalization.clone(),
            augment: Some(augment),
            batch_size: settings.batch_size,
            order,
            seed: config.draws(),
            stream: stream.to_string(),
            epoch: 0,
            drop_last: false,
        };
        let weights_plan =
            plan(&dataset.split.weights, "search/weights", Order::of_epoch(config.data.sampling));
        let steps = weights_plan.n_steps();
        let order = Order::of_batches(config.data.sampling, steps);
        let alphas_plan = plan(&dataset.split.alphas, "search/alphas", order);
        let space = settings.space([set.height, set.width]);
        let watcher = Watcher::new(&settings.method, settings.epochs, steps);
        Ok(Self {
            dataset,
            config: settings,
            // Those that were measured here are of the trained network; the search measures its own.
            times: config.times().filter(|_| config.latency_table != HERE).map(|file| file.times.clone()),
            phases: Phases::new(settings, &space, config.draws()),
            whole: space.clone(),
            stage: SearchStage::first(),
            space,
            device: device.clone(),
            autodiff,
            bilevel,
            weights_plan,
            alphas_plan,
            position: Position::default(),
            meter: Meter::default(),
            seconds: 0.0,
            epoch_seconds: 0.0,
            trials: Vec::new(),
            trial: Tally::default(),
            watcher,
            ranks: None,
        })
    }

    /// Lets others compute a share of every batch.
    fn share(&mut self, ranks: Option<Arc<dyn Exchange>>) {
        self.ranks.clone_from(&ranks);
        self.bilevel.net = self.bilevel.net.clone().shared(ranks);
    }

    fn resume(&mut self, state: &SearchState) -> Result<()> {
        let SearchState { position, meter, seconds, epoch_seconds, .. } = *state;
        let progress = Progress { position, meter, seconds: [seconds, epoch_seconds] };
        progress.check(ORIGIN, self.phases.epochs(), self.weights_plan.n_steps())?;
        self.phases.check_trials(ORIGIN, position.epoch, &state.trials, state.trial)?;
        self.stage = SearchStage::of_state(state, self.config);
        self.space = self.stage.space(self.config, &self.whole);
        if self.stage.index > 0 {
            let (class_weights, seed) = (self.bilevel.class_weights.clone(), self.bilevel.seed);
            let shape = self.shape();
            let bilevel = Bilevel::in_space(self.config, &self.space, shape, seed, &self.autodiff)?;
            self.bilevel = Bilevel { class_weights, ..bilevel };
            self.share(self.ranks.clone());
        }
        self.bilevel.restore(state, &self.device)?;
        self.watcher.restore(state, ORIGIN)?;
        self.bilevel.set_weight_decay(self.watcher.weight_decay());
        self.position = state.position;
        self.meter = state.meter;
        self.seconds = state.seconds;
        self.epoch_seconds = state.epoch_seconds;
        self.trials.clone_from(&state.trials);
        self.trial = state.trial;
        if let Some((begun, rounds)) = self.phases.begun(self.position.epoch) {
            self.bilevel.fixed = rounds.replay(begun, &self.trials).decided;
        }
        Ok(())
    }

    fn run(mut self, observer: &mut dyn Observer) -> Result<SearchOutcome> {
        let (epochs, steps) = (self.phases.epochs(), self.weights_plan.n_steps());
        let done = self.position.epoch * steps + self.position.step;
        let validation = self.alphas_plan.indices.len();
        let trials = self.batches_of_trials();
        observer.on(Event::Begin { stage: Stage::Search, epochs, steps, done, validation, trials })?;
        while self.position.epoch < epochs {
            match self.watcher.next() {
                Course::GoOn => {}
                Course::End(End::Back(rollback)) => {
                    self.go_back(rollback, observer)?;
                    continue;
                }
                Course::End(_) => break,
            }
            self.enter()?;
            self.choose(observer)?;
            self.epoch(observer)?;
        }
        let found = self.found(observer)?;
        if !self.trials.is_empty() {
            self.save(observer)?;
        }
        // What was chosen by trials is of no epoch that the guard has watched.
        let by_trials = self.config.method.selection.has_trials();
        let (epoch, genotype) = match self.watcher.taken().filter(|_| !by_trials) {
            Some((epoch, genotype)) => (epoch, genotype.clone()),
            None => (self.position.epoch.saturating_sub(1), self.leaning_of(&found)?.genotype),
        };
        observer.on(Event::End { stage: Stage::Search, seconds: self.seconds })?;
        Ok(SearchOutcome { genotype, epoch: Some(epoch), alphas: self.all_alphas(), seconds: self.seconds })
    }

    /// Shape of an image, and number of classes.
    fn shape(&self) -> ([usize; 3], usize) {
        let set = &self.dataset.train;
        ([set.channels, set.height, set.width], set.classes.len())
    }

    /// What changes where a phase begins: network and candidates with a new stage; in the epochs after the search the
    /// optimiser of the weights has no past.
    ///
    /// # Errors
    /// When what is left of the space cannot be searched.
    fn enter(&mut self) -> Result<()> {
        let Position { epoch, step } = self.position;
        let (index, _) = self.config.method.schedule.stage_of(epoch, self.phases.search);
        if step == 0 && index > self.stage.index {
            let next = self.stage.next(self.config, &self.whole, &self.expected());
            let (shape, space) = (self.shape(), next.space(self.config, &self.whole));
            let stages = [&self.stage, &next];
            let bilevel = self.bilevel.clone();
            self.bilevel = bilevel.next_stage(self.config, shape, &space, stages, &self.autodiff)?;
            self.share(self.ranks.clone());
            self.bilevel.find_costs(&self.device, self.times.as_ref())?;
            (self.stage, self.space) = (next, space);
        }
        if self.position == (Position { epoch: self.phases.search, step: 0 }) {
            self.bilevel.sgd = weight_optimizer(self.config.method.weights);
        }
        Ok(())
    }

    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let clock = Instant::now();
        let before = self.epoch_seconds;
        let epoch = self.position.epoch;
        let lr = self.config.learning_rate_at(epoch);
        let cutout_probability = self.bilevel.method.cutout.at(epoch, self.config.epochs);
        let at_epoch = |plan: &BatchPlan| BatchPlan {
            epoch: epoch as u64,
            augment: plan.augment.map(|augment| Augment { cutout_probability, ..augment }),
            ..plan.clone()
        };
        let first = self.position.step;
        let train = Batches::spawn(at_epoch(&self.weights_plan), first);
        let alphas_move = self.bilevel.method.needs_alphas_images_in(epoch, self.config.epochs);
        let mut valid = alphas_move.then(|| Batches::spawn(at_epoch(&self.alphas_plan), first));
        for train in train {
            let valid = match &mut valid {
                None => None,
                Some(batches) => match batches.next() {
                    None => break,
                    batch => batch,
                },
            };
            let step = self.position.step;
            let labels = train.labels.clone();
            let set = &self.dataset.train;
            let train = DeviceBatch::new(train, set, &self.autodiff);
            let valid = valid.map(|valid| DeviceBatch::new(valid, set, &self.autodiff));
            let finite = |quantity, value: f32| {
                let error = || Error::NotFinite { quantity, value, epoch, step, learning_rate: lr };
                if value.is_finite() { Ok(()) } else { Err(error()) }
            };
            let report = self.bilevel.step(self.position, &train, valid.as_ref(), lr);
            if let Some(arch) = report.alphas {
                finite("validation loss", arch.loss)?;
                finite("gradient of the alphas", arch.gradient.values().sum::<f64>() as f32)?;
            }
            let weight = report.weights;
            finite("training loss", weight.loss)?;
            finite("norm of the weights' gradient", weight.gradient_norm as f32)?;
            self.meter.add(weight.loss, &values(weight.logits), &labels);
            self.position.step += 1;
            observer.on(Event::Step(Step {
                stage: Stage::Search,
                epoch,
                step,
                images: labels.len(),
                loss: self.meter.loss(),
                accuracy: self.meter.accuracy(),
                learning_rate: lr,
                leaning: Some(self.leaning()?),
            }))?;
            let signal = observer.signal();
            if signal != Signal::Continue {
                self.epoch_seconds = before + clock.elapsed().as_secs_f64();
                self.save(observer)?;
            }
            if signal == Signal::Stop {
                return Err(Error::Interrupted { epoch, step: self.position.step });
            }
        }
        let valid = self.validate();
        let eigenvalue = self.eigenvalue(at_epoch(&self.alphas_plan));
        let seconds = before + clock.elapsed().as_secs_f64();
        let record = self.record(lr, &valid, eigenvalue, seconds)?;
        observer.on(Event::SearchEpoch(&record))?;
        self.position = Position { epoch: epoch + 1, step: 0 };
        self.meter = Meter::default();
        self.epoch_seconds = 0.0;
        self.seconds += seconds;
        let (bilevel, at) = (&self.bilevel, self.position);
        self.watcher.keep(|| bilevel.to_state(at, Meter::default(), [0.0; 2]));
        self.save(observer)
    }

    fn save(&self, observer: &mut dyn Observer) -> Result<()> {
        self.save_after(0.0, observer)
    }

    /// Hands out the state after so many seconds more.
    pub(super) fn save_after(&self, more: f64, observer: &mut dyn Observer) -> Result<()> {
        let seconds = match self.position.epoch < self.phases.epochs() {
            true => [self.seconds, self.epoch_seconds + more],
            false => [self.seconds + more, self.epoch_seconds],
        };
        let state = self.bilevel.to_state(self.position, self.meter, seconds);
        let state = self.watcher.to_state(state);
        observer.on(Event::SaveSearch(&SearchState {
            trials: self.trials.clone(),
            trial: self.trial,
            kept: self.stage.kept.clone(),
            ..state
        }))
    }

    /// Goes back to the state after an earlier epoch, and from there on with another weight decay.
    ///
    /// The epochs in between leave the history when the state is kept from which it goes on. After that this is kept once
    /// more: then no checkpoint is left of epochs that the history has not.
    fn go_back(&mut self, rollback: Rollback, observer: &mut dyn Observer) -> Result<()> {
        let state = self.watcher.go_back(rollback);
        self.bilevel.restore(&state, &self.device)?;
        self.bilevel.set_weight_decay(self.watcher.weight_decay());
        self.position = state.position;
        self.save(observer)?;
        observer.on(Event::WentBack { stage: Stage::Search, rollback })?;
        self.save(observer)
    }

    /// The largest eigenvalue of the alphas' Hessian on the first of these batches of the alphas, after epochs in which it
    /// is measured.
    fn eigenvalue(&self, batches: BatchPlan) -> Option<f64> {
        if !self.watcher.measures(self.position.epoch) {
            return None;
        }
        let batch = Batches::spawn(batches, 0).next()?;
        let batch = DeviceBatch::new(batch, &self.dataset.train, &self.autodiff);
        Some(self.bilevel.curvature(self.position.epoch, &batch)).filter(|found| found.is_finite())
    }

    /// On the alphas' part, in its order, without augmentation.
    fn validate(&self) -> Evaluation {
        let plan = BatchPlan { order: Order::Sequential, augment: None, ..self.alphas_plan.clone() };
        let net = self.bilevel.net.valid();
        let weights = EdgeTensors::new(&self.of_network(), &self.device);
        evaluate(&plan, &self.device, |images| net.forward_mixed(images, &weights, &mut Pass::eval()))
    }

    /// What the alphas stand for now, with the choices that are made.
    pub(super) fn expected(&self) -> EdgeWeights {
        let mut weights = self.bilevel.relaxer.expected(&self.bilevel.alphas);
        self.bilevel.fixed.apply(&mut weights);
        weights
    }

    /// The same as the network takes it.
    pub(super) fn of_network(&self) -> EdgeWeights {
        let epochs = self.config.epochs;
        let epoch = self.position.epoch.min(epochs - 1);
        let mut weights = self.bilevel.relaxer.of_network(&self.bilevel.alphas, epoch, epochs);
        self.bilevel.fixed.apply(&mut weights);
        weights
    }

    /// The alphas of all candidates: 0 where one is no more.
    fn all_alphas(&self) -> Alphas {
        Alphas(self.stage.expanded(&self.bilevel.alphas, &self.whole, 0.0))
    }

    /// The expected cost of each kind, as a share of that of the largest cell.
    fn resources(&self) -> Option<Resources<f64>> {
        let weights = self.expected();
        Some(self.bilevel.costs.as_ref()?.map(|costs| share(costs, &weights)))
    }

    fn leaning(&self) -> Result<Leaning> {
        self.leaning_of(&self.expected())
    }

    fn leaning_of(&self, weights: &EdgeWeights) -> Result<Leaning> {
        Leaning::of(weights, &self.space, &self.bilevel.method)
    }

    fn record(
        &mut self,
        lr: f64,
        valid: &Evaluation,
        eigenvalue: Option<f64>,
        seconds: f64,
    ) -> Result<SearchEpoch> {
        let leaning = self.leaning()?;
        let guard = match self.position.epoch < self.phases.search {
            true => self.watcher.watch(&leaning, &self.expected(), &self.space, eigenvalue),
            false => None,
        };
        let Leaning { cells, genotype } = leaning;
        let frozen = self.bilevel.freezer.as_ref();
        Ok(SearchEpoch {
            epoch: self.position.epoch,
            learning_rate: lr,
            train_loss: self.meter.loss(),
            train_accuracy: self.meter.accuracy(),
            train_top5_accuracy: self.meter.top5_accuracy(),
            valid_loss: Some(valid.loss).filter(|loss| loss.is_finite()),
            valid_accuracy: valid.accuracy,
            alphas: self.all_alphas(),
            edge_weights: EdgeWeights(self.stage.expanded(&self.expected(), &self.whole, 0.0)),
            resources: self.resources(),
            cells,
            genotype,
            tabulated: None,
            seconds,
            guard,
            frozen: frozen
                .map(|freezer| Frozen { operations: freezer.n_frozen(), of: freezer.n_operations() }),
        })
    }
}
