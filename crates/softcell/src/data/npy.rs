//! One array in NumPy's format, versions 1 to 3.
//!
//! `\x93NUMPY`, the version in two bytes, the length of the header (two bytes, from version 2 on four), the header, which
//! is a Python dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }`, and the values.
//! Source: `numpy.lib.format`.

use std::io::{Error, ErrorKind, Read, Result};

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself pads the header to a few lines.
const LONGEST_HEADER: usize = 1 << 16;
/// Characters of a text.
const LONGEST_TEXT: usize = 1024;

/// The header of an array, and its values to be read.
pub(super) struct Array<R> {
    /// Type of the values as NumPy writes it, such as `<f4`; of arrays of records, how that begins.
    kind: String,
    /// Stored column by column.
    pub(super) fortran: bool,
    pub(super) shape: Vec<u64>,
    values: R,
}

impl<R: Read> Array<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// Of the reader, and where it is no such array.
    pub(super) fn open(mut file: R) -> Result<Array<R>> {
        let mut start = [0; 8];
        file.read_exact(&mut start)?;
        if !start.starts_with(MAGIC) {
            return Err(fault("it does not begin as an array of NumPy does"));
        }
        let mut length = [0; 4];
        file.read_exact(&mut length[..if start[6] == 1 { 2 } else { 4 }])?;
        let length = u32::from_le_bytes(length) as usize;
        if !(1..=3).contains(&start[6]) || length > LONGEST_HEADER {
            return Err(fault("it has another version than 1 to 3, or a header without an end"));
        }
        let mut header = vec![0; length];
        file.read_exact(&mut header)?;
        let header = str::from_utf8(&header).map_err(|_| fault("its header is no text"))?;
        let read = || -> Option<(String, bool, Vec<u64>)> {
            let kind = value(header, "descr")?;
            let quote = kind.chars().next()?;
            let kind = if quote == '[' { kind } else { kind[quote.len_utf8()..].split(quote).next()? };
            let fortran = value(header, "fortran_order")?.starts_with("True");
            let shape = value(header, "shape")?.strip_prefix('(')?.split_once(')')?.0;
            let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
            Some((kind.to_owned(), fortran, sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?))
        };
        let (kind, fortran, shape) = read().ok_or_else(|| fault("its header does not say type and shape"))?;
        Ok(Array { kind, fortran, shape, values: file })
    }

    /// All texts, in the order of the file; none where they are none of up to 1024 characters.
    pub(super) fn into_texts(mut self) -> Option<Result<Vec<String>>> {
        let length = self.characters_of_text()?;
        let big = self.kind.starts_with('>');
        let bytes = match read_bytes(&mut self.values, &self.shape, length * size_of::<u32>()) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error)),
        };
        let code = |bytes: &[u8]| {
            let bytes = bytes.try_into().expect("chunks of this size");
            if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let character = |code: u32| char::from_u32(code).ok_or_else(|| fault("a text of it is none"));
        // Shorter texts are filled up with zeros.
        let text = |bytes: &[u8]| {
            bytes
                .chunks_exact(size_of::<u32>())
                .map(code)
                .take_while(|code| *code != 0)
                .map(character)
                .collect()
        };
        Some(bytes.chunks_exact(length * size_of::<u32>()).map(text).collect())
    }

    /// All values, in the order of the file; none where they are no integers of up to 64 bits and no floats of 32 or 64.
    pub(super) fn into_numbers(mut self) -> Option<Result<Numbers>> {
        let (size, number) = self.number()?;
        let bytes = read_bytes(&mut self.values, &self.shape, size);
        Some(bytes.map(|bytes| match self.kind.ends_with("u1") {
            true => Numbers::Bytes(bytes),
            false => Numbers::Stored { bytes, size, number },
        }))
    }

    /// Characters for which each text has room, where they are texts of up to 1024.
    pub(super) fn characters_of_text(&self) -> Option<usize> {
        let (_, kind) = self.kind.split_at_checked(1)?;
        kind.strip_prefix('U')?.parse().ok().filter(|length| (1..=LONGEST_TEXT).contains(length))
    }

    /// Bytes of a value, where they are numbers that are known.
    pub(super) fn bytes_of_number(&self) -> Option<usize> {
        Some(self.number()?.0)
    }

    /// Bytes of a value, and the number that they are.
    fn number(&self) -> Option<(usize, ToNumber)> {
        let (order, kind) = self.kind.split_at_checked(1)?;
        let big = match order {
            "<" | "|" => false,
            ">" => true,
            "=" => cfg!(target_endian = "big"),
            _ => return None,
        };
        macro_rules! number {
            ($type:ty) => {{
                let number: ToNumber = match big {
                    true => |bytes| <$type>::from_be_bytes(bytes.try_into().expect(OF_THIS_SIZE)) as f64,
                    false => |bytes| <$type>::from_le_bytes(bytes.try_into().expect(OF_THIS_SIZE)) as f64,
                };
                Some((size_of::<$type>(), number))
            }};
        }
        match kind {
            "u1" => number!(u8),
            "u2" => number!(u16),
            "u4" => number!(u32),
            "u8" => number!(u64),
            "i1" => number!(i8),
            "i2" => number!(i16),
            "i4" => number!(i32),
            "i8" => number!(i64),
            "f4" => number!(f32),
            "f8" => number!(f64),
            _ => None,
        }
    }
}

/// What the bytes of a value are as a number.
type ToNumber = fn(&[u8]) -> f64;

const OF_THIS_SIZE: &str = "chunks of this size";

/// The values of an array, kept as they are stored.
pub(super) enum Numbers {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Others.
    Stored {
        /// One value after another.
        bytes: Vec<u8>,
        /// Bytes of each.
        size: usize,
        /// What they are.
        number: ToNumber,
    },
}

impl Numbers {
    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            Numbers::Bytes(bytes) => bytes.len(),
            Numbers::Stored { bytes, size, .. } => bytes.len() / size,
        }
    }

    /// The values, in the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = f64> {
        let (bytes, size, number): (&[u8], usize, ToNumber) = match self {
            Numbers::Bytes(bytes) => (bytes, 1, |byte| f64::from(byte[0])),
            Numbers::Stored { bytes, size, number } => (bytes, *size, *number),
        };
        bytes.chunks_exact(size).map(number)
    }
}

/// What stands behind a key of the header.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, after) = header.split_once(&format!("'{key}'"))?;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

/// The values of an array of this shape, of `size` bytes each.
fn read_bytes(from: &mut impl Read, shape: &[u64], size: usize) -> Result<Vec<u8>> {
    let length = shape.iter().try_fold(size as u64, |product, &side| product.checked_mul(side));
    let length = length.ok_or_else(|| fault("its shape is too large"))?;
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(Error::new(ErrorKind::UnexpectedEof, "it ends before its last value"));
    }
    Ok(bytes)
}

fn fault(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, values: &[u8]) -> Vec<u8> {
        let length = (header.len() as u32).to_le_bytes();
        let length = if version == 1 { &length[..2] } else { &length[..] };
        [MAGIC, &[version, 0], length, header.as_bytes(), values].concat()
    }

    fn numbers(kind: &str, values: &[u8]) -> Option<Vec<f64>> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (2,), }}\n");
        let numbers = Array::open(file(1, &header, values).as_slice()).unwrap().into_numbers()?.unwrap();
        assert_eq!(numbers.len(), 2);
        Some(numbers.iter().collect())
    }

    #[test]
    fn values_of_every_type() {
        assert_eq!(numbers("|u1", &[1, 255]), Some(vec![1.0, 255.0]));
        assert_eq!(numbers("|i1", &[1, 255]), Some(vec![1.0, -1.0]));
        assert_eq!(numbers("<u2", &[1, 2, 0, 1]), Some(vec![513.0, 256.0]));
        assert_eq!(numbers(">u2", &[1, 2, 0, 1]), Some(vec![258.0, 1.0]));
        assert_eq!(numbers(">i4", &[255, 255, 255, 254, 0, 0, 0, 3]), Some(vec![-2.0, 3.0]));
        let floats = [1.5f32.to_le_bytes(), (-0.25f32).to_le_bytes()].concat();
        assert_eq!(numbers("<f4", &floats), Some(vec![1.5, -0.25]));
        let floats = [1e300f64.to_be_bytes(), (-0.25f64).to_be_bytes()].concat();
        assert_eq!(numbers(">f8", &floats), Some(vec![1e300, -0.25]));
        for other in ["<U3", "|b1", "<f2", "<c8", "|O", "<M8[D]", ""] {
            assert_eq!(numbers(other, &[0; 64]), None, "{other}");
        }
    }

    #[test]
    fn texts_end_at_their_zeros() {
        let texts = |kind: &str, codes: &[u32]| {
            let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (2,), }}\n");
            let big = kind.starts_with('>');
            let bytes = |code: &u32| if big { code.to_be_bytes() } else { code.to_le_bytes() };
            let values: Vec<u8> = codes.iter().flat_map(bytes).collect();
            Array::open(file(1, &header, &values).as_slice()).unwrap().into_texts()
        };
        let [a, e, ball] = ['a', 'é', '\u{1F3C0}'].map(u32::from);
        for order in ["<", ">"] {
            let read = texts(&format!("{order}U2"), &[a, e, ball, 0]).unwrap().unwrap();
            assert_eq!(read, ["aé", "\u{1F3C0}"]);
        }
        assert!(texts("<U1", &[a, 0xd800]).unwrap().is_err());
        assert!(texts("<U2", &[a, a]).unwrap().is_err());
        for other in ["|u1", "<U0", "<U", "<U99999999", ""] {
            assert!(texts(other, &[0; 4]).is_none(), "{other}");
        }
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        let header = "{\"descr\": '<u2', 'fortran_order': True, 'shape': (2, 3)}";
        assert!(Array::open(file(2, header, &[]).as_slice()).is_err(), "no key in double quotes");
        for (version, shape, sizes) in [(1, "()", vec![]), (2, "(3,)", vec![3]), (3, "(2, 3, )", vec![2, 3])]
        {
            let header = format!("{{'descr': '|u1', 'fortran_order': True, 'shape': {shape}, }}   \n");
            let file = file(version, &header, &[9; 6]);
            let array = Array::open(file.as_slice()).unwrap();
            assert_eq!((array.fortran, &array.shape), (true, &sizes));
            let count = sizes.iter().product::<u64>() as usize;
            let numbers = array.into_numbers().unwrap().unwrap();
            assert_eq!(numbers.iter().collect::<Vec<_>>(), vec![9.0; count]);
        }
        let records = "{'descr': [('x', '<f4'), ('y', '<f4')], 'fortran_order': False, 'shape': (1,), }";
        assert!(Array::open(file(1, records, &[0; 8]).as_slice()).unwrap().into_numbers().is_none());
    }

    #[test]
    fn damaged_files_are_refused() {
        let header = "{'descr': '<u4', 'fortran_order': False, 'shape': (2,), }";
        let whole = file(1, header, &[0; 8]);
        for end in 0..whole.len() - 8 {
            assert!(Array::open(&whole[..end]).is_err(), "{end} bytes");
        }
        let cut = Array::open(&whole[..whole.len() - 1]).unwrap().into_numbers().unwrap();
        assert!(cut.err().unwrap().to_string().contains("ends before"));
        for header in [
            "{'descr': '<u4', 'fortran_order': False, 'shape': (-2,), }",
            "{'descr': '<u4', 'fortran_order': False, 'shape': 2, }",
            "{'descr': '<u4', 'fortran_order': False}",
            "{'fortran_order': False, 'shape': (2,), }",
            "{'descr': ",
            "{'descr': é",
        ] {
            assert!(Array::open(file(1, header, &[]).as_slice()).is_err(), "{header}");
        }
        let large = "{'descr': '<u4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }";
        assert!(Array::open(file(1, large, &[]).as_slice()).unwrap().into_numbers().unwrap().is_err());
        assert!(Array::open(file(2, &" ".repeat(LONGEST_HEADER + 1), &[]).as_slice()).is_err());
        assert!(Array::open(file(4, header, &[0; 8]).as_slice()).is_err());
        assert!(Array::open(b"PK\x03\x04 and so on, more".as_slice()).is_err());
    }
}
