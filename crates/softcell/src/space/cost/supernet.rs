//! Cost of the supernet.

use super::Cost;
use super::build::{Cell, CellPlan, Inputs, cifar_stem, head, image};
use super::shape::Map;
use super::trace::{Norm, Trace};
use crate::space::search_space::SearchSpace;
use crate::space::topology::{CellKind, N_INPUTS};

/// Cost of the supernet of `space`: every candidate on every edge, batch normalisation affine in the stem
/// only. Alphas, and the products of operations with their edge weights, are not counted.
pub fn supernet_cost(
    space: &SearchSpace,
    in_channels: usize,
    classes: usize,
    height: usize,
    width: usize,
) -> Cost {
    let channels = space.init_channels as u64;
    let mut trace = Trace::of(image([in_channels, height, width]));
    let inputs = cifar_stem(&mut trace, (space.stem_multiplier as u64).saturating_mul(channels));
    let every = |source| space.candidates.iter().map(move |&candidate| (candidate, source));
    let plan = CellPlan {
        nodes: (0..space.n_nodes).map(|node| (0..node + N_INPUTS).flat_map(every).collect()).collect(),
        concat: (N_INPUTS..N_INPUTS + space.n_nodes).collect(),
    };
    // Cells are many and large, but few of them differ: each of those is written down once, and forgotten.
    let mut different: Vec<(CellInputs, Cost, Map)> = Vec::new();
    let mut cost = trace.cost();
    let mut inputs = CellInputs {
        kind: CellKind::Normal,
        channels,
        older: trace.map(inputs.older),
        newer: trace.map(inputs.newer),
        after_reduction: inputs.after_reduction,
    };
    for kind in space.layout().kinds() {
        inputs.kind = kind;
        if kind == CellKind::Reduction {
            inputs.channels = inputs.channels.saturating_mul(2);
        }
        let known = different.iter().find(|(of, ..)| *of == inputs).map(|&(_, cost, output)| (cost, output));
        let (of_cell, output) = known.unwrap_or_else(|| {
            let (cost, output) = inputs.cost(&plan);
            different.push((inputs, cost, output));
            (cost, output)
        });
        cost += of_cell;
        (inputs.older, inputs.newer) = (inputs.newer, output);
        inputs.after_reduction = kind == CellKind::Reduction;
    }
    let mut trace = Trace::of(inputs.newer);
    head(&mut trace, 0, classes as u64);
    cost + trace.cost()
}

/// What decides the cost of a search cell.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
struct CellInputs {
    kind: CellKind,
    channels: u64,
    older: Map,
    newer: Map,
    after_reduction: bool,
}

impl CellInputs {
    /// The cost of a cell that does this, and the map it writes.
    fn cost(&self, plan: &CellPlan) -> (Cost, Map) {
        let mut trace = Trace::of(self.older);
        let newer = trace.given(self.newer);
        let inputs = Inputs { older: 0, newer, after_reduction: self.after_reduction };
        let cell = Cell { name: "", kind: self.kind, channels: self.channels, norm: Norm::Plain, plan };
        let output = cell.build(&mut trace, inputs);
        (trace.cost(), trace.map(output))
    }
}

/// Trainable weights of the supernet of `space`, as in [`supernet_cost`].
pub fn supernet_parameters(space: &SearchSpace, in_channels: usize, classes: usize) -> u64 {
    // The size of the images has no influence on the parameters.
    supernet_cost(space, in_channels, classes, 1, 1).parameters
}
