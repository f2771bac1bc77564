//! The Python functions that a file of weights may name, and what a call of one makes.

use super::fault::Fault;
use super::pickle::{Id, Value};
use super::tensor::{Element, StridedTensor};

/// A Python function or class that may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// `collections.OrderedDict`, which a state dict is.
    OrderedDict,
    /// `torch._utils._rebuild_tensor` and its second version.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `torch.Size`.
    Size,
    /// `torch.FloatStorage` and its kin.
    Storage(Element),
    /// Makes what no weights are in, such as the accuracy of a checkpoint as a NumPy scalar.
    Ignored,
}

impl Function {
    /// The function, if it may be named.
    pub fn named(module: &str, name: &str) -> Option<Function> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Function::OrderedDict,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Function::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Function::RebuildParameter,
            ("torch", "Size") => Function::Size,
            ("torch" | "torch.cuda", storage) => Function::Storage(Element::of_storage(storage)?),
            ("numpy", "dtype")
            | ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar")
            | ("_codecs", "encode")
            | ("argparse", "Namespace") => Function::Ignored,
            _ => return None,
        })
    }
}

/// What `function(*arguments)` is; new values are added to `values`.
///
/// # Errors
/// Arguments that the function does not take.
pub(super) fn call(values: &mut Vec<Value>, function: Id, arguments: Id) -> Result<Id, Fault> {
    let Value::Function(function) = values[function] else {
        return Err(Fault::damaged(format!("a call of {}", values[function].kind())));
    };
    let Value::Tuple(given) = &values[arguments] else {
        return Err(Fault::damaged(format!("{} in place of arguments", values[arguments].kind())));
    };
    let result = match (function, given.as_slice()) {
        (Function::OrderedDict, []) => Value::Dict(Vec::new()),
        (Function::OrderedDict, &[pairs]) => Value::Dict(dict_of(values, pairs)?),
        (Function::RebuildTensor, &[storage, offset, shape, stride, ..]) => {
            Value::Tensor(StridedTensor::rebuilt(values, storage, offset, shape, stride)?)
        }
        (Function::RebuildParameter, &[tensor, ..]) if matches!(values[tensor], Value::Tensor(_)) => {
            return Ok(tensor);
        }
        (Function::Size, &[sides]) if matches!(values[sides], Value::Tuple(_)) => return Ok(sides),
        (Function::Ignored, _) => Value::Ignored,
        (function, given) => {
            return Err(Fault::damaged(format!("{function:?} with {} arguments", given.len())));
        }
    };
    values.push(result);
    Ok(values.len() - 1)
}

/// The entries of `OrderedDict([(key, value), …])`.
///
/// The list is used up: called for again and again, it cannot become more than it was.
fn dict_of(values: &mut [Value], pairs: Id) -> Result<Vec<(Id, Id)>, Fault> {
    let fault = || Fault::damaged("an ordered dict of what are no pairs");
    let (Value::List(pairs) | Value::Tuple(pairs)) = &mut values[pairs] else { return Err(fault()) };
    let pairs = std::mem::take(pairs);
    let pair = |&pair: &Id| match &values[pair] {
        Value::List(pair) | Value::Tuple(pair) => match pair.as_slice() {
            &[key, value] => Ok((key, value)),
            _ => Err(fault()),
        },
        _ => Err(fault()),
    };
    pairs.iter().map(pair).collect()
}
