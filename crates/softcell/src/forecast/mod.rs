//! What a run will take, before it begins: memory from a model of what is stored, time from a few steps.

mod budget;
mod fitting;
mod memory;
mod side;
mod time;

pub use budget::{Budgeting, stand_in, stand_in_words};
pub use fitting::{Kept, allowed_bytes, fit_memory};
pub use memory::MemoryModel;
pub use side::{ChosenSide, SideRoom, choose_side};
pub use time::{TimeForecast, time_search, time_training};
