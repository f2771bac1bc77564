//! Parts of a selection, done.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use super::part::Part;
use crate::config::CheckedConfig;
use crate::data::Dataset;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Signal, Stage};
use crate::measures::is_uneven;
use crate::pipeline::Job;
use crate::records::{PartScore, SelectionRecord, TrainEpoch};
use crate::run::{HistoryLine, Manifest, RunFolder};
use crate::search::search;
use crate::space::Genotype;
use crate::train::train;

/// Who does the parts of a selection that has a folder, such as processes on this machine or on others. What comes of a
/// part does not depend on who does it.
pub trait Workers: Debug + Send {
    /// Does parts of the selection in the folder of a run, in any order, by [`Parts::work`], and comes back when all are
    /// done. `told` is called with the number of steps that are done of each part, counted from its beginning, whenever
    /// there is news of it; it answers whether to go on.
    ///
    /// # Errors
    /// What a part finds; [`Error::Interrupted`] where `told` says to stop, once what is done is saved.
    fn work(
        &mut self,
        run: &Path,
        parts: &[String],
        told: &mut dyn FnMut(&str, usize) -> Signal,
    ) -> Result<()>;
}

/// The parts of the selection of a run, to be done one by one where somebody else holds its folder.
#[derive(Debug)]
pub struct Parts {
    run: RunFolder,
    config: CheckedConfig,
    dataset: Dataset,
    device: Device,
    checkpoint_interval: Duration,
}

impl Parts {
    /// Those of the run in a folder.
    ///
    /// # Errors
    /// A folder without a run, and images that cannot be read or have changed.
    pub(crate) fn new(
        run: RunFolder,
        (config, dataset): (CheckedConfig, Dataset),
        device: Device,
        checkpoint_interval: Duration,
    ) -> Parts {
        Parts { run, config, dataset, device, checkpoint_interval }
    }

    /// Does a part, or goes on with it; nothing where it is done.
    ///
    /// # Errors
    /// A name that is no part's, another process that works on it, what its stage finds and the observer answers.
    pub fn work(&self, name: &str, observer: &mut dyn Observer) -> Result<()> {
        let record = self.run.read_selection()?;
        let part = record.as_ref().and_then(|record| Part::named(name, record));
        let Some((record, part)) = record.as_ref().zip(part) else {
            return Err(Error::run(
                self.run.path(),
                format!("it has no part {name}"),
                "name one that it has",
            ));
        };
        let (dataset, device) = (&self.dataset, &self.device);
        let bench = Bench { dataset, device, checkpoint_interval: self.checkpoint_interval };
        bench.in_folder(&self.run, &self.config, part, record, observer)
    }
}

/// What parts are done with.
#[derive(Clone, Copy)]
pub(super) struct Bench<'a> {
    pub dataset: &'a Dataset,
    pub device: &'a Device,
    pub checkpoint_interval: Duration,
}

/// What came of a part.
pub(super) enum Outcome {
    /// Of a search.
    Found {
        /// Its cell.
        genotype: Genotype,
        /// Seconds that it took.
        seconds: f64,
    },
    /// Of a training.
    Scored(PartScore),
}

impl Bench<'_> {
    /// Does a part in its folder, or goes on with it.
    pub fn in_folder(
        &self,
        run: &RunFolder,
        config: &CheckedConfig,
        part: Part,
        record: &SelectionRecord,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let folder = run.part(&part.name(record))?;
        if folder.read_score()?.is_some() {
            return folder.tidy_part();
        }
        let config = part.config(config, record)?;
        if folder.read_manifest()?.is_none() {
            folder.write_config(&config)?;
            let mut manifest = Manifest::of_run(self.dataset, &config);
            if let Some(whole) = run.read_manifest()? {
                (manifest.preset, manifest.device) = (whole.preset, whole.device);
            }
            manifest.notes.push("a part of a selection".to_owned());
            folder.write_manifest(&manifest)?;
        }
        let job = Job {
            folder: &folder,
            config: &config,
            dataset: self.dataset,
            device: self.device,
            checkpoint_interval: self.checkpoint_interval,
            ranks: None,
        };
        match part {
            Part::Search(_) => {
                job.search(observer)?;
            }
            Part::Training { .. } => {
                let genotype = part.genotype(record)?;
                folder.write_genotype(&genotype)?;
                let outcome = job.train(&genotype, observer)?;
                let lines = folder.read_history()?;
                let last = lines.iter().rev().find_map(|line| match line {
                    HistoryLine::Train(epoch) => Some(epoch),
                    HistoryLine::Search(_) => None,
                });
                let score = self.score(last)?;
                folder.finish_part(&PartScore { score, seconds: outcome.seconds })?;
            }
        }
        Ok(())
    }

    /// Does a part of which nothing is kept.
    pub fn in_memory(
        &self,
        config: &CheckedConfig,
        part: Part,
        record: &SelectionRecord,
        observer: &mut dyn Observer,
    ) -> Result<Outcome> {
        let config = part.config(config, record)?;
        match part {
            Part::Search(_) => {
                let found = search(self.dataset, &config, self.device, None, observer)?;
                Ok(Outcome::Found { genotype: found.genotype, seconds: found.seconds })
            }
            Part::Training { .. } => {
                let mut last = Last { inner: observer, epoch: None };
                let trained =
                    train(self.dataset, &part.genotype(record)?, &config, self.device, None, &mut last)?;
                let score = self.score(last.epoch.as_ref())?;
                Ok(Outcome::Scored(PartScore { score, seconds: trained.seconds }))
            }
        }
    }

    /// What the weights after the last epoch answer for the validation part: the share of the images, or where classes are
    /// uneven the mean of the classes' shares.
    fn score(&self, last: Option<&TrainEpoch>) -> Result<f64> {
        let uneven = is_uneven(self.dataset.train.class_counts().into_iter().map(|n| n as u64));
        let score = last.and_then(|epoch| match uneven {
            true => epoch.valid_balanced_accuracy,
            false => epoch.valid_accuracy,
        });
        score.ok_or_else(|| {
            let expected = "so many that there are validation images: a selection compares the cells on them";
            Error::setting("data.validation_fraction", "too few images", expected)
        })
    }
}

/// Remembers the last epoch of a training.
struct Last<'a> {
    inner: &'a mut dyn Observer,
    epoch: Option<TrainEpoch>,
}

impl Observer for Last<'_> {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        if let Event::TrainEpoch(epoch) = &event {
            self.epoch = Some((*epoch).clone());
        }
        self.inner.on(event)
    }

    fn signal(&mut self) -> Signal {
        self.inner.signal()
    }
}

/// Counts the steps of a part and tells of them; of all else it says nothing.
pub struct Counting<'a> {
    told: &'a mut (dyn FnMut(usize) -> Signal + Send),
    steps: usize,
    signal: Signal,
}

impl<'a> Counting<'a> {
    /// `told` hears of the steps that are done, and answers whether to go on.
    pub fn new(told: &'a mut (dyn FnMut(usize) -> Signal + Send)) -> Self {
        Counting { told, steps: 0, signal: Signal::Continue }
    }
}

impl Observer for Counting<'_> {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Begin { stage: Stage::Search | Stage::Train, steps, done, .. } => {
                self.steps = steps;
                self.signal = (self.told)(done);
            }
            Event::Step(step) => self.signal = (self.told)(step.epoch * self.steps + step.step + 1),
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        self.signal
    }
}
