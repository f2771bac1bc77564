//! Parts of a selection, dealt out whole: rank 0 gives another one to whoever is free.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use super::{Exchange, Order};
use crate::error::{Error, Result};
use crate::event::{Signal, Silent};
use crate::experiment::Machine;
use crate::selection::{Counting, Parts, Workers};

/// How often messages are looked for.
const PAUSE: Duration = Duration::from_millis(2);
/// How often a rank tells of its steps, and rank 0 asks whether to go on.
const NEWS: Duration = Duration::from_millis(200);
/// In the place of a part's number: there are no more, or no more are wanted.
const NONE: f32 = -1.0;

/// What a rank says of its part.
#[derive(Debug, PartialEq)]
enum Said {
    /// So many steps are done.
    Steps(usize),
    /// It is done.
    Done,
    /// It was told to stop, and has saved.
    Stopped,
    /// It cannot be done.
    Failed(String),
}

impl Said {
    fn send(&self, ranks: &dyn Exchange) {
        match self {
            // Whole numbers up to 2²⁴ are exact; beyond that a bar is none the worse.
            Said::Steps(steps) => ranks.send(&[0.0, *steps as f32], 0),
            Said::Done => ranks.send(&[1.0, 0.0], 0),
            Said::Stopped => ranks.send(&[2.0, 0.0], 0),
            Said::Failed(text) => {
                ranks.send(&[3.0, text.len() as f32], 0);
                ranks.send(&text.bytes().map(f32::from).collect::<Vec<_>>(), 0);
            }
        }
    }

    fn receive(ranks: &dyn Exchange, from: usize) -> Said {
        let mut said = [0.0; 2];
        ranks.receive(&mut said, from);
        match said {
            [0.0, steps] => Said::Steps(steps as usize),
            [1.0, _] => Said::Done,
            [2.0, _] => Said::Stopped,
            [_, len] => {
                let mut text = vec![0.0; len as usize];
                ranks.receive(&mut text, from);
                let bytes: Vec<u8> = text.into_iter().map(|byte| byte as u8).collect();
                Said::Failed(String::from_utf8_lossy(&bytes).into_owned())
            }
        }
    }
}

/// Does a part and says what came of it.
fn done(parts: &Parts, name: &str, told: &mut (dyn FnMut(usize) -> Signal + Send)) -> Said {
    match parts.work(name, &mut Counting::new(told)) {
        Ok(()) => Said::Done,
        Err(Error::Interrupted { .. }) => Said::Stopped,
        Err(error) => Said::Failed(error.to_string()),
    }
}

/// What another rank than 0 does with an order of parts.
///
/// # Errors
/// A run or images that cannot be read here.
pub(super) fn follow(
    ranks: &dyn Exchange,
    machine: &Machine,
    (run, names, checkpoint_seconds): (&Path, &[String], u64),
) -> Result<()> {
    let interval = Duration::from_secs(checkpoint_seconds);
    let parts = Parts::of_run(run, machine.clone(), interval, &mut Silent)?;
    let number = || {
        let mut number = [NONE];
        ranks.receive(&mut number, 0);
        number[0]
    };
    let mut stop = false;
    while !stop {
        while ranks.waiting().is_none() {
            std::thread::sleep(PAUSE);
        }
        let part = number();
        if part == NONE {
            return Ok(());
        }
        let mut last = Instant::now();
        let mut told = |steps: usize| {
            // Nothing but the wish to stop comes while there is a part.
            stop |= !stop && ranks.waiting().is_some() && number() == NONE;
            if last.elapsed() >= NEWS {
                last = Instant::now();
                Said::Steps(steps).send(ranks);
            }
            if stop { Signal::Stop } else { Signal::Continue }
        };
        done(&parts, &names[part as usize], &mut told).send(ranks);
    }
    Ok(())
}

/// Ranks as [`Workers`]: each does whole parts, rank 0 among them.
#[derive(Debug)]
pub struct PartsOnRanks {
    ranks: Arc<dyn Exchange>,
    machine: Machine,
    checkpoint_interval: Duration,
}

impl PartsOnRanks {
    /// Those that [follow](super::follow) this one, which is rank 0.
    pub fn new(ranks: Arc<dyn Exchange>, machine: Machine, checkpoint_interval: Duration) -> PartsOnRanks {
        PartsOnRanks { ranks, machine, checkpoint_interval }
    }
}

/// Who has which part.
struct Dealing<'a> {
    ranks: &'a dyn Exchange,
    /// Hands a part to the thread that works for rank 0.
    own: Sender<usize>,
    waiting: VecDeque<usize>,
    /// By rank.
    at: Vec<Option<usize>>,
    /// Ranks that were told that there is no more.
    ended: Vec<bool>,
}

impl Dealing<'_> {
    fn give(&mut self, rank: usize) {
        self.at[rank] = self.waiting.pop_front();
        match (self.at[rank], rank) {
            (None, _) => {}
            (Some(part), 0) => {
                // One that has ended is told by what it says.
                let _ = self.own.send(part);
            }
            (Some(part), rank) => self.ranks.send(&[part as f32], rank),
        }
    }

    fn end(&mut self, rank: usize) {
        if rank > 0 && !std::mem::replace(&mut self.ended[rank], true) {
            self.ranks.send(&[NONE], rank);
        }
    }

    /// What anybody has said.
    fn news(&self, own: &Receiver<Said>) -> Option<(usize, Said)> {
        if let Ok(said) = own.try_recv() {
            return Some((0, said));
        }
        let rank = self.ranks.waiting()?;
        Some((rank, Said::receive(self.ranks, rank)))
    }
}

impl Workers for PartsOnRanks {
    fn work(
        &mut self,
        run: &Path,
        names: &[String],
        told: &mut dyn FnMut(&str, usize) -> Signal,
    ) -> Result<()> {
        let order = Order::Parts {
            run: run.to_path_buf(),
            parts: names.to_vec(),
            checkpoint_seconds: self.checkpoint_interval.as_secs(),
        };
        self.ranks.announce(serde_json::to_string(&order).expect("orders serialise"));
        let (own, given) = mpsc::channel::<usize>();
        let (say, heard) = mpsc::channel::<Said>();
        let n = self.ranks.ranks();
        let mut dealing = Dealing {
            ranks: &*self.ranks,
            own,
            waiting: (0..names.len()).collect(),
            at: vec![None; n],
            ended: vec![false; n],
        };
        let stop = &AtomicBool::new(false);
        let (machine, interval) = (self.machine.clone(), self.checkpoint_interval);
        std::thread::scope(|scope| {
            scope.spawn(move || work_for_rank_0((run, names), machine, interval, (given, say), stop));
            let outcome = dealing.all((names, stop), &heard, told);
            // Where nothing more comes from here, the thread ends.
            drop(dealing);
            outcome
        })
    }
}

impl Dealing<'_> {
    fn all(
        &mut self,
        (names, stop): (&[String], &AtomicBool),
        heard: &Receiver<Said>,
        told: &mut dyn FnMut(&str, usize) -> Signal,
    ) -> Result<()> {
        let ranks = self.at.len();
        let (mut asked, mut outcome) = (Instant::now(), Ok(()));
        (0..ranks).for_each(|rank| self.give(rank));
        while self.at.iter().any(Option::is_some) {
            let news = self.news(heard);
            let mut signal = Signal::Continue;
            match news {
                None => std::thread::sleep(PAUSE),
                Some((rank, Said::Steps(steps))) => {
                    signal = self.at[rank].map_or(signal, |part| told(&names[part], steps));
                }
                Some((rank, said)) => {
                    let part = self.at[rank].take();
                    match (said, part) {
                        (Said::Done, Some(part)) => {
                            signal = told(&names[part], usize::MAX);
                            self.give(rank);
                        }
                        (Said::Failed(text), Some(part)) => {
                            signal = Signal::Stop;
                            outcome = Err(Error::Refused(format!("{}: {text}", names[part]).into()));
                        }
                        _ => {}
                    }
                }
            }
            if asked.elapsed() >= NEWS {
                asked = Instant::now();
                // The same number again says nothing new, but asks whether to go on.
                if told("", 0) == Signal::Stop {
                    signal = Signal::Stop;
                }
            }
            if signal == Signal::Stop && !stop.swap(true, Ordering::SeqCst) {
                self.waiting.clear();
                (0..ranks).for_each(|rank| self.end(rank));
                if outcome.is_ok() {
                    outcome = Err(Error::Interrupted { epoch: 0, step: 0 });
                }
            }
        }
        (0..ranks).for_each(|rank| self.end(rank));
        outcome
    }
}

fn work_for_rank_0(
    (run, names): (&Path, &[String]),
    machine: Machine,
    interval: Duration,
    (given, say): (Receiver<usize>, Sender<Said>),
    stop: &AtomicBool,
) {
    let mut parts = None;
    for part in given {
        let opened = match parts.take() {
            Some(parts) => Ok(parts),
            None => Parts::of_run(run, machine.clone(), interval, &mut Silent),
        };
        let said = match opened {
            Err(error) => Said::Failed(error.to_string()),
            Ok(opened) => {
                let mut last = Instant::now();
                let mut told = |steps: usize| {
                    if last.elapsed() >= NEWS {
                        last = Instant::now();
                        let _ = say.send(Said::Steps(steps));
                    }
                    if stop.load(Ordering::SeqCst) { Signal::Stop } else { Signal::Continue }
                };
                let said = done(&opened, &names[part], &mut told);
                parts = Some(opened);
                said
            }
        };
        if say.send(said).is_err() {
            return;
        }
    }
}
