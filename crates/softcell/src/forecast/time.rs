//! Time of search and training, from a few of their own steps.

use std::time::{Duration, Instant};

use crate::config::CheckedConfig;
use crate::data::Dataset;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluate::evaluate;
use crate::event::{Event, Observer, Signal, Step};
use crate::network::{EdgeTensors, NamedTensors, Pass, Weighted, load_named};
use crate::search::method::{Rules, Selection};
use crate::search::{ArchStep, Bilevel, scaled_for_search, search};
use crate::space::Genotype;
use crate::train::{build_network, evaluation_plan, train};

/// Steps that are timed, after one that is not.
const STEPS: usize = 6;
/// Batches whose answers are timed, after one that is not.
const ANSWERED: usize = 2;
/// How many times as long a step takes with the term that aligns cells (`softcell methods --measure`).
const ALIGNED: f64 = 2.4;
/// Passes forward and backward that a measurement of the eigenvalue takes the time of: 7 steps of two each were measured on
/// 8 cells from 16 channels. The most that it may make are more.
const MEASUREMENT: f64 = 14.0;
/// Seconds that the files of an epoch take.
const SAVING: f64 = 0.01;

/// How long a stage will take.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct TimeForecast {
    /// Epochs.
    pub epochs: usize,
    /// Seconds of a step with a whole batch.
    pub step_seconds: f64,
    /// Seconds of an epoch: its steps, its validation, its files.
    pub epoch_seconds: f64,
    /// Seconds of the answer for an image.
    pub answer_seconds: f64,
    /// Seconds of the trials by which the selection of a search chooses, and of the guard's measurements.
    #[serde(skip_serializing_if = "is_zero")]
    pub trials_seconds: f64,
}

/// Whether there are no trials.
fn is_zero(seconds: &f64) -> bool {
    *seconds == 0.0
}

impl TimeForecast {
    /// Seconds of all epochs.
    pub fn seconds(&self) -> f64 {
        self.epochs as f64 * self.epoch_seconds + self.trials_seconds
    }
}

/// Measures steps of a search.
///
/// # Errors
/// As [`search`].
pub fn time_search(
    dataset: &Dataset,
    config: &CheckedConfig,
    device: &Device,
    patience: Duration,
    observer: &mut dyn Observer,
) -> Result<TimeForecast> {
    let asked = &config.search;
    if asked.method.selection == Selection::Random {
        return Ok(TimeForecast {
            epochs: 0,
            step_seconds: 0.0,
            epoch_seconds: 0.0,
            answer_seconds: 0.0,
            trials_seconds: 0.0,
        });
    }
    let config = &config.with(|config| {
        config.search = config.search.costliest_stage();
        let method = &mut config.search.method;
        // Steps that move the alphas take the longest; trials are no steps.
        method.schedule.first_epoch = 0;
        if matches!(method.selection, Selection::Perturb | Selection::ScoredSamples) {
            method.selection = Selection::Strongest;
        }
    })?;
    let (dataset, config) = scaled_for_search(dataset, config);
    let (dataset, config) = (dataset.as_ref(), config.as_ref());
    let mut watch = Stopwatch::new(patience, observer);
    let outcome = search(dataset, config, device, None, &mut watch).map(|_| ());
    watch.ended(outcome)?;
    let settings = &config.search;
    let set = &dataset.train;
    let image = [set.channels, set.height, set.width];
    let bilevel = Bilevel::new(settings, image, set.classes.len(), config.seed, &device.clone().autodiff())?;
    let net = load_named(bilevel.net.clone(), &watch.net, "measured network")?.valid();
    let weights = EdgeTensors::new(&bilevel.relaxer.of_network(&bilevel.alphas, 0, settings.epochs), device);
    let answer = seconds_per_answer(dataset, &dataset.split.alphas, settings.batch_size, device, |images| {
        net.forward_mixed(images, &weights, &mut Pass::eval())
    });
    let batches = dataset.split.weights.len() as f64 / settings.batch_size as f64;
    let images = dataset.split.alphas.len();
    let trials_seconds = answer * asked.images_of_trials(images) as f64;
    let mut time = watch.forecast(asked.all_epochs(), batches, answer, images);
    let rules = Rules::new(&asked.method, asked.epochs);
    let steps = dataset.split.weights.len().div_ceil(settings.batch_size);
    let passes_of_step = if asked.method.arch_step == ArchStep::Unrolled { 6.0 } else { 2.0 };
    let measurements_seconds =
        rules.measurements(steps) as f64 * MEASUREMENT / passes_of_step * time.step_seconds;
    if asked.method.alignment > 0.0 {
        // The term is off in the first epoch, whose steps were timed.
        time.epoch_seconds += (ALIGNED - 1.0) * time.step_seconds * batches;
        time.step_seconds *= ALIGNED;
    }
    Ok(TimeForecast { trials_seconds: trials_seconds + measurements_seconds, ..time })
}

/// Measures steps of the training of a genotype's network.
///
/// # Errors
/// As [`train`].
pub fn time_training(
    dataset: &Dataset,
    genotype: &Genotype,
    config: &CheckedConfig,
    device: &Device,
    patience: Duration,
    observer: &mut dyn Observer,
) -> Result<TimeForecast> {
    let mut watch = Stopwatch::new(patience, observer);
    let outcome = train(dataset, genotype, config, device, None, &mut watch).map(|_| ());
    watch.ended(outcome)?;
    let settings = &config.train;
    let net = build_network(genotype, settings, &dataset.train, device)?;
    let net = load_named(net, &watch.net, "measured network")?;
    let (trained, validation) = (dataset.trained_on(settings), dataset.validated_on(settings));
    // Without validation there is still the test.
    let some = if validation.is_empty() { &trained } else { validation };
    let answer = seconds_per_answer(dataset, some, settings.batch_size, device, |images| {
        net.forward(images, &mut Pass::eval()).logits
    });
    let batches = trained.len() as f64 / settings.batch_size as f64;
    Ok(watch.forecast(settings.epochs, batches, answer, validation.len()))
}

/// Seconds of the answer for an image of the training part, over a few batches.
fn seconds_per_answer(
    dataset: &Dataset,
    indices: &[usize],
    batch_size: usize,
    device: &Device,
    mut forward: impl FnMut(burn::tensor::Tensor<4>) -> burn::tensor::Tensor<2> + Send,
) -> f64 {
    let mut answer = |batches: usize| {
        let some: Vec<usize> = indices.iter().copied().take(batches * batch_size).collect();
        if some.is_empty() {
            return 0.0;
        }
        let images = some.len() as f64;
        let plan = evaluation_plan(&dataset.train, some, &dataset.normalization, batch_size);
        let clock = Instant::now();
        evaluate(&plan, device, &mut forward);
        clock.elapsed().as_secs_f64() / images
    };
    answer(1);
    answer(ANSWERED)
}

/// Times steps of a stage and ends it when it has seen enough.
struct Stopwatch<'a> {
    inner: &'a mut dyn Observer,
    patience: Duration,
    begun: Instant,
    mark: Instant,
    seconds: Vec<f64>,
    /// Images of the largest batch.
    whole: usize,
    net: NamedTensors,
    /// Whether somebody else wants it to end.
    interrupted: bool,
}

impl<'a> Stopwatch<'a> {
    fn new(patience: Duration, inner: &'a mut dyn Observer) -> Self {
        let now = Instant::now();
        Self {
            inner,
            patience,
            begun: now,
            mark: now,
            seconds: Vec::new(),
            whole: 0,
            net: NamedTensors::new(),
            interrupted: false,
        }
    }

    /// A measurement ends by being stopped, or because there is no more to do.
    fn ended(&self, outcome: Result<()>) -> Result<()> {
        match outcome {
            Err(Error::Interrupted { .. }) if !self.interrupted => Ok(()),
            outcome => outcome,
        }
    }

    /// Keeps the network of a state; the time of that, and of a validation before it, is no step's.
    fn keep(&mut self, net: &NamedTensors) {
        self.net.clone_from(net);
        self.mark = Instant::now();
    }

    /// Steps after the first.
    fn timed(&self) -> usize {
        self.seconds.len().saturating_sub(1)
    }

    /// `answer` are the seconds of the answer for one of the `validation` images.
    fn forecast(&self, epochs: usize, batches: f64, answer: f64, validation: usize) -> TimeForecast {
        let timed = if self.seconds.len() > 1 { &self.seconds[1..] } else { &self.seconds[..] };
        let step_seconds = timed.iter().sum::<f64>() / timed.len().max(1) as f64;
        let epoch_seconds = batches * step_seconds + answer * validation as f64 + SAVING;
        TimeForecast { epochs, step_seconds, epoch_seconds, answer_seconds: answer, trials_seconds: 0.0 }
    }
}

impl Observer for Stopwatch<'_> {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Begin { .. } => self.inner.on(Event::Measuring { done: 0, total: STEPS + 1 })?,
            Event::Step(Step { images, .. }) => {
                let now = Instant::now();
                self.whole = self.whole.max(images);
                // A last batch that is not whole says nothing.
                if images == self.whole {
                    self.seconds.push(now.duration_since(self.mark).as_secs_f64());
                }
                self.mark = now;
                let done = self.seconds.len().min(STEPS + 1);
                self.inner.on(Event::Measuring { done, total: STEPS + 1 })?;
            }
            Event::SaveSearch(state) => self.keep(&state.net),
            Event::SaveTrain(state) => self.keep(&state.net),
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        let enough = self.timed() >= STEPS || (self.timed() > 0 && self.begun.elapsed() >= self.patience);
        self.interrupted = self.inner.signal() == Signal::Stop;
        if enough || self.interrupted { Signal::Stop } else { Signal::Continue }
    }
}
