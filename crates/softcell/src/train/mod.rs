//! Training the derived network from scratch, and evaluating it.

mod average;
mod driver;
mod learner;
mod warm;

pub use crate::records::{Best, Criterion, Score, TrainEpoch, TrainOutcome, TrainState};
pub use average::Average;
pub(crate) use driver::training_plan;
pub use driver::{build_network, check_network, evaluation_plan, network_config, train};
pub use learner::{Learner, TrainReport};
pub use warm::{WARM_START_NOTE, WarmStart, warm_start};
