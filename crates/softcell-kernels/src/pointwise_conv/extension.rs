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

use super::cpu::{forward, input_gradient, weight_gradient};
use crate::support::flex::{contiguous, dims, tensor};

/// [`pointwise_conv2d`](crate::pointwise_conv2d) for backends that have a fast body.
#[backend_extension(Flex, Autodiff)]
pub trait PointwiseConvOps: Backend {
    /// See [`pointwise_conv2d`](crate::pointwise_conv2d).
    fn pointwise_conv(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(super) fn pointwise_conv2d(x: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as PointwiseConvOps>::pointwise_conv(
        x.into_dispatch(),
        weight.into_dispatch(),
    ))
}

impl PointwiseConvOps for Flex {
    fn pointwise_conv(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let [images, inputs, height, width] = dims(&x);
        let [outputs, ..] = dims::<4>(&weight);
        let y = forward(x.storage(), weight.storage(), outputs, inputs, height * width);
        tensor(y, [images, outputs, height, width])
    }
}

impl<C: CheckpointStrategy> PointwiseConvOps for Autodiff<Flex, C> {
    fn pointwise_conv(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        match PointwiseBackward.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let saved_x = weight.is_tracked().then(|| prep.checkpoint(&x));
                let saved_weight = x.is_tracked().then(|| prep.checkpoint(&weight));
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let [outputs, ..] = dims::<4>(&weight);
                let state = State { x: saved_x, weight: saved_weight, shape: dims(&x), outputs };
                prep.finish(state, Flex::pointwise_conv(x, weight))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(Flex::pointwise_conv(x.into_primitive(), weight.into_primitive()))
            }
        }
    }
}

#[derive(Debug)]
struct PointwiseBackward;

#[derive(Clone, Debug)]
struct State {
    /// Kept if the weight needs a gradient.
    x: Option<NodeId>,
    /// Kept if the input needs a gradient.
    weight: Option<NodeId>,
    shape: [usize; 4],
    outputs: usize,
}

impl Backward<Flex, 2> for PointwiseBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [x_parent, weight_parent] = ops.parents;
        let State { x, weight, shape, outputs } = ops.state;
        let [x, weight] = [x, weight]
            .map(|id| id.map(|id| -> FlexTensor { contiguous(checkpointer.retrieve_node_output(id)) }));
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let [_, inputs, height, width] = shape;
        let plane = height * width;
        if let (Some(parent), Some(x)) = (weight_parent, x) {
            let dweight = weight_gradient(x.storage(), gradient.storage(), outputs, inputs, plane);
            grads.register::<Flex>(parent.id, tensor(dweight, [outputs, inputs, 1, 1]));
        }
        if let (Some(parent), Some(weight)) = (x_parent, weight) {
            let dx = input_gradient(gradient.storage(), weight.storage(), outputs, inputs, plane);
            grads.register::<Flex>(parent.id, tensor(dx, shape));
        }
    }
}
