//! Ctrl-C: the first one asks long work to save and stop, the second one ends the program at once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;

use crate::terminal::{laid_out, stderr_columns};

/// The number of the signal that Ctrl-C sends.
const INTERRUPT: i32 = 2;

/// Whether there is work that can save itself.
static WORKING: AtomicBool = AtomicBool::new(false);
/// Whether it was asked to.
static ASKED: AtomicBool = AtomicBool::new(false);
/// The signal that asked.
static SIGNAL: AtomicI32 = AtomicI32::new(INTERRUPT);
/// What is drawn on standard error and must be out of the way of words.
static SCREEN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Handles Ctrl-C, and the signals that ask a program to end, from now on.
///
/// Under `nohup` nothing is handled, so that the program outlives its terminal as it was meant to.
pub fn listen() {
    if !ignores_hangup() {
        // Without a handler Ctrl-C ends the program at once, which a run folder survives as well.
        watch();
    }
}

#[cfg(unix)]
fn watch() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let handle = signals.handle();
    let wait = move || signals.forever().for_each(heard);
    // Where no thread can be started, nobody would hear the signals.
    if std::thread::Builder::new().name("signals".into()).spawn(wait).is_err() {
        handle.close();
    }
}

#[cfg(not(unix))]
fn watch() {
    let _ = ctrlc::set_handler(|| heard(INTERRUPT));
}

/// Exit code of a program that was interrupted, as shells have it: 128 and the number of the signal, so 130 after
/// Ctrl-C, 143 after SIGTERM and 129 after SIGHUP.
pub fn exit_code() -> u8 {
    u8::try_from(128 + SIGNAL.load(Ordering::SeqCst)).unwrap_or(u8::MAX)
}

fn heard(signal: i32) {
    let ranks = crate::ranks::current();
    // The first process decides what comes of signals, which a launcher of MPI sends to all.
    if ranks.as_ref().is_some_and(|ranks| ranks.rank() > 0) {
        return;
    }
    SIGNAL.store(signal, Ordering::SeqCst);
    let again = ASKED.swap(true, Ordering::SeqCst);
    // It sends several for one wish, and kills after a while itself.
    if again && ranks.is_some() {
        return;
    }
    if again || !WORKING.load(Ordering::SeqCst) {
        say("interrupted", || std::process::exit(i32::from(exit_code())));
    }
    say("finishing this step and saving; press Ctrl-C again to stop at once", || {});
}

/// Whether the program was started with the signal 1, the end of the terminal, ignored; where Linux tells.
fn ignores_hangup() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

/// Says a sentence and does something while the screen is out of the way.
fn say(text: &str, then: impl FnOnce()) {
    let screen = SCREEN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let speak = || {
        // The terminal has shown ^C.
        let _ = writeln!(std::io::stderr(), "\n{}", laid_out(text, stderr_columns()));
        then();
    };
    match screen {
        Some(screen) => screen.suspend(speak),
        None => speak(),
    }
}

/// Takes note of what is drawn on standard error, or that nothing is.
pub fn share_screen(screen: Option<&MultiProgress>) {
    *SCREEN.lock().unwrap_or_else(PoisonError::into_inner) = screen.cloned();
}

/// Whether the work is to save and stop.
pub fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Work that looks at [`is_asked`] now and then; ends when dropped.
#[derive(Debug)]
pub struct Work;

impl Work {
    /// Begins.
    pub fn begin() -> Work {
        WORKING.store(true, Ordering::SeqCst);
        Work
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        WORKING.store(false, Ordering::SeqCst);
    }
}
