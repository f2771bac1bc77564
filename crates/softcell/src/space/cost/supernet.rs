//! Cost of the supernet.

use super::Cost;
use super::build::{CellPlan, Stack, cifar_stem, head, image};
use super::trace::{Norm, Trace};
use crate::space::search_space::SearchSpace;
use crate::space::topology::N_INPUTS;

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
    let plan = |_| CellPlan {
        nodes: (0..space.n_nodes).map(|node| (0..node + N_INPUTS).flat_map(every).collect()).collect(),
        concat: (N_INPUTS..N_INPUTS + space.n_nodes).collect(),
    };
    let stack = Stack { n_cells: space.n_cells, channels, norm: Norm::Plain, plan: &plan };
    let features = stack.build(&mut trace, inputs);
    head(&mut trace, features, classes as u64);
    trace.cost()
}

/// Trainable weights of the supernet of `space`, as in [`supernet_cost`].
pub fn supernet_parameters(space: &SearchSpace, in_channels: usize, classes: usize) -> u64 {
    // The size of the images has no influence on the parameters.
    supernet_cost(space, in_channels, classes, 1, 1).parameters
}
