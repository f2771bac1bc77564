//! Wrong answers as a CSV file.

use anyhow::Result;
use softcell::data::Dataset;
use softcell::nn::WrongAnswer;

use crate::answers::{cell, path_cell};

/// A line for each wrong answer, those first that the network was most sure of: what the image is called, its class, the
/// answer, and the probability that was given to it.
///
/// # Errors
/// None that can be expected: it writes to memory.
pub fn as_csv(dataset: &Dataset, mut wrong: Vec<WrongAnswer>) -> Result<String> {
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let class = |i: usize| cell(&dataset.test.classes[i]);
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["path", "class", "answer", "probability"])?;
    for WrongAnswer { image, truth, answer, probability } in wrong {
        let path = path_cell(&dataset.test_name(image));
        csv.write_record([path, class(truth), class(answer), probability.to_string()])?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}
