//! Networks: built from a plan, their weights by name, and what they are trained and judged with.
//!
//! Who runs experiments needs little of it: a [`Device`], and [`NamedTensors`] where weights are looked at.

pub use crate::device::{Device, DeviceInfo, device_names, devices, open_device};
pub use crate::evaluate::{DeviceBatch, Evaluation, WrongAnswer, evaluate, evaluate_telling};
pub use crate::loss::*;
pub use crate::measures::*;
pub use crate::network::*;
pub use crate::optim::*;
