//! The records and texts in the folder of a run, read and written.

use std::path::PathBuf;
use std::sync::Arc;

use super::augmented::Augmented;
use super::budget_record::RunBudget;
use super::files::{
    self, AUGMENTED, BUDGET, CONFIG, GENOTYPE_JSON, GENOTYPE_TEXT, LATENCIES, MANIFEST, MISTAKES, NETWORK,
    REPORT, RESULT, SAMPLES, TENSORBOARD,
};
use super::folder::RunFolder;
use super::history::{self, HistoryLine};
use super::manifest::Manifest;
use super::record::Record;
use super::samples::{Mistakes, Samples};
use super::size::ChosenSize;
use super::tensorboard::EventFile;
use crate::config::{CheckedConfig, Config};
use crate::error::{Error, Remedy, Result};
use crate::latency::LatencyFile;
use crate::reading::{MOST_OF_A_RECORD, MOST_OF_A_TEXT};
use crate::records::RunResult;
use crate::records::Stage;
use crate::shown;
use crate::space::{Alphas, Genotype};

impl RunFolder {
    /// Reads the history; a last line that a kill cut short is left out.
    ///
    /// # Errors
    /// A line in the middle that cannot be read.
    pub fn read_history(&self) -> Result<Vec<HistoryLine>> {
        history::read(&self.directory)
    }

    /// The alphas after the last epoch of the search and its seconds, by the history; `None` where nothing was searched.
    ///
    /// # Errors
    /// Those of [`Self::read_history`].
    pub fn searched(&self) -> Result<Option<(Alphas, f64)>> {
        let lines = self.read_history()?;
        let seconds =
            lines.iter().filter(|line| line.stage() == Stage::Search).map(HistoryLine::seconds).sum();
        let alphas = lines.into_iter().rev().find_map(|line| match line {
            HistoryLine::Search(epoch) => Some(epoch.alphas),
            HistoryLine::Train(_) => None,
        });
        Ok(alphas.map(|alphas| (alphas, seconds)))
    }

    /// The epoch of the search, from 0, whose genotype is its result, by the history; `None` where nothing was searched.
    ///
    /// # Errors
    /// Those of [`Self::read_history`].
    pub fn search_taken(&self) -> Result<Option<usize>> {
        Ok(self.read_history()?.into_iter().rev().find_map(|line| match line {
            HistoryLine::Search(epoch) => Some(epoch.taken()),
            HistoryLine::Train(_) => None,
        }))
    }

    /// Where the event file for TensorBoard lies, of a run that has one.
    pub fn tensorboard(&self) -> PathBuf {
        self.path().join(TENSORBOARD)
    }

    /// Whether the run has an event file for TensorBoard.
    pub fn has_tensorboard(&self) -> bool {
        self.directory.is_folder(TENSORBOARD)
    }

    /// Makes the event file for TensorBoard from what there is; from now on the run keeps it up to date.
    ///
    /// # Errors
    /// What the file system says, and a history that cannot be read.
    pub fn write_tensorboard(&self) -> Result<()> {
        self.directory.create_folder(TENSORBOARD)?;
        EventFile::of(self).map(|_| ())
    }

    /// Writes the genotype after an epoch of the search.
    pub(super) fn write_epoch_genotype(&self, epoch: usize, genotype: &Genotype) -> Result<()> {
        let text = format!("{}\n", genotype.to_text());
        self.directory.write(&files::epoch_genotype(epoch), text.as_bytes())
    }

    /// Where the report lies, once there is one.
    pub fn report(&self) -> PathBuf {
        self.path().join(REPORT)
    }

    /// Whether there is a report.
    pub fn has_report(&self) -> bool {
        self.directory.size(REPORT) > 0 && !self.directory.is_folder(REPORT)
    }

    /// Writes the report.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_report(&self, page: &str) -> Result<()> {
        self.write_text(REPORT, page)
    }

    /// Writes a few images of the data.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_samples(&self, samples: &Samples) -> Result<()> {
        self.write_json(SAMPLES, samples)
    }

    /// Reads the images that were kept; `None` where there are none.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_samples(&self) -> Result<Option<Samples>> {
        self.read_json(SAMPLES)
    }

    /// Writes a few images of the training's first batch.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_augmented(&self, augmented: &Augmented) -> Result<()> {
        self.write_json(AUGMENTED, augmented)
    }

    /// Reads them; `None` where there are none.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_augmented(&self) -> Result<Option<Augmented>> {
        self.read_json(AUGMENTED)
    }

    /// Writes a few test images that got the wrong answer.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_mistakes(&self, mistakes: &Mistakes) -> Result<()> {
        self.write_json(MISTAKES, mistakes)
    }

    /// Reads them; `None` where there are none.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_mistakes(&self) -> Result<Option<Mistakes>> {
        self.read_json(MISTAKES)
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_config(&self, config: &CheckedConfig) -> Result<()> {
        // First: a limit without the times it is counted with would be none.
        if let Some(times) = config.times() {
            self.write_json(LATENCIES, times)?;
        }
        self.write_text(CONFIG, &config.to_toml())
    }

    /// Reads the times of operations that a limit on latency is counted with; `None` where there is no such limit.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_latencies(&self) -> Result<Option<LatencyFile>> {
        self.read_json(LATENCIES)
    }

    /// Reads the settings, with the width and depth that were chosen under limits once the training has
    /// begun.
    ///
    /// # Errors
    /// When a file is missing or is not a complete configuration.
    pub fn read_config(&self) -> Result<CheckedConfig> {
        let config = self.read_asked_config()?;
        if let Some(size) = self.read_size()? {
            return config.with(|config| {
                config.train.init_channels = size.init_channels;
                config.train.layers = size.layers;
            });
        }
        Ok(config)
    }

    /// Reads the settings as the run began with them.
    ///
    /// # Errors
    /// When the file is missing or is not a complete configuration.
    pub fn read_asked_config(&self) -> Result<CheckedConfig> {
        let path = self.path().join(CONFIG);
        match self.directory.read_text(CONFIG, MOST_OF_A_TEXT)? {
            Some(text) => {
                let config = Config::from_toml(&text, &path.display().to_string())?;
                Ok(config.with_times(self.read_latencies()?.map(Arc::new)))
            }
            None => Err(Error::run(
                path,
                "no such file",
                "restore it, or name the folder that " + Remedy::OtherFolder + " named when the run began",
            )),
        }
    }

    /// Writes the width and depth that were chosen under limits.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_size(&self, size: &ChosenSize) -> Result<()> {
        self.write_json(NETWORK, size)
    }

    /// Reads the width and depth that were chosen under limits; `None` where there are no limits or the
    /// training has not begun.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_size(&self) -> Result<Option<ChosenSize>> {
        self.read_json(NETWORK)
    }

    /// Writes the time that the run was given.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_budget(&self, budget: &RunBudget) -> Result<()> {
        self.write_json(BUDGET, budget)
    }

    /// Reads the time that the run was given; `None` where it was given none.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_budget(&self) -> Result<Option<RunBudget>> {
        self.read_json(BUDGET)
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.write_json(MANIFEST, manifest)
    }

    /// Reads the manifest; `None` where there is none yet.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_manifest(&self) -> Result<Option<Manifest>> {
        self.read_json(MANIFEST)
    }

    /// Writes the genotype in both forms. The JSON form comes last: where it stands, the search is done.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_genotype(&self, genotype: &Genotype) -> Result<()> {
        self.write_text(GENOTYPE_TEXT, &format!("{}\n", genotype.to_text()))?;
        self.write_json(GENOTYPE_JSON, genotype)
    }

    /// Reads the genotype; `None` while the search is not done.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_genotype(&self) -> Result<Option<Genotype>> {
        self.read_json(GENOTYPE_JSON)
    }

    /// Writes the result.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_result(&self, result: &RunResult) -> Result<()> {
        self.write_json(RESULT, result)?;
        self.settle()
    }

    /// Reads the result; `None` while the run is not done.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read_result(&self) -> Result<Option<RunResult>> {
        Ok(self.read_json::<RunResult>(RESULT)?.map(RunResult::completed))
    }

    fn write_text(&self, name: &str, text: &str) -> Result<()> {
        self.directory.write(name, text.as_bytes())
    }

    pub(super) fn write_json<T: serde::Serialize + Record>(&self, name: &str, value: &T) -> Result<()> {
        value.check().map_err(|contradiction| contradiction.not_written_to(&self.path().join(name)))?;
        let mut text = serde_json::to_string_pretty(value).expect("records serialise");
        text.push('\n');
        self.write_text(name, &text)
    }

    pub(super) fn read_json<T: serde::de::DeserializeOwned + Record>(&self, name: &str) -> Result<Option<T>> {
        let Some(bytes) = self.directory.read(name, MOST_OF_A_RECORD)? else { return Ok(None) };
        let path = self.path().join(name);
        let record: T = serde_json::from_slice(&bytes).map_err(|e| {
            Error::invalid(
                shown::path(&path),
                e.to_string(),
                "the file as Softcell wrote it",
                "restore it, or start again with " + Remedy::Replace,
            )
        })?;
        record.check().map_err(|contradiction| contradiction.read_from(&path))?;
        Ok(Some(record))
    }
}
