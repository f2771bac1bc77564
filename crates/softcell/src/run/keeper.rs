//! The observer that writes: states, history, genotypes and events for TensorBoard go to the run folder,
//! everything is passed on.

use std::time::{Duration, Instant};

use super::checkpoint::{save_search, save_train};
use super::folder::RunFolder;
use super::history::{self, HistoryLine};
use super::tensorboard::EventFile;
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Signal, Stage};

/// Keeps what a stage hands out.
pub struct Keeper<'a> {
    folder: &'a RunFolder,
    inner: &'a mut dyn Observer,
    interval: Duration,
    saved: Instant,
    events: Option<EventFile>,
}

impl<'a> Keeper<'a> {
    /// Saves at the end of each epoch, when asked to, and every `interval`.
    ///
    /// # Errors
    /// When the run has an event file for TensorBoard that cannot be made from its history.
    pub fn new(folder: &'a RunFolder, inner: &'a mut dyn Observer, interval: Duration) -> Result<Self> {
        Ok(Self { folder, inner, interval, saved: Instant::now(), events: EventFile::of(folder)? })
    }

    fn keep(&mut self, line: HistoryLine) -> Result<()> {
        history::append(&self.folder.history(), &line)?;
        self.events.as_mut().map_or(Ok(()), |events| events.add(&line))
    }
}

impl Observer for Keeper<'_> {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match &event {
            Event::SearchEpoch(epoch) => {
                let text = format!("{}\n", epoch.genotype);
                super::atomic::write(&self.folder.epoch_genotype(epoch.epoch), text.as_bytes())?;
                self.keep(HistoryLine::Search((*epoch).clone()))?;
            }
            Event::TrainEpoch(epoch) => {
                self.keep(HistoryLine::Train((*epoch).clone()))?;
            }
            Event::SaveSearch(state) => {
                save_search(&self.folder.checkpoint(Stage::Search), state)?;
                self.saved = Instant::now();
            }
            Event::SaveTrain(state) => {
                save_train(&self.folder.checkpoint(Stage::Train), state)?;
                self.saved = Instant::now();
            }
            _ => {}
        }
        self.inner.on(event)
    }

    fn signal(&mut self) -> Signal {
        match self.inner.signal() {
            Signal::Continue if self.saved.elapsed() >= self.interval => Signal::Save,
            signal => signal,
        }
    }
}

/// Removes from the history what lies after the checkpoint that a stage goes on from.
///
/// # Errors
/// When it does not have all epochs up to there.
pub(crate) fn rewind(folder: &RunFolder, stage: Stage, epochs_done: usize) -> Result<()> {
    let path = folder.history();
    let before = |line: &&HistoryLine| match (stage, line) {
        (Stage::Search, HistoryLine::Search(epoch)) => epoch.epoch < epochs_done,
        (Stage::Train, HistoryLine::Train(epoch)) => epoch.epoch < epochs_done,
        _ => false,
    };
    let kept = history::read_history(&path)?.iter().filter(before).count();
    if kept < epochs_done {
        return Err(Error::run(
            path,
            format!(
                "it has {kept} of the {epochs_done} epochs of the {} that the checkpoint has",
                stage.name()
            ),
            "restore the file from a copy, or start again with --force",
        ));
    }
    history::retain(&folder.history(), |line| match (stage, line) {
        (Stage::Search, HistoryLine::Search(epoch)) => epoch.epoch < epochs_done,
        (Stage::Search, HistoryLine::Train(_)) => false,
        (Stage::Train, HistoryLine::Search(_)) => true,
        (Stage::Train, HistoryLine::Train(epoch)) => epoch.epoch < epochs_done,
    })
}
