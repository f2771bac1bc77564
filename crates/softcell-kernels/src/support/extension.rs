//! The primitives of tensors, for operations that a backend extension cannot express.

use burn::backend::{Backend, DispatchKindConversion, DispatchTensor, tensor::FloatTensor};
use burn::tensor::{GradientCheckpointingStrategy, Tensor};

/// What a tensor of the backend `B` consists of.
///
/// # Panics
///
/// If the tensor lives on another device than that of `B`.
pub(crate) fn primitive<B: Backend, const D: usize>(tensor: Tensor<D>) -> FloatTensor<B>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    match tensor.try_into_primitive::<B>() {
        Ok(primitive) => primitive,
        Err(error) => panic!("all arguments of an operation must live on one device: {error:?}"),
    }
}

/// The same on an autodiff device; a tensor without autodiff becomes a constant of it.
pub(crate) fn tracked_primitive<B: Backend, const D: usize>(
    tensor: Tensor<D>,
    strategy: GradientCheckpointingStrategy,
) -> FloatTensor<B>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    primitive(if tensor.is_autodiff() {
        tensor
    } else {
        tensor.autodiff().with_gradient_checkpointing_strategy(strategy)
    })
}
