//! Reads a recording: a safetensors file with a case in its header.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::network::{HostTensor, NamedTensors};
use crate::reading::{self, MOST_OF_A_RECORD, Source};

/// A recording, read as a whole.
pub(super) struct Recording {
    origin: String,
    case: String,
    tensors: BTreeMap<String, Stored>,
}

/// A tensor as stored.
enum Stored {
    Float(HostTensor),
    Int { shape: Vec<usize>, values: Vec<i64> },
    Other(Dtype),
}

const REMEDY: &str =
    "replay a file that the recorder of the original implementation wrote, and copy it whole";

impl Recording {
    /// Reads the file at `path`.
    pub(super) fn read(path: &Path) -> Result<Recording> {
        let origin = path.display().to_string();
        let bytes = reading::read_if(path, MOST_OF_A_RECORD, Source::File, |start| match start.get(8) {
            Some(b'{') => Ok(()),
            _ => Err(Error::invalid(&origin, "another beginning", "a whole safetensors file", REMEDY)),
        })?;
        let refuse = |error: safetensors::SafeTensorError| {
            Error::invalid(&origin, format!("{error}"), "a whole safetensors file", REMEDY)
        };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(refuse)?;
        let case = metadata.metadata().as_ref().and_then(|entries| entries.get("case")).cloned();
        let Some(case) = case else {
            return Err(Error::invalid(
                origin,
                "a safetensors file without `case` in its header",
                "a recording, whose header says what was run",
                REMEDY,
            ));
        };
        let file = SafeTensors::deserialize(&bytes).map_err(refuse)?;
        let tensors = file.iter().map(|(name, view)| (name.to_string(), stored(&view))).collect();
        Ok(Recording { origin, case, tensors })
    }

    /// The file, for messages.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// What was run. Fields that `T` does not have are ignored.
    pub(super) fn case<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.case).map_err(|error| {
            Error::invalid(
                format!("{}, case", self.origin),
                error.to_string(),
                "the settings of a recording, as JSON",
                REMEDY,
            )
        })
    }

    /// An error about something in this recording.
    pub(super) fn refuse(&self, what: &str, found: impl Into<String>, expected: impl Into<String>) -> Error {
        Error::invalid(format!("{}, {what}", self.origin), found, expected, REMEDY)
    }

    /// Whether there is a tensor of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor of floats.
    pub(super) fn float(&self, name: &str) -> Result<&HostTensor> {
        match self.tensors.get(name) {
            Some(Stored::Float(tensor)) => Ok(tensor),
            Some(Stored::Int { .. }) => Err(self.refuse(name, "whole numbers", "a tensor of type F32")),
            Some(Stored::Other(dtype)) => {
                Err(self.refuse(name, format!("type {dtype}"), "a tensor of type F32"))
            }
            None => Err(self.missing(name)),
        }
    }

    /// A tensor of floats with D axes, none of them empty.
    pub(super) fn shaped<const D: usize>(&self, name: &str) -> Result<(&HostTensor, [usize; D])> {
        let tensor = self.float(name)?;
        match <[usize; D]>::try_from(tensor.shape.as_slice()) {
            Ok(shape) if shape.iter().all(|&side| side > 0) => Ok((tensor, shape)),
            _ => Err(self.refuse(
                name,
                format!("shape {:?}", tensor.shape),
                format!("{D} axes, none of them empty"),
            )),
        }
    }

    /// A batch of images, `[N, channels, H, W]`.
    pub(super) fn images(&self, name: &str, channels: usize) -> Result<&HostTensor> {
        let (images, shape) = self.shaped::<4>(name)?;
        if shape[1] != channels {
            let expected = format!("{channels} channels, as in the recording's other images");
            return Err(self.refuse(name, format!("{} channels", shape[1]), expected));
        }
        Ok(images)
    }

    /// Labels of `n` images, each below `classes`.
    pub(super) fn labels(&self, name: &str, n: usize, classes: usize) -> Result<Vec<i64>> {
        let (shape, values) = match self.tensors.get(name) {
            Some(Stored::Int { shape, values }) => (shape, values),
            Some(_) => return Err(self.refuse(name, "another type", "labels of type I64 or I32")),
            None => return Err(self.missing(name)),
        };
        if *shape != [n] {
            return Err(self.refuse(
                name,
                format!("shape {shape:?}"),
                format!("a label for each of {n} images"),
            ));
        }
        let known = |&label: &i64| usize::try_from(label).is_ok_and(|label| label < classes);
        match values.iter().find(|label| !known(label)) {
            Some(label) => {
                Err(self.refuse(name, format!("label {label}"), format!("labels from 0 to {}", classes - 1)))
            }
            None => Ok(values.clone()),
        }
    }

    /// The floats under a prefix, which is cut off their names.
    pub(super) fn under(&self, prefix: &str) -> NamedTensors {
        let from = self.tensors.range(prefix.to_string()..);
        let within = from.map_while(|(name, stored)| Some((name.strip_prefix(prefix)?, stored)));
        let floats = within.filter_map(|(name, stored)| match stored {
            Stored::Float(tensor) => Some((name.to_string(), tensor.clone())),
            _ => None,
        });
        floats.collect()
    }

    fn missing(&self, name: &str) -> Error {
        self.refuse("tensors", format!("no tensor {name}"), "every tensor that the case calls for")
    }
}

/// Number of weights among named tensors: buffers and the names that `skip` picks are left out.
pub(super) fn count_recorded(tensors: &NamedTensors, skip: impl Fn(&str) -> bool) -> u64 {
    let is_buffer = |name: &str| name.rsplit('.').next().is_some_and(|last| last.starts_with("running_"));
    let weights = tensors.iter().filter(|(name, _)| !is_buffer(name) && !skip(name));
    weights.map(|(_, tensor)| tensor.values.len() as u64).sum()
}

fn stored(view: &TensorView<'_>) -> Stored {
    let shape = view.shape().to_vec();
    match view.dtype() {
        Dtype::F32 => Stored::Float(HostTensor { shape, values: numbers(view.data(), f32::from_le_bytes) }),
        Dtype::I64 => Stored::Int { shape, values: numbers(view.data(), i64::from_le_bytes) },
        Dtype::I32 => {
            Stored::Int { shape, values: numbers(view.data(), |bytes| i64::from(i32::from_le_bytes(bytes))) }
        }
        other => Stored::Other(other),
    }
}

fn numbers<const WIDTH: usize, T>(bytes: &[u8], read: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|&chunk| read(chunk)).collect()
}
