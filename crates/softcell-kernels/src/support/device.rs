//! Which body runs on a tensor's device.

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

/// Whether the fast CPU body can run on this tensor: `f32` on the Flex device, with or without autodiff.
pub(crate) fn runs_on_flex<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && matches!(x.device().without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}
