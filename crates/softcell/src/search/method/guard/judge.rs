//! What the guard thinks of a search so far: a function of the epochs that are done, and of nothing else.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Alarm, EigenvalueRule, End, Guard, Guards, Rollback, StopRule, Stops, Trail, Watched};
use crate::error::{Error, Result};
use crate::search::method::{Method, Relaxation};
use crate::space::{Primitive, SearchSpace};

/// Epochs from the alphas' first on that are not judged: genotypes of alphas as they were drawn have up to 4 skip
/// connections of 8. Of a short search a quarter.
const EARLY: usize = 5;
/// Epochs in a row with too many skip connections that end a search where the guard may.
const CONFIRMED: usize = 2;
/// Measurements of the eigenvalue over a search, where they are not too dear: every second epoch of 50.
const MEASUREMENTS: usize = 25;
/// Share of a search that measurements may cost.
const MOST_COST: f64 = 0.05;
/// Passes forward and backward of a measurement, as a bound.
pub(in crate::search) const PASSES: usize = 32;
/// Factor on the weight decay at each rollback, the most it becomes, and how often.
const DECAY: (f64, f64, usize) = (10.0, 3e-2, 2);

/// What is thought of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Too early to tell.
    Early,
    /// Nothing speaks against it.
    Healthy,
    /// It has collapsed: too many skip connections.
    Skips,
    /// It has collapsed: the eigenvalue has risen.
    Eigenvalue,
}

impl Verdict {
    /// Whether the search has collapsed.
    pub const fn is_collapse(self) -> bool {
        matches!(self, Verdict::Skips | Verdict::Eigenvalue)
    }
}

/// How a search goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Course {
    /// With the next epoch.
    GoOn,
    /// Not at all, or from an earlier epoch.
    End(End),
}

/// What is thought of the epochs that are done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// Of the last epoch.
    pub verdict: Verdict,
    /// The eigenvalue's alarm.
    pub alarm: Option<Alarm>,
    /// The epoch, from 0, whose genotype is the result if no other follows.
    pub taken: usize,
    /// What follows.
    pub next: Course,
}

/// By what a search is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    guard: Guard,
    /// Whether edge weights give the genotype.
    is_of_weights: bool,
    guards: Guards,
    stop: StopRule,
    stops: Stops,
    relaxation: Relaxation,
    /// Halves of a step, each of one pass at least: where it has more, the bound on the cost is met by more.
    passes: usize,
    /// First epoch of the alphas in a stage, and the epochs of each stage: alphas of earlier ones say nothing of it.
    first: usize,
    stages: Vec<Range<usize>>,
    /// Weight decay of the weights as the settings have it.
    weight_decay: f64,
}

impl Rules {
    /// Those of a method for a search of so many epochs.
    pub fn new(method: &Method, epochs: usize) -> Rules {
        Rules {
            guard: if method.selection.is_of_weights() { method.guard } else { Guard::Off },
            is_of_weights: method.selection.is_of_weights(),
            guards: method.guards,
            stop: method.stop,
            stops: method.stops,
            relaxation: method.relaxation,
            passes: method.order.halves().len(),
            first: method.schedule.first_epoch,
            stages: method.schedule.ranges(epochs),
            weight_decay: method.weights.weight_decay(),
        }
    }

    /// Epochs of the search, those that a selection adds left out.
    pub fn epochs(&self) -> usize {
        self.stages.last().map_or(0, |stage| stage.end)
    }

    /// The epochs of the stage of an epoch.
    fn stage(&self, epoch: usize) -> &Range<usize> {
        let found = self.stages.iter().find(|stage| stage.contains(&epoch));
        found.or(self.stages.last()).expect("a search has a stage")
    }

    /// Epochs of the shortest stage.
    fn shortest(&self) -> usize {
        self.stages.iter().map(ExactSizeIterator::len).min().unwrap_or(0)
    }

    /// Epochs of the shortest stage in which alphas move.
    fn moved(&self) -> usize {
        self.shortest().saturating_sub(self.first)
    }

    /// Epochs between two measurements, whatever they cost: the setting, or 25 measurements in the shortest stage.
    fn often(&self) -> usize {
        match self.guards.interval {
            0 => self.moved().div_ceil(MEASUREMENTS).max(1),
            interval => interval,
        }
    }

    /// Whether, in this interval, there is a measurement after an epoch of a stage of so many, counted from its beginning.
    fn measures_in(&self, epoch: usize, epochs: usize, interval: usize) -> bool {
        let since = epoch.checked_sub(self.first);
        since.is_some_and(|since| since.is_multiple_of(interval) || epoch + 1 == epochs)
    }

    /// Whether the alphas have moved when this epoch, from 0, is done.
    pub fn have_moved(&self, epoch: usize) -> bool {
        epoch - self.stage(epoch).start >= self.first
    }

    /// Whether anything is watched.
    pub fn is_on(&self) -> bool {
        self.guard != Guard::Off || self.stop != StopRule::None
    }

    /// Whether the ranking of learnable operations is asked for.
    pub fn ranks(&self) -> bool {
        self.stop == StopRule::Ranking
    }

    /// Whether states are kept to go back to.
    pub fn goes_back(&self) -> bool {
        self.stop == StopRule::Adapt
    }

    /// Most states that are kept at a time.
    pub fn most_states(&self) -> usize {
        let fewest = self.eigenvalue().fewest();
        if self.goes_back() { fewest - 1 + fewest.saturating_sub(2) * (DECAY.2 - 1) } else { 0 }
    }

    /// The first epoch of a stage of so many, from 0, that is judged.
    fn armed(&self, epochs: usize) -> usize {
        self.first + EARLY.min(epochs.saturating_sub(self.first).div_ceil(4))
    }

    /// The rule on the eigenvalue in a stage; its earliest epoch is the tenth of 50 after the alphas' first.
    fn eigenvalue_in(&self, epochs: usize) -> EigenvalueRule {
        let Guards { ratio, window, distance, .. } = self.guards;
        let first = self.first + epochs.saturating_sub(self.first).div_ceil(5);
        EigenvalueRule { ratio, window, distance, first }
    }

    /// The rule on the eigenvalue where the search is one stage.
    pub fn eigenvalue(&self) -> EigenvalueRule {
        self.eigenvalue_in(self.epochs())
    }

    /// Epochs between two measurements of the eigenvalue in a search of so many steps an epoch; none where there are
    /// none: where they cost too much for as many as an alarm takes, or nobody asks.
    pub fn interval(&self, steps: usize) -> Option<usize> {
        if !self.is_on() || !self.relaxation.is_smooth() {
            return None;
        }
        let often = self.often();
        if self.guards.interval > 0 {
            return Some(often);
        }
        let epoch = (self.passes * steps).max(1) as f64;
        let cheap = (PASSES as f64 / (MOST_COST * epoch)).ceil() as usize;
        let interval = if self.stop.is_of_eigenvalue() { often } else { often.max(cheap) };
        self.can_rise(interval).then_some(interval)
    }

    /// Whether measurements in this interval are enough for an alarm.
    fn can_rise(&self, interval: usize) -> bool {
        let stage = self.shortest();
        let rule = self.eigenvalue_in(stage);
        let measured: Vec<usize> =
            (0..stage).filter(|&epoch| self.measures_in(epoch, stage, interval)).collect();
        let latest = measured.len().checked_sub(rule.fewest());
        latest.is_some_and(|latest| measured[latest] >= rule.first)
    }

    /// Why the stop rule can never hold in this search, where it cannot.
    pub fn why_never(&self) -> Option<String> {
        let (_, most, _) = DECAY;
        let decay = self.weight_decay;
        match self.stop {
            StopRule::Adapt if decay == 0.0 || decay >= most => {
                Some(format!("it raises the weight decay tenfold, up to {most}, and that is {decay}"))
            }
            rule if rule.is_of_eigenvalue() => {
                let (interval, epochs) = (self.often(), self.moved());
                (!self.can_rise(interval)).then(|| {
                    format!(
                        "the eigenvalue is measured every {interval} of the {epochs} epochs in which alphas move, too \
                         seldom to see it rise"
                    )
                })
            }
            StopRule::Ranking if self.stops.epochs >= self.moved() => Some(format!(
                "it asks for {} epochs of one ranking, and alphas move in {}",
                self.stops.epochs,
                self.moved()
            )),
            _ => None,
        }
    }

    /// Whether the eigenvalue is measured after this epoch.
    pub fn measures(&self, epoch: usize, steps: usize) -> bool {
        let Some(interval) = self.interval(steps) else { return false };
        let stage = self.stage(epoch);
        self.measures_in(epoch - stage.start, stage.len(), interval)
    }

    /// After how many epochs of the search it is measured.
    pub fn measurements(&self, steps: usize) -> usize {
        let Some(interval) = self.interval(steps) else { return 0 };
        let of_stage = |stage: &Range<usize>| {
            (0..stage.len()).filter(|&epoch| self.measures_in(epoch, stage.len(), interval)).count()
        };
        self.stages.iter().map(of_stage).sum()
    }

    /// Most skip connections, noise among them, of a healthy cell of so many operations, whose edges have these
    /// candidates; none where none of them is one.
    ///
    /// The setting, or else a quarter of the operations (2 of 8, as in P-DARTS), or as many as a choice by chance among
    /// the candidates would give, if that is more (4 of 8 where the other candidate is a convolution); never all, but where nothing else can be chosen.
    pub fn most_skips(&self, operations: usize, edges: &[Vec<Primitive>]) -> Option<usize> {
        let n = edges.len().max(1);
        let share: f64 = edges
            .iter()
            .map(|candidates| {
                let real = candidates.iter().filter(|&&candidate| candidate != Primitive::None).count();
                let idle = candidates.iter().filter(|candidate| candidate.is_idle()).count();
                idle as f64 / real.max(1) as f64
            })
            .sum();
        if share == 0.0 {
            return None;
        }
        // Where nothing else can be chosen nothing has collapsed.
        if share == n as f64 {
            return Some(operations);
        }
        let by_chance = (share / n as f64 * operations as f64).round() as usize;
        let most = match self.guards.skips {
            0 => operations.div_ceil(4).max(2).max(by_chance),
            most => most,
        };
        Some(most.min(operations.saturating_sub(1)))
    }

    /// What is to be said against these rules in a space.
    ///
    /// # Errors
    /// A stop rule that could never hold, or would always.
    pub fn check(&self, space: &SearchSpace) -> Result<()> {
        let refuse = |rule: &str, expected: &str| Err(Error::setting("search.method.stop", rule, expected));
        let mut edges = space.cells.cells().flatten();
        let is_ranked = |edge: &Vec<Primitive>| edge.iter().filter(|c| c.is_learnable()).count() > 1;
        match self.stop {
            StopRule::None => Ok(()),
            rule if !self.is_of_weights => {
                refuse(rule.name(), "none, because this selection goes on after the last epoch")
            }
            rule if self.stages.len() > 1 => {
                refuse(rule.name(), "none, because a search in stages needs the epochs of each of them")
            }
            rule if rule.is_of_eigenvalue() && !self.relaxation.is_smooth() => refuse(
                rule.name(),
                "another rule, because the eigenvalue has no meaning for such edge weights",
            ),
            StopRule::Skips if !edges.any(|edge| edge.iter().any(|c| c.is_idle())) => {
                refuse("skips", "another rule, because no candidate is a skip connection or noise")
            }
            StopRule::Ranking if !edges.any(is_ranked) => refuse(
                "ranking",
                "another rule, because no edge has two candidates with weights to be ranked",
            ),
            _ => Ok(()),
        }
    }

    /// What is thought after the last epoch of `trail`, by the epochs of its stage alone.
    ///
    /// # Panics
    /// If there is none.
    pub fn judge(&self, trail: &Trail) -> Judgement {
        let done = trail.epochs.len().checked_sub(1).expect("an epoch is done");
        let stage = self.stage(done);
        // From here on epochs are counted from the beginning of the stage.
        let epochs = &trail.epochs[stage.start..];
        let last = epochs.len() - 1;
        let armed = last >= self.armed(stage.len());
        let alarm = self.eigenvalue_in(stage.len()).alarm(&measured(epochs));
        // Where the alarm is the stop rule's, a search that goes on after it has gone back as often as it may.
        let guarded = alarm.filter(|_| self.stop != StopRule::Adapt && self.guard != Guard::Off);
        let limit = match self.stop {
            StopRule::Eigenvalue => alarm,
            _ => guarded,
        };
        let most = limit.map_or(last, |alarm| alarm.before.min(last));
        let verdict = match &epochs[last] {
            _ if self.guard == Guard::Off || !armed => Verdict::Early,
            epoch if has_too_many(epoch) => Verdict::Skips,
            _ if guarded.is_some() => Verdict::Eigenvalue,
            _ => Verdict::Healthy,
        };
        let taken = match self.guard {
            Guard::Off => most,
            _ if most == last && !verdict.is_collapse() => last,
            // Alphas that have not moved yet are no choice of the search.
            _ => {
                let first = self.first.min(most);
                first + last_healthy(&epochs[first..=most])
            }
        };
        let since = |epoch: usize| stage.start + epoch;
        let alarm = alarm.map(|alarm| Alarm { at: since(alarm.at), before: since(alarm.before), ..alarm });
        let next = self.end(trail, verdict, alarm, armed).map_or(Course::GoOn, Course::End);
        Judgement { verdict, alarm, taken: since(taken), next }
    }

    fn end(&self, trail: &Trail, verdict: Verdict, alarm: Option<Alarm>, armed: bool) -> Option<End> {
        let last = trail.epochs.len() - 1;
        let epoch = &trail.epochs[last];
        if last + 1 >= self.epochs() {
            return None;
        }
        let of_rule = match self.stop {
            StopRule::Skips if armed && epoch.skips >= self.stops.skips => Some(End::Skips),
            StopRule::Ranking if epoch.same_ranking >= self.stops.epochs => {
                Some(End::Ranking(epoch.same_ranking))
            }
            StopRule::Eigenvalue => alarm.map(|_| End::Eigenvalue),
            StopRule::Adapt => alarm.and_then(|alarm| self.back(trail, alarm, last)).map(End::Back),
            _ => None,
        };
        if of_rule.is_some() {
            return of_rule;
        }
        let collapsed = match verdict {
            Verdict::Skips => {
                let of_stage = &trail.epochs[self.stage(last).start..];
                let in_a_row = of_stage.iter().rev().take_while(|epoch| has_too_many(epoch)).count();
                in_a_row >= CONFIRMED
            }
            verdict => verdict.is_collapse(),
        };
        // A search of several stages has its result in the last of them.
        let may_end = self.stage(last).end == self.epochs();
        (self.guard == Guard::Stop && collapsed && may_end).then_some(End::Collapse)
    }

    /// Back to the epoch before the rise, unless the search has gone back often enough.
    fn back(&self, trail: &Trail, alarm: Alarm, last: usize) -> Option<Rollback> {
        let (factor, most, times) = DECAY;
        let now = self.weight_decay_after(trail);
        // As people write it: 3e-4 · 10 is 3e-3.
        let raised: f64 = format!("{:.9e}", now * factor).parse().expect("a number's text is a number");
        let weight_decay = raised.min(most);
        let may = trail.rollbacks.len() < times && weight_decay > now;
        may.then_some(Rollback { from: last, to: alarm.before, weight_decay })
    }

    /// Weight decay of the weights from here on.
    pub fn weight_decay_after(&self, trail: &Trail) -> f64 {
        trail.rollbacks.last().map_or(self.weight_decay, |rollback| rollback.weight_decay)
    }

    /// The first of the epochs, from 0, that the search may still go back to; states before need not be kept. `trail` has
    /// the epochs that are done.
    ///
    /// The next alarm goes back by `fewest − 1` measurements, and one after that by as many from the one that follows
    /// there.
    pub fn earliest(&self, trail: &Trail) -> usize {
        let rule = self.eigenvalue();
        let measured = measured(&trail.epochs);
        let further = match DECAY.2.checked_sub(trail.rollbacks.len() + 1) {
            Some(further) => further,
            None => return usize::MAX,
        };
        let next = (measured.len() + 1).saturating_sub(rule.fewest());
        let lowest = (0..further).fold(next, |at, _| (at + 2).saturating_sub(rule.fewest()));
        measured.get(lowest).map_or(usize::MAX, |(epoch, _)| (*epoch).max(rule.first))
    }
}

fn measured(epochs: &[Watched]) -> Vec<(usize, f64)> {
    let found = epochs.iter().enumerate();
    found.filter_map(|(epoch, watched)| Some((epoch, watched.eigenvalue?))).collect()
}

fn has_too_many(epoch: &Watched) -> bool {
    epoch.most_skips.is_some_and(|most| epoch.skips > most)
}

/// The last epoch without too many skip connections; if all have, the last of those that have fewest.
fn last_healthy(epochs: &[Watched]) -> usize {
    let healthy = epochs.iter().rposition(|epoch| !has_too_many(epoch));
    healthy.unwrap_or_else(|| {
        let fewest = epochs.iter().map(|epoch| epoch.skips).min();
        epochs.iter().rposition(|epoch| Some(epoch.skips) == fewest).unwrap_or(0)
    })
}
