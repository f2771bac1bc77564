//! What a run will take, before it begins: memory from a model of what is stored, time from a few steps.

mod budget;
mod memory;
mod time;

pub use budget::{Budgeting, stand_in};
pub use memory::MemoryModel;
pub use time::{TimeForecast, time_search, time_training};
