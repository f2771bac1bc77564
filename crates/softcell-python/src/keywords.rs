//! The keywords that stand for settings, made from the library's table of settings. They are the flags of the program
//! with `_` for `-`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use softcell::config::{Name, Reach, Section, names};

/// The keywords of `fit`, `search` or `train`, and the keys that each sets. A name that means one stage comes after
/// those that mean both, over which it lies.
#[pyfunction]
pub fn keywords(stage: &str) -> PyResult<Vec<(String, Vec<String>)>> {
    let mut all = names(sections(stage)?);
    all.sort_by_key(|name| name.reach != Reach::Both);
    let given = |Name { name, aliases, keys, .. }: Name| {
        let keys: Vec<String> = keys.iter().map(|key| key.dotted()).collect();
        std::iter::once(name).chain(aliases).map(move |name| (name, keys.clone()))
    };
    Ok(all.into_iter().flat_map(given).collect())
}

fn sections(stage: &str) -> PyResult<&'static [Section]> {
    match stage {
        "fit" => Ok(Section::OF_FIT),
        "search" => Ok(Section::OF_SEARCH),
        "train" => Ok(Section::OF_TRAIN),
        other => Err(PyValueError::new_err(format!("stage {other:?}: expected fit, search or train"))),
    }
}
