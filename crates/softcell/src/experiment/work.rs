//! The work on a run: search, training and test, in its folder or in memory.

use std::time::{Duration, Instant};

use super::builder::Fitted;
use super::origin::{begin_from, refuse_origin};
use super::run::{Run, SEARCHED};
use super::selecting::searched;
use super::stages::Stages;
use super::timing::{check_limit, is_too_short, longer};
use crate::benchmark_table::Tabulating;
use crate::config::CheckedConfig;
use crate::error::{Advice, Error, Remedy, Result};
use crate::event::{Event, Observer, Stage};
use crate::forecast::Budgeting;
use crate::model::TrainedModel;
use crate::pipeline::{result, test};
use crate::report::{RunRecord, Warning, findings, report};
use crate::run::{Activity, Manifest, RunBudget, RunFolder, RunResult};
use crate::search::{SearchOutcome, Searched, search};
use crate::sizing::{sized, sizing_note};
use crate::space::Genotype;
use crate::train::{network_config, train};

impl Run {
    /// Searches a cell, or goes on searching it.
    ///
    /// # Errors
    /// A run that was given its genotype, too little memory, and what the search finds.
    pub fn search(&mut self, observer: &mut dyn Observer) -> Result<SearchOutcome> {
        refuse_origin(self.origin.as_ref(), SEARCHED)?;
        if let Some(folder) = &self.folder
            && given_genotype(folder)?.is_some()
        {
            let place = folder.path();
            let begin = format!(
                "run {} was given its genotype: there is nothing to search; train it: ",
                place.display()
            );
            return Err(Error::Refused(Advice::from(begin) + Remedy::Train(place.to_path_buf())));
        }
        self.searched(&Stages::Search, observer)
    }

    /// Searches a cell, trains its network and tests it, or goes on with that.
    ///
    /// # Errors
    /// Another time than the run began with, too little time or memory, and what the stages find.
    pub fn fit(&mut self, observer: &mut dyn Observer) -> Result<RunResult> {
        refuse_origin(self.origin.as_ref(), SEARCHED)?;
        check_limit(self.budget()?.as_ref(), self.limit, self.is_resumed())?;
        if let Some(folder) = &self.folder {
            if let Some(result) = folder.read_result()? {
                observer.on(Event::Note("the run is finished; this is its result".into()))?;
                return Ok(result);
            }
            if !self.config.select.is_on()
                && let Some(genotype) = given_genotype(folder)?
            {
                let note = "the run was given its genotype: there is nothing to search";
                observer.on(Event::Note(note.into()))?;
                return self.train_and_test(&genotype, None, observer);
            }
        }
        if self.config.select.is_on() {
            let done = self.select(observer)?;
            self.choose_training(&done.genotype, done.record.seconds, observer)?;
            self.kept.standing = done.record.standing();
            return self.train_and_test(&done.genotype, searched(&done), observer);
        }
        let found = self.searched(&Stages::Fit, observer)?;
        observer.on(Event::Note(format!("found {}", found.genotype.to_text()).into()))?;
        self.choose_training(&found.genotype, found.seconds, observer)?;
        self.train_and_test(&found.genotype, Some(found.searched()), observer)
    }

    /// Trains the network of a genotype and tests it, or goes on with that. In a folder the genotype must be the run's.
    ///
    /// # Errors
    /// Another genotype or origin than the run began with, an origin where the run is in memory, too little memory, and what the stages find.
    pub fn train(&mut self, genotype: &Genotype, observer: &mut dyn Observer) -> Result<RunResult> {
        let Some(folder) = &self.folder else { return self.train_and_test(genotype, None, observer) };
        let place = folder.path().display();
        let refused = |begin: String| Err(Error::Refused(Advice::from(begin) + Remedy::OtherFolder));
        match folder.read_genotype()? {
            Some(stored) if stored == *genotype => {}
            Some(stored) => {
                return refused(format!(
                    "run {place} is of another genotype, {stored}; begin a new run with another "
                ));
            }
            None if folder.has_checkpoint(Stage::Search) => {
                return refused(format!(
                    "run {place} is a search that is not finished; begin a new run with another "
                ));
            }
            None => folder.write_genotype(genotype)?,
        }
        begin_from(folder, self.origin.as_ref())?;
        if let Some(result) = folder.read_result()? {
            observer.on(Event::Note("the run is trained; this is its result".into()))?;
            return Ok(result);
        }
        let epoch = folder.search_taken()?;
        let searched = folder.search_seconds()?.map(|seconds| Searched { seconds, epoch });
        self.train_and_test(genotype, searched, observer)
    }

    /// The trained network.
    ///
    /// # Errors
    /// When it is not trained, and as [`TrainedModel::load`].
    pub fn model(&self) -> Result<TrainedModel> {
        if let Some(folder) = &self.folder {
            return TrainedModel::load(folder);
        }
        match (&self.kept.trained, &self.kept.manifest) {
            (Some((genotype, config, trained)), Some(manifest)) => {
                let Manifest { image_shape, classes, .. } = manifest;
                let network = network_config(genotype, &config.train, *image_shape, classes.len());
                Ok(TrainedModel { network, weights: trained.chosen().clone(), manifest: manifest.clone() })
            }
            _ => Err(Error::Refused("the network is not trained yet: train it first".into())),
        }
    }

    /// Writes the report of a run with a folder, and answers what is to be said against it.
    ///
    /// # Errors
    /// A damaged record, and what the file system says.
    pub fn write_report(&self) -> Result<Vec<Warning>> {
        let Some(folder) = &self.folder else { return Ok(Vec::new()) };
        let record = RunRecord::read(folder, Activity::Idle)?;
        folder.write_report(&report(&record))?;
        Ok(findings(&record))
    }

    pub(super) fn fitted(&self, result: RunResult) -> Result<Fitted> {
        Ok(Fitted { result, model: self.model()?, warnings: self.write_report()? })
    }

    /// The search itself, whose memory is looked at where it has not been done.
    fn searched(&mut self, stages: &Stages, observer: &mut dyn Observer) -> Result<SearchOutcome> {
        let found = self.folder.as_ref().map(RunFolder::read_genotype).transpose()?.flatten();
        if found.is_none() {
            self.memory.check(stages, &self.config, &self.dataset.train)?;
        }
        match self.job() {
            Some(job) => job.search(observer),
            None => {
                let mut tabulating = Tabulating::new(&self.config, observer)?;
                search(&self.dataset, &self.config, &self.machine.device, None, &mut tabulating)
            }
        }
    }

    fn train_and_test(
        &mut self,
        genotype: &Genotype,
        searched: Option<Searched>,
        observer: &mut dyn Observer,
    ) -> Result<RunResult> {
        self.memory.check(&Stages::Train(genotype.clone()), &self.config, &self.dataset.train)?;
        let result = match self.job() {
            Some(job) => {
                let trained = job.train(genotype, observer)?;
                job.finish(genotype, searched, &trained, observer)?
            }
            None => self.train_in_memory(genotype, searched, observer)?,
        };
        observer.on(Event::Result(&result))?;
        Ok(result)
    }

    fn train_in_memory(
        &mut self,
        genotype: &Genotype,
        searched: Option<Searched>,
        observer: &mut dyn Observer,
    ) -> Result<RunResult> {
        let (dataset, device) = (&self.dataset, &self.machine.device);
        let config = sized(genotype, &self.config, &dataset.train)?;
        if let Some(note) = sizing_note(genotype, &self.config, &config, &dataset.train) {
            observer.on(Event::Note(note.into()))?;
        }
        let trained = train(dataset, genotype, &config, device, None, observer)?;
        let tested = test(&config, dataset, device, (genotype, trained.chosen()), observer, |_| {})?;
        let result = RunResult {
            selection: self.kept.standing.clone(),
            ..result(&config, dataset, genotype, searched, &trained, tested)
        };
        self.kept.trained = Some((genotype.clone(), config, trained));
        Ok(result)
    }

    fn budget(&self) -> Result<Option<RunBudget>> {
        match &self.folder {
            Some(folder) => folder.read_budget(),
            None => Ok(self.kept.budget),
        }
    }

    /// Chooses the training's settings for what the search has left of the time, where that has not been done.
    fn choose_training(
        &mut self,
        genotype: &Genotype,
        search_seconds: f64,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Some(mut budget) = self.budget()?.filter(|budget| !budget.training_chosen) else { return Ok(()) };
        let used = match self.is_resumed() {
            false => self.begun.elapsed().as_secs_f64(),
            true => budget.before + search_seconds,
        };
        let begun = Instant::now().checked_sub(Duration::from_secs_f64(used)).unwrap_or(self.begun);
        let whole = Duration::from_secs_f64(budget.seconds);
        let budgeting = Budgeting {
            dataset: &self.dataset,
            device: &self.machine.device,
            fixed: budget.fixed,
            whole,
            end: begun + whole,
            room: self.memory.room(),
        };
        let (config, note) = match budgeting.choose_training(genotype, &self.config, observer) {
            Err(error) if budget.by_default && is_too_short(&error) => {
                (self.config.clone(), longer(&error, observer))
            }
            chosen => chosen?,
        };
        observer.on(Event::Note(note.clone().into()))?;
        self.keep_training(&config, note, &mut budget)?;
        self.config = config;
        Ok(())
    }

    fn keep_training(&mut self, config: &CheckedConfig, note: String, budget: &mut RunBudget) -> Result<()> {
        budget.training_chosen = true;
        let Some(folder) = &self.folder else {
            self.kept.budget = Some(*budget);
            self.kept.manifest.iter_mut().for_each(|manifest| manifest.notes.push(note.clone()));
            return Ok(());
        };
        folder.write_config(config)?;
        if let Some(mut manifest) = folder.read_manifest()? {
            manifest.notes.push(note);
            folder.write_manifest(&manifest)?;
        }
        folder.write_budget(budget)
    }
}

/// The genotype of a run that was given one, instead of searching it.
fn given_genotype(folder: &RunFolder) -> Result<Option<Genotype>> {
    let searched = folder.was_searched()?;
    Ok(folder.read_genotype()?.filter(|_| !searched))
}
