//! The library's one error type: what was found, what was expected, how to mend it.

use std::path::{Path, PathBuf};

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything a user or the outside world can get wrong.
///
/// Broken invariants of the program itself panic; a user's mistake is always one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", crate::shown::path(path))]
    Io {
        /// What was tried, as an infinitive: "read", "create the folder".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A text or file that is not what it should be.
    #[error("{what}: found {found}, expected {expected}; {remedy}")]
    Invalid {
        /// The thing at fault, such as "genotype text, column 12" or a path.
        what: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What the user can do.
        remedy: String,
    },
    /// The images cannot be used.
    #[error("data {}: {problem}; {remedy}", crate::shown::path(path))]
    Data {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What the user can do.
        remedy: String,
    },
    /// A setting outside its range, or two that contradict one another.
    #[error("setting {name} = {found}: expected {expected}")]
    Setting {
        /// The key, as in the TOML file and (in kebab case) on the command line.
        name: String,
        /// The value given.
        found: String,
        /// The values that are possible, and a remedy where one is known.
        expected: String,
    },
    /// A checkpoint or run folder that does not fit what is asked of it.
    #[error("run {}: {problem}; {remedy}", crate::shown::path(path))]
    Run {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What the user can do.
        remedy: String,
    },
    /// A loss or gradient that is not a finite number.
    #[error(
        "{quantity} is {value} at epoch {epoch}, step {step} (learning rate {learning_rate:e}); \
         the last good checkpoint is kept: lower --learning-rate or --arch-learning-rate, or check the images"
    )]
    NotFinite {
        /// Which number.
        quantity: &'static str,
        /// NaN or an infinity.
        value: f32,
        /// Epoch, from 0.
        epoch: usize,
        /// Step within the epoch, from 0.
        step: usize,
        /// Weight learning rate of that step.
        learning_rate: f64,
    },
    /// The observer asked to stop; the run was saved before.
    #[error("stopped at epoch {epoch}, step {step}, as asked")]
    Interrupted {
        /// Epoch, from 0.
        epoch: usize,
        /// Steps of that epoch that are done.
        step: usize,
    },
}

impl Error {
    /// [`Error::Io`] as a closure for `map_err`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| Error::Io { action, path, source }
    }

    /// [`Error::Invalid`] from anything that reads as text.
    pub fn invalid(
        what: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Error {
        Error::Invalid {
            what: what.into(),
            found: found.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }

    /// [`Error::Data`].
    pub fn data(path: impl AsRef<Path>, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error::Data { path: path.as_ref().to_path_buf(), problem: problem.into(), remedy: remedy.into() }
    }

    /// [`Error::Setting`].
    pub fn setting(name: impl Into<String>, found: impl ToString, expected: impl Into<String>) -> Error {
        Error::Setting { name: name.into(), found: found.to_string(), expected: expected.into() }
    }

    /// [`Error::Run`].
    pub fn run(path: impl AsRef<Path>, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error::Run { path: path.as_ref().to_path_buf(), problem: problem.into(), remedy: remedy.into() }
    }
}
