//! The observer that writes: states, history, genotypes and events for TensorBoard go to the run folder,
//! everything is passed on.

use std::time::{Duration, Instant};

use super::files::HISTORY;
use super::folder::RunFolder;
use super::history::{self, HistoryLine};
use super::tensorboard::EventFile;
use crate::error::{Error, Remedy, Result};
use crate::event::{Event, Observer, Signal};
use crate::records::Stage;

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
        history::append(&self.folder.directory, &line)?;
        self.events.as_mut().map_or(Ok(()), |events| events.add(&line))
    }
}

impl Observer for Keeper<'_> {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match &event {
            Event::SearchEpoch(epoch) => {
                self.folder.write_epoch_genotype(epoch.epoch, &epoch.genotype)?;
                self.keep(HistoryLine::Search((*epoch).clone()))?;
            }
            Event::TrainEpoch(epoch) => {
                self.keep(HistoryLine::Train((*epoch).clone()))?;
            }
            Event::SaveSearch(state) => {
                self.folder.save_search(state)?;
                self.saved = Instant::now();
            }
            Event::SaveTrain(state) => {
                self.folder.save_train(state)?;
                self.saved = Instant::now();
            }
            Event::WentBack { stage, rollback } => {
                rewind(self.folder, *stage, rollback.to + 1)?;
                self.events = EventFile::of(self.folder)?;
            }
            _ => {}
        }
        self.inner.on(event)
    }

    fn wording(&self, remedy: &Remedy) -> String {
        self.inner.wording(remedy)
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
    let lines = folder.read_history()?;
    let is_done = |line: &HistoryLine| line.stage() == stage && line.epoch() < epochs_done;
    let kept = lines.iter().filter(|line| is_done(line)).count();
    if kept < epochs_done {
        return Err(Error::run(
            folder.path().join(HISTORY),
            format!(
                "it has {kept} of the {epochs_done} epochs of the {} that the checkpoint has",
                stage.noun()
            ),
            "restore the file from a copy, or start again with " + Remedy::Replace,
        ));
    }
    // A training comes after its search.
    let stays = |line: &HistoryLine| is_done(line) || (stage, line.stage()) == (Stage::Train, Stage::Search);
    history::write(&folder.directory, lines.iter().filter(|line| stays(line)))
}
