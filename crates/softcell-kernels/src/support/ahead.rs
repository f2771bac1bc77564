//! Memory that is wanted soon, fetched into the cache while something else is computed.

use std::ops::Range;

/// Values of a cache line.
const LINE: usize = 16;

/// Stretches of memory to fetch, in order. Fetching is a hint to the CPU: it changes no result, and what is
/// not fetched in time is loaded when it is read.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// The next value of each stretch and how many are left.
    stretches: Vec<(*const f32, usize)>,
    /// The stretch that is under way.
    current: usize,
}

impl Ahead {
    /// Forgets what is left.
    pub fn clear(&mut self) {
        self.stretches.clear();
        self.current = 0;
    }

    /// Wants these values too, to read or to write them.
    pub fn want(&mut self, values: &[f32]) {
        if !values.is_empty() {
            self.stretches.push((values.as_ptr(), values.len()));
        }
    }

    /// Wants part `index` of `count` of these values.
    pub fn want_part(&mut self, values: &[f32], index: usize, count: usize) {
        self.want(&values[index * values.len() / count..(index + 1) * values.len() / count]);
    }

    /// Wants the same stretch of each block of a map.
    pub fn want_of_blocks(&mut self, map: &[f32], block: usize, stretch: Range<usize>) {
        map.chunks_exact(block).for_each(|block| self.want(&block[stretch.clone()]));
    }

    /// Fetches the next `lines` cache lines, or those that are left of a stretch.
    #[inline(always)]
    pub fn fetch(&mut self, lines: usize) {
        let Some((next, left)) = self.stretches.get_mut(self.current) else { return };
        let lines = lines.min(left.div_ceil(LINE));
        for line in 0..lines {
            prefetch(next.wrapping_add(line * LINE));
        }
        *next = next.wrapping_add(lines * LINE);
        *left = left.saturating_sub(lines * LINE);
        if *left == 0 {
            self.current += 1;
        }
    }
}

/// Asks for a cache line in the second-level cache.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn prefetch(at: *const f32) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a hint that reads nothing, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline(always)]
fn prefetch(_: *const f32) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_fetched_once() {
        let (one, two) = (vec![0.0f32; 3 * LINE + 1], vec![0.0f32; 5]);
        let mut ahead = Ahead::default();
        ahead.want(&one);
        ahead.want(&[]);
        ahead.want(&two);
        ahead.fetch(3);
        assert_eq!((ahead.current, ahead.stretches[0].1), (0, 1));
        ahead.fetch(3);
        assert_eq!(ahead.current, 1);
        ahead.fetch(1);
        ahead.fetch(1);
        assert_eq!(ahead.current, 2);
        ahead.clear();
        assert!(ahead.stretches.is_empty() && ahead.current == 0);
    }
}
