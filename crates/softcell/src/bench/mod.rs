//! How fast this machine works: steps of the search, of training and of evaluation, timed on images that
//! are made up.
//!
//! [`StepBench`], [`TrainBench`] and [`EvaluateBench`] say what is timed; their `run` answers a [`Report`].
//! [`OpsBench`] times layers one by one, for limits on latency. The
//! steps are those that [`crate::search`], [`crate::train`] and [`crate::evaluate`](crate::nn::evaluate)
//! take, with the paper's settings but for what is asked. Every step gets the same batches, made before the
//! clock runs: reading and augmenting images is not measured, because a run does it beside its steps.
//!
//! `ExportBench`, of builds that can run ONNX files, times exported files.

mod arithmetic;
mod derived;
mod evaluation;
#[cfg(feature = "verify")]
mod exported;
mod images;
mod ops;
mod report;
mod search_step;
mod timing;
mod training_step;

pub use arithmetic::Work;
pub use derived::Derived;
pub use evaluation::EvaluateBench;
#[cfg(feature = "verify")]
pub use exported::{ExportBench, ExportReport, ExportTimes};
pub use images::Images;
pub use ops::OpsBench;
pub use report::Report;
pub use search_step::StepBench;
pub use timing::Repeats;
pub use training_step::TrainBench;
