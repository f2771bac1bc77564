//! The training loop.

use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::Device;

use super::learner::Learner;
use super::state::{Best, TrainEpoch, TrainOutcome, TrainState};
use crate::config::{Config, Stem, TrainConfig};
use crate::data::{Augment, BatchPlan, Batches, Dataset, ImageSet, Normalization, Order};
use crate::error::{Error, Result};
use crate::evaluate::{DeviceBatch, Evaluation, evaluate, values};
use crate::event::{Event, Observer, Position, Signal, Stage, Step};
use crate::loss::Meter;
use crate::network::{DerivedNetwork, DerivedNetworkConfig, StemKind};
use crate::ops::Pass;
use crate::pool::in_pool;
use crate::space::Genotype;
use crate::weights::{load_named, named_tensors, weight_names};

/// The stem for images of this size.
pub fn stem_kind(stem: Stem, image_size: [usize; 2]) -> StemKind {
    match stem {
        Stem::Cifar => StemKind::Cifar,
        Stem::Imagenet => StemKind::Imagenet,
        Stem::Auto if image_size.into_iter().min() >= Some(Stem::IMAGENET_SIDE) => StemKind::Imagenet,
        Stem::Auto => StemKind::Cifar,
    }
}

/// The network of `genotype` with the width, depth and heads of `config`.
///
/// `image_shape` is channels, height and width.
pub fn network_config(
    genotype: &Genotype,
    config: &TrainConfig,
    image_shape: [usize; 3],
    classes: usize,
) -> DerivedNetworkConfig {
    let [channels_in, height, width] = image_shape;
    DerivedNetworkConfig {
        genotype: genotype.clone(),
        init_channels: config.init_channels,
        n_cells: config.layers,
        channels_in,
        image_size: [height, width],
        classes,
        stem: stem_kind(config.stem, [height, width]),
        auxiliary: config.auxiliary,
    }
}

/// The network of `genotype` for these images, weights still zero.
///
/// # Errors
/// As [`DerivedNetworkConfig::init`].
pub fn build_network(
    genotype: &Genotype,
    config: &TrainConfig,
    images: &ImageSet,
    device: &Device,
) -> Result<DerivedNetwork> {
    let shape = [images.channels, images.height, images.width];
    network_config(genotype, config, shape, images.classes.len()).init(device)
}

/// Batches for evaluation: in order, without augmentation.
pub fn evaluation_plan(
    set: &Arc<ImageSet>,
    indices: Vec<usize>,
    normalization: &Normalization,
    batch_size: usize,
) -> BatchPlan {
    BatchPlan {
        set: set.clone(),
        indices: Arc::new(indices),
        normalization: normalization.clone(),
        augment: None,
        batch_size,
        order: Order::Sequential,
        seed: 0,
        stream: String::new(),
        epoch: 0,
        drop_last: false,
    }
}

/// Trains the network of `genotype` on all training images but the validation part, from the beginning or
/// from a state.
///
/// `device` is the plain device; the gradients live on its autodiff twin.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::Interrupted`], settings or a state that do not fit, whatever the
/// observer answers.
pub fn train(
    dataset: &Dataset,
    genotype: &Genotype,
    config: &Config,
    device: &Device,
    start: Option<&TrainState>,
    observer: &mut dyn Observer,
) -> Result<TrainOutcome> {
    in_pool(|| {
        let mut training = Training::new(dataset, genotype, config, device)?;
        if let Some(state) = start {
            training.resume(state)?;
        }
        training.run(observer)
    })
}

struct Training<'a> {
    dataset: &'a Dataset,
    config: &'a TrainConfig,
    device: Device,
    autodiff: Device,
    learner: Learner,
    plan: BatchPlan,
    best: Option<Best>,
    position: Position,
    meter: Meter,
    seconds: f64,
    epoch_seconds: f64,
}

impl<'a> Training<'a> {
    fn new(dataset: &'a Dataset, genotype: &Genotype, config: &'a Config, device: &Device) -> Result<Self> {
        let settings = &config.train;
        let autodiff = device.clone().autodiff();
        let net = build_network(genotype, settings, &dataset.train, &autodiff)?;
        let augment = Augment::of(&config.data, settings.cutout.then_some(settings.cutout_length));
        let plan = BatchPlan {
            set: dataset.train.clone(),
            indices: Arc::new(dataset.training_indices()),
            normalization: dataset.normalization.clone(),
            augment: Some(augment),
            batch_size: settings.batch_size,
            order: Order::Shuffled,
            seed: config.seed,
            stream: "train".to_string(),
            epoch: 0,
            drop_last: false,
        };
        Ok(Self {
            dataset,
            config: settings,
            device: device.clone(),
            autodiff,
            learner: Learner::new(net, settings, config.seed),
            plan,
            best: None,
            position: Position::default(),
            meter: Meter::default(),
            seconds: 0.0,
            epoch_seconds: 0.0,
        })
    }

    fn resume(&mut self, state: &TrainState) -> Result<()> {
        let Learner { net, sgd, .. } = &mut self.learner;
        *net = load_named(net.clone(), &state.net, "training checkpoint")?;
        sgd.restore(&weight_names(net), &state.velocity, &self.device);
        self.best = state.best.clone();
        self.position = state.position;
        self.meter = state.meter;
        self.seconds = state.seconds;
        self.epoch_seconds = state.epoch_seconds;
        Ok(())
    }

    fn run(mut self, observer: &mut dyn Observer) -> Result<TrainOutcome> {
        let (epochs, steps) = (self.config.epochs, self.plan.n_steps());
        let done = self.position.epoch * steps + self.position.step;
        let validation = self.dataset.split.validation.len();
        observer.on(Event::Begin { stage: Stage::Train, epochs, steps, done, validation })?;
        while self.position.epoch < epochs {
            self.epoch(observer)?;
        }
        observer.on(Event::End { stage: Stage::Train, seconds: self.seconds })?;
        Ok(TrainOutcome { last: named_tensors(&self.learner.net), best: self.best, seconds: self.seconds })
    }

    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let clock = Instant::now();
        let before = self.epoch_seconds;
        let epoch = self.position.epoch;
        let lr = self.config.learning_rate_at(epoch);
        let drop_path = self.config.drop_path_at(epoch);
        let plan = BatchPlan { epoch: epoch as u64, ..self.plan.clone() };
        for batch in Batches::spawn(plan, self.position.step) {
            let step = self.position.step;
            let labels = batch.labels.clone();
            let batch = DeviceBatch::new(batch, &self.dataset.train, &self.autodiff);
            let report = self.learner.step(&batch, lr, drop_path, self.position);
            let norm = report.gradient_norm as f32;
            for (quantity, value) in [("training loss", report.loss), ("norm of the gradient", norm)] {
                if !value.is_finite() {
                    return Err(Error::NotFinite { quantity, value, epoch, step, learning_rate: lr });
                }
            }
            self.meter.add(report.loss, &values(report.logits), &labels);
            self.position.step += 1;
            observer.on(Event::Step(Step {
                stage: Stage::Train,
                epoch,
                step,
                images: labels.len(),
                loss: self.meter.loss(),
                accuracy: self.meter.accuracy(),
                learning_rate: lr,
                leaning: None,
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
        let seconds = before + clock.elapsed().as_secs_f64();
        observer.on(Event::TrainEpoch(&TrainEpoch {
            epoch,
            learning_rate: lr,
            drop_path_prob: drop_path,
            train_loss: self.meter.loss(),
            train_accuracy: self.meter.accuracy(),
            train_top5_accuracy: self.meter.top5_accuracy(),
            valid_loss: valid.as_ref().map(|v| v.loss).filter(|loss| loss.is_finite()),
            valid_accuracy: valid.as_ref().map(|v| v.accuracy),
            best_epoch: self.best.as_ref().map(|best| best.epoch),
            seconds,
        }))?;
        self.position = Position { epoch: epoch + 1, step: 0 };
        self.meter = Meter::default();
        self.epoch_seconds = 0.0;
        self.seconds += seconds;
        self.save(observer)
    }

    /// Evaluates on the validation part and remembers the best epoch.
    fn validate(&mut self) -> Option<Evaluation> {
        let indices = self.dataset.split.validation.clone();
        if indices.is_empty() {
            return None;
        }
        let plan = evaluation_plan(
            &self.dataset.train,
            indices,
            &self.dataset.normalization,
            self.config.batch_size,
        );
        let net = self.learner.net.valid();
        let valid = evaluate(&plan, &self.device, |images| net.forward(images, &mut Pass::eval()).logits);
        if self.best.as_ref().is_none_or(|best| valid.accuracy >= best.accuracy) {
            let (epoch, accuracy) = (self.position.epoch, valid.accuracy);
            self.best = Some(Best { epoch, accuracy, net: named_tensors(&self.learner.net) });
        }
        Some(valid)
    }

    fn save(&self, observer: &mut dyn Observer) -> Result<()> {
        observer.on(Event::SaveTrain(&TrainState {
            position: self.position,
            meter: self.meter,
            epoch_seconds: self.epoch_seconds,
            seconds: self.seconds,
            net: named_tensors(&self.learner.net),
            velocity: self.learner.sgd.to_named(&weight_names(&self.learner.net)),
            best: self.best.clone(),
        }))
    }
}
