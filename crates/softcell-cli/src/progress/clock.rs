//! How work gets on: what was measured, and how long the rest will take.

use std::time::{Duration, Instant};

use softcell::event::Stage;

/// Forward passes in a step for one image of its batch, of a first-order search (two batches) and of training.
const PASSES: [f64; 2] = [5.0, 3.0];

/// How a stage gets on.
pub struct StageClock {
    /// Which.
    pub stage: Stage,
    /// Epochs in all.
    pub epochs: usize,
    /// Steps of each.
    pub steps: usize,
    /// Steps that are done, over all epochs, those before this process included.
    pub done: usize,
    /// Images of the validation after each epoch.
    validation: usize,
    /// Epochs whose validation is done.
    validated: usize,
    /// Batches of trials: those that are done, and all.
    trials: [usize; 2],
    /// When the last step or validation ended.
    mark: Instant,
    steps_timed: Timed,
    validations_timed: Timed,
    trials_timed: Timed,
    epoch: Timed,
    images: Timed,
}

/// Seconds of a number of things. The first is dropped once there is another: in it caches and memory come
/// to be.
#[derive(Debug, Clone, Copy, Default)]
struct Timed {
    seconds: f64,
    things: f64,
    first: Option<(f64, f64)>,
}

impl Timed {
    fn add(&mut self, seconds: f64, things: f64) {
        if self.first.is_none() {
            self.first = Some((seconds, things));
        } else {
            self.seconds += seconds;
            self.things += things;
        }
    }

    /// Seconds for one thing.
    fn mean(&self) -> Option<f64> {
        let (seconds, things) = if self.things > 0.0 { (self.seconds, self.things) } else { self.first? };
        (things > 0.0).then(|| seconds / things)
    }
}

impl StageClock {
    /// A stage that begins or goes on, with so many steps done before.
    pub fn new(
        stage: Stage,
        epochs: usize,
        steps: usize,
        done: usize,
        validation: usize,
        trials: [usize; 2],
        now: Instant,
    ) -> Self {
        StageClock {
            stage,
            epochs,
            steps,
            done,
            validation,
            validated: done / steps.max(1),
            trials,
            mark: now,
            steps_timed: Timed::default(),
            validations_timed: Timed::default(),
            trials_timed: Timed::default(),
            epoch: Timed::default(),
            images: Timed::default(),
        }
    }

    /// A step of so many images has ended.
    pub fn step(&mut self, epoch: usize, step: usize, images: usize, now: Instant) {
        let seconds = now.duration_since(self.mark).as_secs_f64();
        self.mark = now;
        self.done = epoch * self.steps + step + 1;
        self.steps_timed.add(seconds, 1.0);
        self.images.add(seconds, images as f64);
        self.epoch.seconds += seconds;
        self.epoch.things += images as f64;
    }

    /// A batch of a trial has ended; of all batches of trials so many are done.
    pub fn trial(&mut self, batches: [usize; 2], now: Instant) {
        self.trials_timed.add(now.duration_since(self.mark).as_secs_f64(), 1.0);
        self.mark = now;
        self.trials = batches;
    }

    /// The validation of an epoch has ended; answers the images per second of its steps.
    pub fn epoch(&mut self, now: Instant) -> Option<f64> {
        self.validations_timed.add(now.duration_since(self.mark).as_secs_f64(), 1.0);
        self.mark = now;
        self.validated += 1;
        let epoch = std::mem::take(&mut self.epoch);
        epoch.mean().map(|seconds| 1.0 / seconds)
    }

    /// Images of the epoch so far by the seconds of its steps.
    pub fn images_per_second(&self) -> Option<f64> {
        self.epoch.mean().map(|seconds| 1.0 / seconds)
    }

    /// Whether steps or validations are missing.
    pub fn has_more(&self) -> bool {
        self.done < self.epochs * self.steps || self.trials[0] < self.trials[1]
    }

    /// Time that the rest of the stage will take, from the steps of this process. Before the first validation
    /// its time is estimated from the arithmetic.
    pub fn left(&self) -> Option<Duration> {
        let step = self.steps_timed.mean()?;
        let steps = (self.epochs * self.steps).saturating_sub(self.done);
        let validations = self.epochs.saturating_sub(self.validated);
        let passes = match self.stage {
            Stage::Search => PASSES[0],
            Stage::Train => PASSES[1],
        };
        let guess = || self.images.mean().map_or(0.0, |image| image * self.validation as f64 / passes);
        let validation = self.validations_timed.mean().unwrap_or_else(guess);
        // Answers alone, as in a validation, of one of the batches of a step.
        let trial = self.trials_timed.mean().unwrap_or(step / (passes + 1.0));
        let trials = self.trials[1].saturating_sub(self.trials[0]);
        let seconds = step * steps as f64 + validation * validations as f64 + trial * trials as f64;
        Some(Duration::from_secs_f64(seconds))
    }
}

/// How counted work gets on.
pub struct CountClock {
    /// What is done: `reading`.
    pub what: &'static str,
    begun: Instant,
    told: Option<Instant>,
}

impl CountClock {
    /// Work that begins.
    pub fn new(what: &'static str, now: Instant) -> Self {
        CountClock { what, begun: now, told: None }
    }

    /// Time since the work began.
    pub fn elapsed(&self, now: Instant) -> Duration {
        now.duration_since(self.begun)
    }

    /// Time that the rest will take.
    pub fn left(&self, done: usize, total: usize, now: Instant) -> Duration {
        self.elapsed(now).mul_f64(total.saturating_sub(done) as f64 / done.max(1) as f64)
    }

    /// Whether a line is due: the first after `patience`, the others `pause` apart. It counts as told.
    pub fn is_due(&mut self, patience: Duration, pause: Duration, now: Instant) -> bool {
        let due = match self.told {
            None => self.elapsed(now) >= patience,
            Some(told) => now.duration_since(told) >= pause,
        };
        if due {
            self.told = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(left: Option<Duration>) -> f64 {
        left.unwrap().as_secs_f64()
    }

    #[test]
    fn the_rest_counts_steps_and_validations() {
        let begun = Instant::now();
        let at = |seconds: f64| begun + Duration::from_secs_f64(seconds);
        let mut clock = StageClock::new(Stage::Train, 2, 4, 0, 30, [0; 2], begun);
        assert!(clock.left().is_none());
        // The first step is slow; until there is another it is all that is known.
        clock.step(0, 0, 10, at(4.0));
        assert_eq!(seconds(clock.left()), 7.0 * 4.0 + 2.0 * (0.4 * 30.0 / 3.0));
        clock.step(0, 1, 10, at(5.0));
        assert_eq!(seconds(clock.left()), 6.0 * 1.0 + 2.0 * (0.1 * 30.0 / 3.0));
        clock.step(0, 2, 10, at(6.0));
        clock.step(0, 3, 10, at(7.0));
        assert_eq!(clock.images_per_second(), Some(40.0 / 7.0));
        // The validation took 2 seconds.
        assert_eq!(clock.epoch(at(9.0)), Some(40.0 / 7.0));
        assert_eq!(seconds(clock.left()), 4.0 + 2.0);
        assert!(clock.has_more() && clock.images_per_second().is_none());
    }

    #[test]
    fn a_stage_goes_on_with_what_is_left() {
        let begun = Instant::now();
        let mut clock = StageClock::new(Stage::Search, 5, 10, 43, 0, [0; 2], begun);
        clock.step(4, 3, 8, begun + Duration::from_secs(2));
        assert_eq!(clock.done, 44);
        assert_eq!(seconds(clock.left()), 12.0);
    }

    #[test]
    fn trials_take_time_of_their_own() {
        let begun = Instant::now();
        let at = |seconds: f64| begun + Duration::from_secs_f64(seconds);
        let mut clock = StageClock::new(Stage::Search, 1, 2, 0, 0, [0, 10], begun);
        clock.step(0, 0, 8, at(6.0));
        assert_eq!(seconds(clock.left()), 6.0 + 10.0 * 1.0);
        clock.trial([1, 10], at(8.0));
        assert_eq!(seconds(clock.left()), 6.0 + 9.0 * 2.0);
        clock.step(0, 1, 8, at(14.0));
        assert!(clock.has_more());
        clock.trial([10, 10], at(15.0));
        assert!(!clock.has_more() && seconds(clock.left()) == 0.0);
    }

    #[test]
    fn lines_of_a_count_are_apart() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut clock = CountClock::new("reading", begun);
        let [patience, pause] = [2, 10].map(Duration::from_secs);
        let due: Vec<u64> = (0..30).filter(|&second| clock.is_due(patience, pause, at(second))).collect();
        assert_eq!(due, [2, 12, 22]);
        assert_eq!(clock.left(3, 12, at(6)), Duration::from_secs(18));
    }
}
