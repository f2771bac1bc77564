//! What a run goes on from, read and written: checkpoints and weights; and whether it has searched or trained.

use std::path::{Path, PathBuf};

use super::checkpoint::{self, Loaded};
use super::files::{self, RESULT, Weights};
use super::folder::RunFolder;
use super::history::HistoryLine;
use super::seal::check;
use super::tensor_file::{check_values, decode_weights, encode_weights};
use crate::error::{Error, Result};
use crate::network::NamedTensors;
use crate::reading::MOST_OF_WEIGHTS;
use crate::records::SearchState;
use crate::records::Stage;
use crate::records::TrainState;
use crate::shown;

impl RunFolder {
    /// Writes a search state; the previous checkpoint is kept beside it. What was set aside for this run is let go of.
    ///
    /// # Errors
    /// Values that are no numbers, and what the file system says; the checkpoints on disk are then as they were.
    pub fn save_search(&self, state: &SearchState) -> Result<()> {
        let path = self.path().join(files::checkpoint(Stage::Search));
        self.save(Stage::Search, &checkpoint::encode_search(&path, state)?)
    }

    /// Writes a training state; the previous checkpoint is kept beside it. What was set aside for this run is let go
    /// of.
    ///
    /// # Errors
    /// Values that are no numbers, and what the file system says; the checkpoints on disk are then as they were.
    pub fn save_train(&self, state: &TrainState) -> Result<()> {
        let path = self.path().join(files::checkpoint(Stage::Train));
        self.save(Stage::Train, &checkpoint::encode_train(&path, state)?)
    }

    fn save(&self, stage: Stage, bytes: &[u8]) -> Result<()> {
        let (last, previous) = (files::checkpoint(stage), files::previous_checkpoint(stage));
        // One that was damaged meanwhile must not take the place of a good one.
        let is_good = |bytes: Vec<u8>| check(&bytes).is_ok();
        match self.directory.read(&last, MOST_OF_WEIGHTS)?.is_some_and(is_good) {
            true => self.directory.write_keeping(&last, bytes, &previous)?,
            false => self.directory.write(&last, bytes)?,
        }
        self.settle()
    }

    /// Reads a search state, the previous one where the last is missing or damaged; `None` without any.
    ///
    /// # Errors
    /// When both are damaged.
    pub fn load_search(&self) -> Result<Option<Loaded<SearchState>>> {
        self.load(Stage::Search, checkpoint::decode_search)
    }

    /// Reads a training state, the previous one where the last is missing or damaged; `None` without any.
    ///
    /// # Errors
    /// When both are damaged.
    pub fn load_train(&self) -> Result<Option<Loaded<TrainState>>> {
        self.load(Stage::Train, checkpoint::decode_train)
    }

    fn load<T>(&self, stage: Stage, decode: impl Fn(&Path, &[u8]) -> Result<T>) -> Result<Option<Loaded<T>>> {
        let mut damage: Option<Error> = None;
        for name in [files::checkpoint(stage), files::previous_checkpoint(stage)] {
            let bytes = match self.directory.read(&name, MOST_OF_WEIGHTS) {
                Ok(None) => continue,
                Ok(Some(bytes)) => bytes,
                Err(error) => {
                    damage = damage.or(Some(error));
                    continue;
                }
            };
            match decode(&self.path().join(&name), &bytes) {
                Ok(state) => return Ok(Some(Loaded { state, damage: damage.map(problem_of) })),
                Err(error) => damage = damage.or(Some(error)),
            }
        }
        damage.map_or(Ok(None), Err)
    }

    /// Whether there is a checkpoint of a stage, be it damaged.
    pub fn has_checkpoint(&self, stage: Stage) -> bool {
        [files::checkpoint(stage), files::previous_checkpoint(stage)]
            .iter()
            .any(|name| self.directory.exists(name))
    }

    /// Seconds of the search, by its checkpoint or else its history; `None` where there was none.
    ///
    /// # Errors
    /// Those of [`Self::load_search`] and [`Self::read_history`].
    pub fn search_seconds(&self) -> Result<Option<f64>> {
        Ok(match self.load_search()? {
            Some(loaded) => Some(loaded.state.seconds),
            None => self.searched()?.map(|(_, seconds)| seconds),
        })
    }

    /// Whether this run has searched: there is a checkpoint of its search, be it damaged, or an epoch of it in the
    /// history. A run that was given its genotype has neither.
    ///
    /// # Errors
    /// Those of [`Self::read_history`].
    pub fn was_searched(&self) -> Result<bool> {
        Ok(self.has_checkpoint(Stage::Search) || self.has_searched(&self.read_history()?))
    }

    /// Whether this run, whose history was read as `lines`, has searched: see [`Self::was_searched`].
    pub(super) fn has_searched(&self, lines: &[HistoryLine]) -> bool {
        self.has_checkpoint(Stage::Search) || lines.iter().any(|line| line.stage() == Stage::Search)
    }

    /// Whether a training has left something that another would replace: a checkpoint, be it damaged, weights or a
    /// result.
    pub fn was_trained(&self) -> bool {
        self.has_checkpoint(Stage::Train)
            || Weights::ALL.into_iter().any(|weights| self.has_weights(weights))
            || self.directory.exists(RESULT)
    }

    /// The file of a stage's last checkpoint, by its path in the run.
    pub fn checkpoint_name(&self, stage: Stage) -> String {
        files::checkpoint(stage)
    }

    /// Writes the weights and buffers of a network under their state-dict names. What was set aside for this run is let
    /// go of.
    ///
    /// # Errors
    /// What the file system says; the file on disk is then as it was.
    pub fn write_weights(&self, which: Weights, net: &NamedTensors) -> Result<()> {
        check_values(&self.weights_path(which), &[("weights", net)])?;
        self.directory.write(which.file(), &encode_weights(net))?;
        self.settle()
    }

    /// Reads weights; `None` where there are none.
    ///
    /// # Errors
    /// A file that is damaged (also by a single bit, in files with a checksum) or holds other numbers than f32.
    pub fn read_weights(&self, which: Weights) -> Result<Option<NamedTensors>> {
        let bytes = self.directory.read(which.file(), MOST_OF_WEIGHTS)?;
        bytes.map(|bytes| decode_weights(&self.path().join(which.file()), &bytes)).transpose()
    }

    /// Whether there are weights.
    pub fn has_weights(&self, which: Weights) -> bool {
        self.directory.exists(which.file())
    }

    /// Where weights lie.
    pub fn weights_path(&self, which: Weights) -> PathBuf {
        self.path().join(which.file())
    }
}

/// What is wrong with a file, without what to do: the one before is taken.
fn problem_of(error: Error) -> String {
    match error {
        Error::Run { path, problem, .. } => format!("{}: {problem}", shown::path(&path)),
        other => other.to_string(),
    }
}
