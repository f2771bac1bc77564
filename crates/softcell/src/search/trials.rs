//! Trials: how many images the supernet answers rightly when a selection asks for it.

use std::time::Instant;

use super::driver::Search;
use super::method::{Next, Tally};
use crate::data::{BatchPlan, Batches, Order};
use crate::error::{Error, Result};
use crate::evaluate::{DeviceBatch, is_finite, values};
use crate::event::{Event, Observer, Signal};
use crate::loss::argmax;
use crate::network::{EdgeTensors, Pass, Weighted};
use crate::records::Position;
use crate::space::{EdgeWeights, Paths};

/// Which images a trial is about, and how the network answers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Images {
    /// All of the alphas' part, varied as in training, with the statistics of their batches (the code of DARTS-PT). The
    /// images of a choice are the same, varied in the same way, whatever is taken away: they depend on the number of
    /// trials before it.
    Varied {
        /// Trials before the choice.
        before: usize,
    },
    /// A few batches of it as they are, with running statistics; the same ones for all samples.
    Some,
    /// All of it as it is, with running statistics.
    All,
}

impl Search<'_> {
    /// Makes the choices that are due before the steps of this epoch.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and whatever the observer answers.
    pub(super) fn choose(&mut self, observer: &mut dyn Observer) -> Result<()> {
        loop {
            let Some((begun, rounds)) = self.phases.begun(self.position.epoch) else { return Ok(()) };
            let choices = rounds.replay(begun, &self.trials);
            self.bilevel.fixed = choices.decided;
            let Some(removal) = choices.next else { return Ok(()) };
            let mut weights = self.of_network();
            removal.apply(&mut weights);
            let clock = Instant::now();
            let outcome = self.measure(&weights, Images::Varied { before: choices.used }, clock, observer);
            self.epoch_seconds += clock.elapsed().as_secs_f64();
            outcome?;
        }
    }

    /// What the weights of the result are: those that the alphas stand for, or of the best cell that was drawn.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and whatever the observer answers.
    pub(super) fn found(&mut self, observer: &mut dyn Observer) -> Result<EdgeWeights> {
        let Some(samples) = self.phases.samples.clone() else { return Ok(self.expected()) };
        loop {
            let (weights, images) = match samples.after(&self.space, &self.trials) {
                Next::Sample(weights) => (weights, Images::Some),
                Next::Finalist(weights) => (weights, Images::All),
                Next::Best(weights) => return Ok(weights),
            };
            let (clock, epochs) = (Instant::now(), self.config.epochs);
            let weights = self.bilevel.relaxer.with_auxiliary(weights, epochs - 1, epochs);
            let outcome = self.measure(&weights, images, clock, observer);
            self.seconds += clock.elapsed().as_secs_f64();
            outcome?;
        }
    }

    /// Batches of short trials and of those by all images.
    fn batches(&self) -> [usize; 2] {
        let whole = self.alphas_plan.indices.len().div_ceil(self.alphas_plan.batch_size);
        [self.config.method.selection_batches.min(whole), whole]
    }

    /// Batches of all trials: those that are done, and all.
    pub(super) fn batches_of_trials(&self) -> [usize; 2] {
        let of = |trial: &Tally| (trial.images as usize).div_ceil(self.alphas_plan.batch_size);
        let done: usize = self.trials.iter().chain([&self.trial]).map(of).sum();
        let [short, whole] = self.batches();
        [done, self.phases.batches_of_trials(whole, short).max(done)]
    }

    /// Answers the images of a trial, from where it stands.
    fn measure(
        &mut self,
        weights: &EdgeWeights,
        images: Images,
        clock: Instant,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let plan = BatchPlan { order: Order::Shuffled, ..self.alphas_plan.clone() };
        let [short, whole] = self.batches();
        let (plan, batches) = match images {
            Images::Varied { before } => {
                let stream = "search/projection".to_owned();
                (BatchPlan { stream, epoch: before as u64, ..plan }, whole)
            }
            Images::Some => {
                let stream = "search/samples/images".to_owned();
                (BatchPlan { stream, epoch: 0, augment: None, ..plan }, short)
            }
            Images::All => (BatchPlan { order: Order::Sequential, augment: None, ..plan }, whole),
        };
        // A shuffled epoch may leave out a single image.
        let batches = batches.min(plan.n_steps());
        // The last batch of a trial may be smaller.
        let first = (self.trial.images as usize).div_ceil(plan.batch_size);
        let net = self.bilevel.net.valid();
        let weights = EdgeTensors::along(weights, Paths::Chosen, &self.device);
        let set = plan.set.clone();
        for batch in Batches::spawn(plan, first).take(batches.saturating_sub(first)) {
            let labels = batch.labels.clone();
            let mut pass = match images {
                Images::Varied { .. } => Pass::train(),
                Images::Some | Images::All => Pass::eval(),
            };
            let images = DeviceBatch::new(batch, &set, &self.device).images;
            // The statistics are dropped with the pass.
            let logits = values(net.forward_mixed(images, &weights, &mut pass));
            let rows = logits.chunks(set.classes.len()).zip(&labels);
            let right = rows.filter(|(row, label)| is_finite(row) && argmax(row) == **label as usize).count();
            self.trial.right += right as u64;
            self.trial.images += labels.len() as u64;
            observer.on(Event::Trial { batches: self.batches_of_trials() })?;
            let signal = observer.signal();
            if signal != Signal::Continue {
                self.save_after(clock.elapsed().as_secs_f64(), observer)?;
            }
            if signal == Signal::Stop {
                let Position { epoch, step } = self.position;
                return Err(Error::Interrupted { epoch, step });
            }
        }
        self.trials.push(std::mem::take(&mut self.trial));
        Ok(())
    }
}
