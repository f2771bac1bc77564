//! Replays recordings of the original implementation and measures how far this one departs from them.
//!
//! A recording is a safetensors file whose header says, under the key `case`, what was run. It holds the
//! initial state, the batches, and everything that came out. Three kinds are known: single `operations`, a few
//! steps of a `search`, and a pass through a `derived` network.
//!
//! # Precision
//!
//! The networks run in f32, as they do in use. Their gradients are not continuous in what goes in: a ReLU whose
//! input is zero but for rounding, or two equal values in a max pool, go one way or the other with the last bit,
//! and the finite difference of the unrolled step magnifies that. Two correct implementations in f32, or one on
//! two machines, can therefore differ by 1e-2 and more. So where f32 departs by more than [`ROUNDING`] in what
//! such a decision can reach, the replay is repeated in f64, where ties are rare, and that is what is judged;
//! [`ReplayReport::precision`] says so and [`ReplayReport::rounding`] keeps what f32 gave. Forward values and
//! single operations depend on no such decision and must be right in f32.

mod derived;
mod deviation;
mod operations;
mod recording;
mod search;
mod stage;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::network::HostTensor;

pub use deviation::{RELATIVE_TOLERANCE, ROUNDING};
pub use stage::Precision;

use deviation::{Deviations, Reach};
use recording::Recording;
use stage::{Stage, to_host};

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
    /// What the numbers above were computed with.
    pub precision: Precision,
    /// Where the judgement is that of f64: a sentence for each tensor in which f32 departed by more than
    /// [`ROUNDING`].
    pub rounding: Vec<String>,
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
    let kind = recording.case::<Kind>()?.kind;
    let single = run(&recording, &kind, &Stage::single(device))?;
    if !single.may_be_rounding() {
        return Ok(single.into_report(kind, Precision::F32, Vec::new()));
    }
    let double = run(&recording, &kind, &Stage::double())?;
    Ok(double.into_report(kind, Precision::F64, single.into_notices()))
}

fn run(recording: &Recording, kind: &str, stage: &Stage) -> Result<Deviations> {
    match kind {
        "operations" => operations::replay(recording, stage),
        "search" => search::replay(recording, stage),
        "derived" => derived::replay(recording, stage),
        _ => Err(Error::invalid(
            recording.origin(),
            format!("a recording of kind {kind:?}"),
            "\"operations\", \"search\" or \"derived\"",
            "replay a file that the recorder of the original implementation wrote",
        )),
    }
}

/// The part of a case that all kinds share.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// Compares the gradients of all weights with the tensors under `prefix`.
///
/// A weight that took no part has a gradient of zero here and may lack one in the recording.
fn compare_gradients(
    deviations: &mut Deviations,
    quantity: &str,
    reach: Reach,
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
        deviations.compare(quantity, reach, &full, &HostTensor { shape, values }, recorded);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a replay falls back on agrees with the recordings, whatever f32 rounds to on this machine.
    #[test]
    fn networks_conform_in_double_precision() {
        for (kind, file) in [
            ("search", "search-first-order"),
            ("search", "search-second-order"),
            ("derived", "derived-darts-v2"),
            ("derived", "derived-nasnet"),
        ] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
            let recording = Recording::read(&folder.join(format!("{file}.safetensors"))).unwrap();
            let report = run(&recording, kind, &Stage::double()).unwrap();
            let report = report.into_report(kind.into(), Precision::F64, Vec::new());
            assert!(report.ok, "{file}: {:#?}", report.failures);
            for (quantity, &error) in &report.max_relative_error {
                assert!(error < ROUNDING, "{file}: {quantity} deviates by {error:e}");
            }
        }
    }
}
