//! Channels in another order.

/// Each value of a pixel of `out` from where `from` says it lies among the values of the same pixel of `map`; both
/// have as many values as `from` has.
pub(in crate::cell) fn permute(lanes: usize, map: &[f32], from: &[usize], out: &mut [f32]) {
    let block = out.len() / (from.len() / lanes);
    for (out, from) in out.chunks_exact_mut(block).zip(from.chunks_exact(lanes)) {
        for (lane, &from) in from.iter().enumerate() {
            let map = &map[from / lanes * block..][..block];
            let values = map[from % lanes..].iter().step_by(lanes);
            out[lane..].iter_mut().step_by(lanes).zip(values).for_each(|(to, &value)| *to = value);
        }
    }
}
