//! The stages of a run, one after another in a run folder: search, derive, train, evaluate.
//!
//! Each stage goes on from what it finds in the folder, and leaves at once where it is done.

mod outcome;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use burn::tensor::Device;
use softcell_kernels::Exchange;

use crate::benchmark_table::Tabulating;
use crate::config::{CheckedConfig, Config, HERE};
use crate::data::{Dataset, ImageSet};
use crate::error::{Advice, Error, Remedy, Result};
use crate::evaluate::{Evaluation, WrongAnswer};
use crate::event::{Event, Observer, Position, Stage};
use crate::kept_images::{augmented, mistakes, samples};
use crate::latency::seconds_of_network;
use crate::model::TrainedModel;
use crate::network::{NamedTensors, initialize, named_tensors};
use crate::ranks::Leading;
use crate::run::files::{HISTORY, LATENCIES};
use crate::run::{ChosenSize, Keeper, Loaded, RunFolder, RunResult, Weights, rewind};
use crate::search::method::Selection;
use crate::search::{SearchOutcome, Searched, search};
use crate::sizing::{asked_shape, sized, sizing_note};
use crate::space::{Cost, Genotype, derived_cost, milliseconds};
use crate::train::{TrainOutcome, TrainState, WarmStart, build_network, train, warm_start};

pub(crate) use self::outcome::{result, test};

/// How the note begins that tells the latency of a network that was chosen for it.
const MEASURED_NOTE: &str = "measured, that network takes";

/// What the stages of a run share.
pub struct Job<'a> {
    /// Where it is kept.
    pub folder: &'a RunFolder,
    /// Its settings.
    pub config: &'a CheckedConfig,
    /// Its images.
    pub dataset: &'a Dataset,
    /// The plain device.
    pub device: &'a Device,
    /// Longest time between two checkpoints.
    pub checkpoint_interval: Duration,
    /// Who searches and trains as well, each with a share of every batch.
    pub ranks: Option<&'a Arc<dyn Exchange>>,
}

impl Job<'_> {
    /// Checks that the images are those the run began with, and that its records are of one run.
    ///
    /// # Errors
    /// When they are not.
    pub fn check_data(&self) -> Result<()> {
        self.folder.check_agreement()?;
        let Some(manifest) = self.folder.read_manifest()? else { return Ok(()) };
        let found = &self.dataset.summary.fingerprint;
        if manifest.data_fingerprint != *found {
            return Err(Error::run(
                self.folder.path(),
                format!(
                    "the images have changed since the run began (fingerprint {} then, {} now)",
                    short(&manifest.data_fingerprint),
                    short(found)
                ),
                "restore the images, or start a new run with another " + Remedy::OtherFolder,
            ));
        }
        self.dataset.check_network(&manifest.classes, manifest.image_shape)
    }

    /// Searches, or goes on searching, and writes the genotype.
    ///
    /// # Errors
    /// As [`crate::search::search`], and what the file system says.
    pub fn search(&self, observer: &mut dyn Observer) -> Result<SearchOutcome> {
        let state = self.folder.load_search()?;
        let state = self.loaded(state, Stage::Search, |state| state.position, observer)?;
        if let (Some(genotype), Some(state)) = (self.folder.read_genotype()?, &state) {
            observer.on(Event::Note("the search is done already".into()))?;
            // The state of a search in stages has the alphas of the last one alone.
            let whole = match self.config.search.method.schedule.stages() {
                1 => None,
                _ => self.folder.searched()?.map(|(alphas, _)| alphas),
            };
            let alphas = whole.unwrap_or_else(|| state.alphas.clone());
            let (seconds, epoch) = (state.seconds, self.folder.search_taken()?);
            return Ok(SearchOutcome { genotype, epoch, alphas, seconds });
        }
        if let (Some(genotype), Some((alphas, seconds))) =
            (self.folder.read_genotype()?, self.folder.searched()?)
        {
            observer.on(Event::Note("the search is done already; its checkpoint is gone".into()))?;
            let epoch = self.folder.search_taken()?;
            return Ok(SearchOutcome { genotype, epoch, alphas, seconds });
        }
        if state.is_none() {
            self.check_beginning(Stage::Search)?;
        }
        self.keep_samples()?;
        rewind(self.folder, Stage::Search, state.as_ref().map_or(0, |s| s.position.epoch))?;
        let mut keeper = Keeper::new(self.folder, observer, self.checkpoint_interval)?;
        let mut tabulating = Tabulating::new(self.config, &mut keeper)?;
        let at = state.as_ref().map(|state| state.position);
        let mut leading = Leading::search(self.ranks, self.folder.path(), self.config, at, &mut tabulating)?;
        let outcome = search(self.dataset, self.config, self.device, state.as_ref(), &mut leading);
        let outcome = leading.ended(outcome)?;
        self.folder.write_genotype(&outcome.genotype)?;
        if self.config.search.method.selection == Selection::Random {
            self.note_drawn(observer)?;
        }
        Ok(outcome)
    }

    /// Says, and writes down, that nothing was searched.
    fn note_drawn(&self, observer: &mut dyn Observer) -> Result<()> {
        let seed = self.config.seed;
        let note =
            format!("the cell was drawn at random from the space, with seed {seed}: nothing was searched");
        if let Some(mut manifest) = self.folder.read_manifest()?.filter(|m| !m.notes.contains(&note)) {
            manifest.notes.push(note.clone());
            self.folder.write_manifest(&manifest)?;
        }
        observer.on(Event::Note(note.into()))
    }

    /// The state of a checkpoint; says so where it is not the last one.
    fn loaded<T>(
        &self,
        loaded: Option<Loaded<T>>,
        stage: Stage,
        position: impl Fn(&T) -> Position,
        observer: &mut dyn Observer,
    ) -> Result<Option<T>> {
        let Some(Loaded { state, damage }) = loaded else { return Ok(None) };
        if let Some(damage) = damage {
            let Position { epoch, step } = position(&state);
            observer.on(Event::Note(format!(
                "the last checkpoint of the {} is damaged ({damage}): it goes on from the one before, of epoch {}, \
                 step {step}",
                stage.noun(),
                epoch + 1
            ).into()))?;
        }
        Ok(Some(state))
    }

    /// Checks that a stage without a checkpoint has not begun: what it left would be replaced.
    fn check_beginning(&self, stage: Stage) -> Result<()> {
        let lines = self.folder.read_history()?;
        let epochs = lines.iter().filter(|line| line.stage() == stage).count();
        let trained = stage == Stage::Train && self.folder.has_weights(Weights::Last);
        // A kill can come between the line of an epoch and its checkpoint, but not between those of two.
        if epochs < 2 && !trained {
            return Ok(());
        }
        let found = match trained {
            true => "its weights are there, but no checkpoint of its training".to_owned(),
            false => {
                format!("{epochs} epochs of its {} are in {HISTORY}, but no checkpoint", stage.noun())
            }
        };
        Err(Error::run(
            self.folder.path(),
            found,
            Advice::from(format!("restore {}, or begin anew with ", self.folder.checkpoint_name(stage)))
                + Remedy::Replace,
        ))
    }

    /// Keeps a few images for the report, before anything else: a run that is killed has a report too.
    fn keep_samples(&self) -> Result<()> {
        match self.folder.read_samples() {
            Ok(Some(_)) => Ok(()),
            // What is damaged is made again: nothing is learned from it.
            Ok(None) | Err(_) => self.folder.write_samples(&samples(self.dataset)),
        }
    }

    /// Keeps a few images as the training with these settings sees them, where it varies them.
    fn keep_augmented(&self, config: &CheckedConfig) -> Result<()> {
        if let Ok(Some(_)) = self.folder.read_augmented() {
            return Ok(());
        }
        match augmented(self.dataset, config) {
            Some(augmented) => self.folder.write_augmented(&augmented),
            None => Ok(()),
        }
    }

    /// The settings with the width and depth that honour their limits.
    ///
    /// # Errors
    /// When the limits cannot be met.
    pub fn sized(&self, genotype: &Genotype) -> Result<CheckedConfig> {
        sized(genotype, self.config, &self.dataset.train)
    }

    /// Chooses width and depth where they are limited, says so and writes it down.
    ///
    /// A run that is killed before the choice is written makes the same one again; after that, the folder's
    /// settings are those that were chosen, which are kept.
    fn choose_size(&self, genotype: &Genotype, observer: &mut dyn Observer) -> Result<CheckedConfig> {
        if !self.config.train.is_limited() {
            return Ok(self.config.clone());
        }
        if self.config.train.max_latency > 0.0 && self.config.times().is_none() {
            return Err(Error::run(
                self.folder.path(),
                format!("a limit on latency, but no {LATENCIES}, which it is counted with"),
                "restore the file, or train the network anew with " + Remedy::Replace,
            ));
        }
        let images = &self.dataset.train;
        let config = self.sized(genotype)?;
        let asked = self.folder.read_asked_config()?;
        let Some(note) = sizing_note(genotype, &asked, &config, images) else { return Ok(config) };
        let mut notes = vec![note];
        if self.folder.read_size()?.is_none() {
            notes.extend(self.measured_latency(genotype, &config));
            if let Some(mut manifest) = self.folder.read_manifest()? {
                manifest.notes.retain(|note| !note.starts_with(MEASURED_NOTE));
                for note in &notes {
                    if !manifest.notes.contains(note) {
                        manifest.notes.push(note.clone());
                    }
                }
                self.folder.write_manifest(&manifest)?;
            }
            self.folder.write_size(&ChosenSize {
                init_channels: config.train.init_channels,
                layers: config.train.layers,
                cost: network_cost(genotype, &config, images),
            })?;
        }
        for note in notes {
            observer.on(Event::Note(note.into()))?;
        }
        Ok(config)
    }

    /// What an answer of the chosen network takes by the clock, where its latency is limited and the times that it was
    /// chosen by are this machine's.
    fn measured_latency(&self, genotype: &Genotype, config: &CheckedConfig) -> Option<String> {
        let limit = config.train.max_latency;
        if limit == 0.0 || config.latency_table != HERE {
            return None;
        }
        let network = (genotype.clone(), asked_shape(genotype, config, &self.dataset.train));
        let seconds = seconds_of_network(&network, self.device, config.seed);
        let verdict = match seconds <= limit {
            true => "",
            false => {
                ", which is more than was asked for: ask for less, or measure on a machine that does nothing else"
            }
        };
        Some(format!("{MEASURED_NOTE} {} for an image{verdict}", milliseconds(seconds)))
    }

    /// Trains, or goes on training, the network of `genotype` and writes its weights.
    ///
    /// # Errors
    /// Limits that cannot be met, what [`crate::train::train`] finds, and what the file system says.
    pub fn train(&self, genotype: &Genotype, observer: &mut dyn Observer) -> Result<TrainOutcome> {
        let config = self.choose_size(genotype, observer)?;
        self.keep_samples()?;
        self.keep_augmented(&config)?;
        let state = self.folder.load_train()?;
        let state = match self.loaded(state, Stage::Train, |state| state.position, observer)? {
            Some(state) => Some(state),
            None => {
                self.check_beginning(Stage::Train)?;
                self.warm_state(genotype, &config, observer)?
            }
        };
        rewind(self.folder, Stage::Train, state.as_ref().map_or(0, |s| s.position.epoch))?;
        let mut keeper = Keeper::new(self.folder, observer, self.checkpoint_interval)?;
        let at = state.as_ref().map(|state| state.position);
        let mut leading =
            Leading::train(self.ranks, self.folder.path(), (&config, genotype), at, &mut keeper)?;
        let outcome = train(self.dataset, genotype, &config, self.device, state.as_ref(), &mut leading);
        let outcome = leading.ended(outcome)?;
        self.folder.write_weights(Weights::Last, &outcome.last)?;
        if let Some(best) = &outcome.best {
            self.folder.write_weights(Weights::Best, &best.net)?;
        }
        Ok(outcome)
    }

    /// The state in which a training begins that has the weights of another run, where the manifest names one.
    ///
    /// It is kept as a checkpoint at once: a training that goes on does not look at the other run any more.
    fn warm_state(
        &self,
        genotype: &Genotype,
        config: &CheckedConfig,
        observer: &mut dyn Observer,
    ) -> Result<Option<TrainState>> {
        let manifest = self.folder.read_manifest()?;
        let Some((mut manifest, origin)) =
            manifest.and_then(|m| m.started_from.clone().map(|from| (m, from)))
        else {
            return Ok(None);
        };
        let other = TrainedModel::load(&RunFolder::view(Path::new(&origin))?)?;
        let images = &self.dataset.train;
        let net = initialize(build_network(genotype, &config.train, images, self.device)?, config.draws());
        let start = WarmStart { tensors: &other.weights, classes: &other.manifest.classes, origin: &origin };
        let (net, note) = warm_start(&named_tensors(&net), &images.classes, &start)?;
        if !manifest.notes.contains(&note) {
            manifest.notes.push(note.clone());
            self.folder.write_manifest(&manifest)?;
        }
        observer.on(Event::Note(note.into()))?;
        let state = TrainState::beginning(net);
        self.folder.save_train(&state)?;
        Ok(Some(state))
    }

    /// Evaluates the chosen weights on the test part and writes the result.
    ///
    /// # Errors
    /// When the weights do not fit, what the file system says and whatever the observer answers.
    pub fn finish(
        &self,
        genotype: &Genotype,
        searched: Option<Searched>,
        trained: &TrainOutcome,
        observer: &mut dyn Observer,
    ) -> Result<RunResult> {
        let mut wrong = Vec::new();
        let config = self.sized(genotype)?;
        let best = trained.best.is_some();
        let mut leading = Leading::test(self.ranks, self.folder.path(), (&config, genotype), best, observer)?;
        let told = |answer: WrongAnswer| wrong.push(answer);
        let test = test(&config, self.dataset, self.device, (genotype, trained.chosen()), &mut leading, told);
        let test = leading.ended(test)?;
        self.folder.write_mistakes(&mistakes(self.dataset, wrong))?;
        let selection = self.folder.read_selection()?.and_then(|selection| selection.standing());
        let of_training = result(&config, self.dataset, genotype, searched, trained, test);
        let result = RunResult { selection, ..of_training };
        self.folder.write_result(&result)?;
        if self.folder.has_tensorboard() {
            self.folder.write_tensorboard()?;
        }
        Ok(result)
    }

    /// Evaluates weights on the test part.
    ///
    /// # Errors
    /// When the weights do not fit, and whatever the observer answers.
    pub fn test(
        &self,
        genotype: &Genotype,
        weights: &NamedTensors,
        observer: &mut dyn Observer,
    ) -> Result<Evaluation> {
        self.test_telling(genotype, weights, observer, |_| {})
    }

    /// As [`Self::test`], and tells `wrong` of each wrong answer, in the order of the images.
    ///
    /// # Errors
    /// As [`Self::test`].
    pub fn test_telling(
        &self,
        genotype: &Genotype,
        weights: &NamedTensors,
        observer: &mut dyn Observer,
        wrong: impl FnMut(WrongAnswer) + Send,
    ) -> Result<Evaluation> {
        test(&self.sized(genotype)?, self.dataset, self.device, (genotype, weights), observer, wrong)
    }
}

/// Weights and multiply-adds of the network that the settings ask for, whatever the limits; its auxiliary
/// head does not ship and is left out.
pub fn network_cost(genotype: &Genotype, config: &Config, images: &ImageSet) -> Cost {
    derived_cost(genotype, &asked_shape(genotype, config, images))
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}
