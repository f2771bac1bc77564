//! A thread that prepares batches ahead.

use std::panic;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use softcell_kernels::OUT_OF_MEMORY;

use super::batch::{Batch, BatchMaker, BatchPlan};

/// Batches that wait ready at most.
const AHEAD: usize = 3;

/// The batches of a plan, in order, prepared ahead by a thread.
///
/// Dropping it early ends the thread.
#[derive(Debug)]
pub struct Batches {
    /// Taken away first on drop, which ends the worker.
    receiver: Option<Receiver<Batch>>,
    worker: Option<JoinHandle<()>>,
    remaining: usize,
}

impl Batches {
    /// Starts at batch `first_step`: what follows is exactly what a run from step 0 gives from there on.
    ///
    /// # Panics
    ///
    /// If the plan's batch size is 0, or the system has no thread left.
    pub fn spawn(plan: BatchPlan, first_step: usize) -> Batches {
        let steps = plan.n_steps();
        let (sender, receiver) = sync_channel(AHEAD);
        let prepare = move || {
            let maker = BatchMaker::new(plan);
            for step in first_step..steps {
                if sender.send(maker.batch(step)).is_err() {
                    return; // nobody listens any more
                }
            }
        };
        let worker = thread::Builder::new()
            .name("batches".into())
            .spawn(prepare)
            .unwrap_or_else(|error| panic!("{OUT_OF_MEMORY}: a thread cannot be started ({error})"));
        Batches {
            receiver: Some(receiver),
            worker: Some(worker),
            remaining: steps.saturating_sub(first_step),
        }
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        match self.receiver.as_ref()?.recv() {
            Ok(batch) => {
                self.remaining -= 1;
                Some(batch)
            }
            Err(_) => {
                self.receiver = None;
                if let Some(Err(payload)) = self.worker.take().map(JoinHandle::join) {
                    panic::resume_unwind(payload);
                }
                None
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for Batches {}

impl Drop for Batches {
    fn drop(&mut self) {
        self.receiver = None;
        if let Some(worker) = self.worker.take() {
            // A panic of the worker has nowhere to go from here.
            let _ = worker.join();
        }
    }
}
