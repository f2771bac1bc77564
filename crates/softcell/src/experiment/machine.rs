//! Where a run is computed.

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
        Ok(Machine { name: device.to_owned(), device: open_device(device)?, asked_threads: None })
    }

    /// Takes note that so many threads were asked for: where they are more than are of use, a run says so. How many
    /// there are is decided by whoever builds the pool of `rayon`.
    pub fn asked_for_threads(mut self, threads: Option<usize>) -> Machine {
        self.asked_threads = threads;
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
