//! What may be searched and what was found, as plain data: no tensors, no devices, no files.
//!
//! A [`SearchSpace`] says which [`Primitive`]s compete on the edges of a cell ([`CellTopology`]) and how
//! cells are stacked ([`MacroLayout`]). [`derive_genotype`] turns the edge weights of a search
//! ([`EdgeWeights`]) into a [`Genotype`], which is written and read in the forms
//! of several tools ([`Dialect`], [`parse_genotype`]) and measured without building it ([`derived_cost`], [`derived_layers`]).

mod biggest;
mod by_cell;
mod edges;
mod primitive;
mod reductions;
mod topology;

mod search_space;

mod genotype;
mod known;
mod text;

mod dialect;
mod nb201;

mod cost;
mod derive;
mod derived_network;
mod latency;
mod limits;
mod pick;
pub mod plan;

pub(crate) mod wording;

#[cfg(test)]
pub(crate) mod testing;

pub use by_cell::ByCell;
pub use cost::{
    BlockCost, Cost, LayerCost, LayerTable, NetworkShape, PlacedCandidate, PlacedCandidates, PlacedOperation,
    derived_cost, derived_layers, supernet_cost, supernet_parameters,
};
pub(crate) use derive::softmax;
pub use derive::{derive, derive_genotype, derive_with_few_skips, entropy, softmax_rows};
pub use derived_network::DerivedNetworkConfig;
pub use dialect::{Dialect, LONGEST_GENOTYPE_TEXT};
pub use edges::{AlphaGradient, Alphas, EdgeGradient, EdgeWeights, Paths, Rows};
pub use genotype::{CellGene, EdgeGene, Genotype};
pub use known::{known_genotype, known_names, parse_genotype};
pub use latency::{LatencyTable, LayerTime, NetworkTime, PlacedLayer, RunnableLayer};
pub(crate) use limits::milliseconds;
pub use limits::{LatencyLimit, Limits, Shrink, largest_within, lightest_genotype};
pub use nb201::Nb201Architecture;
pub use pick::Pick;
pub use plan::NetworkPlan;
pub use primitive::Primitive;
pub use reductions::Reductions;
pub use search_space::SearchSpace;
pub use topology::{
    CellKind, CellOutput, CellTopology, Edge, Layout, MacroLayout, N_INPUTS, STEM_MULTIPLIER, StemKind,
};
pub use wording::cell_title;
