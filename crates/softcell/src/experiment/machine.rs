//! Where a run is computed.

use std::sync::Arc;

use softcell_kernels::Exchange;

use crate::device::{Device, open_device};
use crate::error::Result;

/// Threads that are used at most where the machine has fewer processors. More take time from each other and gain
/// nothing, since work is cut into 16 parts.
const MOST_THREADS: usize = 64;

/// The number of threads that are of use where so many are asked for. Results do not depend on it.
pub fn useful_threads(asked: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    asked.min(processors.max(MOST_THREADS))
}

/// Where a run is computed.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) ranks: Option<Arc<dyn Exchange>>,
    pub(super) name: String,
    pub(super) device: Device,
    pub(super) asked_threads: Option<usize>,
}

impl Machine {
    /// The device of this name: `cpu`, or another that this build has.
    ///
    /// # Errors
    /// As [`open_device`].
    pub fn open(device: &str) -> Result<Machine> {
        Ok(Machine {
            ranks: None,
            name: device.to_owned(),
            device: open_device(device)?,
            asked_threads: None,
        })
    }

    /// Takes note that so many threads were asked for: where they are more than are of use, a run says so. How many
    /// there are is decided by whoever builds the pool of `rayon`.
    pub fn asked_for_threads(mut self, threads: Option<usize>) -> Machine {
        self.asked_threads = threads;
        self
    }

    /// Beside other processes, each with a share of every batch of searches and trainings in a folder; this one is rank 0,
    /// the others [follow](crate::ranks::follow).
    pub fn among(mut self, ranks: Arc<dyn Exchange>) -> Machine {
        self.ranks = Some(ranks);
        self
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its memory is the machine's.
    pub(super) fn is_cpu(&self) -> bool {
        self.name == "cpu"
    }
}
