//! The guard at work: it looks at each epoch, remembers, and says how the search goes on.

use super::margins::{margins, ranking};
use super::method::{Course, End, Method, Rollback, Rules, Trail, Watch, Watched};
use crate::error::{Error, Result};
use crate::event::{Event, Observer};
use crate::records::{Leaning, SearchState};
use crate::resume::remedy;
use crate::space::{CellGene, EdgeWeights, Genotype, Primitive, SearchSpace};

/// What watches a search.
pub(super) struct Watcher {
    rules: Rules,
    trail: Trail,
    /// Steps of an epoch.
    steps: usize,
    /// States after earlier epochs, to go back to.
    earlier: Vec<SearchState>,
}

impl Watcher {
    /// Of a search of so many epochs of so many steps.
    pub fn new(method: &Method, epochs: usize, steps: usize) -> Watcher {
        Watcher { rules: Rules::new(method, epochs), trail: Trail::default(), steps, earlier: Vec::new() }
    }

    /// Says so where the stop rule can never hold.
    ///
    /// # Errors
    /// Whatever the observer answers.
    pub fn warn(&self, observer: &mut dyn Observer) -> Result<()> {
        let Some(why) = self.rules.why_never() else { return Ok(()) };
        observer.on(Event::Note(format!("the stop rule cannot end this search: {why}").into()))
    }

    /// Whether the eigenvalue is measured after this epoch.
    pub fn measures(&self, epoch: usize) -> bool {
        self.rules.measures(epoch, self.steps)
    }

    /// Looks at the epoch that is done; none where nobody watches.
    pub fn watch(
        &mut self,
        leaning: &Leaning,
        weights: &EdgeWeights,
        space: &SearchSpace,
        eigenvalue: Option<f64>,
    ) -> Option<Watch> {
        if !self.rules.is_on() {
            return None;
        }
        let cell = leaning.cells.foremost().unwrap_or_default().to_owned();
        let of = |count: &dyn Fn(&CellGene) -> usize| leaning.genotype.cells.get(&cell).map_or(0, count);
        let operations = of(&CellGene::n_edges);
        let edges = space.cells.get(&cell).map_or(&[][..], Vec::as_slice);
        let most_skips = self.rules.most_skips(operations, edges);
        let (skips, noise) = (of(&CellGene::n_skips), of(&|cell| cell.n_of(Primitive::Noise)));
        let same_ranking = self.rank(weights, space);
        let genotype = leaning.genotype.clone();
        self.trail.epochs.push(Watched {
            skips: skips + noise,
            most_skips,
            eigenvalue,
            same_ranking,
            genotype,
        });
        let found = self.rules.judge(&self.trail);
        Some(Watch {
            margins: margins(&leaning.genotype, weights, space),
            eigenvalue,
            cell,
            skips,
            noise,
            operations,
            most_skips,
            verdict: found.verdict,
            alarm: found.alarm,
            taken: found.taken,
            end: match found.next {
                Course::GoOn => None,
                Course::End(end) => Some(end),
            },
            rollbacks: self.trail.rollbacks.clone(),
        })
    }

    /// Epochs in a row that rank the learnable operations as this one.
    fn rank(&mut self, weights: &EdgeWeights, space: &SearchSpace) -> usize {
        if !self.rules.ranks() {
            return 0;
        }
        // Alphas that rest keep their ranking.
        if !self.rules.have_moved(self.trail.epochs.len()) {
            return 0;
        }
        let ranking = ranking(weights, space);
        let before = self.trail.epochs.last().map_or(0, |epoch| epoch.same_ranking);
        let same = if self.trail.ranking == ranking { before + 1 } else { 1 };
        self.trail.ranking = ranking;
        same
    }

    /// How the search goes on.
    pub fn next(&self) -> Course {
        if self.trail.epochs.is_empty() { Course::GoOn } else { self.rules.judge(&self.trail).next }
    }

    /// The epoch, from 0, whose genotype is the result, and the genotype; none where nobody watched.
    pub fn taken(&self) -> Option<(usize, &Genotype)> {
        if self.trail.epochs.is_empty() {
            return None;
        }
        let taken = self.rules.judge(&self.trail).taken;
        Some((taken, &self.trail.epochs[taken].genotype))
    }

    /// Weight decay of the weights from here on.
    pub fn weight_decay(&self) -> f64 {
        self.rules.weight_decay_after(&self.trail)
    }

    /// Keeps the state after the epoch that is done, where the search may go back to it.
    pub fn keep(&mut self, state: impl FnOnce() -> SearchState) {
        let measured = self.trail.epochs.last().is_some_and(|epoch| epoch.eigenvalue.is_some());
        // A search that goes back now needs the states as they were kept for this alarm.
        if !self.rules.goes_back() || !measured || self.next() != Course::GoOn {
            return;
        }
        let earliest = self.rules.earliest(&self.trail);
        if self.trail.epochs.len() > earliest {
            self.earlier.push(state());
        }
        self.earlier.retain(|state| state.position.epoch > earliest);
    }

    /// Goes back: answers the state from which the search goes on.
    ///
    /// # Panics
    /// If that was not kept, which a checkpoint is checked for.
    pub fn go_back(&mut self, rollback: Rollback) -> SearchState {
        self.trail.epochs.truncate(rollback.to + 1);
        self.trail.rollbacks.push(rollback);
        self.earlier.retain(|state| state.position.epoch <= rollback.to + 1);
        self.earlier.last().expect("the states that an alarm may go back to are kept").clone()
    }

    /// What goes into a checkpoint.
    pub fn to_state(&self, state: SearchState) -> SearchState {
        SearchState { trail: self.trail.clone(), earlier: self.earlier.clone(), ..state }
    }

    /// The inverse.
    ///
    /// # Errors
    /// A state that was watched for another number of epochs than are done, or cannot go back where it must.
    pub fn restore(&mut self, state: &SearchState, origin: &str) -> Result<()> {
        let (watched, done) = (state.trail.epochs.len(), state.position.epoch.min(self.rules.epochs()));
        let expected = if self.rules.is_on() { done } else { 0 };
        let refuse = |found: String, expected: String| Err(Error::invalid(origin, found, expected, remedy()));
        if watched != expected {
            return refuse(format!("{watched} epochs that were watched"), format!("{expected}"));
        }
        self.trail = state.trail.clone();
        self.earlier = state.earlier.clone();
        if let Course::End(End::Back(back)) = self.next()
            && !self.earlier.iter().any(|state| state.position.epoch == back.to + 1)
        {
            let expected = format!("the state after epoch {}, to which the search goes back", back.to + 1);
            return refuse(format!("{} earlier states", self.earlier.len()), expected);
        }
        Ok(())
    }
}
