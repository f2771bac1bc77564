//! Where the computing happens.

use anyhow::Result;
use softcell::experiment::{self, useful_threads};
use softcell::nn::Device;

use crate::args::Machine;

/// Sets the number of threads and opens the device.
///
/// # Errors
/// When this build has no such device.
pub fn open(machine: &Machine) -> Result<experiment::Machine> {
    let threads = machine.threads.map(|threads| threads as usize);
    if let Some(threads) = threads {
        rayon::ThreadPoolBuilder::new().num_threads(useful_threads(threads)).build_global()?;
    }
    let machine = experiment::Machine::open(&machine.device)?.asked_for_threads(threads);
    Ok(match crate::ranks::current() {
        Some(ranks) if ranks.rank() == 0 => machine.among(ranks),
        _ => machine,
    })
}

/// The device alone, of which [`open()`] says more.
///
/// # Errors
/// As [`open()`].
pub fn start(machine: &Machine) -> Result<Device> {
    Ok(open(machine)?.device().clone())
}
