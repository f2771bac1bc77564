//! The phases of a search: its own epochs, those in which choices are made one by one, trials after the last.

use super::method::{Rounds, Samples, Selection, StageStart, Tally};
use crate::config::{SearchConfig, cosine};
use crate::error::{Error, Result};
use crate::resume::remedy;
use crate::space::SearchSpace;

/// What a search goes through, computed once.
#[derive(Debug, Clone)]
pub(super) struct Phases {
    /// Epochs of the search itself.
    pub search: usize,
    /// Choices after it, with epochs in which the weights get used to them.
    pub tuning: Option<Tuning>,
    /// Cells that are measured after the last epoch.
    pub samples: Option<Samples>,
}

/// The choices of [`Selection::Perturb`].
#[derive(Debug, Clone)]
pub(super) struct Tuning {
    /// What is chosen in which order.
    pub rounds: Rounds,
    /// In which epoch each round is, before its steps, from 0 for the first after the search.
    pub epochs: Vec<usize>,
}

impl Phases {
    /// Those of a search in a space, draws under `seed`.
    pub fn new(config: &SearchConfig, space: &SearchSpace, seed: u64) -> Phases {
        let method = &config.method;
        Phases {
            search: config.epochs,
            tuning: config.tuning(space, seed),
            samples: (method.selection == Selection::ScoredSamples).then_some(Samples {
                samples: method.selection_samples,
                finalists: method.selection_finalists,
                seed,
            }),
        }
    }

    /// Epochs in all.
    pub fn epochs(&self) -> usize {
        self.search + self.tuning.as_ref().map_or(0, Tuning::len)
    }

    /// How many rounds of choices have begun by the time an epoch begins, and the rounds.
    pub fn begun(&self, epoch: usize) -> Option<(usize, &Rounds)> {
        let tuning = self.tuning.as_ref()?;
        let begun = tuning.epochs.iter().filter(|&&at| self.search + at <= epoch).count();
        (begun > 0).then_some((begun, &tuning.rounds))
    }

    /// Whether a search that stands before or in this epoch can have come to these trials.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_trials(&self, origin: &str, epoch: usize, trials: &[Tally], under_way: Tally) -> Result<()> {
        let most = match (self.begun(epoch), &self.samples) {
            (Some((begun, rounds)), _) => {
                let choices = rounds.replay(begun, trials);
                if choices.next.is_some() { trials.len() } else { choices.used }
            }
            (None, Some(samples)) if epoch == self.search => samples.trials(),
            _ => 0,
        };
        let is_tally = |tally: &Tally| tally.right <= tally.images;
        if trials.len() <= most && trials.iter().chain([&under_way]).all(is_tally) {
            return Ok(());
        }
        let found = format!("{} trials in epoch {epoch}", trials.len());
        let expected = format!("at most {most}, each with no more right answers than images");
        Err(Error::invalid(origin, found, expected, remedy()))
    }

    /// Batches of all trials, where the alphas' part has so many and a short trial takes so many of them.
    pub fn batches_of_trials(&self, whole: usize, short: usize) -> usize {
        let rounds = self.tuning.as_ref().map_or(0, |tuning| tuning.rounds.trials() * whole);
        let samples = self.samples.as_ref();
        rounds + samples.map_or(0, |s| s.samples * short + (s.trials() - s.samples) * whole)
    }
}

impl Tuning {
    /// Epochs: the last has the last round.
    fn len(&self) -> usize {
        self.epochs.last().map_or(0, |last| last + 1)
    }
}

impl SearchConfig {
    /// Epochs in all: those of the search, and those of [`Selection::Perturb`] after them.
    pub fn all_epochs(&self) -> usize {
        // Neither the size of the images nor the seed changes how many there are.
        self.epochs + self.tuning(&self.space([1, 1]), 0).map_or(0, |tuning| tuning.len())
    }

    /// Images of all trials of the selection, where the alphas' part has so many.
    pub fn images_of_trials(&self, images: usize) -> usize {
        let whole = images.div_ceil(self.batch_size);
        let phases = Phases::new(self, &self.space([1, 1]), 0);
        let batches = phases.batches_of_trials(whole, self.method.selection_batches.min(whole));
        // All batches but the last are full.
        batches * images / whole.max(1)
    }

    /// A round every `selection_interval` epochs, the first at once. Where only operations are chosen, the last round is an
    /// epoch earlier, so that its weights are tuned for one epoch, as in the code of DARTS-PT for NAS-Bench-201: there 6
    /// rounds are in the epochs 0, 5, 10, 15, 20, 24 of 25; in the space of DARTS 17 are in 0, 5, …, 80 of 81.
    fn tuning(&self, space: &SearchSpace, seed: u64) -> Option<Tuning> {
        if self.method.selection != Selection::Perturb {
            return None;
        }
        let rounds = Rounds::new(space, seed);
        let interval = self.method.selection_interval;
        let mut epochs: Vec<usize> = (0..rounds.len()).map(|round| round * interval).collect();
        if let [.., before, last] = &mut epochs[..]
            && !rounds.choose_edges()
        {
            *last = (*last - 1).max(*before + 1);
        }
        Some(Tuning { rounds, epochs })
    }

    /// SGD learning rate of the weights in an epoch, from 0: half a cosine, over all epochs of the search, or over those of
    /// each stage that begins afresh.
    ///
    /// In the epochs of [`Selection::Perturb`] it is `selection_rate` of the first one, and falls by half a cosine to the
    /// least; where only operations are chosen, it stays (the code of DARTS-PT for both spaces).
    pub fn learning_rate_at(&self, epoch: usize) -> f64 {
        let (start, min) = (self.learning_rate, self.learning_rate_min);
        if epoch < self.epochs {
            let range = match self.method.schedule.stage_start {
                StageStart::Continued => 0..self.epochs,
                StageStart::Fresh => self.method.schedule.stage_of(epoch, self.epochs).1,
            };
            return cosine(start, min, epoch - range.start, range.len());
        }
        let start = start * self.method.selection_rate;
        match self.tuning(&self.space([1, 1]), 0) {
            None => min,
            Some(tuning) if !tuning.rounds.choose_edges() => start,
            Some(tuning) => cosine(start, min.min(start), epoch - self.epochs, tuning.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, preset};

    fn paper() -> SearchConfig {
        preset(Preset::PaperCifar10, &DataShape::default()).0.search
    }

    #[test]
    fn tuning_has_the_epochs_of_the_paper() {
        let mut config = paper();
        assert_eq!(config.all_epochs(), 50);
        config.method.selection = Selection::Perturb;
        let phases = Phases::new(&config, &SearchSpace::darts(), 2);
        let tuning = phases.tuning.as_ref().unwrap();
        assert_eq!(tuning.epochs, (0..17).map(|round| 5 * round).collect::<Vec<_>>());
        assert_eq!((phases.epochs(), config.all_epochs()), (131, 131));
        assert!(phases.begun(49).is_none());
        let begun = |epoch| phases.begun(epoch).unwrap().0;
        assert_eq!([begun(50), begun(54), begun(55), begun(130)], [1, 1, 2, 17]);
        // lr/10, half a cosine to the least.
        let rate = |epoch| config.learning_rate_at(epoch);
        assert!((rate(0) - 0.025).abs() < 1e-15 && (rate(50) - 0.0025).abs() < 1e-15);
        assert!((rate(130) - cosine(0.0025, 0.001, 80, 81)).abs() < 1e-15);
    }

    #[test]
    fn tuning_of_operations_alone() {
        let mut config = paper();
        config.method.selection = Selection::Perturb;
        let rounds = |interval| {
            let mut config = config.clone();
            config.method.selection_interval = interval;
            config.tuning(&SearchSpace::nas_bench_201(), 0).unwrap().epochs
        };
        assert_eq!(rounds(5), [0, 5, 10, 15, 20, 24]);
        assert_eq!(rounds(1), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn fresh_stages_have_a_cosine_of_their_own() {
        let mut config = paper();
        config.epochs = 75;
        config.method.schedule.stage_layers.0 = vec![5, 11, 17];
        config.method.schedule.stage_start = StageStart::Fresh;
        let rate = |epoch| config.learning_rate_at(epoch);
        assert_eq!([rate(0), rate(25), rate(50)], [0.025; 3]);
        assert_eq!(rate(37), cosine(0.025, 0.001, 12, 25));
    }
}
