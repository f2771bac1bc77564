//! The selection from its beginning, or from where it was, to the cell that is taken.

use std::collections::BTreeMap;
use std::time::Instant;

use super::candidates::{candidate, candidates};
use super::part::{Part, is_own};
use super::work::{Bench, Counting, Outcome, Workers};
use crate::config::CheckedConfig;
use crate::data::Dataset;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Signal};
use crate::pipeline::network_cost;
use crate::records::{Candidate, CandidateKind, Rung, SelectionRecord};
use crate::run::RunFolder;
use crate::space::{Genotype, parse_genotype};
use crate::train::check_network;

/// What a selection is done with.
pub(crate) struct Selecting<'a> {
    /// None where it is in memory.
    pub folder: Option<&'a RunFolder>,
    pub config: &'a CheckedConfig,
    pub dataset: &'a Dataset,
    pub device: &'a Device,
    pub checkpoint_interval: std::time::Duration,
    /// Who does the parts; nobody: this thread, one after another.
    pub workers: Option<&'a mut Box<dyn Workers>>,
    /// Runs whose cells are candidates, with the seconds of their searches, in place of searches of its own.
    pub given: Vec<(String, Genotype, f64)>,
}

/// What came of a selection.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// The cell that is taken.
    pub genotype: Genotype,
    /// All of it.
    pub record: SelectionRecord,
}

impl Selecting<'_> {
    /// Does what is not done yet.
    pub fn select(mut self, observer: &mut dyn Observer) -> Result<Done> {
        let begun = Instant::now();
        let mut record = match self.folder.map(RunFolder::read_selection).transpose()?.flatten() {
            Some(record) => record,
            None => self.begin()?,
        };
        if let Some(genotype) = taken(&record)? {
            return Ok(Done { genotype, record });
        }
        let clock = Clock { begun, before: record.seconds };
        self.keep(&mut record, &clock)?;
        let searches: Vec<Part> = (0..record.candidates.len())
            .filter(|&c| is_own(&record.candidates[c]))
            .map(Part::Search)
            .collect();
        self.work(&mut record, &searches, "searching", &clock, observer)?;
        for rung in 0..record.rungs.len() {
            let parts: Vec<Part> = reaching(&record, self.config, rung)
                .into_iter()
                .flat_map(|candidate| {
                    (0..record.rungs[rung].trainings).map(move |training| Part::Training {
                        candidate,
                        rung,
                        training,
                    })
                })
                .collect();
            let what = if rung == 0 { "comparing cells" } else { "comparing the best" };
            self.work(&mut record, &parts, what, &clock, observer)?;
        }
        record.chosen = record.choice();
        self.keep(&mut record, &clock)?;
        let genotype = taken(&record)?.expect("the best of at least one candidate");
        Ok(Done { genotype, record })
    }

    /// The candidates and rungs that the settings ask for.
    fn begin(&self) -> Result<SelectionRecord> {
        let images = &self.dataset.train;
        let select = &self.config.select;
        let mut all = candidates(self.config, [images.height, images.width])?;
        let given = self.given.iter().zip(1..).map(|((run, genotype, seconds), repeat)| Candidate {
            run: Some(run.clone()),
            search_seconds: *seconds,
            ..candidate(CandidateKind::Searched, repeat, Some(genotype))
        });
        if !self.given.is_empty() {
            all.retain(|candidate| candidate.kind != CandidateKind::Searched);
            all.splice(0..0, given);
        }
        let [layers, init_channels] = select.size(&self.config.train);
        let rung = |epochs| Rung { epochs, trainings: select.trainings, layers, init_channels };
        let longer = (select.longer_epochs > 0).then(|| rung(select.longer_epochs));
        let rungs: Vec<Rung> = match all.len() {
            1 => Vec::new(),
            _ => [rung(select.epochs)].into_iter().chain(longer).collect(),
        };
        let validation = self.dataset.split.validation.len();
        if validation == 0 && !rungs.is_empty() {
            let expected =
                "so large that there are validation images: a selection compares the cells on them";
            let found = self.config.data.validation_fraction;
            return Err(Error::setting("data.validation_fraction", found, expected));
        }
        let of_also = select.also.iter().position(|name| *name == select.incumbent);
        let incumbent = of_also.and_then(|at| {
            let further = [CandidateKind::Given, CandidateKind::Biggest];
            all.iter().position(|one| further.contains(&one.kind) && one.repeat == at + 1)
        });
        Ok(SelectionRecord {
            seconds: 0.0,
            validation_images: validation as u64,
            rungs,
            candidates: all,
            incumbent,
            chosen: None,
        })
    }

    /// Does parts, and takes over what came of them.
    fn work(
        &mut self,
        record: &mut SelectionRecord,
        parts: &[Part],
        what: &'static str,
        clock: &Clock,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Some(total) = self.steps(record, parts)? else { return Ok(()) };
        // In memory only: what came of the parts that are done.
        let mut outcomes: Vec<(Part, Outcome)> = Vec::new();
        let each = total / parts.len();
        // What an earlier process did is not given out again.
        let (mut waiting, mut done) = (Vec::new(), BTreeMap::new());
        for &part in parts {
            match self.folder.map(|folder| outcome_of(folder, part, record)).transpose()?.flatten() {
                Some(_) => drop(done.insert(part.name(record), each)),
                None => waiting.push(part),
            }
        }
        let mut refused = None;
        let mut told = |name: &str, steps: usize| {
            done.insert(name.to_owned(), steps.min(each));
            let event = Event::Selecting { what, done: done.values().sum(), total };
            match observer.on(event) {
                Ok(()) => observer.signal(),
                Err(error) => {
                    refused = Some(error);
                    Signal::Stop
                }
            }
        };
        let bench = Bench {
            dataset: self.dataset,
            device: self.device,
            checkpoint_interval: self.checkpoint_interval,
        };
        let worked = match (self.folder, &mut self.workers) {
            (Some(folder), Some(workers)) => {
                let names: Vec<String> = waiting.iter().map(|part| part.name(record)).collect();
                workers.work(folder.path(), &names, &mut told)
            }
            (folder, _) => waiting.iter().try_for_each(|&part| {
                let name = part.name(record);
                let mut of_part = |steps| told(&name, steps);
                let mut counting = Counting::new(&mut of_part);
                match folder {
                    Some(folder) => bench.in_folder(folder, self.config, part, record, &mut counting),
                    None => {
                        let outcome = bench.in_memory(self.config, part, record, &mut counting)?;
                        outcomes.push((part, outcome));
                        Ok(())
                    }
                }?;
                told(&name, each);
                Ok(())
            }),
        };
        // What is done is kept, whatever became of the others.
        if let Some(folder) = self.folder {
            for &part in parts {
                if let Some(outcome) = outcome_of(folder, part, record)? {
                    outcomes.push((part, outcome));
                }
            }
        }
        let all = outcomes.len() == parts.len();
        if worked.is_ok() && all {
            outcomes.into_iter().try_for_each(|(part, outcome)| self.take(record, part, outcome))?;
        }
        self.keep(record, clock)?;
        match refused {
            Some(error) => Err(error),
            None => worked,
        }?;
        if !all {
            return Err(Error::Refused("parts of the selection were not done: go on with it".into()));
        }
        self.tell(record, parts, observer)
    }

    /// Steps of all parts, which have as many each; none where there are no parts.
    fn steps(&self, record: &SelectionRecord, parts: &[Part]) -> Result<Option<usize>> {
        let Some(&part) = parts.first() else { return Ok(None) };
        let config = part.config(self.config, record)?;
        let (images, batch, epochs) = match part {
            Part::Search(_) => {
                (self.dataset.split.weights.len(), config.search.batch_size, config.search.all_epochs())
            }
            Part::Training { .. } => {
                (self.dataset.training_indices().len(), config.train.batch_size, config.train.epochs)
            }
        };
        Ok(Some((images.div_ceil(batch) * epochs).max(1) * parts.len()))
    }

    /// Takes over what came of a part; those of a candidate come in the order of its trainings.
    fn take(&self, record: &mut SelectionRecord, part: Part, outcome: Outcome) -> Result<()> {
        match (part, outcome) {
            (Part::Search(candidate), Outcome::Found { genotype, seconds }) => {
                let candidate = &mut record.candidates[candidate];
                candidate.genotype = Some(genotype.to_text());
                candidate.search_seconds = seconds;
            }
            (Part::Training { candidate, rung, training }, Outcome::Scored(score)) => {
                if rung == 0 && training == 0 {
                    let (genotype, config) = (part.genotype(record)?, part.config(self.config, record)?);
                    let cost = network_cost(&genotype, &config, &self.dataset.train);
                    let candidate = &mut record.candidates[candidate];
                    (candidate.parameters, candidate.macs) = (cost.parameters, cost.macs);
                }
                let candidate = &mut record.candidates[candidate];
                if candidate.scores.len() == rung {
                    candidate.scores.push(Vec::new());
                    candidate.seconds.push(0.0);
                }
                if candidate.scores[rung].len() == training {
                    candidate.scores[rung].push(score.score);
                    candidate.seconds[rung] += score.seconds;
                }
            }
            _ => unreachable!("searches find and trainings are scored"),
        }
        Ok(())
    }

    /// Tells what each candidate of these parts has come to.
    fn tell(&self, record: &SelectionRecord, parts: &[Part], observer: &mut dyn Observer) -> Result<()> {
        for &part in parts {
            match part {
                Part::Search(candidate) => {
                    let genotype = part.genotype(record)?;
                    // Found out before others are trained for hours.
                    check_network(&genotype, &self.config.train, &self.dataset.train)?;
                    observer.on(Event::Candidate { candidate: &record.candidates[candidate], rung: None })?;
                }
                Part::Training { candidate, rung, training: 0 } => {
                    let candidate = &record.candidates[candidate];
                    observer.on(Event::Candidate { candidate, rung: Some(rung) })?;
                }
                Part::Training { .. } => {}
            }
        }
        Ok(())
    }

    fn keep(&self, record: &mut SelectionRecord, clock: &Clock) -> Result<()> {
        record.seconds = clock.before + clock.begun.elapsed().as_secs_f64();
        self.folder.map_or(Ok(()), |folder| folder.write_selection(record))
    }
}

/// When the work on a selection began, and what was worked on it before, in seconds.
struct Clock {
    begun: Instant,
    before: f64,
}

/// The genotype that was taken, if one was.
fn taken(record: &SelectionRecord) -> Result<Option<Genotype>> {
    record.taken().and_then(|candidate| candidate.genotype.as_deref()).map(parse_genotype).transpose()
}

/// What is in the folder of a part that is done.
fn outcome_of(folder: &RunFolder, part: Part, record: &SelectionRecord) -> Result<Option<Outcome>> {
    let name = part.name(record);
    if !folder.has_part(&name) {
        return Ok(None);
    }
    let folder = folder.part(&name)?;
    match part {
        Part::Search(_) => {
            let Some(genotype) = folder.read_genotype()? else { return Ok(None) };
            // A cell that is drawn takes none.
            let seconds = folder.search_seconds()?.unwrap_or(0.0);
            Ok(Some(Outcome::Found { genotype, seconds }))
        }
        Part::Training { .. } => Ok(folder.read_score()?.map(Outcome::Scored)),
    }
}

/// The candidates that a rung is of: all in the first one, the best of the one before in the others, of which the incumbent
/// is one in any case.
fn reaching(record: &SelectionRecord, config: &CheckedConfig, rung: usize) -> Vec<usize> {
    match rung {
        0 => (0..record.candidates.len()).collect(),
        _ => {
            let mut best = record.best(rung - 1, config.select.finalists());
            if let Some(incumbent) = record.incumbent.filter(|place| !best.contains(place)) {
                best.pop();
                best.push(incumbent);
            }
            best
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, preset};

    fn record(scores: &[(f64, u64)]) -> SelectionRecord {
        let rung = Rung { epochs: 1, trainings: 1, layers: 2, init_channels: 4 };
        let of = |(repeat, &(score, macs)): (usize, &(f64, u64))| Candidate {
            macs,
            scores: vec![vec![score]],
            seconds: vec![1.0],
            ..candidate(CandidateKind::Random, repeat, None)
        };
        SelectionRecord {
            seconds: 0.0,
            validation_images: 10,
            rungs: vec![rung; 2],
            candidates: scores.iter().enumerate().map(of).collect(),
            incumbent: None,
            chosen: None,
        }
    }

    #[test]
    fn the_best_go_on_and_of_equals_the_cheaper() {
        let mut record = record(&[(0.5, 9), (0.7, 9), (0.6, 9), (0.7, 8), (0.6, 9)]);
        assert_eq!(record.best(0, 9), [3, 1, 2, 4, 0]);
        let config = preset(Preset::PaperCifar10, &DataShape::default()).0.check().unwrap();
        let config = config.with(|config| {
            (config.select.random, config.data.validation_fraction) = (5, 0.1);
        });
        let config = config.unwrap();
        assert_eq!(reaching(&record, &config, 0), [0, 1, 2, 3, 4]);
        assert_eq!(reaching(&record, &config, 1), [3, 1, 2]);
        assert!(record.best(1, 3).is_empty());
        // The incumbent does in any case, in the place of the last.
        record.incumbent = Some(0);
        assert_eq!(reaching(&record, &config, 1), [3, 1, 0]);
        record.incumbent = Some(1);
        assert_eq!(reaching(&record, &config, 1), [3, 1, 2]);
    }

    #[test]
    fn parts_are_known_by_their_names() {
        let record = record(&[(0.5, 1), (0.6, 1)]);
        for candidate in 0..2 {
            for rung in 0..2 {
                let part = Part::Training { candidate, rung, training: 0 };
                assert_eq!(Part::named(&part.name(&record), &record), Some(part));
            }
        }
        assert_eq!(Part::named("random-0", &record), None);
        assert_eq!(Part::named("../elsewhere", &record), None);
    }
}
