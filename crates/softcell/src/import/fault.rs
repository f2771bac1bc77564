//! Why a file of weights is not read.

use std::path::Path;

use crate::error::Error;

/// Most characters of a name from a file that are shown.
const LONGEST_NAME: usize = 100;

/// Why a file of weights is not read; [`Fault::at`] makes an [`Error`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It contradicts itself, or ends too early.
    Damaged(String),
    /// It names a function that has nothing to do with tensors.
    Foreign(String),
    /// It is sound, and not what is read here: what it is, and what to do.
    Other(String, &'static str),
}

impl Fault {
    /// A damaged file, in words.
    pub fn damaged(problem: impl Into<String>) -> Fault {
        Fault::Damaged(problem.into())
    }

    /// With the file.
    pub fn at(self, path: &Path) -> Error {
        let what = format!("weights {}", path.display());
        match self {
            Fault::Damaged(problem) => Error::invalid(
                what,
                problem,
                "a whole safetensors file, or what torch.save writes of a state dict",
                "get the file again: it is cut short or damaged",
            ),
            Fault::Foreign(name) => Error::invalid(
                what,
                format!("the Python function `{name}`, which loading the file with pickle would call"),
                "tensors and plain values",
                "nothing of it was run; if you trust the file, load it in Python and save the state dict alone: \
                 torch.save(network.state_dict(), \"weights.pt\")",
            ),
            Fault::Other(found, remedy) => Error::invalid(
                what,
                found,
                "a safetensors file, or what torch.save writes of a state dict",
                remedy,
            ),
        }
    }
}

/// A name from a file as it can be shown: short, and without control characters.
pub(super) fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST_NAME).is_some() {
        text.push('…');
    }
    text
}
