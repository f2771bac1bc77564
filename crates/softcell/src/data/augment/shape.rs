//! The shape of the images that are varied.

/// Channels, rows and columns.
pub(super) type Shape = (usize, usize, usize);
