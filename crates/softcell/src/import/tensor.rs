//! Tensors as PyTorch stores them: windows on storages.

use half::{bf16, f16};

use super::fault::{Fault, shown};
use super::pickle::{Id, Value};
use crate::network::HostTensor;

/// Most numbers in all tensors that are taken from a file, 1 GiB in f32.
pub(super) const MOST_NUMBERS: usize = 1 << 28;
/// Most dimensions.
const MOST_DIMENSIONS: usize = 8;
/// Longest name of a storage, in bytes: they are numbers.
const LONGEST_KEY: usize = 64;

/// The type of a number in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    Bf16,
    F32,
    F64,
    /// A whole number or truth value of so many bytes.
    Whole(usize),
}

impl Element {
    /// Of `torch.FloatStorage` and its kin.
    pub fn of_storage(name: &str) -> Option<Element> {
        Some(match name {
            "HalfStorage" => Element::F16,
            "BFloat16Storage" => Element::Bf16,
            "FloatStorage" => Element::F32,
            "DoubleStorage" => Element::F64,
            "LongStorage" => Element::Whole(8),
            "IntStorage" => Element::Whole(4),
            "ShortStorage" => Element::Whole(2),
            "CharStorage" | "ByteStorage" | "BoolStorage" => Element::Whole(1),
            _ => return None,
        })
    }

    /// Bytes of one.
    pub fn size(self) -> usize {
        match self {
            Element::F16 | Element::Bf16 => 2,
            Element::F32 => 4,
            Element::F64 => 8,
            Element::Whole(size) => size,
        }
    }

    /// The number in f32, rounded; 0 for whole numbers, which no network has as weights.
    fn value(self, bytes: &[u8]) -> f32 {
        match self {
            Element::F16 => f16::from_le_bytes(array(bytes)).to_f32(),
            Element::Bf16 => bf16::from_le_bytes(array(bytes)).to_f32(),
            Element::F32 => f32::from_le_bytes(array(bytes)),
            Element::F64 => f64::from_le_bytes(array(bytes)) as f32,
            Element::Whole(_) => 0.0,
        }
    }

    /// All numbers of `bytes` in f32.
    pub fn values(self, bytes: &[u8]) -> Vec<f32> {
        bytes.chunks_exact(self.size()).map(|bytes| self.value(bytes)).collect()
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("as many bytes as the element has")
}

/// Numbers that lie together in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    /// Its name in the file.
    pub key: String,
    /// The type of its numbers.
    pub element: Element,
    /// How many there are.
    pub length: usize,
    /// First and one past the last number that may be seen, where only a part may (files of PyTorch 0.3).
    view: (usize, usize),
}

impl Storage {
    /// From `('storage', type, key, location, length[, (view key, offset, length)])`.
    pub fn identified(values: &[Value], id: Id) -> Result<Storage, Fault> {
        let fault = || Fault::damaged("a reference that names no storage");
        let Value::Tuple(fields) = &values[id] else { return Err(fault()) };
        let &[tag, class, key, _location, length, ref view @ ..] = fields.as_slice() else {
            return Err(fault());
        };
        let (Value::Text(tag), Value::Function(super::function::Function::Storage(element))) =
            (&values[tag], &values[class])
        else {
            return Err(fault());
        };
        let key = match &values[key] {
            Value::Text(key) => key.clone(),
            Value::Integer(key) => key.to_string(),
            _ => return Err(fault()),
        };
        let length = whole(values, length)?;
        let view = match view.first().map(|&view| &values[view]) {
            None | Some(Value::None) => (0, length),
            Some(Value::Tuple(view)) => {
                let &[_key, offset, size] = view.as_slice() else { return Err(fault()) };
                let (first, size) = (whole(values, offset)?, whole(values, size)?);
                let end = first.checked_add(size).filter(|end| *end <= length);
                (first, end.ok_or_else(|| Fault::damaged("a view that leaves its storage"))?)
            }
            Some(_) => return Err(fault()),
        };
        let too_large = length.checked_mul(element.size()).is_none();
        if tag != "storage" || key.len() > LONGEST_KEY || too_large {
            return Err(fault());
        }
        Ok(Storage { key, element: *element, length, view })
    }
}

/// A window on a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StridedTensor {
    /// The storage.
    pub storage: Storage,
    /// Its first number in the storage.
    offset: usize,
    /// Its sides.
    pub shape: Vec<usize>,
    /// Steps in the storage from one to the next along each side.
    stride: Vec<usize>,
}

impl StridedTensor {
    /// From the arguments of `_rebuild_tensor`, all of which is checked: the window lies in the storage.
    pub fn rebuilt(
        values: &[Value],
        storage: Id,
        offset: Id,
        shape: Id,
        stride: Id,
    ) -> Result<StridedTensor, Fault> {
        let Value::Storage(storage) = &values[storage] else {
            return Err(Fault::damaged(format!("a tensor of {}", values[storage].kind())));
        };
        let (shape, stride) = (sides(values, shape)?, sides(values, stride)?);
        let outside =
            || Fault::damaged(format!("a tensor {shape:?} that leaves its storage {}", shown(&storage.key)));
        let offset = whole(values, offset)?.checked_add(storage.view.0).ok_or_else(outside)?;
        if shape.len() != stride.len() || shape.len() > MOST_DIMENSIONS {
            return Err(Fault::damaged(format!("a tensor of shape {shape:?} and strides {stride:?}")));
        }
        let numbers = product(&shape).ok_or_else(outside)?;
        let reach = shape
            .iter()
            .zip(&stride)
            .try_fold(offset, |at, (&side, &step)| at.checked_add(side.saturating_sub(1).checked_mul(step)?));
        let inside = reach.is_some_and(|last| last < storage.view.1);
        if numbers > 0 && !inside {
            return Err(outside());
        }
        // With strides of 0 a storage of one number makes a tensor of any size.
        if numbers > storage.view.1 - storage.view.0 {
            return Err(Fault::damaged(format!(
                "a tensor {shape:?} of more numbers than its storage {} has",
                shown(&storage.key)
            )));
        }
        Ok(StridedTensor { storage: storage.clone(), offset, shape, stride })
    }

    /// How many numbers it has.
    pub fn numbers(&self) -> usize {
        product(&self.shape).expect("the shape was checked when it was read")
    }

    /// The numbers row by row in f32, from the bytes of the whole storage.
    pub fn values(&self, bytes: &[u8]) -> HostTensor {
        let (element, size) = (self.storage.element, self.storage.element.size());
        let numbers = self.numbers();
        let values = if numbers == 0 {
            Vec::new()
        } else if self.is_contiguous() {
            element.values(&bytes[self.offset * size..][..numbers * size])
        } else {
            self.places().map(|at| element.value(&bytes[at * size..][..size])).collect()
        };
        HostTensor { shape: self.shape.clone(), values }
    }

    /// Whether the numbers lie row by row without gaps.
    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.stride).rev().all(|(&side, &step)| {
            let fits = side == 1 || step == expected;
            expected *= side;
            fits
        })
    }

    /// Where the numbers lie in the storage, row by row.
    fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.numbers()).map(|index| {
            let (mut rest, mut at) = (index, self.offset);
            for (&side, &step) in self.shape.iter().zip(&self.stride).rev() {
                at += rest % side * step;
                rest /= side;
            }
            at
        })
    }
}

/// The product of the sides; none if it does not fit.
pub(super) fn product(sides: &[usize]) -> Option<usize> {
    sides.iter().try_fold(1usize, |product, &side| product.checked_mul(side))
}

fn whole(values: &[Value], id: Id) -> Result<usize, Fault> {
    match values[id] {
        Value::Integer(number) => usize::try_from(number)
            .map_err(|_| Fault::damaged(format!("the size {number}, which is none of a tensor"))),
        ref other => Err(Fault::damaged(format!("{} in place of a size", other.kind()))),
    }
}

fn sides(values: &[Value], id: Id) -> Result<Vec<usize>, Fault> {
    match &values[id] {
        Value::Tuple(sides) | Value::List(sides) => sides.iter().map(|&side| whole(values, side)).collect(),
        other => Err(Fault::damaged(format!("{} in place of sides", other.kind()))),
    }
}
