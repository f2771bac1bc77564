//! Where the work runs.

/// Runs `work` on a thread of the rayon pool.
///
/// From outside the pool, each small parallel loop would be handed to a sleeping pool thread and waited
/// for, thousands of times in a step; from inside it begins at once on the thread that asks.
pub(crate) fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}
