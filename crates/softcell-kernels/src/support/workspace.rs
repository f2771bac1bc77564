//! Large buffers that are used again: fresh memory costs a page fault for every 4 KiB, which is slower than
//! most passes over the data.
//!
//! Memory is taken from the system in slabs and never given back. A slab is cut into ranges of any length;
//! neighbouring free ranges become one. So what is in use at once decides how much memory is taken, whatever
//! the lengths of the buffers are.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use memmap2::MmapMut;

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

/// Values in a cache line, which is also the widest vector. A vector that crosses lines costs twice, so buffers
/// begin at a line.
const LINE: usize = 16;

/// What the message of a panic begins with when the system has no more memory to give.
pub const OUT_OF_MEMORY: &str = "not enough memory";

/// Lines of a large page. They make a pass over memory up to half as fast again, so slabs are made of them.
const PAGE: usize = (2 << 20) / (LINE * size_of::<f32>());

/// Lines of the first slab. The next ones are half as large as all before them, up to the largest: addresses may be
/// limited, so that little more is taken than is needed.
const FIRST: usize = 4 * PAGE;
const LARGEST: usize = 128 * PAGE;

/// Consecutive lines of a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    slab: usize,
    start: usize,
}

/// The slabs and what is free of them.
struct Arena {
    /// The first line of each slab.
    slabs: Vec<Slab>,
    free: BTreeMap<Place, usize>,
    /// The same, by length.
    by_len: BTreeSet<(usize, Place)>,
    /// Lines of all slabs.
    lines: usize,
}

/// The memory of a slab and its first value.
struct Slab {
    first: NonNull<f32>,
    _memory: MmapMut,
}

// SAFETY: the arena only computes addresses; each range of a slab belongs to one buffer at a time.
unsafe impl Send for Slab {}

static ARENA: Mutex<Arena> = Mutex::new(Arena::new());

impl Arena {
    const fn new() -> Self {
        Self { slabs: Vec::new(), free: BTreeMap::new(), by_len: BTreeSet::new(), lines: 0 }
    }

    /// The shortest free range of at least so many lines.
    fn take(&mut self, lines: usize) -> (Place, NonNull<f32>) {
        let lowest = Place { slab: 0, start: 0 };
        let found = self.by_len.range((lines, lowest)..).next().copied();
        let (len, place) = found.unwrap_or_else(|| self.grow(lines));
        self.remove(place, len);
        if len > lines {
            self.insert(Place { start: place.start + lines, ..place }, len - lines);
        }
        // SAFETY: the place lies inside of its slab.
        (place, unsafe { self.slabs[place.slab].first.add(place.start * LINE) })
    }

    fn put(&mut self, mut place: Place, mut lines: usize) {
        let before = self.free.range(..place).next_back().map(|(&place, &len)| (place, len));
        if let Some((other, len)) = before
            && other.slab == place.slab
            && other.start + len == place.start
        {
            self.remove(other, len);
            (place, lines) = (other, lines + len);
        }
        let next = Place { start: place.start + lines, ..place };
        if let Some(&len) = self.free.get(&next) {
            self.remove(next, len);
            lines += len;
        }
        self.insert(place, lines);
    }

    fn insert(&mut self, place: Place, lines: usize) {
        self.free.insert(place, lines);
        self.by_len.insert((lines, place));
    }

    fn remove(&mut self, place: Place, lines: usize) {
        self.free.remove(&place);
        self.by_len.remove(&(lines, place));
    }

    /// A new slab, all of it free.
    ///
    /// # Panics
    ///
    /// If the system has no more memory to give.
    fn grow(&mut self, lines: usize) -> (usize, Place) {
        let bytes = |lines: usize| lines.saturating_mul(LINE * size_of::<f32>());
        let map = |lines: usize| MmapMut::map_anon(bytes(lines)).map(|memory| (lines, memory));
        let usual = lines.max((self.lines / 2).clamp(FIRST, LARGEST)).next_multiple_of(PAGE);
        // Where addresses are limited, no more than is asked for.
        let (lines, mut memory) = map(usual).or_else(|_| map(lines)).unwrap_or_else(|error| {
            panic!("{OUT_OF_MEMORY}: {} MB for the work of the kernels ({error})", bytes(lines) >> 20)
        });
        // Systems without large pages do without them.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage);
        // Mapped memory begins at a page, so at a cache line as well.
        let first = NonNull::new(memory.as_mut_ptr().cast()).expect("memory is not mapped at address 0");
        self.lines += lines;
        self.slabs.push(Slab { first, _memory: memory });
        let place = Place { slab: self.slabs.len() - 1, start: 0 };
        self.insert(place, lines);
        (lines, place)
    }
}

/// A slice of `f32` that begins at a cache line and whose memory is used again when it is dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    values: NonNull<f32>,
    place: Place,
    len: usize,
}

// SAFETY: a buffer owns its range of a slab, as a boxed slice would.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Default for Buffer {
    fn default() -> Self {
        Self { values: NonNull::dangling(), place: Place { slab: 0, start: 0 }, len: 0 }
    }
}

impl Buffer {
    /// With whatever values an earlier use has left there.
    pub fn dirty(len: usize) -> Self {
        if len == 0 {
            return Self::default();
        }
        let (place, values) = ARENA.lock().unwrap_or_else(PoisonError::into_inner).take(len.div_ceil(LINE));
        Self { values, place, len }
    }

    /// With zeros.
    pub fn zeroed(len: usize) -> Self {
        let mut buffer = Self::dirty(len);
        buffer.fill(0.0);
        buffer
    }

    /// With these values.
    #[cfg(test)]
    pub fn from_slice(values: &[f32]) -> Self {
        let mut buffer = Self::dirty(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// As the memory of a tensor, without a copy. It is used again after the last tensor that holds it.
    pub fn into_bytes(self) -> Bytes {
        let len = self.len * size_of::<f32>();
        // SAFETY: all values of a buffer are initialised.
        unsafe { Bytes::from_controller(Box::new(Controller(self)), len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.len > 0 {
            let lines = self.len.div_ceil(LINE);
            ARENA.lock().unwrap_or_else(PoisonError::into_inner).put(self.place, lines);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: the range holds at least `len` values, initialised (with zeros at first), and belongs to this
        // buffer alone. An empty buffer has a dangling but aligned address.
        unsafe { std::slice::from_raw_parts(self.values.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.values.as_ptr(), self.len) }
    }
}

/// Lends a buffer's memory to a tensor.
struct Controller(Buffer);

impl AllocationController for Controller {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let values: &[f32] = &self.0;
        // SAFETY: the same memory as bytes; initialised bytes may be seen as possibly uninitialised ones.
        Ok(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let values: &mut [f32] = &mut self.0;
        // SAFETY: the same memory as bytes; the caller promises to write nothing uninitialised.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_lives_on_as_a_tensors_memory() {
        let mut bytes = Buffer::from_slice(&[1.0, 2.0, 3.0]).into_bytes();
        assert_eq!(bytes.len(), 12);
        bytes[..4].copy_from_slice(&5.0f32.to_ne_bytes());
        let copy = bytes.clone();
        drop(bytes);
        let values: Vec<f32> = copy.chunks(4).map(|b| f32::from_ne_bytes(b.try_into().unwrap())).collect();
        assert_eq!(values, [5.0, 2.0, 3.0]);
        assert!(Buffer::zeroed(3).iter().all(|&value| value == 0.0));
        assert!(Buffer::dirty(33).as_ptr().addr().is_multiple_of(64));
        assert!(Buffer::dirty(0).is_empty());
    }

    #[test]
    fn free_neighbours_become_one() {
        let mut arena = Arena::new();
        let places: Vec<Place> = [3, 5, 7].iter().map(|&lines| arena.take(lines).0).collect();
        assert_eq!(places.iter().map(|place| place.start).collect::<Vec<_>>(), [0, 3, 8]);
        arena.put(places[0], 3);
        arena.put(places[2], 7);
        // The shortest range that is long enough.
        assert_eq!(arena.take(2).0.start, 0);
        arena.put(Place { slab: 0, start: 0 }, 2);
        arena.put(places[1], 5);
        assert_eq!(
            arena.free.iter().map(|(place, &len)| (place.start, len)).collect::<Vec<_>>(),
            [(0, FIRST)]
        );
        assert_eq!(arena.by_len.len(), 1);
        assert_eq!(arena.take(FIRST + 1).0.slab, 1);
    }

    /// As much as is needed, and little more.
    #[test]
    fn slabs_grow_with_the_need() {
        let mut arena = Arena::new();
        let mut used = 0;
        for _ in 0..200 {
            arena.take(PAGE);
            used += PAGE;
            assert!(2 * arena.lines <= 3 * used + 2 * FIRST + 2 * PAGE, "{} for {used}", arena.lines);
        }
        let slabs = arena.slabs.len();
        assert!(slabs < 12, "{slabs}");
        let before = arena.lines;
        arena.take(LARGEST + 1);
        assert_eq!(arena.lines - before, LARGEST + PAGE);
    }
}
