//! What the program says when the system gives it no more memory: an error like every other, in place of a stack
//! trace or an abort.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, PoisonError};

use softcell_kernels::{OUT_OF_MEMORY, last_words};

/// What helps.
const REMEDY: &str = "allow it more (ulimit -v, or the limit of its container), or take less: a smaller \
                      --batch-size, smaller images (--image-size), fewer of them (--images-per-class), fewer --threads";
/// How the panics begin that mean the same: of the pool of threads, of threads, and in a thread that begins.
const THREADS: [&str; 3] = [
    "The global thread pool has not been initialized",
    "failed to spawn thread",
    "failed to allocate an alternative stack",
];
/// How the panic begins that follows such a one where there is nobody to catch it; then the program aborts.
const FOLLOWING: &str = "panic in a function that cannot unwind";

/// How an error of the system or of the standard library says so, where a panic tells of one.
const KIND: &str = "OutOfMemory";

const NO_THREADS: &str = "not enough memory: the threads cannot be started";

/// What a panic for lack of memory said.
static SAID: Mutex<Option<String>> = Mutex::new(None);
/// Prepares for a lack of memory; `said` makes an error's text of a sentence.
pub fn prepare(said: impl Fn(&str) -> String) {
    last_words(said(&format!("{OUT_OF_MEMORY}; {REMEDY}")));
    let ordinary = panic::take_hook();
    panic::set_hook(Box::new(move |info| match lack(info.payload()) {
        Some(what) => *said_so_far() = Some(what),
        None if said_so_far().is_some() && text_of(info.payload()) == Some(FOLLOWING) => {}
        None => ordinary(info),
    }));
}

fn said_so_far() -> MutexGuard<'static, Option<String>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a panic says.
fn text_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
}

/// What a panic says if it is for lack of memory.
fn lack(payload: &(dyn Any + Send)) -> Option<String> {
    let text = text_of(payload)?;
    if text.starts_with(OUT_OF_MEMORY) {
        return Some(text.to_owned());
    }
    if text.contains(KIND) {
        return Some(OUT_OF_MEMORY.to_owned());
    }
    THREADS.iter().any(|begin| text.starts_with(begin)).then(|| NO_THREADS.to_owned())
}

/// Does something; a panic for lack of memory becomes an error.
///
/// # Errors
/// Those of the work, and the lack of memory.
pub fn guarded<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let outcome =
        panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| match said_so_far().take() {
            Some(what) => Err(anyhow::anyhow!("{what}; {REMEDY}")),
            None => panic::resume_unwind(payload),
        });
    // The pool is built but once, so that a failure means the system.
    let is_pool = |error: &anyhow::Error| error.is::<rayon::ThreadPoolBuildError>();
    outcome.map_err(|error| if is_pool(&error) { anyhow::anyhow!("{NO_THREADS}; {REMEDY}") } else { error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_told_from_other_panics() {
        let text = |text: &str| lack(&text.to_owned());
        assert_eq!(text("not enough memory: 3 MB").unwrap(), "not enough memory: 3 MB");
        assert!(text("The global thread pool has not been initialized.: X").unwrap().contains("threads"));
        assert!(text("failed to allocate an alternative stack: X").unwrap().contains("threads"));
        assert_eq!(text("the embedded digits unpack: Kind(OutOfMemory)").unwrap(), "not enough memory");
        assert_eq!(text("index out of bounds"), None);
        assert_eq!(lack(&"called unwrap on None"), None);
        assert_eq!(lack(&7), None);
    }

    #[test]
    fn errors_go_through() {
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
        assert_eq!(guarded::<()>(|| anyhow::bail!("no")).unwrap_err().to_string(), "no");
    }
}
