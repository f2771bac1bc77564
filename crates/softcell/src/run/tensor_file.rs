//! Named tensors as safetensors files: weights, and what a checkpoint consists of.
//!
//! Each has a checksum in its metadata, which is looked at whenever the file is read.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::seal::{check, sealed};
use crate::error::{Error, Remedy, Result, after_divergence};
use crate::network::{HostTensor, NamedTensors, unusable};

/// The weights and buffers of a network as a file, under their state-dict names.
pub fn encode_weights(net: &NamedTensors) -> Vec<u8> {
    encode_tensors(net.iter().map(|(name, tensor)| (name.as_str(), tensor)), BTreeMap::new())
}

/// What [`encode_weights`] wrote, or any safetensors file of f32 tensors; `path` is its name.
///
/// # Errors
/// When the file is damaged (also by a single bit, in files with a checksum) or holds other numbers.
pub(super) fn decode_weights(path: &Path, bytes: &[u8]) -> Result<NamedTensors> {
    check(bytes).map_err(|problem| {
        Error::run(
            path,
            format!("these weights cannot be used: {problem}"),
            "put a copy of the file there, or train the network again with " + Remedy::TrainAnew,
        )
    })?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(path, e.to_string()))?;
    tensors_of(path, &file)
}

/// Refuses to write values that would be refused when they are read.
pub(super) fn check_values(path: &Path, parts: &[(&str, &NamedTensors)]) -> Result<()> {
    match parts.iter().find_map(|(_, tensors)| unusable(tensors)) {
        None => Ok(()),
        Some(unusable) => {
            Err(Error::run(path, format!("not written, because of {}", unusable.found), after_divergence()))
        }
    }
}

/// Tensors and their names as a file whose metadata holds `metadata` and a checksum.
pub(super) fn encode_tensors<'a>(
    tensors: impl Iterator<Item = (&'a str, &'a HostTensor)>,
    metadata: BTreeMap<&str, String>,
) -> Vec<u8> {
    let bytes: Vec<(&str, &[usize], Vec<u8>)> = tensors
        .map(|(name, t)| (name, t.shape.as_slice(), t.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = bytes.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), data).expect("shape and values agree");
        (*name, view)
    });
    let file = serialize(views, None).expect("f32 tensors with unique names serialise");
    sealed(&file, metadata)
}

/// The tensors of a file, whose name is `path`; counters of batches are left out.
///
/// # Errors
/// Other numbers than f32, and values that are no numbers.
pub(super) fn tensors_of(path: &Path, file: &SafeTensors) -> Result<NamedTensors> {
    let mut tensors = NamedTensors::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            if name.ends_with("num_batches_tracked") {
                continue;
            }
            return Err(damaged(path, format!("{name} is {:?}, not F32", view.dtype())));
        }
        let values =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        tensors.insert(name.to_string(), HostTensor { shape: view.shape().to_vec(), values });
    }
    match unusable(&tensors) {
        None => Ok(tensors),
        Some(unusable) => Err(damaged(path, format!("{}, not {}", unusable.found, unusable.expected))),
    }
}

/// The error of a file that cannot be used.
pub(super) fn damaged(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::run(
        path,
        format!("not a usable file of this kind: {problem}"),
        "start again with " + Remedy::Replace + ", or use a copy",
    )
}
