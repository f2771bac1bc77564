//! Large buffers that are used again: fresh memory costs a page fault for every 4 KiB, which is slower than
//! most passes over the data.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Buffers that wait for their next use, by length.
#[derive(Default)]
struct Pool {
    idle: HashMap<usize, Vec<Vec<f32>>>,
    idle_len: usize,
    used_len: usize,
    /// The most that was ever in use at once: no more is kept.
    most_len: usize,
}

static POOL: Mutex<Option<Pool>> = Mutex::new(None);

fn with_pool<T>(f: impl FnOnce(&mut Pool) -> T) -> T {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    f(pool.get_or_insert_default())
}

impl Pool {
    fn take(&mut self, len: usize) -> Option<Vec<f32>> {
        self.used_len += len;
        self.most_len = self.most_len.max(self.used_len);
        if let Some(buffer) = self.idle.get_mut(&len).and_then(Vec::pop) {
            self.idle_len -= len;
            return Some(buffer);
        }
        // The buffer will be new: others that nobody has asked for make room.
        self.idle.retain(|_, buffers| !buffers.is_empty());
        while self.idle_len + self.used_len > self.most_len {
            let Some(&largest) = self.idle.keys().max() else { break };
            let buffers = self.idle.get_mut(&largest).expect("the key was just found");
            self.idle_len -= buffers.pop().map_or(0, |buffer| buffer.len());
            self.idle.retain(|_, buffers| !buffers.is_empty());
        }
        None
    }

    fn put(&mut self, buffer: Vec<f32>) {
        self.used_len -= buffer.len();
        self.idle_len += buffer.len();
        self.idle.entry(buffer.len()).or_default().push(buffer);
    }
}

/// A slice of `f32` whose memory goes back to a pool when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<f32>);

impl Buffer {
    /// With whatever values an earlier use has left there.
    pub fn dirty(len: usize) -> Self {
        let buffer = with_pool(|pool| pool.take(len));
        Self(buffer.unwrap_or_else(|| vec![0.0; len]))
    }

    /// With zeros.
    pub fn zeroed(len: usize) -> Self {
        match with_pool(|pool| pool.take(len)) {
            Some(mut buffer) => {
                buffer.fill(0.0);
                Self(buffer)
            }
            None => Self(vec![0.0; len]),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            let buffer = std::mem::take(&mut self.0);
            with_pool(|pool| pool.put(buffer));
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}
