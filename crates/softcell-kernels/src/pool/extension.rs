//! The operation as a Burn backend extension.

use burn::backend::autodiff::{
    NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::Pool;
use super::cpu::Pool3x3;
use crate::support::flex::{contiguous, dims, tensor};

/// [`pool3x3`](crate::pool3x3) for backends that have a fast body.
#[backend_extension(Flex, Autodiff)]
pub trait PoolOps: Backend {
    /// See [`pool3x3`](crate::pool3x3).
    fn pool(x: FloatTensor<Self>, kind: Pool, stride: usize) -> FloatTensor<Self>;
}

pub(super) fn pool3x3(x: Tensor<4>, kind: Pool, stride: usize) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as PoolOps>::pool(x.into_dispatch(), kind, stride))
}

impl PoolOps for Flex {
    fn pool(x: FlexTensor, kind: Pool, stride: usize) -> FlexTensor {
        let x = contiguous(x);
        let [images, channels, height, width] = dims(&x);
        let plan = Pool3x3::new(kind, [height, width], stride);
        let [height, width] = plan.output();
        tensor(plan.forward(x.storage()), [images, channels, height, width])
    }
}

impl<C: CheckpointStrategy> PoolOps for Autodiff<Flex, C> {
    fn pool(x: FloatTensor<Self>, kind: Pool, stride: usize) -> FloatTensor<Self> {
        match PoolBackward.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let input = match kind {
                    Pool::Max => Some(prep.checkpoint(&x)),
                    Pool::Average => None,
                };
                let x = x.into_primitive();
                let state = State { input, shape: dims(&x), kind, stride };
                prep.finish(state, Flex::pool(x, kind, stride))
            }
            OpsKind::UnTracked(prep) => prep.finish(Flex::pool(x.into_primitive(), kind, stride)),
        }
    }
}

#[derive(Debug)]
struct PoolBackward;

#[derive(Clone, Debug)]
struct State {
    input: Option<NodeId>,
    shape: [usize; 4],
    kind: Pool,
    stride: usize,
}

impl Backward<Flex, 1> for PoolBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let State { input, shape, kind, stride } = ops.state;
        let x: Option<FlexTensor> = input.map(|input| contiguous(checkpointer.retrieve_node_output(input)));
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        if let [Some(parent)] = ops.parents {
            let plan = Pool3x3::new(kind, [shape[2], shape[3]], stride);
            let x = x.as_ref().map_or(&[][..], |x| x.storage());
            grads.register::<Flex>(parent.id, tensor(plan.backward(x, gradient.storage()), shape));
        }
    }
}
