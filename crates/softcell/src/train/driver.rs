//! The training loop.

use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;

use super::average::Average;
use super::learner::Learner;
use crate::config::{CheckedConfig, TrainConfig};
use crate::data::{Augment, BatchPlan, Batches, Dataset, ImageSet, Normalization, Order, class_weights};
use crate::error::{Error, Result};
use crate::evaluate::{DeviceBatch, Evaluation, evaluate, values};
use crate::event::{Event, Observer, Position, Signal, Stage, Step};
use crate::loss::{Meter, class_weight_tensor};
use crate::measures::is_uneven;
use crate::network::{
    Network, Pass, Weighted, check_named, load_named, named_tensors, tensor_names, weight_names,
};
use crate::records::{Best, Criterion, Score, TrainEpoch, TrainOutcome, TrainState};
use crate::resume::{Progress, check_size, check_velocity};
use crate::space::{DerivedNetworkConfig, Genotype, Layout, derived_cost};
use crate::thread_pool::in_pool;

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
        reductions: config.reductions,
        channels_in,
        image_size: [height, width],
        classes,
        stem: config.stem.kind([height, width]),
        // The network of NAS-Bench-201 has no place for it.
        auxiliary: config.auxiliary && genotype.layout() == Layout::Stacked,
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
) -> Result<Network> {
    let shape = [images.channels, images.height, images.width];
    network_config(genotype, config, shape, images.classes.len()).init(device)
}

/// Whether the network of `genotype` can be built for these images; nothing is.
///
/// # Errors
/// As [`DerivedNetworkConfig::check`].
pub fn check_network(genotype: &Genotype, config: &TrainConfig, images: &ImageSet) -> Result<()> {
    let shape = [images.channels, images.height, images.width];
    network_config(genotype, config, shape, images.classes.len()).check()
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

/// The batches of the first epoch of a training.
pub(crate) fn training_plan(dataset: &Dataset, config: &CheckedConfig) -> BatchPlan {
    let settings = &config.train;
    BatchPlan {
        set: dataset.train.clone(),
        indices: Arc::new(dataset.trained_on(settings)),
        normalization: dataset.normalization.clone(),
        augment: Some(Augment::of(&config.data, settings.cutout.then_some(settings.cutout_length))),
        batch_size: settings.batch_size,
        order: Order::of_epoch(config.data.sampling),
        seed: config.draws(),
        stream: "train".to_string(),
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
    config: &CheckedConfig,
    device: &Device,
    start: Option<&TrainState>,
    observer: &mut dyn Observer,
) -> Result<TrainOutcome> {
    in_pool(|| {
        if let Some(state) = start {
            let images = &dataset.train;
            let shape = [images.channels, images.height, images.width];
            let network = network_config(genotype, &config.train, shape, images.classes.len());
            check_size(ORIGIN, &state.net, derived_cost(genotype, &network.shape()).parameters)?;
        }
        let mut training = Training::new(dataset, genotype, config, device)?;
        training.learner.net = training.learner.net.shared(observer.ranks());
        if let Some(state) = start {
            training.resume(state)?;
        }
        training.run(observer)
    })
}

/// What a state is called in errors.
const ORIGIN: &str = "training checkpoint";

struct Training<'a> {
    dataset: &'a Dataset,
    config: &'a TrainConfig,
    device: Device,
    autodiff: Device,
    learner: Learner,
    plan: BatchPlan,
    best: Option<Best>,
    criterion: Criterion,
    average: Option<Average>,
    position: Position,
    meter: Meter,
    seconds: f64,
    epoch_seconds: f64,
}

impl<'a> Training<'a> {
    fn new(
        dataset: &'a Dataset,
        genotype: &Genotype,
        config: &'a CheckedConfig,
        device: &Device,
    ) -> Result<Self> {
        let settings = &config.train;
        if settings.patience > 0 && dataset.validated_on(settings).is_empty() {
            let expected = "0, because there are no validation images to compare epochs by (or a \
                            data.validation_fraction above 0)";
            return Err(Error::setting("train.patience", settings.patience, expected));
        }
        let autodiff = device.clone().autodiff();
        let net = build_network(genotype, settings, &dataset.train, &autodiff)?;
        let plan = training_plan(dataset, config);
        let mut learner = Learner::new(net, settings, config.draws());
        learner.class_weights = class_weights(&config.data.class_weights, &dataset.train, &plan.indices)?
            .map(|weights| class_weight_tensor(&weights, &autodiff));
        let uneven = is_uneven(dataset.train.class_counts().into_iter().map(|n| n as u64));
        Ok(Self {
            dataset,
            config: settings,
            device: device.clone(),
            autodiff,
            learner,
            plan,
            best: None,
            criterion: if uneven { Criterion::BalancedAccuracy } else { Criterion::Accuracy },
            average: Average::new(settings.ema),
            position: Position::default(),
            meter: Meter::default(),
            seconds: 0.0,
            epoch_seconds: 0.0,
        })
    }

    fn resume(&mut self, state: &TrainState) -> Result<()> {
        let TrainState { position, meter, seconds, epoch_seconds, .. } = *state;
        let progress = Progress { position, meter, seconds: [seconds, epoch_seconds] };
        progress.check(ORIGIN, self.config.epochs, self.plan.n_steps())?;
        let Learner { net, sgd, .. } = &mut self.learner;
        *net = load_named(net.clone(), &state.net, ORIGIN)?;
        check_velocity(ORIGIN, net, &state.velocity)?;
        if let Some(best) = &state.best {
            best.check(&position)?;
            check_named(net, &best.net, "best weights of the training checkpoint")?;
        }
        if !state.average.is_empty() {
            check_named(net, &state.average, "average of the training checkpoint")?;
        }
        sgd.restore(&weight_names(net), &state.velocity, &self.device);
        if let Some(average) = &mut self.average {
            average.restore(&tensor_names(net), &state.average, &self.device);
        }
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
        let validation = self.dataset.validated_on(self.config).len();
        observer.on(Event::Begin { stage: Stage::Train, epochs, steps, done, validation, trials: [0; 2] })?;
        while self.position.epoch < epochs && !self.is_patience_over() {
            self.epoch(observer)?;
        }
        observer.on(Event::End { stage: Stage::Train, seconds: self.seconds })?;
        let done = self.position.epoch;
        if done < epochs {
            let patience = self.config.patience;
            let waited = if patience == 1 { "an epoch".to_owned() } else { format!("{patience} epochs") };
            observer.on(Event::Note(format!(
                "the training ends early, after {done} of {epochs} epochs: {waited} brought nothing better on the \
                 validation images"
            ).into()))?;
        }
        Ok(TrainOutcome {
            last: named_tensors(&self.evaluated_net()),
            best: self.best,
            epochs: done,
            seconds: self.seconds,
        })
    }

    /// Whether so many epochs brought nothing better that the training ends. Asked at the end of an epoch.
    fn is_patience_over(&self) -> bool {
        let patience = self.config.patience;
        patience > 0 && self.best.as_ref().is_some_and(|best| self.position.epoch > best.epoch + patience)
    }

    /// The network that is validated and saved, on the plain device: the averaged one where there is an average.
    fn evaluated_net(&self) -> Network {
        let net = self.learner.net.valid();
        match &self.average {
            Some(average) => average.of(net),
            None => net,
        }
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
            if let Some(average) = &mut self.average {
                let before = epoch * self.plan.n_steps() + step;
                average.update(&self.learner.net, before as u64);
            }
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
            valid_balanced_accuracy: valid.as_ref().map(Evaluation::balanced_accuracy),
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
        let indices = self.dataset.validated_on(self.config).to_vec();
        if indices.is_empty() {
            return None;
        }
        let plan = evaluation_plan(
            &self.dataset.train,
            indices,
            &self.dataset.normalization,
            self.config.batch_size,
        );
        let net = self.evaluated_net();
        let valid = evaluate(&plan, &self.device, |images| net.forward(images, &mut Pass::eval()).logits);
        let score = Score {
            accuracy: valid.accuracy,
            balanced_accuracy: Some(valid.balanced_accuracy()),
            loss: Some(valid.loss).filter(|loss| loss.is_finite()),
        };
        if self.best.as_ref().is_none_or(|best| score.replaces(&best.score, self.criterion)) {
            self.best = Some(Best { epoch: self.position.epoch, score, net: named_tensors(&net) });
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
            average: self.average.as_ref().map_or_else(Default::default, |a| a.to_named(&self.learner.net)),
        }))
    }
}
