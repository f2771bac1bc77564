//! Python pickles of tensors, read without running anything.
//!
//! A pickle is a program for a stack machine that may call any function by its name. Here the functions are a
//! closed list ([`Function`]), calling one makes a value and nothing else, and a name outside the list ends the
//! reading, whether it would have been called or not. What is understood is what `torch.save` writes and
//! `torch.load(weights_only=True)` takes: pickle protocol 2.
//!
//! Every value is a node of a list and refers to others by their number. So nothing is copied, nothing recurses,
//! and a pickle cannot become more values than it has bytes.

use std::collections::HashMap;

use super::fault::{Fault, shown};
use super::function::{Function, call};
use super::tensor::{Storage, StridedTensor};

/// Number of a value.
pub(super) type Id = usize;

/// Most values of one pickle; that of a network of 20 cells has some 40,000.
const MOST_VALUES: usize = 1_000_000;
/// Longest text, in bytes.
const LONGEST_TEXT: usize = 1 << 20;
/// Longest name of a module or function, in bytes.
const LONGEST_NAME: usize = 1 << 10;
/// Longest whole number, in bytes: that of the magic number of old files is 10.
const LONGEST_INTEGER: usize = 16;

/// A Python object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    /// Keys and values, in the order they came.
    Dict(Vec<(Id, Id)>),
    Function(Function),
    Storage(Storage),
    Tensor(StridedTensor),
    /// Something harmless that is not needed, such as a NumPy scalar.
    Ignored,
}

impl Value {
    /// As Python calls the type.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Integer(_) => "an int",
            Value::Float(_) => "a float",
            Value::Text(_) => "a str",
            Value::Tuple(_) => "a tuple",
            Value::List(_) => "a list",
            Value::Dict(_) => "a dict",
            Value::Function(_) => "a function",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) => "a tensor",
            Value::Ignored => "an object",
        }
    }
}

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle {
    /// Everything in it.
    pub values: Vec<Value>,
    /// What was pickled.
    pub root: Id,
    /// Bytes it took.
    pub length: usize,
}

impl Pickle {
    /// Reads the pickle that `bytes` begins with.
    ///
    /// # Errors
    /// A function that is not known, an operation that `torch.save` does not write, and damage of any kind.
    pub fn read(bytes: &[u8]) -> Result<Pickle, Fault> {
        Machine {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
        .run()
    }

    /// The value with a number.
    pub fn value(&self, id: Id) -> &Value {
        &self.values[id]
    }

    /// What was pickled.
    pub fn root(&self) -> &Value {
        self.value(self.root)
    }

    /// The value under a key of a dict.
    pub fn entry(&self, dict: &[(Id, Id)], key: &str) -> Option<&Value> {
        let found =
            dict.iter().rev().find(|(k, _)| matches!(self.value(*k), Value::Text(text) if text == key));
        found.map(|&(_, value)| self.value(value))
    }
}

/// The stack machine.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    fn run(mut self) -> Result<Pickle, Fault> {
        loop {
            let operation = self.byte()?;
            if operation == b'.' {
                let root = self.pop()?;
                return Ok(Pickle { values: self.values, root, length: self.at });
            }
            self.step(operation)?;
        }
    }

    /// One operation; the letters and numbers are those of Python's `pickletools`.
    fn step(&mut self, operation: u8) -> Result<(), Fault> {
        match operation {
            0x80 => {
                // The protocol: what it allows beyond this list is refused where it is used.
                self.byte()?;
                Ok(())
            }
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Integer(number.into()))
            }
            b'K' => {
                let number = self.byte()?;
                self.push(Value::Integer(number.into()))
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Value::Integer(number.into()))
            }
            0x8a => {
                let length = usize::from(self.byte()?);
                let number = integer(self.take(length)?)?;
                self.push(Value::Integer(number))
            }
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(number))
            }
            b'X' | b'T' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length as usize)
            }
            b'U' => {
                let length = self.byte()?;
                self.text(length.into())
            }
            b')' => self.push(Value::Tuple(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            0x85..=0x87 => {
                let length = usize::from(operation - 0x84);
                let first = self.height().checked_sub(length).filter(|first| *first >= self.floor());
                let items = self.stack.split_off(first.ok_or_else(underflow)?);
                self.push(Value::Tuple(items))
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items))
            }
            b'(' => {
                self.marks.push(self.height());
                self.check_size(self.marks.len())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.pop_to_mark().map(drop),
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)
            }
            b'q' => {
                let place = self.byte()?;
                self.remember(place.into())
            }
            b'r' => {
                let place = u32::from_le_bytes(self.array()?);
                self.remember(place)
            }
            b'h' => {
                let place = self.byte()?;
                self.recall(place.into())
            }
            b'j' => {
                let place = u32::from_le_bytes(self.array()?);
                self.recall(place)
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                let function = Function::named(module, name)
                    .ok_or_else(|| Fault::Foreign(shown(&format!("{module}.{name}"))))?;
                self.push(Value::Function(function))
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = Storage::identified(&self.values, id)?;
                self.push(Value::Storage(storage))
            }
            // An object made by `cls.__new__(*arguments)` is a call of its class.
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                let result = call(&mut self.values, function, arguments)?;
                self.push_id(result)
            }
            b'b' => self.build(),
            other => Err(Fault::Other(
                format!("the pickle operation 0x{other:02x}"),
                "save the state dict with torch.save and its default pickle protocol, 2",
            )),
        }
    }

    /// Attributes of an object; those of an ordered dict are its versions of modules, which nothing needs.
    fn build(&mut self) -> Result<(), Fault> {
        self.pop()?;
        let object = self.top()?;
        match &self.values[object] {
            Value::Dict(_) | Value::Ignored | Value::Tensor(_) => Ok(()),
            other => Err(Fault::damaged(format!("attributes of {}", other.kind()))),
        }
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), Fault> {
        let dict = self.top()?;
        let (pairs, []) = items.as_chunks::<2>() else {
            return Err(Fault::damaged("a key without a value"));
        };
        let Value::Dict(entries) = &mut self.values[dict] else {
            return Err(Fault::damaged("entries of what is no dict"));
        };
        entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn append(&mut self, items: &[Id]) -> Result<(), Fault> {
        let list = self.top()?;
        let Value::List(list) = &mut self.values[list] else {
            return Err(Fault::damaged("items of what is no list"));
        };
        list.extend(items);
        Ok(())
    }

    fn remember(&mut self, place: u32) -> Result<(), Fault> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), Fault> {
        let id = self.memo.get(&place).copied();
        self.push_id(id.ok_or_else(|| Fault::damaged(format!("no value was kept at {place}")))?)
    }

    fn text(&mut self, length: usize) -> Result<(), Fault> {
        if length > LONGEST_TEXT {
            return Err(Fault::damaged(format!("a text of {length} bytes")));
        }
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Value::Text(text))
    }

    fn push(&mut self, value: Value) -> Result<(), Fault> {
        self.values.push(value);
        self.check_size(self.values.len())?;
        self.push_id(self.values.len() - 1)
    }

    fn push_id(&mut self, id: Id) -> Result<(), Fault> {
        self.stack.push(id);
        self.check_size(self.stack.len())
    }

    fn check_size(&self, size: usize) -> Result<(), Fault> {
        if size <= MOST_VALUES {
            return Ok(());
        }
        Err(Fault::Other(
            format!("a pickle of more than {MOST_VALUES} values"),
            "save the state dict of the network alone",
        ))
    }

    fn height(&self) -> usize {
        self.stack.len()
    }

    /// Below this height lies what belongs to before the innermost mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, Fault> {
        match self.stack.last() {
            Some(&id) if self.height() > self.floor() => Ok(id),
            _ => Err(underflow()),
        }
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or_else(underflow)?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| Fault::damaged("a pickle that ends too early"))?;
        self.at += length;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        Ok(self.take(N)?.try_into().expect("as many bytes were taken"))
    }

    /// Up to the end of the line.
    fn line(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(LONGEST_NAME).position(|&byte| byte == b'\n');
        let line = self.take(end.ok_or_else(|| Fault::damaged("a name without an end"))?)?;
        self.at += 1;
        std::str::from_utf8(line).map_err(|_| Fault::damaged("a name that is no text"))
    }
}

fn underflow() -> Fault {
    Fault::damaged("a pickle that takes more values than it has made")
}

/// A whole number in two's complement, the lowest byte first.
fn integer(bytes: &[u8]) -> Result<i128, Fault> {
    if bytes.len() > LONGEST_INTEGER {
        return Err(Fault::damaged(format!("a whole number of {} bytes", bytes.len())));
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; LONGEST_INTEGER];
    wide[..bytes.len()].copy_from_slice(bytes);
    Ok(i128::from_le_bytes(wide))
}
