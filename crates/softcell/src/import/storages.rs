//! The two containers of `torch.save`: a zip archive since PyTorch 1.6, before that pickles one after the other.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::fault::{Fault, shown};
use super::pickle::{Pickle, Value};
use super::tensor::{Element, Storage};

/// Largest pickle in an archive, in bytes.
const LARGEST_PICKLE: u64 = 64 << 20;
/// Most bytes of all storages that are unpacked: they may be compressed.
const MOST_BYTES: usize = 2 << 30;
/// How many times as large as the file they may be. `torch.save` does not compress, and weights hardly can be.
const MOST_COMPRESSION: usize = 32;
/// The number that files of PyTorch before 1.6 begin with.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
/// How [`MAGIC`] stands in them, behind the pickle's protocol and the length.
pub(super) const LEGACY_START: [u8; 14] =
    [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The version of their layout.
const PROTOCOL: i128 = 1001;

/// Where the numbers of tensors are.
pub(super) enum Storages<'a> {
    /// Entries of an archive.
    Zip(ZipStorages<'a>),
    /// Pieces of the file, by key.
    Legacy(HashMap<String, &'a [u8]>),
}

/// An archive, and what was unpacked of it.
pub(super) struct ZipStorages<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// What stands before the names of its entries.
    root: String,
    unpacked: HashMap<String, Vec<u8>>,
    bytes: usize,
    /// Most bytes that are unpacked.
    most: usize,
}

impl Storages<'_> {
    /// The bytes of a storage, as many as it says.
    pub fn bytes(&mut self, storage: &Storage) -> Result<&[u8], Fault> {
        let length = storage.length * storage.element.size();
        let bytes = match self {
            Storages::Zip(zip) => zip.bytes(&storage.key, length)?,
            Storages::Legacy(pieces) => pieces.get(&storage.key).copied().unwrap_or_default(),
        };
        bytes
            .get(..length)
            .ok_or_else(|| Fault::damaged(format!("too few numbers in storage {}", shown(&storage.key))))
    }
}

impl ZipStorages<'_> {
    fn bytes(&mut self, key: &str, length: usize) -> Result<&[u8], Fault> {
        if self.unpacked.get(key).is_none_or(|bytes| bytes.len() < length) {
            self.bytes = self.bytes.saturating_add(length);
            if self.bytes > self.most {
                return Err(Fault::Other(
                    format!("tensors of more than {} bytes", self.most),
                    "save the state dict of one network alone",
                ));
            }
            let bytes = entry(&mut self.archive, &format!("{}data/{key}", self.root), length as u64)?;
            self.unpacked.insert(key.to_owned(), bytes);
        }
        Ok(&self.unpacked[key])
    }
}

/// At most `most` bytes of an entry.
fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, most: u64) -> Result<Vec<u8>, Fault> {
    let fault = |problem: String| Fault::damaged(format!("entry {} of the archive: {problem}", shown(name)));
    let entry = archive.by_name(name).map_err(|e| fault(e.to_string()))?;
    let mut bytes = Vec::new();
    // One byte more makes the reader check the sum over a whole entry.
    entry.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| fault(e.to_string()))?;
    Ok(bytes)
}

/// A file of PyTorch 1.6 and later.
pub(super) fn read_zip(bytes: &[u8]) -> Result<(Pickle, Storages<'_>), Fault> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| Fault::damaged(e.to_string()))?;
    let names = archive.file_names().collect::<Result<Vec<_>, _>>();
    let names = names.map_err(|e| Fault::damaged(e.to_string()))?;
    let roots: Vec<String> = names
        .iter()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|root| root.is_empty() || root.ends_with('/'))
        .map(str::to_owned)
        .collect();
    let [root] = roots.as_slice() else {
        return Err(Fault::Other(
            format!("a zip archive with {} entries data.pkl", roots.len()),
            "give a file that torch.save wrote, or unpack the archive and give what is in it",
        ));
    };
    let order = format!("{root}byteorder");
    if archive.index_for_name(&order).is_some() && entry(&mut archive, &order, 16)? != b"little" {
        return Err(big_endian());
    }
    let pickle = entry(&mut archive, &format!("{root}data.pkl"), LARGEST_PICKLE)?;
    if pickle.len() as u64 > LARGEST_PICKLE {
        return Err(Fault::Other(
            format!("a pickle of more than {LARGEST_PICKLE} bytes"),
            "save the state dict of the network alone",
        ));
    }
    let root = root.clone();
    let most = MOST_BYTES.min(bytes.len().saturating_mul(MOST_COMPRESSION));
    let storages = ZipStorages { archive, root, unpacked: HashMap::new(), bytes: 0, most };
    Ok((Pickle::read(&pickle)?, Storages::Zip(storages)))
}

/// A file of PyTorch before 1.6: pickles of a magic number, a version, facts about the system, the object and the
/// keys of its storages; then, for each key, the length in 64 bits and the numbers.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<(Pickle, Storages<'_>), Fault> {
    let mut rest = bytes;
    let mut next = || {
        let pickle = Pickle::read(rest)?;
        rest = &rest[pickle.length..];
        Ok::<Pickle, Fault>(pickle)
    };
    let (magic, protocol, system) = (next()?, next()?, next()?);
    if (magic.root(), protocol.root()) != (&Value::Integer(MAGIC), &Value::Integer(PROTOCOL)) {
        return Err(Fault::damaged("another version of the file's layout"));
    }
    let Value::Dict(facts) = system.root() else {
        return Err(Fault::damaged("no facts about the system that wrote the file"));
    };
    if system.entry(facts, "little_endian") == Some(&Value::Bool(false)) {
        return Err(big_endian());
    }
    let (object, keys) = (next()?, next()?);
    let Value::List(keys_in_order) = keys.root() else {
        return Err(Fault::damaged("no list of storages"));
    };
    let declared: HashMap<&str, (Element, usize)> = object
        .values
        .iter()
        .filter_map(|value| match value {
            Value::Storage(storage) => Some((storage.key.as_str(), (storage.element, storage.length))),
            _ => None,
        })
        .collect();
    let mut pieces = HashMap::new();
    for &key in keys_in_order {
        let fault = |problem| Fault::damaged(format!("storages of the file: {problem}"));
        let Value::Text(key) = keys.value(key) else { return Err(fault("a name that is no text")) };
        let &(element, length) =
            declared.get(key.as_str()).ok_or_else(|| fault("one that nothing refers to"))?;
        let (head, numbers) =
            rest.split_first_chunk::<8>().ok_or_else(|| fault("one that ends too early"))?;
        if u64::from_le_bytes(*head) != length as u64 {
            return Err(fault("one whose length differs from what its tensors say"));
        }
        let (piece, behind) = numbers
            .split_at_checked(length * element.size())
            .ok_or_else(|| fault("one that ends too early"))?;
        pieces.insert(key.clone(), piece);
        rest = behind;
    }
    Ok((object, Storages::Legacy(pieces)))
}

fn big_endian() -> Fault {
    Fault::Other(
        "a file of a machine with the highest byte first".into(),
        "load it in PyTorch and save it again on a usual machine",
    )
}
