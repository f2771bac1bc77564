//! Parallel loops over work items that are fixed by the shape of the data.

use rayon::prelude::*;

/// Work below this many elementary operations (a multiply-add or a moved value) stays on one thread.
const SERIAL: usize = 1 << 17;

/// Work items are handed to threads in groups of about this many elementary operations.
const GROUP: usize = 1 << 15;

/// Runs `body(scratch, index, item)` for every item, on several threads if the work is worth it.
///
/// `cost` estimates the elementary operations of one item. `scratch` makes working memory that one thread
/// uses for many items: a body must not let its result depend on what an earlier item left there.
pub(crate) fn for_each<T: Send, S>(
    items: Vec<T>,
    cost: usize,
    scratch: impl Fn() -> S + Sync + Send,
    body: impl Fn(&mut S, usize, T) + Sync + Send,
) {
    if items.len() < 2 || items.len().saturating_mul(cost) < SERIAL {
        let mut scratch = scratch();
        items.into_iter().enumerate().for_each(|(index, item)| body(&mut scratch, index, item));
    } else {
        items
            .into_par_iter()
            .enumerate()
            .with_min_len(GROUP.div_ceil(cost.max(1)))
            .for_each_init(scratch, |scratch, (index, item)| body(scratch, index, item));
    }
}

/// Consecutive chunks of `values`, as items of [`for_each`].
pub(crate) fn chunks(values: &mut [f32], length: usize) -> Vec<&mut [f32]> {
    values.chunks_mut(length.max(1)).collect()
}

/// `count` optional chunks: those of `values`, or none at all.
pub(crate) fn optional_chunks(
    values: Option<&mut Vec<f32>>,
    count: usize,
    length: usize,
) -> Vec<Option<&mut [f32]>> {
    match values {
        Some(values) => values.chunks_mut(length.max(1)).map(Some).collect(),
        None => (0..count).map(|_| None).collect(),
    }
}
