//! How long layers and networks take on this machine for one image, and the file that says so of another.

mod file;
mod measure;
mod wanted;

pub use file::{LatencyFile, MachineOfTimes};
pub(crate) use measure::seconds_of;
pub use measure::{measure, seconds_of_network};
pub use wanted::Wanted;
