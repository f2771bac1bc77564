//! Inner loops on blocks of channels. Each works on one image (or a strip of its rows) of one or more blocks.

pub(super) mod depthwise;
pub(super) mod elementwise;
pub(super) mod pointwise;
pub(super) mod pool;

#[cfg(test)]
mod tests;
