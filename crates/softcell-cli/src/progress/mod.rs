//! What long work shows on standard error: bars on a terminal, plain lines elsewhere, or JSON for machines.

mod bars;
mod clock;
mod json;
mod panel;
mod words;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use softcell::config::{Config, Preset};
use softcell::data::Dataset;
use softcell::event::{Event, Observer, Signal, Stage, Step};
use softcell::nn::is_uneven;
use softcell::program::shown::{self, escaped, said};
use softcell::search::SearchEpoch;
use softcell::search::method::Watch;
use softcell::space::{Genotype, SearchSpace};
use softcell::train::TrainEpoch;
use softcell::{Advice, Remedy};

use self::bars::Bars;
use self::clock::{CountClock, StageClock};
use self::json::{Alphas, Line, Pace, Record};
use self::panel::{Panel, SMALLEST};
use self::words::Evenness;
use crate::args::{LogFormat, RunVoice, Voice};
use crate::colour::{self, Tone, toned};
use crate::interrupt;
use crate::output::duration;
use crate::remedies;
use crate::short::short_cells;
use crate::terminal::{fitted, laid_out, stderr_columns};

/// Work shorter than this needs no sign of life.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two plain lines of a count, or of steps where those are told.
const PAUSE: Duration = Duration::from_secs(10);

/// Unreadable images that are told one by one.
pub const MOST_SKIPPED: usize = 10;

/// Said where the accuracies of a search begin.
pub const CAVEAT: &str = "(*) an accuracy of the search is that of the shared network of all candidates: it does not \
                          predict the accuracy of the network that is trained afterwards";

/// Shows how far the work is.
pub struct Progress {
    voice: Voice,
    /// Whether bars are drawn.
    draws: bool,
    bars: Option<Bars>,
    panel: Option<Panel>,
    stage: Option<StageClock>,
    count: Option<CountClock>,
    /// Tells when steps are due to be told.
    steps: CountClock,
    /// The genotype of the last line, to print it only when it changes.
    genotype: Option<Genotype>,
    /// The space of the search, for the tables of edge weights.
    space: SearchSpace,
    classes: Evenness,
    /// The last epoch of the search, and what the guard thinks of it.
    guard: Option<(usize, Option<Watch>)>,
}

impl Progress {
    /// On standard error.
    pub fn new(voice: Voice) -> Progress {
        let text = voice.log_format == LogFormat::Text;
        Progress {
            voice,
            draws: text && !voice.quiet && std::io::stderr().is_terminal(),
            bars: None,
            panel: None,
            stage: None,
            count: None,
            steps: CountClock::new("steps", Instant::now()),
            genotype: None,
            space: SearchSpace::darts(),
            classes: Evenness::Even,
            guard: None,
        }
    }

    /// The progress of a run, which may have a panel.
    pub fn of_run(RunVoice { common, tui }: RunVoice) -> Progress {
        let mut progress = Progress::new(common);
        match tui.then(Panel::new) {
            None => {}
            Some(_) if !progress.draws => {
                progress.line("--tui needs a terminal on standard error: here are plain lines");
            }
            Some(Ok(panel)) => progress.panel = Some(panel),
            Some(Err([columns, lines])) => progress.line(&format!(
                "--tui needs a terminal of {} columns and {} lines; this one has {columns} and {lines}: here are bars",
                SMALLEST[0], SMALLEST[1],
            )),
        }
        progress
    }

    /// Takes what there is to know of a run: its folder, and the space of its search for the tables.
    fn watch(&mut self, run: &Path, space: SearchSpace) {
        self.space = space;
        if let Some(panel) = &mut self.panel {
            panel.watch(run);
        }
    }

    /// Says what images were read.
    fn images(&mut self, config: &Config, dataset: &Dataset) {
        self.clear();
        let images: Vec<u64> = dataset.train.class_counts().iter().map(|&images| images as u64).collect();
        self.classes = if is_uneven(images) { Evenness::Uneven } else { Evenness::Even };
        words::images(config, dataset).iter().for_each(|line| self.line(line));
    }

    /// Says which settings were chosen.
    fn settings(&mut self, preset: Preset, reasons: &[Advice], overrides: &[String]) {
        self.clear();
        self.line(&format!("settings: {preset}"));
        for reason in reasons {
            self.line(&format!("  {}", reason.worded(&remedies::words)));
        }
        if !overrides.is_empty() {
            self.line("  instead, as given:");
            overrides.iter().for_each(|line| self.line(&format!("    {line}")));
        }
    }

    /// Says a sentence, unless nothing is to be said.
    pub fn line(&self, text: &str) {
        if !self.voice.quiet {
            self.urgent(text);
        }
    }

    /// Says that something should be looked at, unless nothing is to be said.
    pub fn warn(&self, text: &str) {
        if !self.voice.quiet {
            self.toned(text, Tone::Warning);
        }
    }

    /// Says a sentence that must be heard, on one line whatever names are in it.
    pub fn urgent(&self, text: &str) {
        self.toned(text, Tone::Plain);
    }

    /// Says why something could not be done while the rest goes on.
    pub fn fault(&self, text: &str) {
        self.toned(&format!("error: {text}"), Tone::Error);
    }

    fn toned(&self, text: &str, tone: Tone) {
        match self.voice.log_format {
            LogFormat::Text => {
                let text = laid_out(&said(text), stderr_columns());
                self.write(&toned(text, tone, colour::of_stderr()));
            }
            LogFormat::Json => self.write(&Line::Note { text: text.trim() }.text()),
        }
    }

    /// Says that the run was interrupted, after `step` steps of an epoch, and how it goes on.
    pub fn stopped(&self, epoch: usize, step: usize, resume: &str) {
        match self.voice.log_format {
            LogFormat::Text => self.write(&laid_out(
                &format!(
                    "stopped in epoch {} after step {step}; all is saved. To go on:\n  {resume}",
                    epoch + 1
                ),
                stderr_columns(),
            )),
            LogFormat::Json => {
                self.write(&Line::Stopped { epoch, epoch_number: epoch + 1, step, resume }.text());
            }
        }
    }

    /// Says that the run was interrupted among the parts of a selection, and how it goes on.
    pub fn stopped_selecting(&self, resume: &str) {
        match self.voice.log_format {
            LogFormat::Text => self.write(&laid_out(
                &format!("stopped in the selection; all is saved. To go on:\n  {resume}"),
                stderr_columns(),
            )),
            LogFormat::Json => self.write(&Line::StoppedSelecting { resume }.text()),
        }
    }

    /// Says it to machines.
    fn object<'a>(&self, line: impl FnOnce() -> Line<'a>) {
        if self.voice.log_format == LogFormat::Json && !self.voice.quiet {
            self.write(&line().text());
        }
    }

    /// Says it to people, as many lines as it has.
    fn words(&self, text: &str) {
        if self.voice.log_format == LogFormat::Text && !self.voice.quiet {
            self.write(&laid_out(text, stderr_columns()));
        }
    }

    fn write(&self, text: &str) {
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

    /// Shows that `done` of `total` things are done, which need not be images; nothing if it is quick.
    fn count_of(&mut self, what: &'static str, things: &str, done: usize, total: usize) {
        let now = Instant::now();
        if self.count.as_ref().is_none_or(|count| count.what != what) {
            self.count = Some(CountClock::new(what, now));
        }
        let Some(count) = &mut self.count else { return };
        let left = count.left(done, total, now);
        if self.draws {
            if self.bars.is_none() && count.elapsed(now) + left >= PATIENCE {
                self.bars = Some(Bars::one(total));
            }
            if let Some(bars) = &self.bars {
                bars.part(done, &words::counting(what, things, done, total, left));
            }
        } else if count.is_due(PATIENCE, PAUSE, now) {
            self.words(&words::counted_of(what, things, done, total, left));
            self.object(|| Line::Count { what, done, total });
        }
        if done >= total {
            self.count = None;
            self.clear();
        }
    }

    /// Does something, such as writing to standard output, while no bar is in the way.
    pub fn aside<R>(&self, work: impl FnOnce() -> R) -> R {
        match &self.bars {
            Some(bars) => bars.aside(work),
            None => work(),
        }
    }

    /// Takes the bars away.
    pub fn clear(&mut self) {
        if let Some(bars) = self.bars.take() {
            bars.clear();
        }
    }

    fn begin(&mut self, clock: StageClock) {
        self.clear();
        let StageClock { stage, epochs, steps, done, .. } = clock;
        self.words(&words::begin(stage, epochs, steps, done));
        self.object(|| Line::Begin { stage, epochs, steps, done });
        if stage == Stage::Search && done < epochs * steps {
            self.words(CAVEAT);
        }
        if self.draws {
            let panel = self.panel.as_mut().map(|panel| panel.begin(&clock));
            self.bars = Some(Bars::two(steps, epochs * steps, panel));
        }
        self.steps = CountClock::new("steps", Instant::now());
        self.stage = Some(clock);
    }

    fn step(&mut self, report: &Step) {
        let now = Instant::now();
        let Some(clock) = &mut self.stage else { return };
        clock.step(report.epoch, report.step, report.images, now);
        let every = self.voice.verbose && self.voice.log_format == LogFormat::Json;
        // One line is enough where the epochs are told; it tells the time left.
        let pause = match self.voice.log_format {
            LogFormat::Text if !self.voice.verbose => Duration::MAX,
            _ => PAUSE,
        };
        let due = self.steps.is_due(PAUSE, pause, now) || every;
        let Some(clock) = &self.stage else { return };
        if let Some(panel) = &mut self.panel {
            panel.step(report);
        }
        if let Some(bars) = &self.bars {
            bars.name_part(format!("{} {}/{}", clock.stage.name(), report.epoch + 1, clock.epochs));
            bars.part(report.step + 1, &words::step(report, clock));
            bars.whole(clock.done, &words::whole(clock, report.leaning.as_ref()));
            return;
        }
        if !due {
            return;
        }
        self.words(&format!(
            "{}: epoch {}, step {} of {}{}  {}",
            clock.stage.name(),
            report.epoch + 1,
            report.step + 1,
            clock.steps,
            words::left(clock),
            fitted(&words::step(report, clock), usize::MAX),
        ));
        self.object(|| {
            Line::Step(json::Step {
                stage: clock.stage,
                epoch: report.epoch,
                epoch_number: report.epoch + 1,
                step: report.step,
                loss: Some(report.loss).filter(|loss| loss.is_finite()),
                accuracy: report.accuracy,
                learning_rate: report.learning_rate,
                cells: report.leaning.as_ref().map(|leaning| leaning.cells.clone()),
                pace: Pace { images_per_second: clock.images_per_second(), seconds_left: seconds(clock) },
            })
        });
    }

    /// Notes a batch of a trial, and shows how far the trials are.
    fn trial(&mut self, batches: [usize; 2]) {
        let now = Instant::now();
        let Some(clock) = &mut self.stage else { return };
        clock.trial(batches, now);
        let [done, total] = batches;
        let words = words::trials(batches, clock);
        if let Some(bars) = &self.bars {
            bars.whole(clock.done, &words);
        } else if self.steps.is_due(PAUSE, PAUSE, now) {
            self.words(&fitted(&words, usize::MAX));
            self.object(|| Line::Count { what: "choosing", done, total });
        }
    }

    /// Notes the end of an epoch; answers its images per second.
    fn epoch_ended(&mut self) -> Option<f64> {
        if !self.voice.verbose {
            // The lines of the epochs tell the time left from now on.
            self.steps.is_due(Duration::ZERO, PAUSE, Instant::now());
        }
        self.stage.as_mut().and_then(|clock| clock.epoch(Instant::now()))
    }

    fn search_epoch(&mut self, e: &SearchEpoch) {
        let speed = self.epoch_ended();
        let changed = self.genotype.as_ref() != Some(&e.genotype) || self.voice.verbose;
        self.genotype = Some(e.genotype.clone());
        if let Some(panel) = &mut self.panel {
            panel.search_epoch(e);
        }
        let Some(clock) = &self.stage else { return };
        let cell = match changed {
            false => "genotype as before".to_owned(),
            // It would take as many lines as all the others.
            true if self.draws && !self.voice.verbose => format!("cell {}", short_cells(&e.genotype)),
            true => e.genotype.to_text(),
        };
        self.words(&words::search_epoch(e, clock, speed, &cell));
        let before = self.guard.replace((e.epoch, e.guard.clone())).and_then(|(_, guard)| guard);
        let collapsed = |guard: Option<&Watch>| guard.is_some_and(|guard| guard.verdict.is_collapse());
        // The first time; what ends the search is said after its end.
        if collapsed(e.guard.as_ref()) && !collapsed(before.as_ref()) {
            self.say_guard();
        }
        if self.voice.verbose {
            for (cell, rows) in e.edge_weights.iter() {
                self.words(&words::edge_weights(cell, rows, &self.space));
            }
        }
        let alphas = if self.voice.verbose { Alphas::Kept } else { Alphas::LeftOut };
        self.epoch_object(clock, speed, e.epoch, || Record::of_search(e, alphas));
    }

    /// Says what the guard thinks of the last epoch of the search, where there is anything to be said.
    fn say_guard(&self) {
        let said = self.guard.as_ref().and_then(|(epoch, guard)| guard.as_ref()?.sentence(*epoch));
        if let Some(sentence) = said {
            let collapsed = |(_, guard): &(usize, Option<Watch>)| {
                guard.as_ref().is_some_and(|guard| guard.verdict.is_collapse())
            };
            match self.guard.as_ref().is_some_and(collapsed) {
                true => self.warn(&sentence),
                false => self.line(&sentence),
            }
        }
    }

    fn train_epoch(&mut self, e: &TrainEpoch) {
        let speed = self.epoch_ended();
        if let Some(panel) = &mut self.panel {
            panel.train_epoch(e);
        }
        let Some(clock) = &self.stage else { return };
        self.words(&words::train_epoch(e, clock, speed, self.classes));
        self.epoch_object(clock, speed, e.epoch, || Record::Train(e));
    }

    fn epoch_object<'a>(
        &self,
        clock: &StageClock,
        images_per_second: Option<f64>,
        epoch: usize,
        record: impl FnOnce() -> Record<'a>,
    ) {
        self.object(|| {
            Line::Epoch(json::Epoch {
                stage: clock.stage,
                epochs: clock.epochs,
                epoch_number: epoch + 1,
                record: record(),
                pace: Pace { images_per_second, seconds_left: seconds(clock) },
            })
        });
    }
}

fn seconds(clock: &StageClock) -> Option<f64> {
    clock.left().map(|left| left.as_secs_f64())
}

/// Says why the program ends, in texts on which nothing acts.
pub fn say_error(format: LogFormat, text: &str, causes: Vec<String>) -> String {
    match format {
        LogFormat::Json => format!("{}\n", Line::Error { text, causes }.text()),
        LogFormat::Text => {
            let because: String = causes.iter().map(|cause| format!("  because: {cause}\n")).collect();
            let text = laid_out(&format!("error: {text}\n{because}"), stderr_columns());
            toned(text, Tone::Error, colour::of_stderr())
        }
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
            Event::Note(note) => {
                // Outside of a stage nothing is counted any more.
                if self.stage.is_none() {
                    self.clear();
                }
                self.line(&escaped(&note.worded(&remedies::words)));
            }
            Event::Images { config, dataset } => self.images(config, dataset),
            Event::Settings { preset, reasons, overrides } => self.settings(preset, reasons, overrides),
            Event::Folder { path, config } => {
                self.clear();
                self.line(&format!("run folder: {}", shown::path(path)));
                self.watch(path, config.search.space([1, 1]));
            }
            Event::Loading { done, total } => self.count("reading", done, total),
            Event::TestImages { path, images } => {
                self.clear();
                words::test_images(path, images).iter().for_each(|line| self.line(line));
            }
            Event::Testing { done, total } => self.count("testing", done, total),
            Event::Measuring { done, total } => {
                // The first step may be long, and nobody knows yet how long.
                if done == 0 {
                    let s = if total == 1 { "" } else { "s" };
                    self.words(&format!("measuring: {total} step{s}, those to warm up included"));
                }
                self.count_of("measuring", "steps", done, total);
            }
            Event::Selecting { what, done, total, .. } => self.count_of(what, "steps", done, total),
            Event::Candidate { candidate, rung } => {
                self.clear();
                self.words(&words::candidate(candidate, rung));
                self.object(|| Line::Candidate { candidate, rung });
            }
            Event::Begin { stage, epochs, steps, done, validation, trials } => {
                self.begin(StageClock::new(stage, epochs, steps, done, validation, trials, Instant::now()));
            }
            Event::Step(step) => self.step(&step),
            Event::Trial { batches } => self.trial(batches),
            Event::SearchEpoch(epoch) => self.search_epoch(epoch),
            Event::TrainEpoch(epoch) => self.train_epoch(epoch),
            Event::WentBack { .. } => self.say_guard(),
            Event::SaveSearch(_) | Event::SaveTrain(_) => {}
            Event::End { stage, seconds } => {
                self.clear();
                self.stage = None;
                self.words(&format!("{} done in {}", stage.name(), duration(seconds)));
                if stage == Stage::Search {
                    self.say_guard();
                }
                self.object(|| Line::End { stage, seconds });
            }
            Event::Result(result) => {
                self.clear();
                self.object(|| Line::Result(result));
            }
            _ => {}
        }
        Ok(())
    }

    fn wording(&self, remedy: &Remedy) -> String {
        remedies::words(remedy)
    }

    fn signal(&mut self) -> Signal {
        if interrupt::is_asked() { Signal::Stop } else { Signal::Continue }
    }
}
