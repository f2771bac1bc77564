//! The parts of a selection: searches and trainings of the cells that are compared, each a folder of its own.

use std::time::Duration;

use super::files::{self, PARTS, SCORE, SELECTION, Weights};
use super::folder::{Activity, Overwrite, RunFolder};
use super::record::{
    Checked, Contradiction, Record, amount, count, genotype, holds, if_there, seconds, share, whole,
};
use super::record::{MOST_CHANNELS, MOST_EPOCHS, MOST_LAYERS};
use crate::error::{Error, Result};
use crate::records::{Candidate, PartScore, SelectionRecord, Stage};

/// How often, and for how long each time, a part is waited for that another process holds.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

impl RunFolder {
    /// Whether a part has begun.
    pub fn has_part(&self, name: &str) -> bool {
        RunFolder::exists(&self.path().join(PARTS).join(name))
    }

    /// The folder of a part, made where it is not there. A process whose parent was killed saves what it is at and ends: that
    /// is waited for.
    ///
    /// # Errors
    /// Another process that works on it, and what the file system says.
    pub fn part(&self, name: &str) -> Result<RunFolder> {
        self.directory.create_folder(PARTS)?;
        if !self.directory.is_folder(PARTS) {
            let path = self.path().join(PARTS);
            return Err(Error::run(path, "it is a link", "put the folder it leads to in its place"));
        }
        let path = self.path().join(PARTS).join(name);
        for _ in 0..TRIES {
            match RunFolder::exists(&path).then(|| RunFolder::peek(&path)) {
                Some(Ok((_, Activity::Busy))) => std::thread::sleep(PAUSE),
                _ => break,
            }
        }
        RunFolder::create(&path, Overwrite::Resume)
    }

    /// The names of the parts that there are, in order.
    pub(super) fn part_names(&self) -> Vec<String> {
        self.directory.folders(PARTS)
    }

    /// How many parts are done: those that have a cell, of a search, or a score.
    pub(super) fn parts_done(&self) -> usize {
        let parts = self.path().join(PARTS);
        let done = |name: &String| {
            let part = parts.join(name);
            part.join(SCORE).exists()
                || (!name.contains("_rung-") && part.join(files::GENOTYPE_JSON).exists())
        };
        self.part_names().iter().filter(|name| done(name)).count()
    }

    /// Writes a selection as far as it has come.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_selection(&self, selection: &SelectionRecord) -> Result<()> {
        self.write_json(SELECTION, selection)?;
        self.settle()
    }

    /// Reads the selection; `None` where none has begun.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_selection(&self) -> Result<Option<SelectionRecord>> {
        self.read_json(SELECTION)
    }

    /// Writes what the training of a part came to, and lets go of its states: nothing goes on from them.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish_part(&self, score: &PartScore) -> Result<()> {
        self.write_json(SCORE, score)?;
        self.settle()?;
        self.tidy_part()
    }

    /// Removes the states of a part whose training is done; a kill may have come before.
    pub(crate) fn tidy_part(&self) -> Result<()> {
        let states = [files::checkpoint(Stage::Train), files::previous_checkpoint(Stage::Train)];
        let weights = Weights::ALL.map(|weights| weights.file().to_owned());
        states.iter().chain(&weights).try_for_each(|file| self.directory.remove(file))?;
        [files::CHECKPOINTS, files::WEIGHTS].iter().for_each(|folder| self.directory.remove_if_empty(folder));
        Ok(())
    }

    /// Reads what the training of a part came to; `None` before its end.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_score(&self) -> Result<Option<PartScore>> {
        self.read_json(SCORE)
    }
}

impl Record for PartScore {
    fn check(&self) -> Checked {
        share("score", self.score)?;
        seconds("seconds", self.seconds)
    }
}

impl Record for SelectionRecord {
    fn check(&self) -> Checked {
        count("validation_images", self.validation_images)?;
        seconds("seconds", self.seconds)?;
        for rung in &self.rungs {
            whole("rungs, epochs", rung.epochs, 1..=MOST_EPOCHS)?;
            whole("rungs, trainings", rung.trainings, 1..=MOST_EPOCHS)?;
            whole("rungs, layers", rung.layers, 1..=MOST_LAYERS)?;
            whole("rungs, init_channels", rung.init_channels, 1..=MOST_CHANNELS)?;
        }
        for candidate in &self.candidates {
            let field = format!("candidates, {}", candidate.name);
            let wrong = |found: &str, expected: &str| Err(Contradiction::new(field.clone(), found, expected));
            if !Candidate::is_name(&candidate.name) {
                return wrong(&candidate.name, "a name of up to 40 letters, digits, `-` and `_`");
            }
            if_there(candidate.genotype.as_deref(), genotype)?;
            amount(&field, candidate.search_seconds)?;
            count(&field, candidate.parameters)?;
            count(&field, candidate.macs)?;
            holds(
                candidate.scores.len() <= self.rungs.len()
                    && candidate.seconds.len() == candidate.scores.len(),
                &field,
                format!("scores of {} rungs, seconds of {}", candidate.scores.len(), candidate.seconds.len()),
                format!("both of the same, {} at most", self.rungs.len()),
            )?;
            if candidate.scores.iter().any(Vec::is_empty) {
                return wrong("a rung without a score", "at least one in each");
            }
            candidate.scores.iter().flatten().try_for_each(|&score| share(&field, score))?;
            candidate.seconds.iter().try_for_each(|&time| seconds(&field, time))?;
        }
        if_there(self.incumbent, |place| {
            holds(place < self.candidates.len(), "incumbent", place, "the place of a candidate")
        })?;
        let trained = |c: &Candidate| self.rungs.is_empty() || c.score(0).is_some();
        let there = |chosen: usize| self.candidates.get(chosen).is_some_and(trained);
        if_there(self.chosen, |chosen| {
            holds(there(chosen), "chosen", chosen, "the place of a candidate that was trained")
        })
    }
}
