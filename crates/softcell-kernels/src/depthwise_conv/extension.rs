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

use super::ConvShape;
use super::cpu::{Depthwise, Wanted};
use crate::support::flex::{contiguous, dims, tensor};

/// [`depthwise_conv2d`](crate::depthwise_conv2d) for backends that have a fast body.
#[backend_extension(Flex, Autodiff)]
pub trait DepthwiseConvOps: Backend {
    /// See [`depthwise_conv2d`](crate::depthwise_conv2d).
    fn depthwise_conv(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        options: ConvShape,
    ) -> FloatTensor<Self>;
}

pub(super) fn depthwise_conv2d(x: Tensor<4>, weight: Tensor<4>, options: ConvShape) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as DepthwiseConvOps>::depthwise_conv(
        x.into_dispatch(),
        weight.into_dispatch(),
        options,
    ))
}

fn plan(x: &FlexTensor, weight: &FlexTensor, options: ConvShape) -> Depthwise {
    let [_, channels, height, width] = dims(x);
    let [_, _, kernel_height, kernel_width] = dims(weight);
    Depthwise::new(channels, [height, width], [kernel_height, kernel_width], options)
}

impl DepthwiseConvOps for Flex {
    fn depthwise_conv(x: FlexTensor, weight: FlexTensor, options: ConvShape) -> FlexTensor {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let plan = plan(&x, &weight, options);
        let [images, channels, _, _] = dims(&x);
        let [height, width] = plan.output();
        tensor(plan.forward(x.storage(), weight.storage()), [images, channels, height, width])
    }
}

impl<C: CheckpointStrategy> DepthwiseConvOps for Autodiff<Flex, C> {
    fn depthwise_conv(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        options: ConvShape,
    ) -> FloatTensor<Self> {
        match DepthwiseBackward.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = ([prep.checkpoint(&x), prep.checkpoint(&weight)], options);
                let y = Flex::depthwise_conv(x.into_primitive(), weight.into_primitive(), options);
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(Flex::depthwise_conv(x.into_primitive(), weight.into_primitive(), options))
            }
        }
    }
}

#[derive(Debug)]
struct DepthwiseBackward;

impl Backward<Flex, 2> for DepthwiseBackward {
    type State = ([NodeId; 2], ConvShape);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [x_parent, weight_parent] = ops.parents;
        let ([x, weight], options) = ops.state;
        let x = contiguous(checkpointer.retrieve_node_output(x));
        let weight = contiguous(checkpointer.retrieve_node_output(weight));
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (dx, dweight) = plan(&x, &weight, options).backward(
            x.storage(),
            weight.storage(),
            gradient.storage(),
            Wanted { x: x_parent.is_some(), weight: weight_parent.is_some() },
        );
        if let (Some(parent), Some(dx)) = (x_parent, dx) {
            grads.register::<Flex>(parent.id, tensor(dx, dims::<4>(&x)));
        }
        if let (Some(parent), Some(dweight)) = (weight_parent, dweight) {
            grads.register::<Flex>(parent.id, tensor(dweight, dims::<4>(&weight)));
        }
    }
}
