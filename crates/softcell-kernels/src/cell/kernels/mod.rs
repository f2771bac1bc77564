//! Inner loops on blocks of channels. Each works on one image (or a strip of its rows) of one or more blocks.

// Tiles of any size are tried in turn by the same macro, tiles of one as well.
#[allow(clippy::int_plus_one)]
pub(super) mod depthwise;
pub(super) mod elementwise;
#[allow(clippy::int_plus_one)]
pub(super) mod pointwise;
pub(super) mod pool;
pub(super) mod shuffle;
