//! A file of weights, of whatever kind, as named tensors.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};

use super::fault::{Fault, shown};
use super::pickle::{Id, Pickle, Value};
use super::storages::{LEGACY_START, Storages, read_legacy, read_zip};
use super::tensor::{Element, MOST_NUMBERS, StridedTensor};
use crate::error::Result;
use crate::network::{HostTensor, NamedTensors};
use crate::reading::{self, Source};
use crate::run::seal;

/// Largest file that is read, in bytes.
const LARGEST_FILE: u64 = 4 << 30;
/// Largest header of a safetensors file, in bytes.
const LARGEST_HEADER: u64 = 25 << 20;
/// How often the numbers of a storage may be in tensors.
const MOST_WINDOWS: usize = 8;
/// Longest name of a tensor, in bytes.
const LONGEST_NAME: usize = 512;
/// Keys under which checkpoints keep the state dict.
const STATE_DICT: [&str; 3] = ["state_dict", "model_state_dict", "model"];
/// What `DataParallel` puts before every name.
const PARALLEL: &str = "module.";
/// The one buffer of a batch normalisation that is no part of what it computes.
const UNUSED: &str = "num_batches_tracked";

/// What a file of weights holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The tensors in f32, by state-dict name.
    pub tensors: NamedTensors,
    /// What a safetensors file says of itself; empty for others.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a file of weights, whose kind is told by its first bytes: safetensors, or what `torch.save` writes of a
/// state dict or of a checkpoint that holds one under `state_dict`, in either of its two containers.
///
/// Nothing in the file is run: pickles are read, not executed. Numbers become f32. The `module.` that `DataParallel`
/// puts before names is taken off, and `num_batches_tracked` is left out.
///
/// # Errors
/// A file that is damaged, that is too large, that holds other things than tensors, or that names a Python
/// function which has nothing to do with tensors; then its name is told.
pub fn read_checkpoint(path: &Path) -> Result<Checkpoint> {
    let looks = |start: &[u8]| kind(start).map(|_| ()).map_err(|fault| fault.at(path));
    let bytes = reading::read_if(path, LARGEST_FILE, Source::Any, looks)?;
    decode(&bytes).map_err(|fault| fault.at(path))
}

fn decode(bytes: &[u8]) -> Result<Checkpoint, Fault> {
    let (tensors, metadata) = match kind(bytes)? {
        Kind::Zip => (torch(read_zip(bytes)?)?, BTreeMap::new()),
        Kind::Legacy => (torch(read_legacy(bytes)?)?, BTreeMap::new()),
        Kind::Safetensors => safetensors(bytes)?,
    };
    if tensors.is_empty() {
        return Err(Fault::Other("no tensor".into(), "give the weights of a trained network"));
    }
    Ok(Checkpoint { tensors: without_parallel(tensors), metadata })
}

/// The kinds of files.
enum Kind {
    Zip,
    Legacy,
    Safetensors,
}

/// The kind, by the first bytes.
fn kind(bytes: &[u8]) -> Result<Kind, Fault> {
    let other = |found: &str, remedy| Err(Fault::Other(found.into(), remedy));
    let text = bytes.trim_ascii_start();
    if bytes.is_empty() {
        other("an empty file", "get the file again")
    } else if bytes.starts_with(b"PK\x03\x04") {
        Ok(Kind::Zip)
    } else if bytes.starts_with(&LEGACY_START) {
        Ok(Kind::Legacy)
    } else if bytes.get(8) == Some(&b'{') {
        Ok(Kind::Safetensors)
    } else if bytes.starts_with(&[0x80]) {
        other("a pickle that torch.save did not write", "load it in Python and save it with torch.save")
    } else if text.starts_with(b"<") {
        other("a web page", "download the file itself, not the page that leads to it")
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        other("a gzip file", "unpack it first")
    } else if bytes.get(257..262) == Some(b"ustar") {
        other(
            "a tar archive",
            "unpack it; a file of PyTorch before 0.1.10 has to be saved again by a newer one",
        )
    } else {
        other("a file of another kind", "give a .safetensors, .pt, .pth or .pth.tar file")
    }
}

/// The tensors of the state dict in a file of PyTorch.
fn torch((pickle, mut storages): (Pickle, Storages<'_>)) -> Result<NamedTensors, Fault> {
    let entries = state_dict(&pickle)?;
    let mut tensors = NamedTensors::new();
    let mut budget = Budget::default();
    // Before anything is unpacked or written out.
    for &(_, value) in entries {
        if let Value::Tensor(tensor) = pickle.value(value) {
            budget.spend(tensor.numbers())?;
        }
    }
    let mut shared = Shared::default();
    for &(name, value) in entries {
        let Value::Text(name) = pickle.value(name) else {
            return Err(not_a_state_dict(&pickle, pickle.value(name).kind()));
        };
        let Value::Tensor(tensor) = pickle.value(value) else {
            return Err(not_a_state_dict(
                &pickle,
                &format!("{} at {}", pickle.value(value).kind(), shown(name)),
            ));
        };
        check_name(name)?;
        if name.ends_with(UNUSED) {
            continue;
        }
        if let Element::Whole(_) = tensor.storage.element {
            return Err(whole_numbers(name));
        }
        shared.spend(tensor)?;
        tensors.insert(name.clone(), values(tensor, &mut storages)?);
    }
    Ok(tensors)
}

fn values(tensor: &StridedTensor, storages: &mut Storages<'_>) -> Result<HostTensor, Fault> {
    Ok(tensor.values(storages.bytes(&tensor.storage)?))
}

/// The entries of the state dict: what was saved, or what it holds under one of [`STATE_DICT`].
fn state_dict(pickle: &Pickle) -> Result<&[(Id, Id)], Fault> {
    let Value::Dict(root) = pickle.root() else {
        return Err(not_a_state_dict(pickle, pickle.root().kind()));
    };
    let inner = STATE_DICT.iter().find_map(|key| match pickle.entry(root, key) {
        Some(Value::Dict(inner)) => Some(inner),
        _ => None,
    });
    Ok(inner.unwrap_or(root))
}

fn not_a_state_dict(pickle: &Pickle, found: &str) -> Fault {
    let mut found = found.to_owned();
    if let Value::Dict(entries) = pickle.root() {
        let keys = entries.iter().filter_map(|&(key, _)| match pickle.value(key) {
            Value::Text(key) => Some(shown(key)),
            _ => None,
        });
        let keys: Vec<String> = keys.take(8).collect();
        found.push_str(&format!(" (the file's first keys are {})", keys.join(", ")));
    }
    Fault::Other(
        found,
        "save the state dict of the network: torch.save(network.state_dict(), \"weights.pt\")",
    )
}

/// The tensors and the metadata of a safetensors file.
fn safetensors(bytes: &[u8]) -> Result<(NamedTensors, BTreeMap<String, String>), Fault> {
    let head: Option<&[u8; 8]> = bytes.first_chunk();
    let header = u64::from_le_bytes(*head.expect("it was seen that more bytes follow"));
    let rest = bytes.len() as u64 - 8;
    if header > rest || header > LARGEST_HEADER {
        return Err(Fault::damaged(format!("a header of {header} bytes in a file of {}", bytes.len())));
    }
    let damaged = |error: safetensors::SafeTensorError| Fault::damaged(error.to_string());
    let (_, head) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    seal::check(bytes).map_err(Fault::damaged)?;
    let mut tensors = NamedTensors::new();
    let mut budget = Budget::default();
    for (name, view) in file.iter() {
        check_name(name)?;
        if name.ends_with(UNUSED) {
            continue;
        }
        let element = match view.dtype() {
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::Bf16,
            Dtype::F32 => Element::F32,
            Dtype::F64 => Element::F64,
            _ => return Err(whole_numbers(name)),
        };
        budget.spend(view.data().len() / element.size())?;
        let values = element.values(view.data());
        tensors.insert(name.to_owned(), HostTensor { shape: view.shape().to_vec(), values });
    }
    let metadata = head.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok((tensors, metadata))
}

/// How many numbers were taken.
#[derive(Default)]
struct Budget(usize);

impl Budget {
    fn spend(&mut self, numbers: usize) -> Result<(), Fault> {
        self.0 = self.0.saturating_add(numbers);
        if self.0 <= MOST_NUMBERS {
            return Ok(());
        }
        Err(Fault::Other(
            format!("tensors of more than {MOST_NUMBERS} numbers"),
            "give the weights of a network that Softcell can build",
        ))
    }
}

/// How many numbers of each storage were written out.
#[derive(Default)]
struct Shared(HashMap<String, usize>);

impl Shared {
    /// Refuses more windows on a storage than weights that are shared have: so many numbers are not in the file.
    fn spend(&mut self, tensor: &StridedTensor) -> Result<(), Fault> {
        let storage = &tensor.storage;
        let numbers = self.0.entry(storage.key.clone()).or_default();
        *numbers = numbers.saturating_add(tensor.numbers());
        if *numbers <= storage.length.saturating_mul(MOST_WINDOWS) {
            return Ok(());
        }
        Err(Fault::damaged(format!(
            "{numbers} numbers in tensors of storage {}, which has {}",
            shown(&storage.key),
            storage.length
        )))
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Fault::damaged(format!("the name {} of a tensor", shown(name))));
    }
    Ok(())
}

fn whole_numbers(name: &str) -> Fault {
    Fault::Other(
        format!("numbers in {} that are not floating-point", shown(name)),
        "give the weights as they were trained, not quantised",
    )
}

/// The names as they are without `DataParallel`.
fn without_parallel(tensors: NamedTensors) -> NamedTensors {
    if !tensors.keys().all(|name| name.starts_with(PARALLEL)) {
        return tensors;
    }
    tensors.into_iter().map(|(name, tensor)| (name[PARALLEL.len()..].to_owned(), tensor)).collect()
}

#[cfg(test)]
mod tests;
