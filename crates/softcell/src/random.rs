//! Named random streams.
//!
//! Every random draw of a run comes from a ChaCha stream whose key is a hash of the seed, a name and
//! a few counters. A draw therefore depends on nothing but those: not on the order of construction,
//! the number of threads, what else runs in the process, or where a resumed run began.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The stream of `name` under `seed`, at `counters` (an epoch, a step, a position ...).
///
/// ```
/// use rand::Rng;
/// use softcell::program::stream;
/// assert_eq!(stream(2, "alphas", &[0, 7]).next_u64(), stream(2, "alphas", &[0, 7]).next_u64());
/// assert_ne!(stream(2, "alphas", &[0, 7]).next_u64(), stream(2, "alphas", &[0, 8]).next_u64());
/// ```
pub fn stream(seed: u64, name: &str, counters: &[u64]) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name.as_bytes());
    for counter in counters {
        hash.update(counter.to_le_bytes());
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}
