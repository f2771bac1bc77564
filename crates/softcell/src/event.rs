//! How long work speaks: events to an observer, who may ask it to save or to stop.

use std::path::Path;
use std::sync::Arc;

use softcell_kernels::Exchange;

use crate::config::{Config, Preset};
use crate::data::{Dataset, TestImages};
use crate::error::{Advice, Remedy, Result};
use crate::records::{Candidate, Leaning, RunResult, SearchEpoch, SearchState, TrainEpoch, TrainState};
pub use crate::records::{Position, Stage};
use crate::search::method::Rollback;

/// A step that is done.
#[derive(Debug, Clone)]
pub struct Step {
    /// Which stage.
    pub stage: Stage,
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step of the epoch, from 0.
    pub step: usize,
    /// Images of the training batch.
    pub images: usize,
    /// Mean training loss of the epoch so far.
    pub loss: f64,
    /// Training accuracy of the epoch so far.
    pub accuracy: f64,
    /// Learning rate of the weights.
    pub learning_rate: f64,
    /// What the alphas stand for now, in a search.
    pub leaning: Option<Leaning>,
}

/// Something happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A sentence for the log.
    Note(Advice),
    /// The images were read and divided.
    Images {
        /// The settings they were read by.
        config: &'a Config,
        /// The images.
        dataset: &'a Dataset,
    },
    /// The settings of a run are chosen.
    Settings {
        /// What they started from.
        preset: Preset,
        /// Why the others are as they are, a sentence each.
        reasons: &'a [Advice],
        /// What was given instead of the preset's values, a sentence each.
        overrides: &'a [String],
    },
    /// A run has its folder.
    Folder {
        /// Where it is.
        path: &'a Path,
        /// The settings of the run.
        config: &'a Config,
    },
    /// Images are being read.
    Loading {
        /// Images done.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// Images to test a network on were read that are not those of its run.
    TestImages {
        /// Where they are.
        path: &'a str,
        /// The images, those that cannot be read, and what was decided.
        images: &'a TestImages,
    },
    /// Test images are being answered.
    Testing {
        /// Images done.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// Steps are being timed.
    Measuring {
        /// Steps done, those to warm up included.
        done: usize,
        /// Steps in all.
        total: usize,
    },
    /// Parts of a selection among cells are being done.
    Selecting {
        /// What, as in "comparing cells".
        what: &'static str,
        /// Steps done, over all parts.
        done: usize,
        /// Steps in all.
        total: usize,
    },
    /// A cell of a selection was searched, or trained in a rung.
    Candidate {
        /// The cell.
        candidate: &'a Candidate,
        /// The rung, from 0; none after its search.
        rung: Option<usize>,
    },
    /// A stage begins or goes on.
    Begin {
        /// Which.
        stage: Stage,
        /// Epochs in all.
        epochs: usize,
        /// Steps of each epoch.
        steps: usize,
        /// Steps that are done already, over all epochs.
        done: usize,
        /// Images that are answered for validation after each epoch.
        validation: usize,
        /// Batches of trials by which a selection chooses, beside the steps: those that are done already, and all.
        trials: [usize; 2],
    },
    /// A step is done.
    Step(Step),
    /// A batch of a trial is answered.
    Trial {
        /// Batches of all trials: those that are done, and all.
        batches: [usize; 2],
    },
    /// An epoch of the search is done.
    SearchEpoch(&'a SearchEpoch),
    /// An epoch of training is done.
    TrainEpoch(&'a TrainEpoch),
    /// A state to keep, from which [`crate::search::search`] goes on to the same bits.
    SaveSearch(&'a SearchState),
    /// A state to keep, from which [`crate::train::train`] goes on to the same bits.
    SaveTrain(&'a TrainState),
    /// A stage goes on from an earlier epoch: what followed that one does not count any more.
    WentBack {
        /// Which.
        stage: Stage,
        /// From where, to where.
        rollback: Rollback,
    },
    /// A stage has ended.
    End {
        /// Which.
        stage: Stage,
        /// Seconds it took, interruptions left out.
        seconds: f64,
    },
    /// The run has come to this.
    Result(&'a RunResult),
}

/// What the observer wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Go on.
    Continue,
    /// Hand out a state to keep, then go on.
    Save,
    /// Hand out a state to keep, then end with [`crate::Error::Interrupted`].
    Stop,
}

/// Who listens to long work, on whichever thread that runs.
pub trait Observer: Send {
    /// Takes note of an event.
    ///
    /// # Errors
    /// An error ends the work.
    fn on(&mut self, event: Event<'_>) -> Result<()>;

    /// Asked after every step.
    fn signal(&mut self) -> Signal {
        Signal::Continue
    }

    /// Who computes the same work beside this process, each for a share of every batch: see [`crate::ranks`].
    fn ranks(&self) -> Option<Arc<dyn Exchange>> {
        None
    }

    /// What a remedy is called where sentences are written down, in a manifest or behind others.
    fn wording(&self, remedy: &Remedy) -> String {
        remedy.to_string()
    }
}

impl<F: FnMut(Event<'_>) -> Result<()> + Send> Observer for F {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        self(event)
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&mut self, _event: Event<'_>) -> Result<()> {
        Ok(())
    }
}
