//! Room in memory that all threads share: who needs more than is left waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// So many bytes for all threads together.
///
/// Whoever has room never waits for more of the same, and where two rooms are needed they are taken in one order
/// (that of files before that of pictures): somebody can always go on.
#[derive(Debug)]
pub(super) struct Room {
    all: u64,
    taken: Mutex<u64>,
    given_back: Condvar,
}

/// Room for the bytes of files that are about to be decoded.
pub(super) static FILES: Room = Room::new(256 << 20);
/// Room for decoding them: what the decoder makes, and what that is converted to.
pub(super) static PICTURES: Room = Room::new(1 << 30);

impl Room {
    pub const fn new(all: u64) -> Room {
        Room { all, taken: Mutex::new(0), given_back: Condvar::new() }
    }

    /// Takes so many bytes as soon as they are there. What needs more than all of them takes all, and so is alone.
    pub fn take(&self, bytes: u64) -> Taken<'_> {
        let bytes = bytes.min(self.all);
        let taken = self.taken();
        let wait = self.given_back.wait_while(taken, |taken| *taken + bytes > self.all);
        *wait.unwrap_or_else(PoisonError::into_inner) += bytes;
        Taken { room: self, bytes }
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        // The number is whole whatever happened to another thread.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are given back when this is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Taken<'a> {
    room: &'a Room,
    bytes: u64,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.room.taken() -= self.bytes;
        self.room.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn threads_share_it_and_none_waits_for_ever() {
        let (files, pictures) = (Room::new(100), Room::new(1000));
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let (files, pictures, now, most) = (&files, &pictures, &now, &most);
                scope.spawn(move || {
                    for i in 0..200 {
                        let bytes = [10, 300, 5000, 990, 1000][((thread + i) % 5) as usize];
                        let _file = files.take(bytes / 10);
                        let _picture = pictures.take(bytes);
                        let bytes = bytes.min(1000);
                        most.fetch_max(now.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 1000);
        assert_eq!((*files.taken(), *pictures.taken()), (0, 0));
    }

    #[test]
    fn a_panic_gives_it_back() {
        let room = Room::new(10);
        let held = std::panic::catch_unwind(|| {
            let _taken = room.take(10);
            panic!("a decoder fails");
        });
        assert!(held.is_err());
        let _all = room.take(11);
    }
}
