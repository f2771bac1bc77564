//! Arrays that are read whole: what their images are called, and whether there is memory for them.

use std::path::Path;

use crate::error::{Error, Result};
use crate::memory::available_bytes;

/// What the images of an array are called: by their places, from 0, as in `x_test[17]`.
pub(super) fn places(array: &str, images: usize) -> Vec<String> {
    (0..images).map(|i| format!("{array}[{i}]")).collect()
}

/// Refuses arrays that take more memory than there is: an archive of a few kilobytes may say that it holds terabytes.
pub(super) fn check_room(path: &Path, bytes: u64) -> Result<()> {
    match available_bytes() {
        Some(available) if bytes > available => Err(Error::data(
            path,
            format!("its values take {bytes} bytes of memory, and {available} are available"),
            "check that it is the file that was meant, or give it as a folder of images, which can be streamed",
        )),
        _ => Ok(()),
    }
}
