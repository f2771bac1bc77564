//! What long work shows on standard error: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use softcell::event::{Event, Observer, Signal, Stage};
use softcell::search::SearchEpoch;
use softcell::train::TrainEpoch;

use crate::interrupt;
use crate::output::{duration, percent};

/// Work shorter than this needs no sign of life.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two plain lines of a count.
const PLAIN_PAUSE: Duration = Duration::from_secs(10);
/// When the first forecast of a stage comes, without a terminal.
const FORECAST: Duration = Duration::from_secs(10);

/// Said where the accuracies of a search begin.
pub const CAVEAT: &str = "(*) an accuracy of the search is that of the shared network of all candidates: it does not \
                          predict the accuracy of the network that is trained afterwards";

/// Shows how far the work is.
pub struct Progress {
    terminal: bool,
    bar: Option<ProgressBar>,
    stage: Option<StageClock>,
    count: Option<CountClock>,
    /// The genotype of the last line, to print it only when it changes.
    genotype: String,
}

/// How a stage gets on.
struct StageClock {
    stage: Stage,
    epochs: usize,
    steps: usize,
    begun: Instant,
    /// Steps that were done before.
    before: usize,
    /// Steps that are done now.
    done: usize,
    epoch_begun: Instant,
    epoch_images: usize,
    forecast: bool,
}

impl StageClock {
    /// Time that the rest will take, from the steps of this process.
    fn left(&self) -> Option<Duration> {
        let steps = self.done.checked_sub(self.before).filter(|steps| *steps > 0)?;
        let rest = (self.epochs * self.steps).saturating_sub(self.done);
        Some(self.begun.elapsed().mul_f64(rest as f64 / steps as f64))
    }

    fn left_text(&self) -> String {
        self.left().map_or(String::new(), |left| format!("  {} left", duration(left.as_secs_f64())))
    }

    fn images_per_second(&self) -> f64 {
        self.epoch_images as f64 / self.epoch_begun.elapsed().as_secs_f64().max(1e-9)
    }
}

/// How counted work gets on.
struct CountClock {
    what: &'static str,
    begun: Instant,
    told: Instant,
}

impl Progress {
    /// On standard error.
    pub fn new() -> Progress {
        let terminal = std::io::stderr().is_terminal();
        Progress { terminal, bar: None, stage: None, count: None, genotype: String::new() }
    }

    /// Writes a line.
    pub fn line(&self, text: &str) {
        // Where nobody listens the work goes on all the same.
        let write = || {
            let mut stderr = std::io::stderr().lock();
            let _ = writeln!(stderr, "{text}").and_then(|()| stderr.flush());
        };
        self.aside(write);
    }

    /// Shows that `done` of `total` images are done, such as read; nothing if it is quick.
    pub fn count(&mut self, what: &'static str, done: usize, total: usize) {
        self.count_of(what, "images", done, total);
    }

    /// The same of other things than images.
    fn count_of(&mut self, what: &'static str, things: &str, done: usize, total: usize) {
        let now = Instant::now();
        if self.count.as_ref().is_none_or(|count| count.what != what) {
            self.count = Some(CountClock { what, begun: now, told: now });
        }
        let Some(count) = &mut self.count else { return };
        let elapsed = count.begun.elapsed();
        let left = elapsed.mul_f64((total.saturating_sub(done)) as f64 / done.max(1) as f64);
        let forecast = if done == 0 || done == total {
            String::new()
        } else {
            format!(", {} left", duration(left.as_secs_f64()))
        };
        let text = format!("{what}: {done} of {total} {things}{forecast}");
        if self.terminal {
            if self.bar.is_none() && elapsed + left >= PATIENCE {
                self.bar = Some(bar(total, 0));
            }
            if let Some(bar) = &self.bar {
                bar.set_position(done as u64);
                bar.set_message(text);
            }
        } else if elapsed >= PATIENCE && (count.begun == count.told || count.told.elapsed() >= PLAIN_PAUSE) {
            count.told = now;
            self.line(&text);
        }
        if done >= total {
            self.count = None;
            self.clear();
        }
    }

    /// Does something, such as writing to standard output, while no bar is in the way.
    pub fn aside<R>(&self, work: impl FnOnce() -> R) -> R {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn begin(&mut self, stage: Stage, epochs: usize, steps: usize, done: usize) {
        self.clear();
        let now = Instant::now();
        let (epoch, step) = (done / steps.max(1), done % steps.max(1));
        let on = match (done, step) {
            (0, _) => String::new(),
            _ if epoch >= epochs => ", all done".to_owned(),
            (_, 0) => format!(", going on with epoch {}", epoch + 1),
            _ => format!(", going on with epoch {}, step {}", epoch + 1, step + 1),
        };
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (many, each) = (plural(epochs), plural(steps));
        self.line(&format!("{}: {epochs} epoch{many} of {steps} step{each}{on}", stage.name()));
        if stage == Stage::Search && epoch < epochs {
            self.line(CAVEAT);
        }
        if self.terminal {
            self.bar = Some(bar(epochs * steps, done));
        }
        self.stage = Some(StageClock {
            stage,
            epochs,
            steps,
            begun: now,
            before: done,
            done,
            epoch_begun: now,
            epoch_images: 0,
            forecast: false,
        });
    }

    fn step(&mut self, epoch: usize, step: usize, images: usize, loss: f64, accuracy: f64) {
        let Some(clock) = &mut self.stage else { return };
        clock.done = epoch * clock.steps + step + 1;
        clock.epoch_images += images;
        if let Some(bar) = &self.bar {
            bar.set_position(clock.done as u64);
            let checking = if step + 1 == clock.steps { "  validating" } else { "" };
            bar.set_message(format!(
                "{} {}/{}  {:.0} images/s  loss {loss:.4}  accuracy {}{}{checking}",
                clock.stage.name(),
                epoch + 1,
                clock.epochs,
                clock.images_per_second(),
                percent(accuracy),
                clock.left_text(),
            ));
        } else if !clock.forecast && clock.begun.elapsed() >= FORECAST {
            clock.forecast = true;
            let text = format!(
                "{}: {:.0} images/s, epoch {}, step {} of {}{}",
                clock.stage.name(),
                clock.images_per_second(),
                epoch + 1,
                step + 1,
                clock.steps,
                clock.left_text()
            );
            self.line(&text);
        }
    }

    fn epoch(&mut self, mut text: String) {
        if let Some(clock) = &mut self.stage {
            clock.epoch_begun = Instant::now();
            clock.epoch_images = 0;
            // One line each is enough, and it tells the time left.
            clock.forecast = true;
            let rest = clock.done < clock.epochs * clock.steps;
            text = text.replace("{left}", &if rest { clock.left_text() } else { String::new() });
        }
        self.line(&text);
    }

    fn search_epoch(&mut self, e: &SearchEpoch) {
        let changed = self.genotype != e.genotype;
        self.genotype.clone_from(&e.genotype);
        let genotype = if changed { &e.genotype } else { "genotype as before" };
        let epochs = self.stage.as_ref().map_or(0, |clock| clock.epochs);
        let text = format!(
            "search {:>3}/{epochs}  loss {:.4}  accuracy {}  valid loss {}  valid accuracy {} (*)  lr {:.5}  \
             entropy {:.3} {:.3}  skips {} {}  {}{{left}}  {genotype}",
            e.epoch + 1,
            e.train_loss,
            percent(e.train_accuracy),
            loss(e.valid_loss),
            percent(e.valid_accuracy),
            e.learning_rate,
            e.entropy_normal,
            e.entropy_reduction,
            e.skips_normal,
            e.skips_reduction,
            duration(e.seconds),
        );
        self.epoch(text);
    }

    fn train_epoch(&mut self, e: &TrainEpoch) {
        let epochs = self.stage.as_ref().map_or(0, |clock| clock.epochs);
        let valid = e.valid_accuracy.map_or(String::new(), |accuracy| {
            let best = if e.best_epoch == Some(e.epoch) { " best" } else { "" };
            format!("  valid loss {}  valid accuracy {}{best}", loss(e.valid_loss), percent(accuracy))
        });
        let drop_path = if e.drop_path_prob > 0.0 {
            format!("  drop path {:.3}", e.drop_path_prob)
        } else {
            String::new()
        };
        let text = format!(
            "train {:>3}/{epochs}  loss {:.4}  accuracy {}{valid}  lr {:.5}{drop_path}  {}{{left}}",
            e.epoch + 1,
            e.train_loss,
            percent(e.train_accuracy),
            e.learning_rate,
            duration(e.seconds),
        );
        self.epoch(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Observer for Progress {
    fn on(&mut self, event: Event<'_>) -> softcell::Result<()> {
        match event {
            Event::Note(text) => self.line(&text),
            Event::Loading { done, total } => self.count("reading", done, total),
            Event::Testing { done, total } => self.count("testing", done, total),
            Event::Measuring { done, total } => {
                // The first step may be long, and nobody knows yet how long.
                if done == 0 {
                    let s = if total == 1 { "" } else { "s" };
                    self.line(&format!("measuring: {total} step{s}, those to warm up included"));
                }
                self.count_of("measuring", "steps", done, total);
            }
            Event::Begin { stage, epochs, steps, done } => self.begin(stage, epochs, steps, done),
            Event::Step { epoch, step, images, loss, accuracy, .. } => {
                self.step(epoch, step, images, loss, accuracy);
            }
            Event::SearchEpoch(epoch) => self.search_epoch(epoch),
            Event::TrainEpoch(epoch) => self.train_epoch(epoch),
            Event::SaveSearch(_) | Event::SaveTrain(_) => {}
            Event::End { stage, seconds } => {
                self.clear();
                self.stage = None;
                self.line(&format!("{} done in {}", stage.name(), duration(seconds)));
            }
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        if interrupt::is_asked() { Signal::Stop } else { Signal::Continue }
    }
}

fn bar(total: usize, done: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {wide_msg}")
        .expect("the template is well-formed");
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    bar.set_style(style.progress_chars("=> "));
    bar.set_position(done as u64);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn loss(loss: Option<f64>) -> String {
    loss.map_or("overflow".to_owned(), |loss| format!("{loss:.4}"))
}
