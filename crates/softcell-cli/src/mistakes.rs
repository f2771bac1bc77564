//! Wrong answers as a CSV file.

use anyhow::Result;
use softcell::experiment::Mistaken;

use crate::answers::{cell, path_cell};

/// A line for each wrong answer, in their order: what the image is called, its class, the answer, and the probability that
/// was given to it.
///
/// # Errors
/// None that can be expected: it writes to memory.
pub fn as_csv(classes: &[String], wrong: &[Mistaken]) -> Result<String> {
    let class = |i: usize| cell(&classes[i]);
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["path", "class", "answer", "probability"])?;
    for Mistaken { name, truth, answer, probability } in wrong {
        csv.write_record([path_cell(name), class(*truth), class(*answer), probability.to_string()])?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}
