//! Errors of the library as exceptions, whose remedies are named as Python has them.

use std::path::Path;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use softcell::Remedy;
use softcell::config::{Key, Section};

pyo3::create_exception!(
    softcell,
    Error,
    PyValueError,
    "What is wrong with images, settings or a run: what was found, what was expected and what helps."
);

/// The library's error as an exception.
pub fn raised(error: &softcell::Error) -> PyErr {
    Error::new_err(error.worded(&words))
}

/// What a remedy is in Python.
pub fn words(remedy: &Remedy) -> String {
    let said = match remedy {
        Remedy::Setting(key) => return setting(key),
        Remedy::Resume => "resume=True",
        Remedy::Replace | Remedy::ReplaceFile => "force=True",
        Remedy::OtherFolder | Remedy::OtherFile => "out=",
        Remedy::IgnoreMemory => "ignore_memory=True",
        Remedy::OtherTime => "budget=\"TIME\" sets another time, budget=\"none\" any",
        Remedy::Origin => "start_from=",
        Remedy::Train(run) => return format!("softcell.train({})", opened(run)),
        Remedy::TrainAnew => "softcell.train(run, force=True)",
        Remedy::TrainGenotype(file) => {
            return format!("softcell.train({:?}, data)", file.display().to_string());
        }
        Remedy::Images => "data",
        Remedy::OwnImages => "data= takes your own images",
        Remedy::ListOfSettings => "help(softcell.fit)",
        other => return other.to_string(),
    };
    said.to_owned()
}

fn opened(run: &Path) -> String {
    format!("softcell.Run.open({:?})", run.display().to_string())
}

fn setting(key: &str) -> String {
    let known = Section::of_dotted(key).and_then(|(section, name)| Key::find(section, name));
    match known.map(|known| (known, known.outer_name())) {
        Some((_, Some(name))) => format!("{name}="),
        Some((known, None)) => format!("set={{\"{}\": VALUE}}", known.dotted()),
        None => format!("{}=", key.rsplit('.').next().unwrap_or(key)),
    }
}
