//! An allocator that says what happened when the system gives no more memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether an allocation was refused. Some callers can do without; the others abort.
static REFUSED: AtomicBool = AtomicBool::new(false);
/// What is written when the program aborts for lack of memory: then there is no memory to put it together.
static LAST_WORDS: OnceLock<String> = OnceLock::new();

/// The system's allocator, which remembers that it had to refuse: a program's global allocator, for [`last_words`].
#[derive(Debug)]
pub struct Watched;

fn note(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        REFUSED.store(true, Ordering::SeqCst);
    }
    memory
}

// SAFETY: everything is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller promises holds for the system's allocator.
        note(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        note(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        note(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Bytes. Where the system does not even give these, a program that aborts does so for lack of memory.
#[cfg(unix)]
const LITTLE: usize = 16 << 20;

/// What is written to standard error where memory that cannot be done without is refused, and Rust or the C library
/// aborts: the program then ends with exit code 1. The first call counts; without [`Watched`] only what the C library
/// lacks is noticed.
pub fn last_words(words: String) {
    if LAST_WORDS.set(words).is_ok() {
        #[cfg(unix)]
        on_abort();
    }
}

#[cfg(unix)]
fn on_abort() {
    use std::fs::File;
    use std::io::Write;
    use std::mem::ManuallyDrop;
    use std::os::fd::FromRawFd;

    use memmap2::MmapMut;
    use signal_hook::consts::SIGABRT;
    use signal_hook::low_level::{emulate_default_handler, exit, register};

    let action = || {
        // The C library's own allocations, as for a thread that begins, are not seen by `Watched`.
        let lacks = || REFUSED.load(Ordering::SeqCst) || MmapMut::map_anon(LITTLE).is_err();
        if let Some(words) = LAST_WORDS.get()
            && lacks()
        {
            // SAFETY: standard error stays open, and is not closed here.
            let mut stderr = ManuallyDrop::new(unsafe { File::from_raw_fd(2) });
            let _ = stderr.write_all(words.as_bytes());
            exit(1);
        }
        let _ = emulate_default_handler(SIGABRT);
    };
    // SAFETY: the action reads what was set before, asks the system for memory, writes to a file and ends the program:
    // it takes no lock, and nothing of the allocator.
    let _ = unsafe { register(SIGABRT, action) };
}
