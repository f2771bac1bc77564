//! Where a replay runs, and in which precision.

use burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::network::{HostTensor, Weighted};

/// The numbers a replay computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As in use, with the fast kernels of the device.
    F32,
    /// On the CPU, with the readable bodies of the kernels.
    F64,
}

/// A device with autodiff, and a precision.
pub(super) struct Stage {
    pub(super) device: Device,
    pub(super) precision: Precision,
}

impl Stage {
    /// The device as it is used.
    pub(super) fn single(device: &Device) -> Stage {
        Stage { device: device.clone().autodiff(), precision: Precision::F32 }
    }

    /// The CPU, which every build has and which knows f64.
    pub(super) fn double() -> Stage {
        Stage { device: Device::flex().autodiff(), precision: Precision::F64 }
    }

    /// A host tensor on the stage.
    ///
    /// # Panics
    /// When it does not have D axes; [`super::recording::Recording`] checks that.
    pub(super) fn tensor<const D: usize>(&self, tensor: &HostTensor) -> Tensor<D> {
        let data = TensorData::new(tensor.values.clone(), tensor.shape.clone());
        self.cast(Tensor::from_data(data, &self.device))
    }

    /// Labels on the stage.
    pub(super) fn labels(&self, labels: Vec<i64>) -> Tensor<1, Int> {
        let n = labels.len();
        Tensor::from_data(TensorData::new(labels, [n]), &self.device)
    }

    /// A module of this device in the stage's precision.
    pub(super) fn module<M: Weighted>(&self, module: M) -> M {
        match self.precision {
            Precision::F32 => module,
            Precision::F64 => module.in_f64(),
        }
    }

    fn cast<const D: usize>(&self, tensor: Tensor<D>) -> Tensor<D> {
        match self.precision {
            Precision::F32 => tensor,
            Precision::F64 => tensor.cast(FloatDType::F64),
        }
    }
}

/// A tensor on the host, without its graph, rounded to f32.
pub(super) fn to_host<const D: usize>(tensor: Tensor<D>) -> HostTensor {
    let tensor = if tensor.is_autodiff() { tensor.inner() } else { tensor };
    let shape = tensor.dims().to_vec();
    let tensor = if tensor.dtype() == DType::F32 { tensor } else { tensor.cast(FloatDType::F32) };
    HostTensor { shape, values: tensor.into_data().try_to_vec::<f32>().expect("tensors are f32") }
}

/// A single number, as the recordings store it.
pub(super) fn scalar(value: f32) -> HostTensor {
    HostTensor { shape: Vec::new(), values: vec![value] }
}
