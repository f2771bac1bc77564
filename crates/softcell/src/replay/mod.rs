//! Replays recordings of the original implementation and measures how far this one departs from them.
//!
//! A recording is a safetensors file whose header says, under the key `case`, what was run. It holds the
//! initial state, the batches, and everything that came out. Three kinds are known: single `operations`, a few
//! steps of a `search`, and a pass through a `derived` network.

mod derived;
mod deviation;
mod operations;
mod recording;
mod search;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::weights::HostTensor;

pub use deviation::RELATIVE_TOLERANCE;

use deviation::Deviations;
use recording::Recording;

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// `operations`, `search` or `derived`.
    pub kind: String,
    /// Whether every quantity is within its tolerance.
    pub ok: bool,
    /// The largest deviation of each quantity over all its tensors: `max|a − b| / max|b|` with the recorded b,
    /// or `max|a − b|` where b is zero throughout.
    ///
    /// `alphas_absolute` is `max|a − b|`. `genotype` and `parameters` are 0 where they agree and 1 where not.
    /// `f64::MAX` stands for what cannot be measured: a number that is not finite, or another shape.
    pub max_relative_error: BTreeMap<String, f64>,
    /// A sentence for each tensor outside its tolerance.
    pub failures: Vec<String>,
}

/// Runs what was recorded at `path` and compares.
///
/// Every tensor may deviate by [`RELATIVE_TOLERANCE`]. The alphas after step t, where Adam divides by tiny
/// numbers, may deviate by `0.05 · arch_learning_rate · (t + 1)` in absolute terms instead.
///
/// # Errors
/// When the file cannot be read, is not a recording of a known kind, or lacks a tensor that its case calls for.
/// A deviation is no error: it is in the report.
pub fn replay(path: &Path, device: &Device) -> Result<ReplayReport> {
    let recording = Recording::read(path)?;
    let device = if device.is_autodiff() { device.clone() } else { device.clone().autodiff() };
    let kind = recording.case::<Kind>()?.kind;
    let deviations = match kind.as_str() {
        "operations" => operations::replay(&recording, &device)?,
        "search" => search::replay(&recording, &device)?,
        "derived" => derived::replay(&recording, &device)?,
        _ => {
            return Err(Error::invalid(
                recording.origin(),
                format!("a recording of kind {kind:?}"),
                "\"operations\", \"search\" or \"derived\"",
                "replay a file that the recorder of the original implementation wrote",
            ));
        }
    };
    Ok(deviations.into_report(kind))
}

/// The part of a case that all kinds share.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// A host tensor on the device.
///
/// # Panics
/// When it does not have D axes; [`Recording`] checks that.
fn to_device<const D: usize>(tensor: &HostTensor, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(tensor.values.clone(), tensor.shape.clone()), device)
}

/// A device tensor on the host, without its graph.
fn to_host<const D: usize>(tensor: Tensor<D>) -> HostTensor {
    let tensor = if tensor.is_autodiff() { tensor.inner() } else { tensor };
    let shape = tensor.dims().to_vec();
    HostTensor { shape, values: tensor.into_data().try_to_vec::<f32>().expect("tensors are f32") }
}

/// Labels on the device.
fn labels_to_device(labels: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let n = labels.len();
    Tensor::from_data(TensorData::new(labels, [n]), device)
}

/// A single number, as the recordings store it.
fn scalar(value: f32) -> HostTensor {
    HostTensor { shape: Vec::new(), values: vec![value] }
}

/// Compares the gradients of all weights with the tensors under `prefix`.
///
/// A weight that took no part has a gradient of zero here and may lack one in the recording.
fn compare_gradients(
    deviations: &mut Deviations,
    quantity: &str,
    recording: &Recording,
    prefix: &str,
    names: &[String],
    gradients: &[Option<Tensor<1>>],
) -> Result<()> {
    for (name, gradient) in names.iter().zip(gradients) {
        let full = format!("{prefix}{name}");
        if gradient.is_none() && !recording.has(&full) {
            continue;
        }
        let recorded = recording.float(&full)?;
        let values = match gradient {
            Some(gradient) => to_host(gradient.clone()).values,
            None => vec![0.0; recorded.values.len()],
        };
        // Gradients are listed flat: a differing number of values still is a differing shape.
        let same = values.len() == recorded.values.len();
        let shape = if same { recorded.shape.clone() } else { vec![values.len()] };
        deviations.compare(quantity, &full, &HostTensor { shape, values }, recorded);
    }
    Ok(())
}
