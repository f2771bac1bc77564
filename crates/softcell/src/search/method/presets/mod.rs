//! Known methods: names under which settings of `[search.method]` are laid over those of a preset.
//!
//! [`METHODS`] is the table. A method is ordinary settings: what it sets can be set without it, and what is set beside
//! it counts more. `config` lays them.

mod table;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use table::METHODS;

use crate::error::{Error, Result};
use crate::space::Primitive;
use crate::space::wording::nearest;

/// A method that has a name.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct KnownMethod {
    /// The name, as it is typed.
    pub name: &'static str,
    /// What it is called in prose.
    pub title: &'static str,
    /// First author and year.
    pub paper: &'static str,
    /// What is different from plain DARTS, in a clause.
    pub idea: &'static str,
    /// What it sets of `[search.method]`, as TOML.
    pub settings: &'static str,
    /// What else it sets, as TOML of `[search]`.
    pub beside: &'static str,
    /// Settings of `[search.method]` that are counted in epochs, as shares of the epochs of the search.
    pub shares: &'static [(&'static str, f64)],
    /// Operations that are no candidates in the DARTS space; other spaces keep theirs.
    pub without: &'static [Primitive],
    /// Batch, epochs, learning rates of its own, as TOML of `[search]`: they count with the papers' presets alone.
    pub sizes: &'static str,
    /// What its training of the derived network departs in, as TOML of `[train]`: it counts with the preset of the paper on
    /// CIFAR-10 alone.
    pub training: &'static str,
    /// What it sets in NAS-Bench-201 besides, as TOML of `[search]`: it counts with the preset of that benchmark alone.
    pub nas_bench_201: &'static str,
    /// [`KnownMethod::shares`] there, where they are others.
    pub nas_bench_201_shares: &'static [(&'static str, f64)],
    /// Whose code the defaults follow, as a repository; what it is a variant of where there is none.
    pub code: &'static str,
    /// Arithmetic of a step.
    pub evaluations: Evaluations,
    /// What else is to be known, in a sentence; empty where there is nothing.
    pub note: &'static str,
}

/// Arithmetic of a step: forward and backward passes of the supernet on one batch. Plain DARTS takes two of all of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluations {
    /// How many.
    pub passes: f64,
    /// Of what, where it is not all of the supernet; else empty.
    pub of: &'static str,
    /// What comes on top, once or for all of the search; else empty.
    pub beside: &'static str,
}

impl Evaluations {
    /// Passes of plain DARTS: the alphas on one batch, the weights on another.
    pub const DARTS: f64 = 2.0;

    /// In words: `2`, `2 of one operation an edge`.
    pub fn text(&self) -> String {
        let of = if self.of.is_empty() { String::new() } else { format!(" of {}", self.of) };
        let beside = if self.beside.is_empty() { String::new() } else { format!(", {}", self.beside) };
        format!("{}{of}{beside}", self.passes)
    }
}

impl KnownMethod {
    /// The method of this name, with dashes or underscores.
    ///
    /// # Errors
    /// [`Error::Setting`] for any other; it names the nearest.
    pub fn find(name: &str) -> Result<&'static KnownMethod> {
        let typed = name.replace('_', "-").to_lowercase();
        METHODS.iter().find(|method| method.name == typed).ok_or_else(|| {
            let names = NAMES.iter().copied();
            let near =
                nearest(&typed, names.clone()).map_or(String::new(), |near| format!(" (nearest: {near})"));
            let expected = format!("one of {}{near}", names.collect::<Vec<_>>().join(", "));
            Error::setting("search.method.name", name, expected)
        })
    }
}

/// The names of all methods.
pub static NAMES: [&str; METHODS.len()] = {
    let mut names = [""; METHODS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = METHODS[at].name;
        at += 1;
    }
    names
};

/// The name of a known method, with whose settings a search began: `search.method.name`. What else was given lies over
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodName(&'static str);

impl MethodName {
    /// The method.
    ///
    /// # Panics
    /// Never: a name is of the table.
    pub fn method(self) -> &'static KnownMethod {
        KnownMethod::find(self.0).expect("a name of the table")
    }

    /// The name, as it is typed.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Default for MethodName {
    /// Plain DARTS.
    fn default() -> Self {
        MethodName("darts")
    }
}

impl From<&'static KnownMethod> for MethodName {
    fn from(method: &'static KnownMethod) -> Self {
        MethodName(method.name)
    }
}

impl FromStr for MethodName {
    type Err = Error;

    fn from_str(text: &str) -> Result<MethodName> {
        KnownMethod::find(text).map(MethodName::from)
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Serialize for MethodName {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for MethodName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_others_get_the_nearest() {
        for method in METHODS {
            assert_eq!(KnownMethod::find(method.name).unwrap().name, method.name);
            assert_eq!(KnownMethod::find(&method.name.replace('-', "_").to_uppercase()).unwrap(), method);
            assert_eq!(MethodName::from(method).method(), method);
        }
        let message = KnownMethod::find("darts2nd").unwrap_err().to_string();
        assert!(message.contains("search.method.name = darts2nd: expected one of darts, "), "{message}");
        assert!(message.contains("(nearest: darts-2nd)"), "{message}");
        assert_eq!(MethodName::default().method(), &METHODS[0]);
    }

    #[test]
    fn each_method_is_there_once_and_is_described() {
        for (index, method) in METHODS.iter().enumerate() {
            assert!(METHODS[..index].iter().all(|other| other.name != method.name), "{}", method.name);
            for text in [method.title, method.paper, method.idea, method.code] {
                assert!(!text.is_empty() && !text.ends_with('.') && !text.contains('\n'), "{text}");
            }
            assert!(method.shares.iter().all(|(_, share)| (0.0..1.0).contains(share)), "{}", method.name);
            assert!(method.evaluations.passes >= 0.0, "{}", method.name);
        }
    }

    #[test]
    fn arithmetic_in_words() {
        let all = Evaluations { passes: 2.0, of: "", beside: "" };
        assert_eq!(all.text(), "2");
        assert_eq!(Evaluations { of: "one operation an edge", ..all }.text(), "2 of one operation an edge");
        assert_eq!(Evaluations { passes: 9.7, beside: "and more", ..all }.text(), "9.7, and more");
    }
}
