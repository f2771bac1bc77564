//! Networks on a device: the tensors of a [`NetworkPlan`](crate::space::NetworkPlan), and the pass through them.
//!
//! A [`Network`] is a plan and a flat list of tensors, named by the plan. Cells run as one operation where the device
//! has it and the cell allows it, else step by step; the two are mixed as they come.

mod drop_path;
mod edges;
mod fused;
mod mismatch;
mod mixture;
mod net;
mod noise;
mod norm;
mod operation;
mod pass;
mod size;
mod steps;
mod value;
mod values;
mod weights;

pub use drop_path::DropPath;
pub use edges::EdgeTensors;
pub use net::{Logits, Network};
pub use noise::Noise;
pub use norm::{EPSILON, MOMENTUM};
pub use operation::Operation;
pub use pass::{BatchStatistics, Mode, Pass};
pub(crate) use size::{NetworkSize, product};
pub(crate) use values::unusable;
pub use weights::{
    HostTensor, NamedTensors, WeightList, Weighted, Weights, absorb, count_weights, gradients, initialize,
    load_named, named_tensors, update_weights, weight_list, weight_names,
};
pub(crate) use weights::{
    all_tensors, check_named, count_values, host, replace_tensors, tensor_names, weight_sizes,
};
