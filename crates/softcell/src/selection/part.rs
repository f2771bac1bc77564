//! A part of a selection: what it is called and with which settings it is done.

use crate::config::{CheckedConfig, SelectConfig, drop_path};
use crate::error::{Error, Result};
use crate::records::{CandidateKind, SelectionRecord};
use crate::space::{Genotype, parse_genotype};

/// Repetitions of a run that its parts may take, so that those of another repetition draw differently.
const REPEATS: usize = 1_000_000;

/// A part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The search of a candidate.
    Search(usize),
    /// A training of a candidate.
    Training {
        /// The candidate.
        candidate: usize,
        /// The rung, from 0.
        rung: usize,
        /// Which training, from 0.
        training: usize,
    },
}

impl Part {
    /// The name of its folder: `search-1`, or `search-1_rung-1_training-2`.
    pub fn name(self, record: &SelectionRecord) -> String {
        match self {
            Part::Search(candidate) => record.candidates[candidate].name.clone(),
            Part::Training { candidate, rung, training } => {
                let name = &record.candidates[candidate].name;
                format!("{name}_rung-{}_training-{}", rung + 1, training + 1)
            }
        }
    }

    /// The part of a name.
    pub fn named(name: &str, record: &SelectionRecord) -> Option<Part> {
        Part::all(record).find(|part| part.name(record) == name)
    }

    fn all(record: &SelectionRecord) -> impl Iterator<Item = Part> + '_ {
        let searches = record.candidates.iter().enumerate().filter(|(_, candidate)| is_own(candidate));
        let trainings = (0..record.candidates.len()).flat_map(move |candidate| {
            record.rungs.iter().enumerate().flat_map(move |(rung, settings)| {
                (0..settings.trainings).map(move |training| Part::Training { candidate, rung, training })
            })
        });
        searches.map(|(candidate, _)| Part::Search(candidate)).chain(trainings)
    }

    /// The settings with which it is done: those of the run, with draws of its own, and in a training with the size and
    /// the epochs of the rung, to whose end it goes.
    ///
    /// # Errors
    /// Sizes that do not go with the other settings.
    pub fn config(self, config: &CheckedConfig, record: &SelectionRecord) -> Result<CheckedConfig> {
        config.with(|of_part| {
            of_part.select = SelectConfig::off();
            let first = config.repeat * REPEATS;
            match self {
                Part::Search(candidate) => of_part.repeat = first + record.candidates[candidate].repeat,
                Part::Training { rung, training, .. } => {
                    let rung = record.rungs[rung];
                    of_part.repeat = first + training + 1;
                    let train = &mut of_part.train;
                    (train.layers, train.init_channels) = (rung.layers, rung.init_channels);
                    train.lift_limits();
                    // A drop path that follows the epochs follows these.
                    if train.drop_path_prob == drop_path(train.epochs) {
                        train.drop_path_prob = drop_path(rung.epochs);
                    }
                    (train.epochs, train.patience, train.all_images) = (rung.epochs, 0, false);
                }
            }
        })
    }

    /// The cell that a training is of.
    ///
    /// # Errors
    /// Where its search is not done.
    pub fn genotype(self, record: &SelectionRecord) -> Result<Genotype> {
        let (Part::Search(candidate) | Part::Training { candidate, .. }) = self;
        match &record.candidates[candidate].genotype {
            Some(text) => parse_genotype(text),
            None => Err(Error::Refused(
                format!("the search of {} is not done yet", record.candidates[candidate].name).into(),
            )),
        }
    }
}

/// Whether a candidate is searched in this run.
pub fn is_own(candidate: &crate::records::Candidate) -> bool {
    candidate.kind == CandidateKind::Searched && candidate.run.is_none()
}
