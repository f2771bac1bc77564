//! Ranks that are threads of one process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Barrier, Condvar, Mutex, MutexGuard, PoisonError};

use super::Exchange;

/// One of several threads that work on one batch, for tests: processes exchange the same without being started.
#[derive(Debug)]
pub struct InProcess {
    rank: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ranks: usize,
    barrier: Barrier,
    /// By rank.
    laid_out: Mutex<Vec<Vec<f32>>>,
    /// Of rank 0.
    text: Mutex<String>,
    /// By sender and receiver.
    letters: Mutex<HashMap<[usize; 2], Letters>>,
    arrived: Condvar,
}

/// The oldest first.
type Letters = VecDeque<Vec<f32>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl InProcess {
    /// So many ranks, each for a thread of its own.
    pub fn ranks(ranks: usize) -> Vec<Arc<dyn Exchange>> {
        let shared = Arc::new(Shared {
            ranks,
            barrier: Barrier::new(ranks),
            laid_out: Mutex::new(vec![Vec::new(); ranks]),
            text: Mutex::default(),
            letters: Mutex::default(),
            arrived: Condvar::new(),
        });
        let rank = |rank| Arc::new(InProcess { rank, shared: Arc::clone(&shared) }) as Arc<dyn Exchange>;
        (0..ranks).map(rank).collect()
    }

    /// Lays out values, waits for all others and looks at theirs.
    fn meet<T>(&self, own: &[f32], look: impl FnOnce(&[Vec<f32>]) -> T) -> T {
        lock(&self.shared.laid_out)[self.rank] = own.to_vec();
        self.shared.barrier.wait();
        let seen = look(&lock(&self.shared.laid_out));
        self.shared.barrier.wait();
        seen
    }
}

impl Exchange for InProcess {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.shared.ranks
    }

    fn gather(&self, own: &[f32], lens: &[usize]) -> Vec<f32> {
        assert_eq!(own.len(), lens[self.rank], "values of this rank");
        self.meet(own, <[Vec<f32>]>::concat)
    }

    fn send(&self, values: &[f32], to: usize) {
        lock(&self.shared.letters).entry([self.rank, to]).or_default().push_back(values.to_vec());
        self.shared.arrived.notify_all();
    }

    fn receive(&self, values: &mut [f32], from: usize) {
        let mut letters = lock(&self.shared.letters);
        loop {
            if let Some(letter) = letters.get_mut(&[from, self.rank]).and_then(VecDeque::pop_front) {
                values.copy_from_slice(&letter);
                return;
            }
            letters = self.shared.arrived.wait(letters).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn waiting(&self) -> Option<usize> {
        let letters = lock(&self.shared.letters);
        (0..self.shared.ranks)
            .find(|&from| letters.get(&[from, self.rank]).is_some_and(|letters| !letters.is_empty()))
    }

    fn broadcast(&self, values: &mut [f32]) {
        let own = values.to_vec();
        self.meet(&own, |all| values.copy_from_slice(&all[0]));
    }

    fn announce(&self, text: String) -> String {
        if self.rank == 0 {
            *lock(&self.shared.text) = text;
        }
        self.meet(&[], |_| lock(&self.shared.text).clone())
    }
}
