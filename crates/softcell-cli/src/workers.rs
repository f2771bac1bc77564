//! Processes that do the parts of a selection side by side.
//!
//! Each reads names of parts, a line each, and answers with a line of JSON for each piece of news. Where its input ends
//! or says `stop`, it saves what it is at and ends: so no process is left alone when this one goes.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use softcell::Error;
use softcell::event::{Signal, Silent};
use softcell::experiment::{Counting, Parts, Workers};
use softcell::program::shown;

use crate::args::PartsArgs;
use crate::{machine, remedies};

/// How often the wish to stop is looked at while there is no news.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a process tells of its steps.
const NEWS: Duration = Duration::from_millis(200);
/// Ends a process once it has saved.
const STOP: &str = "stop";

/// What a process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum News {
    /// So many steps of the part are done.
    Steps(usize),
    /// The part is done.
    Done,
    /// It was told to stop, and has saved.
    Stopped,
    /// The part cannot be done.
    Failed(String),
}

/// The number of a process and what it says; nothing at the end of its output.
type Heard = (usize, Option<News>);

/// Processes, each with its share of the threads.
#[derive(Debug)]
pub struct Processes {
    /// The file of this program.
    program: PathBuf,
    jobs: usize,
    threads: usize,
    device: String,
    checkpoint_seconds: u64,
    children: Vec<Process>,
    news: (Sender<Heard>, Receiver<Heard>),
}

#[derive(Debug)]
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    /// The part it works on.
    part: Option<String>,
}

impl Processes {
    /// So many of this program, begun when there is work.
    pub fn new(program: PathBuf, jobs: usize, device: &str, checkpoint_seconds: u64) -> Processes {
        let device = device.to_owned();
        Processes {
            program,
            jobs,
            threads: 0,
            device,
            checkpoint_seconds,
            children: Vec::new(),
            news: mpsc::channel(),
        }
    }

    fn start(&mut self, run: &Path) -> Result<()> {
        let number = self.children.len();
        let mut child = Command::new(&self.program)
            .arg("parts")
            .arg(run)
            .args(["--device", &self.device, "--threads", &self.threads.to_string()])
            .args(["--checkpoint-seconds", &self.checkpoint_seconds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a process for the parts of the selection cannot be started")?;
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        let send = self.news.0.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(news) = serde_json::from_str(&line) else { continue };
                if send.send((number, Some(news))).is_err() {
                    return;
                }
            }
            let _ = send.send((number, None));
        });
        self.children.push(Process { child, input, part: None });
        Ok(())
    }

    /// Tells all to save and stop, and waits for them.
    fn stop(&mut self) {
        for process in &mut self.children {
            if let Some(mut input) = process.input.take() {
                let _ = writeln!(input, "{STOP}");
            }
        }
        for process in &mut self.children {
            let _ = process.child.wait();
        }
        self.children.clear();
        self.news = mpsc::channel();
    }

    fn all(
        &mut self,
        run: &Path,
        parts: &[String],
        told: &mut dyn FnMut(&str, usize) -> Signal,
    ) -> Result<Signal> {
        let mut waiting: VecDeque<&String> = parts.iter().collect();
        let jobs = self.jobs.min(parts.len());
        // Where there are fewer parts than processes, each has more threads.
        let threads = (rayon::current_num_threads() / jobs.max(1)).max(1);
        if threads != self.threads {
            self.stop();
            self.threads = threads;
        }
        while self.children.len() < jobs {
            self.start(run)?;
        }
        let mut left = parts.len();
        for process in &mut self.children {
            process.give(waiting.pop_front())?;
        }
        while left > 0 {
            let (number, news) = match self.news.1.recv_timeout(PAUSE) {
                Ok(news) => news,
                // The same number again says nothing new, but asks whether to go on.
                Err(RecvTimeoutError::Timeout) => {
                    if told("", 0) == Signal::Stop {
                        return Ok(Signal::Stop);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("this end can send as well"),
            };
            let process = &mut self.children[number];
            let part = process.part.clone().unwrap_or_default();
            let signal = match news {
                Some(News::Steps(steps)) => told(&part, steps),
                Some(News::Done) => {
                    left -= 1;
                    process.give(waiting.pop_front())?;
                    told(&part, usize::MAX)
                }
                Some(News::Stopped) => Signal::Stop,
                Some(News::Failed(text)) => anyhow::bail!("{part}: {text}"),
                None => {
                    let status = process.child.wait().map_or(String::new(), |status| format!(" ({status})"));
                    anyhow::bail!(
                        "the process that worked on {part} has ended{status}: if memory was short, take fewer --jobs. What \
                         was done is saved, go on with --resume"
                    );
                }
            };
            if signal == Signal::Stop {
                return Ok(Signal::Stop);
            }
        }
        Ok(Signal::Continue)
    }
}

impl Process {
    fn give(&mut self, part: Option<&String>) -> Result<()> {
        self.part = part.cloned();
        if let (Some(part), Some(input)) = (part, &mut self.input) {
            // One that has ended is told by the end of its output.
            let _ = writeln!(input, "{part}").and_then(|()| input.flush());
        }
        Ok(())
    }
}

impl Workers for Processes {
    fn work(
        &mut self,
        run: &Path,
        parts: &[String],
        told: &mut dyn FnMut(&str, usize) -> Signal,
    ) -> softcell::Result<()> {
        let outcome = self.all(run, parts, told);
        if !matches!(outcome, Ok(Signal::Continue)) {
            self.stop();
        }
        match outcome {
            Ok(Signal::Stop) => Err(Error::Interrupted { epoch: 0, step: 0 }),
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Refused(error.to_string().into())),
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The other end: does the parts that are named on standard input.
///
/// # Errors
/// Those of opening the run; those of a part are told.
pub fn run(args: &PartsArgs) -> Result<ExitCode> {
    ignore_signals();
    let stop = Arc::new(AtomicBool::new(false));
    let (send, names) = mpsc::channel();
    let asked = stop.clone();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if line == STOP || send.send(line).is_err() {
                break;
            }
        }
        asked.store(true, Ordering::SeqCst);
    });
    let machine = machine::open(&args.machine)?;
    let interval = Duration::from_secs(args.checkpoint_seconds);
    let parts = match Parts::of_run(&args.run, machine, interval, &mut Silent) {
        Ok(parts) => parts,
        Err(error) => {
            say(&News::Failed(error.worded(&remedies::words)));
            return Ok(ExitCode::FAILURE);
        }
    };
    for name in names {
        let mut said = Instant::now();
        let mut told = |steps: usize| {
            if said.elapsed() >= NEWS {
                said = Instant::now();
                say(&News::Steps(steps));
            }
            if stop.load(Ordering::SeqCst) { Signal::Stop } else { Signal::Continue }
        };
        match parts.work(&name, &mut Counting::new(&mut told)) {
            Ok(()) => say(&News::Done),
            Err(Error::Interrupted { .. }) => {
                say(&News::Stopped);
                break;
            }
            Err(error) => {
                say(&News::Failed(error.worded(&remedies::words)));
                return Ok(ExitCode::FAILURE);
            }
        }
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say(news: &News) {
    let line = serde_json::to_string(news).expect("news serialise");
    // Where nobody listens any more, the end of the input says so.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", shown::escaped(&line)).and_then(|()| out.flush());
}

/// Ctrl-C goes to all processes of a terminal; the one that started this one decides what comes of it.
#[cfg(unix)]
fn ignore_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT};
    for signal in [SIGINT, SIGHUP] {
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
}

#[cfg(not(unix))]
fn ignore_signals() {
    let _ = ctrlc::set_handler(|| {});
}
