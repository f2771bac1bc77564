//! Tensors of a network that loses candidates or whose operations see more channels.

use std::collections::HashSet;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::network::{HostTensor, NamedTensors};
use crate::random::stream;
use crate::records::Kept;
use crate::space::NetworkPlan;
use crate::space::plan::{Bias, Body, Mixing, Step, step_tensors};

/// For each value along an axis, the one that it is a copy of.
type Copies = Vec<usize>;

/// The tensors of the network `new` from those of `old`, or what is kept beside them, such as their momentum. The
/// candidates of `new` have these places in `old`; all are in theirs where a kind of cell has none.
///
/// Where operations see more channels, the further ones are copies of some that there are, drawn from the stream
/// `widen/NAME` of the operation: net2wider as in the code of DrNAS (Chen et al. 2021), which divides nothing, so that the
/// function changes. The channels of a convolution that mixes them go with those of the depthwise one before it, those of
/// a normalisation with the convolution before it.
pub(super) fn carried(
    tensors: &NamedTensors,
    [old, new]: [&NetworkPlan; 2],
    places: &Kept,
    seed: u64,
    stage: u64,
) -> NamedTensors {
    let mut carried = NamedTensors::new();
    let mut operations: HashSet<String> = HashSet::new();
    for (old_block, new_block) in old.blocks.iter().zip(&new.blocks) {
        let (Body::Cell(old_cell), Body::Cell(new_cell)) = (&old_block.body, &new_block.body) else {
            continue;
        };
        let (old_kind, new_kind) = (old.cell_type(old_cell), new.cell_type(new_cell));
        for (edge, candidate) in new_kind.operations() {
            let place = match places.get(&new_kind.name) {
                // An auxiliary skip is the last.
                Some(places) => match places[edge].get(candidate) {
                    Some(place) => *place,
                    None => old_kind.edges[edge].candidates.len() - 1,
                },
                None => candidate,
            };
            let steps = [
                old_kind.steps(edge, place, old_cell.channels, old_cell.norms).unwrap_or_default(),
                new_kind.steps(edge, candidate, new_cell.channels, new_cell.norms).unwrap_or_default(),
            ];
            let (mut from, mut to) = (Vec::new(), Vec::new());
            step_tensors(
                &format!("{}.{}.", old_block.name, old_kind.candidate_name(edge, place)),
                &steps[0],
                &mut from,
            );
            let name = format!("{}.{}.", new_block.name, new_kind.candidate_name(edge, candidate));
            step_tensors(&name, &steps[1], &mut to);
            let copies = copies(&steps, &mut stream(seed, &format!("widen/{name}"), &[stage]));
            for ((from, to), axes) in from.into_iter().zip(to).zip(copies) {
                if let Some(tensor) = tensors.get(&from.name) {
                    let values = grown(&tensor.values, &from.shape, &axes);
                    carried.insert(to.name.clone(), HostTensor { shape: to.shape, values });
                }
                operations.insert(to.name);
            }
        }
    }
    for spec in new.tensors().0.into_iter().filter(|spec| !operations.contains(&spec.name)) {
        if let Some(tensor) = tensors.get(&spec.name) {
            carried.insert(spec.name, tensor.clone());
        }
    }
    carried
}

/// For each tensor of an operation's steps, before and after, what its channels out and in are copies of.
fn copies([old, new]: &[Vec<Step>; 2], random: &mut ChaCha8Rng) -> Vec<[Option<Copies>; 2]> {
    let mut draw = |few: usize, many: usize| -> Copies {
        (0..few).chain((few..many).map(|_| random.random_range(0..few))).collect()
    };
    let mut all = Vec::new();
    // The channels of the map so far, and whether each of them has seen itself alone.
    let (mut channels, mut separate): (Option<Copies>, bool) = (None, false);
    for steps in old.iter().zip(new) {
        match steps {
            (Step::Convolution(old), Step::Convolution(new)) => {
                let outputs = draw(old.outputs, new.outputs);
                let inputs =
                    (new.mixing == Mixing::All).then(|| match channels.take().filter(|_| separate) {
                        Some(same) => same,
                        None => draw(old.inputs, new.inputs),
                    });
                all.push([Some(outputs.clone()), inputs]);
                if new.bias == Bias::PerChannel {
                    all.push([Some(outputs.clone()), None]);
                }
                (channels, separate) = (Some(outputs), new.mixing == Mixing::Separate);
            }
            (Step::Halve(old), Step::Halve(new)) => {
                let (mut both, mut before) = (Vec::new(), 0);
                for (few, many) in old.halves().into_iter().zip(new.halves()) {
                    let outputs = draw(few, many);
                    both.extend(outputs.iter().map(|at| at + before));
                    before += few;
                    all.push([Some(outputs), Some(draw(old.inputs, new.inputs))]);
                }
                (channels, separate) = (Some(both), false);
            }
            (Step::Norm(old), Step::Norm(new)) => {
                let copies = channels.take().unwrap_or_else(|| draw(old.channels, new.channels));
                let tensors = if new.affine { 4 } else { 2 };
                all.extend(std::iter::repeat_n([Some(copies), None], tensors));
                separate = false;
            }
            _ => {}
        }
    }
    all
}

/// The values of a tensor of this shape, with its first two axes copied.
fn grown(values: &[f32], shape: &[usize], [outputs, inputs]: &[Option<Copies>; 2]) -> Vec<f32> {
    let few = shape.get(1).copied().unwrap_or(1);
    let inner: usize = shape.iter().skip(2).product();
    let all = |copies: &Option<Copies>, side: usize| copies.clone().unwrap_or_else(|| (0..side).collect());
    let (outputs, inputs) = (all(outputs, shape[0]), all(inputs, few));
    let mut grown = Vec::with_capacity(outputs.len() * inputs.len() * inner);
    for output in outputs {
        for &input in &inputs {
            let start = (output * few + input) * inner;
            grown.extend_from_slice(&values[start..start + inner]);
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{ByCell, Primitive, SearchSpace};

    fn space(share: usize, candidates: &[Primitive]) -> SearchSpace {
        let space = SearchSpace { n_cells: 3, init_channels: 8, share, ..SearchSpace::darts() };
        space.with_nodes(1).with_candidates(candidates)
    }

    fn plan(space: &SearchSpace) -> NetworkPlan {
        NetworkPlan::supernet(space, [1, 8, 8], 2)
    }

    /// Every tensor with the numbers 0, 1, 2, …
    fn counted(plan: &NetworkPlan) -> NamedTensors {
        let tensor = |spec: crate::space::plan::TensorSpec| {
            let values = (0..spec.count()).map(|at| at as f32).collect();
            (spec.name, HostTensor { shape: spec.shape, values })
        };
        plan.tensors().0.into_iter().map(tensor).collect()
    }

    #[test]
    fn what_stays_is_found_under_its_new_name() {
        use Primitive::{AvgPool3x3, MaxPool3x3, SepConv3x3, SkipConnect};
        let old = plan(&space(1, &[MaxPool3x3, SepConv3x3, AvgPool3x3, SkipConnect]));
        let new = plan(&space(1, &[SepConv3x3, SkipConnect]));
        let places: Kept =
            ["normal", "reduction"].map(|name| (name, vec![vec![1, 3]; 2])).into_iter().collect();
        let mut tensors = counted(&old);
        let marked = "cells.1._ops.0._ops.1.op.2.weight";
        tensors.get_mut(marked).unwrap().values[5] = -7.0;
        let carried = carried(&tensors, [&old, &new], &places, 1, 1);
        assert_eq!(carried["cells.1._ops.0._ops.0.op.2.weight"], tensors[marked]);
        assert_eq!(
            carried["cells.1._ops.1._ops.1.conv_1.weight"],
            tensors["cells.1._ops.1._ops.3.conv_1.weight"]
        );
        assert_eq!(carried["cells.2.preprocess1.op.1.weight"], tensors["cells.2.preprocess1.op.1.weight"]);
        let names: Vec<String> = new.tensors().0.into_iter().map(|spec| spec.name).collect();
        assert_eq!(carried.keys().cloned().collect::<HashSet<_>>(), names.into_iter().collect());
    }

    /// Of 2 channels come 4: the first two as they are, the others copies, the same ones in all tensors that share them.
    #[test]
    fn wider_operations_are_copies() {
        let candidates = [Primitive::SepConv3x3, Primitive::SkipConnect, Primitive::MaxPool3x3];
        let (old, new) = (plan(&space(4, &candidates)), plan(&space(2, &candidates)));
        let tensors = counted(&old);
        let widened = carried(&tensors, [&old, &new], &ByCell::default(), 1, 1);
        for spec in new.tensors().0 {
            assert_eq!(widened[&spec.name].shape, spec.shape, "{}", spec.name);
            assert_eq!(widened[&spec.name].values.len(), spec.count(), "{}", spec.name);
        }
        let of = |name: &str| (tensors[name].values.clone(), widened[name].values.clone());
        // Which channels those of a depthwise convolution, [C, 1, 3, 3], are.
        let (before, after) = of("cells.0._ops.0._ops.0.op.1.weight");
        let deep: Vec<usize> =
            after.chunks(9).map(|k| before.chunks(9).position(|b| b == k).unwrap()).collect();
        let (_, statistics) = of("cells.0._ops.0._ops.0.op.3.running_mean");
        let out: Vec<usize> = statistics.iter().map(|&at| at as usize).collect();
        assert_eq!((&deep[..2], &out[..2]), (&[0, 1][..], &[0, 1][..]));
        // The pointwise one, [C, C, 1, 1], reads those and gives what is normalised.
        let (before, after) = of("cells.0._ops.0._ops.0.op.2.weight");
        for (row, &o) in after.chunks(4).zip(&out) {
            let expected: Vec<f32> = deep.iter().map(|&i| before[2 * o + i]).collect();
            assert_eq!(row, expected);
        }
        // Halving: both parts grow, and the normalisation with each of them. 4 channels of 16 are seen, then 8.
        let (_, statistics) = of("cells.1._ops.0._ops.1.bn.running_var");
        let halves: Vec<usize> = statistics.iter().map(|&at| at as usize).collect();
        assert!(
            halves[..4].iter().all(|&at| at < 2) && halves[4..].iter().all(|&at| (2..4).contains(&at)),
            "{halves:?}"
        );
        assert_eq!((&halves[..2], &halves[4..6]), (&[0, 1][..], &[2, 3][..]));
        // The same draws for what is kept beside the weights.
        assert_eq!(carried(&tensors, [&old, &new], &ByCell::default(), 1, 1), widened);
        assert_ne!(carried(&tensors, [&old, &new], &ByCell::default(), 2, 1), widened);
    }
}
