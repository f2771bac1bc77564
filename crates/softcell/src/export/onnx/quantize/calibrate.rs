//! The ranges that maps have on images.

use super::scale::Range;
use crate::error::Result;
use crate::export::onnx::runtime::OnnxFile;

/// Values that all maps of a batch have together, at most: a hundred megabytes.
const MOST_VALUES: usize = 25_000_000;

/// The range of each of these values over images, in their order.
///
/// # Errors
/// What the runtime says.
pub fn calibrate<I: AsRef<[u8]>>(file: &OnnxFile, names: &[String], images: &[I]) -> Result<Vec<Range>> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ranges = vec![Range::NOTHING; names.len()];
    // One image tells how many go together.
    let (mut rest, mut batch) = (images, 1);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(batch.min(rest.len()));
        let values = file.values(now, &names)?;
        for (range, values) in ranges.iter_mut().zip(&values) {
            *range = range.with(values);
        }
        let of_an_image = values.iter().map(Vec::len).sum::<usize>() / now.len();
        batch = (MOST_VALUES / of_an_image.max(1)).clamp(1, 64);
        rest = later;
    }
    Ok(ranges)
}
