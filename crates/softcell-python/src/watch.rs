//! Work on a thread of its own, while the thread that called from Python hears signals and calls what listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyString;
use serde_json::{Value, json};
use softcell::event::{Event, Observer, Signal};
use softcell::report::Warning;
use softcell::{Error, Remedy};

use crate::remedies::words;

/// How often signals are looked for.
const POLL: Duration = Duration::from_millis(20);
/// How often a step is told of.
const STEPS: Duration = Duration::from_millis(100);
/// Room for deep calls, as a main thread has it.
const STACK: usize = 16 << 20;

/// What listens, told by a text in JSON; it answers "stop" to end the work.
type Told = (String, Option<Sender<()>>);

/// The observer of the work.
pub struct Relay<'a> {
    told: Sender<Told>,
    stop: &'a AtomicBool,
    last: Option<Instant>,
}

impl Relay<'_> {
    /// Tells, and goes on at once.
    fn tell(&self, event: &Value) {
        // Nobody listens any more only where that side has panicked.
        let _ = self.told.send((event.to_string(), None));
    }

    /// What is to be said against a run.
    pub fn warn(&self, warning: &Warning) {
        self.tell(&json!({"event": "warning", "text": format!("{} {}", warning.what, warning.advice)}));
    }

    /// Tells, and goes on when that has been heard.
    fn ask(&self, event: &Value) {
        let (sender, answered) = channel();
        if self.told.send((event.to_string(), Some(sender))).is_ok() {
            let _ = answered.recv();
        }
    }

    /// At most now and then.
    fn tell_seldom(&mut self, event: impl FnOnce() -> Value) {
        if self.last.is_none_or(|last| last.elapsed() >= STEPS) {
            self.last = Some(Instant::now());
            self.tell(&event());
        }
    }

    /// What cannot save itself is ended where it stands.
    fn end_if_asked(&self) -> softcell::Result<()> {
        match self.stop.load(Ordering::SeqCst) {
            true => Err(Error::Interrupted { epoch: 0, step: 0 }),
            false => Ok(()),
        }
    }
}

impl Observer for Relay<'_> {
    fn on(&mut self, event: Event<'_>) -> softcell::Result<()> {
        match event {
            Event::Note(note) => self.tell(&json!({"event": "note", "text": note.worded(&words)})),
            Event::Folder { path, .. } => {
                self.tell(&json!({"event": "folder", "path": path.to_string_lossy()}))
            }
            Event::Loading { done, total } => {
                self.tell_seldom(|| json!({"event": "loading", "done": done, "total": total}));
                self.end_if_asked()?;
            }
            Event::Measuring { done, total } => {
                self.tell_seldom(|| json!({"event": "measuring", "done": done, "total": total}));
                self.end_if_asked()?;
            }
            Event::Testing { done, total } => {
                self.tell_seldom(|| json!({"event": "testing", "done": done, "total": total}));
                self.end_if_asked()?;
            }
            Event::Selecting { what, done, total } => {
                if done == total {
                    self.last = None;
                }
                self.tell_seldom(
                    || json!({"event": "selecting", "what": what, "done": done, "total": total}),
                );
            }
            Event::Begin { stage, epochs, steps, done, .. } => {
                self.end_if_asked()?;
                let (total, stage) = (epochs * steps, stage.name());
                self.tell(&json!({"event": "begin", "stage": stage, "epochs": epochs, "steps": steps,
                    "done": done, "total": total}));
            }
            Event::Step(step) => self.tell_seldom(|| {
                json!({"event": "step", "stage": step.stage.name(), "epoch": step.epoch, "step": step.step,
                    "loss": step.loss, "accuracy": step.accuracy})
            }),
            Event::Candidate { candidate, rung } => self.ask(&json!({"event": "epoch", "stage": "select",
                "candidate": candidate, "rung": rung})),
            Event::SearchEpoch(epoch) => self.ask(&of_epoch("search", epoch)),
            Event::TrainEpoch(epoch) => self.ask(&of_epoch("train", epoch)),
            Event::End { stage, seconds } => {
                self.tell(&json!({"event": "end", "stage": stage.name(), "seconds": seconds}));
            }
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        if self.stop.load(Ordering::SeqCst) { Signal::Stop } else { Signal::Continue }
    }

    fn wording(&self, remedy: &Remedy) -> String {
        words(remedy)
    }
}

/// A line of the history.
fn of_epoch(stage: &str, epoch: &impl serde::Serialize) -> Value {
    let mut line = serde_json::to_value(epoch).unwrap_or_default();
    if let Some(line) = line.as_object_mut() {
        line.insert("event".to_owned(), "epoch".into());
        line.insert("stage".to_owned(), stage.into());
    }
    line
}

/// What work came to.
pub enum Outcome<T> {
    /// It is done.
    Done(T),
    /// What listens asked to stop.
    Stopped,
}

/// Does the work, with so many threads if they are named. Python's other threads go on meanwhile.
///
/// # Errors
/// What the work finds, an exception of `tell`, and `KeyboardInterrupt` after Ctrl-C: then the work was saved before.
pub fn watched<T: Send>(
    py: Python<'_>,
    tell: &Bound<'_, PyAny>,
    threads: Option<usize>,
    work: impl FnOnce(&mut Relay<'_>) -> softcell::Result<T> + Send,
) -> PyResult<Outcome<T>> {
    let stop = AtomicBool::new(false);
    let (sender, receiver) = channel::<Told>();
    let receiver = Mutex::new(receiver);
    let pool = threads.map(pool).transpose()?;
    let mut raised: Option<PyErr> = None;
    let done = thread::scope(|scope| -> PyResult<_> {
        let work = || {
            let mut relay = Relay { told: sender, stop: &stop, last: None };
            match &pool {
                Some(pool) => pool.install(|| work(&mut relay)),
                None => work(&mut relay),
            }
        };
        let worker =
            thread::Builder::new().name("softcell".into()).stack_size(STACK).spawn_scoped(scope, work)?;
        loop {
            let heard = match next(py, &receiver) {
                Ok((text, answer)) => {
                    let heard = if raised.is_none() { hear(py, tell, &text, &stop) } else { Ok(()) };
                    drop(answer);
                    heard
                }
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if raised.is_none() {
                raised = heard.and_then(|()| py.check_signals()).err();
            }
            if raised.is_some() {
                stop.store(true, Ordering::SeqCst);
            }
        }
        Ok(py.detach(|| worker.join()))
    })?;
    let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    match (raised, done) {
        (Some(raised), _) => Err(raised),
        (None, Ok(done)) => Ok(Outcome::Done(done)),
        (None, Err(Error::Interrupted { .. })) => Ok(Outcome::Stopped),
        (None, Err(error)) => Err(crate::remedies::raised(&error)),
    }
}

fn next(py: Python<'_>, receiver: &Mutex<Receiver<Told>>) -> Result<Told, RecvTimeoutError> {
    py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(POLL))
}

fn hear(py: Python<'_>, tell: &Bound<'_, PyAny>, text: &str, stop: &AtomicBool) -> PyResult<()> {
    let answer = tell.call1((PyString::new(py, text),))?;
    if answer.extract::<String>().is_ok_and(|answer| answer == "stop") {
        stop.store(true, Ordering::SeqCst);
    }
    Ok(())
}

fn pool(threads: usize) -> PyResult<rayon::ThreadPool> {
    let threads = softcell::experiment::useful_threads(threads);
    let built = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    built.map_err(|error| crate::Error::new_err(format!("{threads} threads cannot be started: {error}")))
}
