//! The keywords that stand for settings, made from the library's table of settings. They are the flags of the program
//! with `_` for `-`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use softcell::config::{KEYS, Key, Section};

/// The keywords of `fit`, `search` or `train`, and the keys that each sets. A name that means one stage comes after
/// those that mean both, over which it lies.
#[pyfunction]
pub fn keywords(stage: &str) -> PyResult<Vec<(String, Vec<String>)>> {
    let sections = sections(stage)?;
    let keys: Vec<&Key> =
        KEYS.iter().filter(|key| sections.contains(&key.section) && of_key(key).is_some()).collect();
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for key in &keys {
        let name = plain(key);
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, keys)) => keys.push(key.dotted()),
            None => found.push((name, vec![key.dotted()])),
        }
    }
    found.sort_by_key(|(_, keys)| keys.len() == 1);
    let staged = keys.iter().filter(|key| matches!(key.section, Section::Search | Section::Train));
    found.extend(staged.map(|key| (prefixed(key), vec![key.dotted()])));
    Ok(found)
}

fn sections(stage: &str) -> PyResult<&'static [Section]> {
    use Section::{Data, Method, Root, Search, Select, Train};
    match stage {
        "fit" => Ok(&[Root, Data, Search, Method, Select, Train]),
        "search" => Ok(&[Root, Data, Search, Method]),
        "train" => Ok(&[Root, Data, Train]),
        other => Err(PyValueError::new_err(format!("stage {other:?}: expected fit, search or train"))),
    }
}

/// The keyword of a key; none where only `set` reaches it: settings of a method have one where their name is a plain
/// one that no other setting has.
pub fn of_key(key: &Key) -> Option<String> {
    let taken = || KEYS.iter().any(|other| other.section != Section::Method && plain(other) == plain(key));
    (key.section != Section::Method || !(key.name.contains('.') || taken())).then(|| plain(key))
}

fn plain(key: &Key) -> String {
    let elsewhere = |name| KEYS.iter().any(|key| key.section != Section::Select && key.name == name);
    match (key.section, key.name) {
        (Section::Data, "path") => "data".to_owned(),
        (Section::Data, "format") => "data_format".to_owned(),
        (Section::Method, "name") => "method".to_owned(),
        (Section::Select, name) if elsewhere(name) => prefixed(key),
        (_, name) => name.to_owned(),
    }
}

fn prefixed(key: &Key) -> String {
    format!("{}_{}", key.section.name(), key.name)
}
