//! All that a report tells of a run, read from its folder.

use crate::config::CheckedConfig;
use crate::error::Result;
use crate::records::SelectionRecord;
use crate::run::{
    Activity, Agreement, Augmented, HistoryLine, Manifest, Mistakes, RunFolder, RunResult, Samples,
};
use crate::search::SearchEpoch;
use crate::space::{Cost, Genotype, SearchSpace};
use crate::train::TrainEpoch;

/// A run as it stands on disk.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// Where it lies, as the reader named it.
    pub place: String,
    /// Whether somebody works on it.
    pub activity: Activity,
    /// Its settings, with the width and depth that were chosen.
    pub config: CheckedConfig,
    /// The same as it began with, as text: a settings file.
    pub config_text: String,
    /// What it was started with; none where it was killed before that was written.
    pub manifest: Option<Manifest>,
    /// Finished epochs of the search.
    pub search: Vec<SearchEpoch>,
    /// Finished epochs of the training.
    pub train: Vec<TrainEpoch>,
    /// The genotype, once the search is done or where it was given.
    pub genotype: Option<Genotype>,
    /// The selection among several cells, where there is one.
    pub selection: Option<SelectionRecord>,
    /// What it came to, once it is finished.
    pub result: Option<RunResult>,
    /// A few of its images.
    pub samples: Option<Samples>,
    /// A few images of the first batch of the training.
    pub augmented: Option<Augmented>,
    /// A few test images that got the wrong answer.
    pub mistakes: Option<Mistakes>,
}

/// How far a run is. Epochs are those that are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It searches, or was stopped while it did.
    Searching {
        /// Epochs done.
        done: usize,
        /// Epochs in all.
        of: usize,
    },
    /// The cell is there, its network is not trained yet.
    Found,
    /// It trains, or was stopped while it did.
    Training {
        /// Epochs done.
        done: usize,
        /// Epochs in all.
        of: usize,
    },
    /// There is a result.
    Finished,
    /// Its weights come from elsewhere: nothing was searched, trained or tested here.
    Imported,
}

impl RunRecord {
    /// What was searched. The stem says nothing: it depends on the images.
    pub(super) fn space(&self) -> SearchSpace {
        self.config.search.space([1, 1])
    }

    /// Reads a run; `activity` is as [`RunFolder::peek`] says.
    ///
    /// # Errors
    /// When a file is damaged, or contradicts another. A file that is not there yet is none.
    pub fn read(folder: &RunFolder, activity: Activity) -> Result<RunRecord> {
        let history = folder.read_history()?;
        let mut record = RunRecord {
            place: folder.path().display().to_string(),
            activity,
            config: folder.read_config()?,
            config_text: folder.read_asked_config()?.to_toml(),
            manifest: folder.read_manifest()?,
            search: Vec::new(),
            train: Vec::new(),
            genotype: folder.read_genotype()?,
            selection: folder.read_selection()?,
            result: folder.read_result()?,
            samples: folder.read_samples()?,
            augmented: folder.read_augmented()?,
            mistakes: folder.read_mistakes()?,
        };
        if activity == Activity::Idle {
            record.agreement(&history).check(folder.path())?;
        }
        for line in history {
            match line {
                HistoryLine::Search(epoch) => record.search.push(epoch),
                HistoryLine::Train(epoch) => record.train.push(epoch),
            }
        }
        Ok(record)
    }

    fn agreement<'a>(&'a self, history: &'a [HistoryLine]) -> Agreement<'a> {
        Agreement {
            config: Some(&self.config),
            manifest: self.manifest.as_ref(),
            history,
            genotype: self.genotype.as_ref(),
            result: self.result.as_ref(),
            samples: self.samples.as_ref(),
            augmented: self.augmented.as_ref(),
            mistakes: self.mistakes.as_ref(),
        }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        if self.result.is_some() {
            State::Finished
        } else if self.imported_from().is_some() {
            State::Imported
        } else if !self.train.is_empty() {
            State::Training { done: self.train.len(), of: self.config.train.epochs }
        } else if self.genotype.is_some() {
            State::Found
        } else {
            State::Searching { done: self.search.len(), of: self.config.search.all_epochs() }
        }
    }

    /// The genotype, or the one that the alphas stand for so far; none before the first epoch.
    pub fn latest_genotype(&self) -> Option<Genotype> {
        let last = || self.search.last().map(|epoch| epoch.genotype.clone());
        self.genotype.clone().or_else(last)
    }

    /// The file the weights come from, where they were imported.
    pub fn imported_from(&self) -> Option<&str> {
        self.manifest.as_ref()?.imported_from.as_deref()
    }

    /// Whether it knows its images: a network may be imported without any.
    pub fn has_images(&self) -> bool {
        self.manifest.as_ref().is_none_or(|manifest| !manifest.data_fingerprint.is_empty())
    }

    /// Whether the run begins with a search, be it done or not, and was not given its genotype.
    pub fn begins_with_search(&self) -> bool {
        !self.search.is_empty() || self.genotype.is_none()
    }

    /// The genotype after each epoch of the search, epochs from 0.
    pub fn genotypes(&self) -> Vec<(usize, Genotype)> {
        let read = |epoch: &SearchEpoch| (epoch.epoch, epoch.genotype.clone());
        self.search.iter().map(read).collect()
    }

    /// Names of the classes; none without a manifest.
    pub fn classes(&self) -> &[String] {
        self.manifest.as_ref().map_or(&[], |manifest| &manifest.classes)
    }

    /// Size and work of the network of the latest genotype, as the settings have it.
    pub fn cost(&self) -> Option<Cost> {
        if let Some(result) = &self.result {
            return Some(Cost { parameters: result.parameters, macs: result.macs });
        }
        let (genotype, manifest) = (self.latest_genotype()?, self.manifest.as_ref()?);
        Some(manifest.network_cost(&genotype, &self.config.train))
    }

    /// Seconds of the epochs of the search that are done; none where there are none.
    pub fn search_seconds(&self) -> Option<f64> {
        let stored = self.result.as_ref().and_then(|result| result.search_seconds);
        let sum = || self.search.iter().map(|epoch| epoch.seconds).sum();
        stored.or_else(|| (!self.search.is_empty()).then(sum))
    }

    /// Seconds of the epochs of the training that are done; none where there are none.
    pub fn train_seconds(&self) -> Option<f64> {
        let stored = self.result.as_ref().map(|result| result.train_seconds);
        let sum = || self.train.iter().map(|epoch| epoch.seconds).sum();
        stored.or_else(|| (!self.train.is_empty()).then(sum))
    }

    /// How the data are called: the last part of their path, or of that of the weights if those came alone.
    pub fn data_name(&self) -> &str {
        let path = match self.imported_from() {
            Some(weights) if !self.has_images() => weights,
            _ => &self.config.data.path,
        };
        path.trim_end_matches(['/', '\\'])
            .rsplit(['/', '\\'])
            .next()
            .filter(|n| !n.is_empty())
            .unwrap_or(path)
    }

    /// Test images that were answered correctly, and all of them.
    pub fn test_counts(&self) -> Option<[u64; 2]> {
        let result = self.result.as_ref()?;
        let right = result.confusion.iter().enumerate().map(|(class, row)| row[class]).sum();
        Some([right, result.test_images])
    }
}
