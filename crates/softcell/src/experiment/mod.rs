//! A whole run from the outside: images and settings in, a tested network out.
//!
//! [`Experiment`] says what is asked for. Its [`fit`](Experiment::fit), [`search`](Experiment::search) and
//! [`train`](Experiment::train) do all of it; [`begin`](Experiment::begin) makes a [`Run`] whose stages can be taken one
//! by one, [`outlook`](Experiment::outlook) says what it would take. Settings are chosen in two passes: how the images are
//! read does not depend on them, all other settings do ([`Experiment::plan`]). What is told on the way goes to an
//! [`Observer`](crate::event::Observer).

mod builder;
mod difference;
mod evaluation;
mod fitted;
mod images;
mod latencies;
mod machine;
mod origin;
mod outlook;
mod place;
mod plan;
mod run;
mod selecting;
mod settings;
mod stages;
mod timing;
mod work;

pub use builder::{Experiment, Fitted};
pub use evaluation::{Mistaken, Scores, Tested, TestedOn, evaluate_run};
pub use images::{read_images, reading_settings};
pub use machine::{Machine, useful_threads};
pub use origin::Origin;
pub use outlook::{Outlook, StageOutlook};
pub use place::free_folder;
pub use plan::Plan;
pub use run::{Run, tell_replaced};
pub use settings::Settings;
pub use stages::{MemoryCheck, Stages, TimeLimit};

pub use crate::evaluate::Evaluation;
pub use crate::forecast::TimeForecast;
pub use crate::pipeline::{Job, network_cost};
pub use crate::selection::{Counting, Parts, Workers};
