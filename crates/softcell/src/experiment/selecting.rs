//! The selection among several cells in a run, and the runs that it may take cells from.

use std::path::{Path, PathBuf};

use super::images::{read_images, reading_settings};
use super::machine::Machine;
use super::run::Run;
use crate::config::CheckedConfig;
use crate::error::{Advice, Error, Remedy, Result};
use crate::event::{Event, Observer};
use crate::forecast::{MemoryModel, stand_in};
use crate::records::CandidateKind;
use crate::run::RunFolder;
use crate::search::Searched;
use crate::selection::{Done, Parts, Selecting, Workers};
use crate::shown;
use crate::space::Genotype;

/// A cell of a run that has searched, to be compared with others.
#[derive(Debug, Clone)]
pub(super) struct GivenCell {
    place: PathBuf,
    config: CheckedConfig,
    fingerprint: String,
    genotype: Genotype,
    seconds: f64,
}

impl GivenCell {
    /// Reads it.
    ///
    /// # Errors
    /// A folder that holds no run, or one whose search is not done.
    pub fn read(path: &Path) -> Result<GivenCell> {
        let folder = RunFolder::view(path)?;
        let refused = |what: &str| Error::run(path, what, "name runs whose search is done");
        let genotype = folder.read_genotype()?.ok_or_else(|| refused("its search is not done"))?;
        let manifest = folder.read_manifest()?.ok_or_else(|| refused("it has not begun"))?;
        let seconds = folder.search_seconds()?.unwrap_or(0.0);
        let place = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let config = folder.read_config()?;
        Ok(GivenCell { place, config, fingerprint: manifest.data_fingerprint, genotype, seconds })
    }

    /// Whether its search has seen nothing of the part by which the cells are compared.
    ///
    /// # Errors
    /// Other images, or images that were divided in another way.
    fn check(&self, config: &CheckedConfig, fingerprint: &str) -> Result<()> {
        let refused = |what: String| {
            let remedy = Advice::from("name runs on the same images with the same ")
                + Remedy::Setting("seed")
                + ", which differ by "
                + Remedy::Setting("repeat");
            Err(Error::run(&self.place, what, remedy))
        };
        if self.fingerprint != fingerprint {
            return refused("it has searched on other images than those of the selection".into());
        }
        let parts = |config: &CheckedConfig| (config.seed, config.data.validation_fraction.to_bits());
        if parts(&self.config) != parts(config) {
            return refused(format!(
                "its images were divided in another way (seed {}, validation_fraction {}; here seed {}, \
                 validation_fraction {}): it may have searched with those by which the cells are compared",
                self.config.seed,
                self.config.data.validation_fraction,
                config.seed,
                config.data.validation_fraction
            ));
        }
        Ok(())
    }
}

impl Run {
    /// Leaves the parts of a selection to others, such as processes; else the ranks of the machine do them, where it has
    /// some. What comes of it is the same.
    pub fn leave_parts_to(&mut self, workers: Box<dyn Workers>) {
        self.workers = Some(workers);
    }

    /// How many parts of a selection there is memory for side by side; none where nobody looks or that is not known.
    pub fn parts_that_fit(&self) -> Option<usize> {
        let room = self.memory.room()?;
        let (search, images, select) = (&self.config.search, &self.dataset.train, &self.config.select);
        let mut train = self.config.train.clone();
        [train.layers, train.init_channels] = select.size(&train);
        let cells = [stand_in(search), search.space([images.height, images.width]).biggest()];
        let trainings = cells.iter().map(|cell| {
            MemoryModel::of_training(cell, &train, images)
                .ok()
                .and_then(|model| model.bytes(train.batch_size))
        });
        let of_search = match select.seeds {
            0 => Some(0),
            _ => MemoryModel::of_search(search, images).ok().and_then(|model| model.bytes(search.batch_size)),
        };
        let most = trainings.chain([of_search]).collect::<Option<Vec<u64>>>()?.into_iter().max()?;
        // Each has the images as well.
        let pixels = (images.len() * images.channels * images.height * images.width) as u64;
        Some((room / (most + pixels).max(1)) as usize)
    }

    /// Selects a cell, or goes on selecting, and keeps it as the run's.
    pub(super) fn select(&mut self, observer: &mut dyn Observer) -> Result<Done> {
        let fingerprint = &self.dataset.summary.fingerprint;
        self.given.iter().try_for_each(|cell| cell.check(&self.config, fingerprint))?;
        let given = |cell: &GivenCell| (shown::path(&cell.place), cell.genotype.clone(), cell.seconds);
        let done = Selecting {
            folder: self.folder.as_ref(),
            config: &self.config,
            dataset: &self.dataset,
            device: &self.machine.device,
            checkpoint_interval: self.checkpoint_interval,
            workers: self.workers.as_mut(),
            given: self.given.iter().map(given).collect(),
        }
        .select(observer)?;
        if let Some(folder) = &self.folder {
            folder.write_genotype(&done.genotype)?;
        }
        if let Some(standing) = done.record.standing() {
            for sentence in standing.sentences() {
                observer.on(Event::Note(sentence.into()))?;
            }
        }
        let taken = done.record.taken().map_or("", |candidate| &candidate.name);
        observer.on(Event::Note(format!("{taken} is taken: {}", done.genotype.to_text()).into()))?;
        Ok(done)
    }
}

/// The seconds of all searches of a selection; none where nothing was searched.
pub(super) fn searched(done: &Done) -> Option<Searched> {
    let mut searches = done.record.candidates.iter().filter(|c| c.kind == CandidateKind::Searched).peekable();
    searches
        .peek()
        .is_some()
        .then(|| Searched { seconds: searches.map(|candidate| candidate.search_seconds).sum(), epoch: None })
}

impl Parts {
    /// The parts of the selection of a run that another process holds.
    ///
    /// # Errors
    /// A folder without a run, and images that cannot be read or have changed.
    pub fn of_run(
        path: &Path,
        machine: Machine,
        checkpoint_interval: std::time::Duration,
        observer: &mut dyn Observer,
    ) -> Result<Parts> {
        let (folder, _) = RunFolder::peek(path)?;
        let config = folder.read_config()?;
        let dataset = read_images(&reading_settings(&config, &folder)?, observer)?;
        if folder.read_manifest()?.is_some_and(|m| m.data_fingerprint != dataset.summary.fingerprint) {
            return Err(Error::run(path, "the images have changed since the run began", "restore them"));
        }
        Ok(Parts::new(folder, (config, dataset), machine.device, checkpoint_interval))
    }
}
