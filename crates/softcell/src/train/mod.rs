//! Training the derived network from scratch, and evaluating it.

mod driver;
mod learner;
mod state;

pub use driver::{build_network, evaluation_plan, network_config, stem_kind, train};
pub use learner::{Learner, TrainReport};
pub use state::{Best, TrainEpoch, TrainOutcome, TrainState};
