//! What a run would take: memory and time, before it begins.

use std::time::{Duration, Instant};

use super::builder::Experiment;
use super::images::read_images;
use super::latencies;
use super::stages::{Stages, check_memory};
use super::timing::{Forecast, Timing};
use crate::config::CheckedConfig;
use crate::data::Dataset;
use crate::error::Result;
use crate::event::Observer;
use crate::forecast::{MemoryModel, TimeForecast, time_search, time_training};
use crate::memory::{available_bytes, resident_bytes};
use crate::pipeline::network_cost;
use crate::run::RunFolder;
use crate::sizing::sized;
use crate::space::{Genotype, supernet_parameters};

/// Time for the steps of a stage.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a run would be and take.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outlook {
    /// Its settings.
    pub config: CheckedConfig,
    /// The search, if there is one.
    pub search: Option<StageOutlook>,
    /// Searches of that kind.
    pub searches: usize,
    /// Seconds of the trainings by which cells are compared, about; none where they were not measured.
    pub comparison_seconds: Option<f64>,
    /// The training, if there is one: of a genotype that stands for the one that would be found, after a search.
    pub training: Option<StageOutlook>,
    /// Bytes that the process would take at most; none where that is not known for this network.
    pub memory_bytes: Option<u64>,
    /// Bytes that are available to it; none where the system does not tell.
    pub available_bytes: Option<u64>,
    /// Whether there is memory for the stages, as far as that is known: what there is none for is not built, not even
    /// to time a few steps.
    pub fits: bool,
}

/// A stage of it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StageOutlook {
    /// Cells of its network.
    pub layers: usize,
    /// Channels of the first cell.
    pub init_channels: usize,
    /// Weights of its network.
    pub parameters: u64,
    /// Its time; none where there is too little memory for a step.
    pub time: Option<TimeForecast>,
}

impl Outlook {
    /// Seconds of searches, comparison and training; none where they were not measured.
    pub fn seconds(&self) -> Option<f64> {
        let stages = [(&self.search, self.searches), (&self.training, 1)];
        let stages = stages.into_iter().filter_map(|(stage, times)| Some((stage.as_ref()?, times as f64)));
        let seconds: Option<f64> =
            stages.map(|(stage, times)| stage.time.map(|time| times * time.seconds())).sum();
        Some(seconds? + self.comparison_seconds?)
    }
}

/// A run that does not begin.
struct Supposed<'a> {
    stages: &'a Stages,
    config: CheckedConfig,
    dataset: &'a Dataset,
    /// Memory of the process before steps are measured, which leave memory behind.
    resident: Option<u64>,
    fits: bool,
    /// Whether the stages were measured already, and what came of it.
    known: Option<Forecast>,
}

impl Experiment {
    /// What a new run would be and take. Nothing is written.
    ///
    /// # Errors
    /// What would stop it.
    pub fn outlook(&self, stages: &Stages, observer: &mut dyn Observer) -> Result<Outlook> {
        let begun = Instant::now();
        let machine = self.machine()?;
        let plan = self.plan(stages, observer)?;
        let resident = resident_bytes();
        let (mut config, dataset) = (plan.config, &plan.dataset);
        let (fits, mut known) = (self.fits(stages, &config, dataset)?, None);
        if let Some(limit) = self.time_of(stages).filter(|_| fits) {
            let (settings, memory, device) = (&self.settings, self.memory_check()?, &machine.device);
            let timing = Timing { begun, settings, memory, dataset, device };
            let timed = timing.choose(limit, config, plan.open, observer)?;
            known = timed.forecast;
            config = match timed.budget {
                Some(budget) => timing.suppose_training(&budget, timed.config, observer)?,
                None => timed.config,
            };
            if known.is_none() {
                known = Some(timing.forecast(&config, PATIENCE, observer)?);
            }
        }
        self.tell(Supposed { stages, config, dataset, resident, fits, known }, observer)
    }

    /// What the training of a run that was searched would take. Nothing is written.
    ///
    /// # Errors
    /// What would stop it.
    pub fn outlook_of_training(
        &self,
        folder: &RunFolder,
        genotype: &Genotype,
        observer: &mut dyn Observer,
    ) -> Result<Outlook> {
        let asked = folder.read_asked_config()?;
        let dataset = &read_images(&asked, observer)?;
        let began = folder.read_manifest()?.map_or(String::new(), |manifest| manifest.preset);
        let config = self.settings.over_training(&asked, &dataset.shape(), &began)?;
        let resident = resident_bytes();
        let stages = &Stages::Train(genotype.clone());
        let config = latencies::timed(config, stages, &dataset.train, &self.machine()?, observer)?;
        let fits = self.fits(stages, &config, dataset)?;
        self.tell(Supposed { stages, config, dataset, resident, fits, known: None }, observer)
    }

    /// Whether there is memory for the stages, whether or not that is looked at before a run.
    fn fits(&self, stages: &Stages, config: &CheckedConfig, dataset: &Dataset) -> Result<bool> {
        Ok(!self.machine()?.is_cpu() || check_memory(stages, config, &dataset.train).is_ok())
    }

    fn tell(&self, supposed: Supposed<'_>, observer: &mut dyn Observer) -> Result<Outlook> {
        let Supposed { stages, config, dataset, resident, fits, known } = supposed;
        let (machine, images) = (self.machine()?, &dataset.train);
        let device = &machine.device;
        let mut memory = Some(0);
        let mut note = |model: &MemoryModel, batch_size: usize| {
            memory = memory.zip(model.bytes(batch_size)).map(|(most, bytes)| bytes.max(most));
        };
        let (mut search, mut training) = (None, None);
        if stages.searches(&config) {
            let settings = &config.search;
            note(&MemoryModel::of_search(settings, images)?, settings.batch_size);
            let time = match known {
                Some(known) => known.search,
                None if fits => Some(time_search(dataset, &config, device, PATIENCE, observer)?),
                None => None,
            };
            let parameters = supernet_parameters(
                &settings.space([images.height, images.width]),
                images.channels,
                images.classes.len(),
            );
            let (layers, init_channels) = (settings.layers, settings.init_channels);
            search = Some(StageOutlook { layers, init_channels, parameters, time });
        }
        if let Some(genotype) = stages.trained(&config.search) {
            let config = sized(&genotype, &config, images)?;
            let settings = &config.train;
            note(&MemoryModel::of_training(&genotype, settings, images)?, settings.batch_size);
            let time = match known {
                Some(known) => Some(known.train),
                None if fits => Some(time_training(dataset, &genotype, &config, device, PATIENCE, observer)?),
                None => None,
            };
            let parameters = network_cost(&genotype, &config, images).parameters;
            let (layers, init_channels) = (settings.layers, settings.init_channels);
            training = Some(StageOutlook { layers, init_channels, parameters, time });
        }
        let memory_bytes = resident.zip(memory).map(|(now, bytes)| now.saturating_add(bytes));
        let searches = if *stages == Stages::Fit { config.select.seeds } else { 1 };
        let compares = *stages == Stages::Fit && config.select.candidates() > 1;
        let comparison_seconds = if compares { known.map(|known| known.selection) } else { Some(0.0) };
        let available_bytes = available_bytes();
        Ok(Outlook {
            config,
            search,
            searches,
            comparison_seconds,
            training,
            memory_bytes,
            available_bytes,
            fits,
        })
    }
}
