//! A checksum in a safetensors file, by which a file that was damaged later is told from a good one.
//!
//! It stands in the metadata, so that every program reads the file as before: the CRC-32C of the whole file
//! with zeros in place of the checksum. It finds every error of one bit, in the header as well as in the tensors.

use std::collections::BTreeMap;

use safetensors::tensor::SafeTensors;

/// The entry of the metadata.
const KEY: &str = "softcell_checksum";
/// What the checksum begins with: its kind.
const KIND: &str = "crc32c:";
/// Hexadecimal digits.
const DIGITS: usize = 8;

fn find(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text.as_bytes())
}

/// Puts metadata into a file that has none.
///
/// A safetensors file begins with the length of its header in 64 bits and the header, a JSON object in which the
/// metadata is the entry `__metadata__`. The library would write that in the order of a hash table, another one
/// each time.
pub(crate) fn with_metadata(file: &[u8], metadata: &BTreeMap<&str, String>) -> Vec<u8> {
    let (length, rest) = file.split_first_chunk::<8>().expect("a file has a header");
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = std::str::from_utf8(header).expect("a header is text").trim_end();
    let more = header.strip_prefix('{').expect("a header is an object");
    let comma = if more == "}" { "" } else { "," };
    let mut header = format!(
        "{{\"__metadata__\":{}{comma}{more}",
        serde_json::to_string(metadata).expect("names and texts serialise")
    )
    .into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes(), header.as_slice(), tensors].concat()
}

/// A file without metadata, with this metadata and the checksum put in.
pub(crate) fn sealed(file: &[u8], mut metadata: BTreeMap<&str, String>) -> Vec<u8> {
    let none = format!("{KIND}{}", "0".repeat(DIGITS));
    metadata.insert(KEY, none.clone());
    let mut bytes = with_metadata(file, &metadata);
    let checksum = format!("{:08x}", crc32c::crc32c(&bytes));
    let start = find(&bytes, &none).expect("the checksum was put there") + KIND.len();
    bytes[start..start + DIGITS].copy_from_slice(checksum.as_bytes());
    bytes
}

/// Whether a file that is whole has a checksum.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    SafeTensors::read_metadata(bytes)
        .is_ok_and(|(_, head)| head.metadata().iter().flatten().any(|(key, _)| key == KEY))
}

/// Whether a file is as it was written; files without a checksum, as of other programs and of earlier versions, are
/// taken as they are.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let (_, head) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let metadata = head.metadata().iter().flatten();
    // An entry of another name with a checksum is one whose name is damaged.
    let Some((key, value)) = metadata.into_iter().find(|(key, value)| *key == KEY || value.starts_with(KIND))
    else {
        return Ok(());
    };
    let damaged = || Err("it was damaged after it was written: its checksum does not fit".to_owned());
    let digits = value.strip_prefix(KIND).filter(|digits| key == KEY && digits.len() == DIGITS);
    let Some((digits, start)) = digits.zip(find(bytes, value)) else { return damaged() };
    let start = start + KIND.len();
    let (before, after) = (&bytes[..start], &bytes[start + DIGITS..]);
    let zeros = crc32c::crc32c_append(crc32c::crc32c(before), &[b'0'; DIGITS]);
    let checksum = crc32c::crc32c_append(zeros, after);
    if digits == format!("{checksum:08x}") { Ok(()) } else { damaged() }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::{Dtype, TensorView, serialize};

    use super::*;

    fn file() -> Vec<u8> {
        let values: Vec<u8> = [1.0f32, -2.5, 3e-9].iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![3], &values).unwrap();
        serialize([("a.weight", view)], None).unwrap()
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = sealed(&file(), BTreeMap::from([("softcell", "{\"of\":\"a test\"}".to_owned())]));
        check(&bytes).unwrap();
        assert_eq!(SafeTensors::deserialize(&bytes).unwrap().tensor("a.weight").unwrap().shape(), [3]);
        for bit in 0..8 * bytes.len() {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let noticed = check(&other).is_err() || SafeTensors::deserialize(&other).is_err();
            assert!(noticed, "bit {} of byte {}", bit % 8, bit / 8);
        }
    }

    #[test]
    fn files_without_a_checksum_are_taken_as_they_are() {
        check(&file()).unwrap();
        assert!(check(b"junk").is_err());
    }
}
