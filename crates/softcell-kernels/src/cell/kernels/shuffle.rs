//! Channels in another order.

/// Each value of a pixel of `out` from where `from` says it lies among the values of the same pixel of `map`; both
/// have as many values as `from` has.
pub(in crate::cell) fn permute(lanes: usize, map: &[f32], from: &[usize], out: &mut [f32]) {
    match lanes {
        8 => permute_blocks::<8>(map, from, out),
        16 => permute_blocks::<16>(map, from, out),
        _ => unreachable!("a plan has blocks of 8 or 16"),
    }
}

/// Pixel by pixel, so that each line of memory is written once and read while it is in the cache.
fn permute_blocks<const LANES: usize>(map: &[f32], from: &[usize], out: &mut [f32]) {
    let block = out.len() / (from.len() / LANES);
    for (out, from) in out.chunks_exact_mut(block).zip(from.as_chunks::<LANES>().0) {
        // For each lane the values of its source's block from its source on, as many as all lanes have.
        let sources: [&[f32]; LANES] =
            from.map(|from| &map[from / LANES * block + from % LANES..(from / LANES + 1) * block]);
        for (pixel, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *out = sources.map(|source| source[pixel * LANES]);
        }
    }
}
