//! The library's one error type: what was found, what was expected, how to mend it.
//!
//! Whatever is put into an error, its text is one line on which nothing acts on a terminal, and not without end.
//! Only [`Error::Syntax`] and [`Error::Mismatch`] have lines of their own making.

mod advice;

use std::path::{Path, PathBuf};

pub use advice::{Advice, Remedy, Words};

use crate::shown::{self, said};

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything a user or the outside world can get wrong.
///
/// Broken invariants of the program itself panic; a user's mistake is always one of these.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    Io {
        /// What was tried, as an infinitive: "read", "create the folder".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A text or file that is not what it should be.
    Invalid {
        /// The thing at fault, such as "genotype text, column 12" or a path.
        what: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What the user can do.
        remedy: Advice,
    },
    /// A text that breaks the rules of its language at one place, which is shown.
    Syntax {
        /// The text, with line and column.
        what: String,
        /// What is wrong there.
        problem: String,
        /// What stands around it.
        excerpt: Excerpt,
    },
    /// As [`Error::Invalid`] of many things, which stand behind it, one on each line.
    Mismatch {
        /// The thing at fault.
        what: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What the user can do.
        remedy: Advice,
        /// What does not fit.
        list: Vec<String>,
    },
    /// The images cannot be used.
    Data {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What the user can do.
        remedy: Advice,
    },
    /// A setting outside its range, or two that contradict one another.
    Setting {
        /// The key, as in the TOML file.
        name: String,
        /// The value given.
        found: String,
        /// The values that are possible, and a remedy where one is known.
        expected: Advice,
    },
    /// A checkpoint or run folder that does not fit what is asked of it.
    Run {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What the user can do.
        remedy: Advice,
    },
    /// Something that is asked for and contradicts what is there, in sentences.
    Refused(Advice),
    /// A loss or gradient that is not a finite number.
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
    Interrupted {
        /// Epoch, from 0.
        epoch: usize,
        /// Steps of that epoch that are done.
        step: usize,
    },
}

/// The part of a line around a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The part before the place, as people may see it.
    before: String,
    /// The part from the place on.
    after: String,
}

impl Excerpt {
    /// Characters on each side of the place.
    const WIDTH: usize = 40;

    /// Around the byte `at` of a line; the line's end where it is shorter.
    pub fn of(line: &str, at: usize) -> Excerpt {
        let at = (0..=at.min(line.len())).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
        let (before, after) = line.split_at(at);
        let first = before.char_indices().rev().nth(Self::WIDTH - 1).map_or(0, |(start, _)| start);
        let last = after.char_indices().nth(Self::WIDTH).map_or(after.len(), |(end, _)| end);
        let dots = |cut: bool| if cut { "…" } else { "" };
        Excerpt {
            before: format!("{}{}", dots(first > 0), shown::escaped(before[first..].trim_start())),
            after: format!("{}{}", shown::escaped(after[..last].trim_end()), dots(last < after.len())),
        }
    }
}

fn lines(list: &[String]) -> String {
    list.iter().map(|line| format!("\n  {}", said(line))).collect()
}

impl std::fmt::Display for Excerpt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "  {}{}", self.before, self.after)?;
        write!(f, "  {}^", " ".repeat(self.before.chars().count()))
    }
}

/// What was expected in place of a loss or weights that are no numbers.
pub(crate) fn after_divergence() -> Advice {
    "the last good checkpoint is kept: lower "
        + Remedy::Setting("learning_rate")
        + " or "
        + Remedy::Setting("search.arch_learning_rate")
        + ", or check the images"
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.worded(&Remedy::to_string))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Error {
    /// The error with its remedies in these words; those of the library are what it displays.
    pub fn worded(&self, words: Words<'_>) -> String {
        let advice = |advice: &Advice| said(&advice.worded(words)).into_owned();
        match self {
            Error::Io { action, path, source } => {
                format!("cannot {action} {}: {}", shown::path(path), said(&source.to_string()))
            }
            Error::Invalid { what, found, expected, remedy } => {
                format!(
                    "{}: found {}, expected {}; {}",
                    said(what),
                    said(found),
                    said(expected),
                    advice(remedy)
                )
            }
            Error::Syntax { what, problem, excerpt } => {
                format!("{}: {}; mend this line\n{excerpt}", said(what), said(problem))
            }
            Error::Mismatch { what, found, expected, remedy, list } => format!(
                "{}: found {}, expected {}; {}:{}",
                said(what),
                said(found),
                said(expected),
                advice(remedy),
                lines(list)
            ),
            Error::Data { path, problem, remedy } => {
                format!("data {}: {}; {}", shown::path(path), said(problem), advice(remedy))
            }
            Error::Setting { name, found, expected } => {
                format!("setting {} = {}: expected {}", said(name), said(found), advice(expected))
            }
            Error::Run { path, problem, remedy } => {
                format!("run {}: {}; {}", shown::path(path), said(problem), advice(remedy))
            }
            Error::Refused(sentences) => advice(sentences),
            Error::NotFinite { quantity, value, epoch, step, learning_rate } => format!(
                "{quantity} is {value} at epoch {epoch}, step {step} (learning rate {learning_rate:e}); {}",
                advice(&after_divergence())
            ),
            Error::Interrupted { epoch, step } => format!("stopped at epoch {epoch}, step {step}, as asked"),
        }
    }

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
        remedy: impl Into<Advice>,
    ) -> Error {
        Error::Invalid {
            what: what.into(),
            found: found.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }

    /// [`Error::Data`].
    pub fn data(path: impl AsRef<Path>, problem: impl Into<String>, remedy: impl Into<Advice>) -> Error {
        Error::Data { path: path.as_ref().to_path_buf(), problem: problem.into(), remedy: remedy.into() }
    }

    /// [`Error::Setting`].
    pub fn setting(name: impl Into<String>, found: impl ToString, expected: impl Into<Advice>) -> Error {
        Error::Setting { name: name.into(), found: found.to_string(), expected: expected.into() }
    }

    /// [`Error::Run`].
    pub fn run(path: impl AsRef<Path>, problem: impl Into<String>, remedy: impl Into<Advice>) -> Error {
        Error::Run { path: path.as_ref().to_path_buf(), problem: problem.into(), remedy: remedy.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_one_line_that_does_not_act() {
        let bad = "a\n\u{1b}[31merror: b\r";
        let io = std::io::Error::other(bad);
        for error in [
            Error::io("read", bad)(io),
            Error::invalid(bad, bad, bad, bad),
            Error::data(bad, bad, bad),
            Error::setting(bad, bad, bad),
            Error::run(bad, bad, bad),
        ] {
            let text = error.to_string();
            assert!(!text.contains(char::is_control) && text.contains("\\u{1b}[31m"), "{text}");
        }
        let list = vec![bad.to_owned(); 2];
        let text = |text: &str| text.to_owned();
        let error = Error::Mismatch {
            what: text("a"),
            found: text("b"),
            expected: text("c"),
            remedy: "d".into(),
            list,
        };
        assert_eq!(error.to_string().lines().count(), 3, "{error}");
        let long = Error::setting("a", "x".repeat(1 << 20), "less").to_string();
        assert!(long.len() < 2100, "{}", long.len());
    }

    #[test]
    fn an_excerpt_has_its_caret_at_the_place() {
        assert_eq!(Excerpt::of("  epochs = = 3", 11).to_string(), "  epochs = = 3\n           ^");
        assert_eq!(Excerpt::of("é\u{7}b", 3).to_string(), "  é\\u{7}b\n        ^");
        assert_eq!(Excerpt::of("", 7).to_string(), "  \n  ^");
        let long =
            Excerpt::of(&format!("{}!{}", "x".repeat(100_000), "y".repeat(100_000)), 100_000).to_string();
        let lines: Vec<&str> = long.lines().collect();
        assert_eq!(lines[0].chars().count(), 2 + 1 + 40 + 40 + 1);
        assert_eq!(lines[0].chars().position(|c| c == '!'), lines[1].chars().position(|c| c == '^'));
    }
}
