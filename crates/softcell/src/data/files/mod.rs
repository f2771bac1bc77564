//! Images as files: which there are, of which class and part, and their bytes.
//!
//! A folder, an archive, a table of paths or Parquet files come down to the same list ([`Catalogue`]); what is in
//! it is decoded in one way, whatever it came from.

mod archive;
mod catalogue;
mod parquet;
mod store;
mod table;
mod tree;
mod walk;

use std::path::Path;

pub(super) use catalogue::{Catalogue, Entry, Part};
pub(super) use parquet::files_in as parquet_files;
pub(super) use store::{Place, Store};

use crate::config::DataFormat;
use crate::error::Result;

/// Lists the images that a path holds.
///
/// # Errors
///
/// What cannot be listed at all.
pub(super) fn list(format: DataFormat, path: &Path) -> Result<Catalogue> {
    match format {
        DataFormat::Zip => archive::zip(path),
        DataFormat::Tar => archive::tar(path),
        DataFormat::Csv => table::read(path),
        DataFormat::Parquet => parquet::read(path),
        _ => walk::folder(path),
    }
}
