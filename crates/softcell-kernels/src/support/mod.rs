//! What all operations share: the choice of body, raw slices, vector code and parallel loops.

pub(crate) mod ahead;
pub(crate) mod allocator;
pub(crate) mod device;
pub(crate) mod extension;
pub(crate) mod extent;
pub(crate) mod flex;
pub(crate) mod parallel;
pub(crate) mod simd;
pub(crate) mod sums;
pub(crate) mod tiles;
pub(crate) mod vector;
pub(crate) mod windows;
pub(crate) mod workspace;
