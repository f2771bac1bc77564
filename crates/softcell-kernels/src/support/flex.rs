//! Between Flex tensors and plain slices.

use burn::backend::{Shape, TensorMetadata};
use burn::tensor::{Bytes, DType};
use burn_flex::{FlexTensor, Layout};

use super::workspace::Buffer;

/// The tensor with its elements in row-major order and nothing else in its buffer, so that
/// `storage::<f32>()` is exactly the elements. Copies only if it must.
pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

/// A tensor that owns `values`, in row-major order.
pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    debug_assert_eq!(values.len(), shape.iter().product::<usize>());
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::from(shape)), DType::F32)
}

/// A tensor that owns a buffer, in row-major order.
pub(crate) fn tensor_of<const D: usize>(buffer: Buffer, shape: [usize; D]) -> FlexTensor {
    debug_assert_eq!(buffer.len(), shape.iter().product::<usize>());
    FlexTensor::new(buffer.into_bytes(), Layout::contiguous(Shape::from(shape)), DType::F32)
}

/// The sizes of a tensor of `D` dimensions.
pub(crate) fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.shape().dims()
}
