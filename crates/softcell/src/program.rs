//! What the program `softcell` and the tests of this workspace use beside the public modules. Nothing in here is
//! promised to stay as it is.

pub use crate::random::stream;

/// Names and paths as people may see them.
pub mod shown {
    pub use crate::shown::{escaped, escaped_lines, path, said};
}

/// Files read whole, up to a limit.
pub mod reading {
    pub use crate::reading::{MOST_OF_A_RECORD, MOST_OF_A_TEXT, Source, read_text};
}

/// What this process takes.
pub mod memory {
    pub use crate::memory::peak_rss_mb;
}
