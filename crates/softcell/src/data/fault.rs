//! Why an image cannot be read, in people's words, and problems counted by kind.

use std::fmt;
use std::io;

use image::ImageError;
use image::error::LimitErrorKind;
use serde::{Deserialize, Serialize};

use super::kinds::is_decoded;
use crate::error::{Advice, Remedy};
use crate::shown::escaped;

/// Examples of a problem that are kept.
const EXAMPLES: usize = 3;

/// Why an image cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no such file.
    Missing,
    /// The file has no bytes.
    Empty,
    /// The file ends before the picture does.
    CutOff,
    /// The content is of a kind that is not read, such as "an AVIF picture".
    Kind(String),
    /// The content is of no kind that is known.
    Unknown,
    /// More than is decoded.
    TooLarge {
        /// What there is, as a sentence.
        found: String,
        /// The setting `data.max_image_pixels`.
        most: u64,
    },
    /// Something else stands in place of a file, such as a pipe; says so.
    NoFile(String),
    /// The content contradicts itself; what the decoder says.
    Damaged(String),
    /// The system refused; what it says.
    Refused(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing => f.write_str("there is no such file"),
            Fault::Empty => f.write_str("the file is empty"),
            Fault::CutOff => f.write_str("the file is cut off: it ends before the picture does"),
            Fault::Kind(kind) => write!(f, "it holds {kind}, which is not read"),
            Fault::Unknown => f.write_str("it holds no picture of a kind that is known"),
            Fault::TooLarge { found, most } => {
                write!(f, "it is too large: {found}, and at most {most} are decoded (max_image_pixels)")
            }
            Fault::NoFile(reason) => f.write_str(reason),
            Fault::Damaged(reason) => write!(f, "it is damaged ({reason})"),
            Fault::Refused(reason) => write!(f, "the system refuses to read it ({reason})"),
        }
    }
}

impl Fault {
    /// The kind, under which such faults are counted.
    pub(super) fn what(&self) -> String {
        match self {
            Fault::Damaged(_) => "it is damaged".into(),
            Fault::Refused(_) => "the system refuses to read it".into(),
            Fault::TooLarge { most, .. } => {
                format!("it has more than {most} pixels (max_image_pixels allows more)")
            }
            other => other.to_string(),
        }
    }

    /// What a user can do.
    pub(super) fn remedy(&self) -> Advice {
        match self {
            Fault::TooLarge { .. } => "make it smaller, or raise " + Remedy::Setting("data.max_image_pixels"),
            _ => "give a PNG, JPEG, BMP, GIF, WebP, TIFF or PNM file".into(),
        }
    }

    /// The fault of a file that could not be opened or read.
    pub(super) fn of_io(error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::NotFound => Fault::Missing,
            io::ErrorKind::UnexpectedEof => Fault::CutOff,
            // Said where it was opened.
            io::ErrorKind::InvalidInput => Fault::NoFile(error.to_string()),
            _ => Fault::Refused(error.to_string()),
        }
    }

    /// The fault of content that could not be decoded; `bytes` are its beginning, and it may have so many pixels.
    pub(super) fn of_image(error: &ImageError, bytes: &[u8], most: u64) -> Fault {
        match error {
            ImageError::Limits(limit) => match limit.kind() {
                LimitErrorKind::DimensionError | LimitErrorKind::InsufficientMemory => {
                    Fault::TooLarge { found: "its decoder wants more memory than their pixels".into(), most }
                }
                _ => Fault::Damaged(one_line(&limit.to_string())),
            },
            ImageError::Unsupported(error) => match kind_of(bytes) {
                Some(kind) => Fault::Kind(kind),
                None if bytes.is_empty() => Fault::Empty,
                None => match image::guess_format(bytes) {
                    Err(_) => Fault::Unknown,
                    Ok(format) if !format.reading_enabled() => {
                        Fault::Kind(named(format.extensions_str()[0], "picture"))
                    }
                    Ok(_) => {
                        Fault::Kind(format!("a variant of its format ({})", one_line(&error.to_string())))
                    }
                },
            },
            ImageError::IoError(error) => Fault::of_io(error),
            other => {
                let text = one_line(&other.to_string());
                let lower = text.to_lowercase();
                let ends = [
                    "unexpected end",
                    "unexpectedeof",
                    "unexpected eof",
                    "failed to fill",
                    "not enough bytes",
                    "exhausted",
                ];
                if ends.iter().any(|end| lower.contains(end)) { Fault::CutOff } else { Fault::Damaged(text) }
            }
        }
    }
}

/// What the content is where it is no picture that is read.
fn kind_of(bytes: &[u8]) -> Option<String> {
    let kind = infer::get(bytes)?;
    let noun = match kind.matcher_type() {
        infer::MatcherType::Image => "picture",
        infer::MatcherType::Video => "film",
        _ => "file",
    };
    (!is_decoded(kind.extension())).then(|| named(kind.extension(), noun))
}

/// `an AVIF picture`.
fn named(extension: &str, noun: &str) -> String {
    let name = extension.to_uppercase();
    let vowel = name.starts_with(['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X']);
    format!("{} {name} {noun}", if vowel { "an" } else { "a" })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A problem that may have happened to many images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong, in words.
    pub what: String,
    /// How often.
    pub count: usize,
    /// The first few places, as people may see them.
    pub examples: Vec<String>,
}

impl Problem {
    /// `images that cannot be read: the file is empty (3, such as cat/7.png)`.
    pub fn in_words(&self) -> String {
        let example = self.examples.first().map_or("", String::as_str);
        match self.count {
            1 => format!("{} (1: {example})", self.what),
            count => format!("{} ({count}, such as {example})", self.what),
        }
    }
}

/// Problems by kind, in the order of their first occurrence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Counts one more of a kind.
    pub fn add(&mut self, what: impl Into<String>, place: impl Into<String>) {
        let what = what.into();
        let found = self.0.iter_mut().position(|problem| problem.what == what).unwrap_or_else(|| {
            self.0.push(Problem { what, count: 0, examples: Vec::new() });
            self.0.len() - 1
        });
        let problem = &mut self.0[found];
        problem.count += 1;
        if problem.examples.len() < EXAMPLES {
            problem.examples.push(escaped(&place.into()).into_owned());
        }
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_named() {
        let avif = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf";
        assert_eq!(kind_of(avif), Some("an AVIF picture".into()));
        assert_eq!(kind_of(b"%PDF-1.4 and so on"), Some("a PDF file".into()));
        assert_eq!(kind_of(b"\x89PNG\r\n\x1a\n"), None);
        assert_eq!(kind_of(b"hello"), None);
    }

    #[test]
    fn problems_are_counted_by_kind() {
        let mut problems = Problems::default();
        for i in 0..5 {
            problems.add("a", i.to_string());
            problems.add("b", "x");
        }
        let problems = problems.into_vec();
        assert_eq!(problems.iter().map(|p| p.count).collect::<Vec<_>>(), [5, 5]);
        assert_eq!(problems[0].examples, ["0", "1", "2"]);
    }
}
