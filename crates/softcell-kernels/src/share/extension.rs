//! Exchanges of images as nodes of Burn's autodiff graph.

use burn::backend::autodiff::{
    checkpoint::{
        base::Checkpointer,
        strategy::{BalancedCheckpointing, CheckpointStrategy, NoCheckpointing},
    },
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, DispatchKindConversion, DispatchTensor, Flex, GradientCheckpointingStrategy};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::Share;
use crate::support::extension::{primitive, tracked_primitive};
use crate::support::flex::{contiguous, dims, tensor};

/// What becomes of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// All images from everybody's own.
    Gather,
    /// One's own images of all.
    Part,
}

impl Way {
    /// The way of the gradient.
    fn back(self) -> Way {
        match self {
            Way::Gather => Way::Part,
            Way::Part => Way::Gather,
        }
    }

    /// `[from, values]` to `[to, values]`.
    fn go(self, x: FlexTensor, share: &Share) -> FlexTensor {
        let x = contiguous(x);
        let [images, values] = dims::<2>(&x);
        match self {
            Way::Gather => {
                assert_eq!(images, share.own().len(), "images of this process");
                tensor(share.rows(x.storage(), values), [share.images(), values])
            }
            Way::Part => {
                assert_eq!(images, share.images(), "images of all processes");
                let own = share.own();
                let part = &x.storage::<f32>()[own.start * values..own.end * values];
                tensor(part.to_vec(), [own.len(), values])
            }
        }
    }
}

pub(super) fn exchanged<const D: usize>(x: Tensor<D>, share: &Share, way: Way) -> Tensor<D> {
    let shape = x.dims();
    let x = x.reshape([shape[0], shape[1..].iter().product()]);
    let y: Tensor<2> = match x.gradient_checkpointing_strategy() {
        None => Tensor::from_primitive::<Flex>(way.go(primitive::<Flex, 2>(x), share)),
        Some(strategy @ GradientCheckpointingStrategy::Disabled) => {
            tracked::<NoCheckpointing>(x, share, way, strategy)
        }
        Some(strategy @ GradientCheckpointingStrategy::Balanced) => {
            tracked::<BalancedCheckpointing>(x, share, way, strategy)
        }
    };
    let mut shape = shape;
    shape[0] = y.dims()[0];
    y.reshape(shape)
}

fn tracked<C: CheckpointStrategy>(
    x: Tensor<2>,
    share: &Share,
    way: Way,
    strategy: GradientCheckpointingStrategy,
) -> Tensor<2>
where
    DispatchTensor: DispatchKindConversion<Autodiff<Flex, C>>,
{
    let x = tracked_primitive::<Autodiff<Flex, C>, 2>(x, strategy);
    let y = match ExchangeBackward.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((share.clone(), way), way.go(x.into_primitive(), share)),
        OpsKind::UnTracked(prep) => prep.finish(way.go(x.into_primitive(), share)),
    };
    Tensor::from_primitive::<Autodiff<Flex, C>>(y)
}

#[derive(Debug)]
struct ExchangeBackward;

impl Backward<Flex, 1> for ExchangeBackward {
    type State = (Share, Way);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (share, way) = ops.state;
        let gradient = grads.consume::<Flex>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            grads.register::<Flex>(parent.id, way.back().go(gradient, &share));
        }
    }
}
