//! What a record of a run may say: each kind is looked over once, where it is read and before it is written.
//!
//! The files of a run folder may come from anywhere. What passes [`Record::check`] has lists of equal lengths,
//! numbers that are numbers, and sizes that can be multiplied.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use crate::error::{Advice, Error, Remedy};
use crate::shown;
use crate::space::Genotype;

/// Most images, answers or weights of which any record counts; up to here JSON's numbers are exact everywhere.
const MOST: u64 = 1 << 53;
/// Longest time in seconds: three centuries.
const LONGEST: f64 = 1e10;
/// Most epochs, channels, cells and classes.
pub(super) const MOST_EPOCHS: usize = 1_000_000;
pub(super) const MOST_CHANNELS: usize = 4096;
pub(super) const MOST_LAYERS: usize = 256;
const MOST_CLASSES: usize = 1_000_000;
/// Longest side of an image, and most values of one, more than in one of the largest sides that settings take with three channels.
const LONGEST_SIDE: usize = 32_768;
const MOST_OF_AN_IMAGE: usize = 1 << 26;

/// A record in a file of the run folder.
pub trait Record {
    /// Whether it can be what a run came to.
    ///
    /// # Errors
    /// The first field that cannot.
    fn check(&self) -> Checked;
}

/// Nothing, or what is wrong.
pub type Checked = Result<(), Contradiction>;

/// A field that contradicts others, or says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    field: String,
    found: String,
    expected: String,
}

impl Contradiction {
    /// In `field`, `found` stands in the place of `expected`.
    pub fn new(field: impl Into<String>, found: impl Display, expected: impl Into<String>) -> Contradiction {
        Contradiction { field: field.into(), found: found.to_string(), expected: expected.into() }
    }

    /// The error of a file that was read.
    pub(super) fn read_from(self, file: &Path) -> Error {
        self.error(shown::path(file), "restore the file from a copy, or start again with " + Remedy::Replace)
    }

    /// The error of a line of a file, counted from 1.
    pub(super) fn read_from_line(self, file: &Path, line: usize) -> Error {
        let place = format!("{}, line {line}", shown::path(file));
        self.error(place, "restore the file from a copy, or start again with " + Remedy::Replace)
    }

    /// The error of a run whose files contradict one another; the field begins with the name of its file.
    pub(super) fn among_files_of(self, run: &Path) -> Error {
        let remedy = "restore the files of one run from a copy, or start again with " + Remedy::Replace;
        self.error(format!("run {}", shown::path(run)), remedy)
    }

    /// The error of a record that is not written.
    pub(super) fn not_written_to(self, file: &Path) -> Error {
        self.error(
            format!("record for {}", shown::path(file)),
            "it is not written; lower the learning rate if the numbers overflow, else report it as a fault of \
             Softcell",
        )
    }

    fn error(self, place: String, remedy: impl Into<Advice>) -> Error {
        let Contradiction { field, found, expected } = self;
        Error::invalid(
            format!("{place}, {}", shown::escaped(&field)),
            shown::escaped(&found),
            expected,
            remedy,
        )
    }
}

/// Refuses what is not so.
pub(super) fn holds(fits: bool, field: &str, found: impl Display, expected: impl Into<String>) -> Checked {
    if fits { Ok(()) } else { Err(Contradiction::new(field, found, expected)) }
}

/// A whole number within its range.
pub(super) fn whole(field: &str, found: usize, range: RangeInclusive<usize>) -> Checked {
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    holds(range.contains(&found), field, found, expected)
}

/// A number of images or of weights.
pub(super) fn count(field: &str, found: u64) -> Checked {
    holds(found <= MOST, field, found, format!("a whole number up to {MOST}"))
}

/// A number that is one.
pub(super) fn finite(field: &str, found: f64) -> Checked {
    holds(found.is_finite(), field, found, "a finite number")
}

/// A number of 0 or more.
pub(super) fn amount(field: &str, found: f64) -> Checked {
    holds(found.is_finite() && found >= 0.0, field, found, "a finite number, 0 or more")
}

/// A share of a whole.
pub(super) fn share(field: &str, found: f64) -> Checked {
    holds((0.0..=1.0).contains(&found), field, found, "a number from 0 to 1")
}

/// A length of time in seconds.
pub(super) fn seconds(field: &str, found: f64) -> Checked {
    holds((0.0..=LONGEST).contains(&found), field, found, format!("seconds from 0 to {LONGEST:e}"))
}

/// The check of a value that may not be there.
pub(super) fn if_there<T>(value: Option<T>, check: impl FnOnce(T) -> Checked) -> Checked {
    value.map_or(Ok(()), check)
}

/// A list that goes with another.
pub(super) fn length(field: &str, found: usize, expected: usize, each: &str) -> Checked {
    holds(found == expected, field, format!("{found} entries"), format!("{expected}, one for each {each}"))
}

/// Names of classes.
pub(super) fn classes(found: &[String]) -> Checked {
    let expected = format!("1 to {MOST_CLASSES} names of classes");
    holds((1..=MOST_CLASSES).contains(&found.len()), "classes", format!("{} names", found.len()), expected)
}

/// Channels, height and width of an image, whose product can be computed and held.
pub(super) fn image_shape(found: [usize; 3]) -> Checked {
    let [channels, height, width] = found;
    let values = channels.checked_mul(height).and_then(|plane| plane.checked_mul(width));
    let fits = values.is_some_and(|values| (1..=MOST_OF_AN_IMAGE).contains(&values));
    let expected = format!(
        "channels, height and width of an image of 1 to {MOST_OF_AN_IMAGE} values, sides up to {LONGEST_SIDE}"
    );
    holds(fits && height.max(width) <= LONGEST_SIDE, "image_shape", format!("{found:?}"), expected)
}

/// A genotype as text.
pub(super) fn genotype(text: &str) -> Checked {
    let problem = crate::space::parse_genotype(text).err();
    if_there(problem, |e| {
        Err(Contradiction::new("genotype", format!("a text that is none ({e})"), "a genotype"))
    })
}

impl Record for Genotype {
    /// Nothing that [`Genotype::check`] has not found when it was parsed.
    fn check(&self) -> Checked {
        Genotype::check(self).map_err(|error| Contradiction::new("cells", error, "cells that can be built"))
    }
}
