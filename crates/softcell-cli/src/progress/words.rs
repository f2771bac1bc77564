//! What is said, in words.

use std::time::Duration;

use softcell::config::Config;
use softcell::data::{Dataset, TestImages};
use softcell::event::{Stage, Step};
use softcell::program::shown::{self, escaped};
use softcell::report::counted;
use softcell::run::Candidate;
use softcell::search::method::Resources;
use softcell::search::{CellLeanings, Frozen, Leaning, SearchEpoch};
use softcell::space::{Primitive, SearchSpace, cell_title};
use softcell::train::TrainEpoch;

use super::MOST_SKIPPED;
use super::clock::StageClock;
use crate::output::{duration, grouped, percent, table};
use crate::terminal::Part;

/// Whether some classes have many more images than others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evenness {
    /// They have not, or nobody knows.
    Even,
    /// They have.
    Uneven,
}

/// What images were read, a line each.
pub fn images(config: &Config, dataset: &Dataset) -> Vec<String> {
    let summary = &dataset.summary;
    let mut lines = vec![format!(
        "images: {}, {} to train on ({} of them for validation), {} to test on, {} classes, {}x{}, {}",
        config.data.path,
        grouped(dataset.train.len() as u64),
        grouped(dataset.split.validation.len() as u64),
        grouped(dataset.test.len() as u64),
        summary.classes.len(),
        summary.height,
        summary.width,
        if summary.channels == 1 { "gray" } else { "colour" },
    )];
    lines.extend(summary.notes.iter().map(|note| format!("  {note}")));
    let skipped = summary.skipped.iter().take(MOST_SKIPPED);
    lines.extend(skipped.map(|(path, reason)| format!("  skipped {}: {reason}", escaped(path))));
    if let Some(more) = summary.skipped.len().checked_sub(MOST_SKIPPED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more; softcell data inspect tells all"));
    }
    lines
}

/// What images were read that are not those of a run, a line each.
pub fn test_images(path: &str, images: &TestImages) -> Vec<String> {
    let (some, all) = (images.set.len(), images.in_all);
    let counted = format!("{} of {} in {path}", grouped(some as u64), grouped(all as u64));
    let mut lines = vec![match some + images.skipped.len() == all {
        true if some == all => format!("images: all {} of {path}", grouped(all as u64)),
        true => format!("images: {counted}, all that can be read"),
        false => format!("images: {counted}, its test part; --part all takes them all"),
    }];
    lines.extend(images.notes.iter().map(|note| format!("  {note}")));
    let skipped = images.skipped.iter().take(MOST_SKIPPED);
    lines.extend(skipped.map(|(path, reason)| format!("  skipped {}: {reason}", shown::path(path))));
    if let Some(more) = images.skipped.len().checked_sub(MOST_SKIPPED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    lines
}

/// `random-3       47.2 % (46.0, 48.4)  12s`: what a cell of a selection came to.
pub fn candidate(candidate: &Candidate, rung: Option<usize>) -> String {
    let name = &candidate.name;
    let Some(rung) = rung else {
        let cell = candidate.genotype.as_deref().unwrap_or_default();
        return format!("{name}: {cell}  {}", duration(candidate.search_seconds));
    };
    let scored = candidate.scored(rung).unwrap_or_default();
    format!("  {name:<12} {scored}  {}", duration(candidate.seconds[rung]))
}

/// `, 1m20s left` with another separator in front; empty where nobody knows.
pub fn left(clock: &StageClock) -> String {
    clock.left().map_or(String::new(), |left| format!("  {} left", duration(left.as_secs_f64())))
}

/// `search: 12 epochs of 11 steps, going on with epoch 3`.
pub fn begin(stage: Stage, epochs: usize, steps: usize, done: usize) -> String {
    let (epoch, step) = (done / steps.max(1), done % steps.max(1));
    let on = match (done, step) {
        (0, _) => String::new(),
        _ if epoch >= epochs => ", all done".to_owned(),
        (_, 0) => format!(", going on with epoch {}", epoch + 1),
        _ => format!(", going on with epoch {}, step {}", epoch + 1, step + 1),
    };
    format!("{}: {} of {}{on}", stage.name(), counted(epochs, "epoch"), counted(steps, "step"))
}

/// `812 images/s`.
pub fn pace(images_per_second: Option<f64>) -> String {
    images_per_second.map_or(String::new(), |pace| format!("{pace:.0} images/s"))
}

/// `reading: 300 of 1200 images  3.0 s left`, in parts.
pub fn counting(what: &str, things: &str, done: usize, total: usize, left: Duration) -> Vec<Part> {
    let text = counted_of(what, things, done, total, left);
    let (counted, left) = text.split_once(", ").unwrap_or((&text, ""));
    vec![part(0, counted), part(1, left)]
}

/// `reading: 300 of 1200 images, 3.0 s left`.
pub fn counted_of(what: &str, things: &str, done: usize, total: usize, left: Duration) -> String {
    let forecast = match done {
        0 => String::new(),
        _ if done == total => String::new(),
        _ => format!(", {} left", duration(left.as_secs_f64())),
    };
    format!("{what}: {done} of {total} {things}{forecast}")
}

fn part(rank: u8, text: impl Into<String>) -> Part {
    Part { rank, text: text.into() }
}

/// How the epoch gets on, after one of its steps.
pub fn step(report: &Step, clock: &StageClock) -> Vec<Part> {
    let checking = if report.step + 1 == clock.steps { "validating" } else { "" };
    vec![
        part(3, pace(clock.images_per_second())),
        part(0, format!("loss {:.4}", report.loss)),
        part(1, format!("accuracy {}", percent(report.accuracy))),
        part(4, format!("lr {:.5}", report.learning_rate)),
        part(2, checking),
    ]
}

/// `choosing: 30 of 240 batches of trials  1m20s left`, in parts.
pub fn trials([done, total]: [usize; 2], clock: &StageClock) -> Vec<Part> {
    vec![part(0, format!("choosing: {done} of {total} batches of trials")), part(1, left(clock).trim_start())]
}

/// How the stage gets on: `1m20s left  entropy 1.943 1.944  skips 2 1`, normal cell first.
pub fn whole(clock: &StageClock, leaning: Option<&Leaning>) -> Vec<Part> {
    let mut parts = vec![part(0, left(clock).trim_start())];
    if let Some(Leaning { cells, .. }) = leaning {
        parts.push(part(1, entropies(cells)));
        parts.push(part(2, skips(cells)));
    }
    parts
}

/// `entropy 1.943 1.944`, a number for each type of cell.
fn entropies(cells: &CellLeanings) -> String {
    cells.cells().fold("entropy".to_owned(), |text, cell| format!("{text} {:.3}", cell.entropy))
}

/// `skips 2 1`, a number for each type of cell.
fn skips(cells: &CellLeanings) -> String {
    cells.cells().fold("skips".to_owned(), |text, cell| format!("{text} {}", cell.skips))
}

/// A line on an epoch of a search, with what is to be said of its cell.
pub fn search_epoch(e: &SearchEpoch, clock: &StageClock, speed: Option<f64>, cell: &str) -> String {
    let resources = e.resources.map_or(String::new(), |shares| format!("  {}", resources(&shares)));
    let guard = guard(e);
    let tabulated = e.tabulated.as_ref().map_or(String::new(), |tabulated| format!("  {}", tabulated.text()));
    format!(
        "search {:>3}/{}  loss {:.4}  accuracy {}  valid loss {}  valid accuracy {} (*)  lr {:.5}  \
         {}  {}{guard}{resources}  {}  {}{}  {}{tabulated}",
        e.epoch + 1,
        clock.epochs,
        e.train_loss,
        percent(e.train_accuracy),
        loss(e.valid_loss),
        percent(e.valid_accuracy),
        e.learning_rate,
        entropies(&e.cells),
        skips(&e.cells),
        pace(speed),
        duration(e.seconds),
        rest(clock),
        cell,
    )
}

/// `  eigenvalue 0.231  frozen 3 of 18 (not the official score)  collapsed`, as far as there is any of it.
fn guard(e: &SearchEpoch) -> String {
    let mut text = String::new();
    if let Some(eigenvalue) = e.guard.as_ref().and_then(|guard| guard.eigenvalue) {
        text.push_str(&format!("  eigenvalue {eigenvalue:.3}"));
    }
    if let Some(frozen) = e.frozen {
        let Frozen { operations, of } = frozen;
        text.push_str(&format!("  frozen {operations} of {of} (not the official score)"));
    }
    if e.guard.as_ref().is_some_and(|guard| guard.verdict.is_collapse()) {
        text.push_str("  collapsed");
    }
    text
}

/// `cost 41 % of the largest cell's weights, 38 % multiply-adds, 45 % time`.
fn resources(shares: &Resources<f64>) -> String {
    format!(
        "cost {:.0} % of the largest cell's weights, {:.0} % multiply-adds{}",
        shares.params * 100.0,
        shares.macs * 100.0,
        if shares.latency > 0.0 { format!(", {:.0} % time", shares.latency * 100.0) } else { String::new() }
    )
}

/// A line on an epoch of a training, with the balanced accuracy where classes are uneven.
pub fn train_epoch(e: &TrainEpoch, clock: &StageClock, speed: Option<f64>, classes: Evenness) -> String {
    let valid = e.valid_accuracy.map_or(String::new(), |accuracy| {
        let best = if e.best_epoch == Some(e.epoch) { " best" } else { "" };
        let balanced = match e.valid_balanced_accuracy {
            Some(balanced) if classes == Evenness::Uneven => format!("  balanced {}", percent(balanced)),
            _ => String::new(),
        };
        format!("  valid loss {}  valid accuracy {}{balanced}{best}", loss(e.valid_loss), percent(accuracy))
    });
    let drop_path =
        if e.drop_path_prob > 0.0 { format!("  drop path {:.3}", e.drop_path_prob) } else { String::new() };
    format!(
        "train {:>3}/{}  loss {:.4}  accuracy {}{valid}  lr {:.5}{drop_path}  {}  {}{}",
        e.epoch + 1,
        clock.epochs,
        e.train_loss,
        percent(e.train_accuracy),
        e.learning_rate,
        pace(speed),
        duration(e.seconds),
        rest(clock),
    )
}

/// The time left, until the last epoch.
fn rest(clock: &StageClock) -> String {
    if clock.has_more() { left(clock) } else { String::new() }
}

fn loss(loss: Option<f64>) -> String {
    loss.map_or("overflow".to_owned(), |loss| format!("{loss:.4}"))
}

/// The weight of each candidate on each edge of one kind of cell, as a table.
pub fn edge_weights(cell: &str, rows: &[Vec<f64>], space: &SearchSpace) -> String {
    let operations = space.operations();
    let mut lines = vec![vec![cell_title(cell)]];
    lines[0].extend(operations.iter().map(|operation| operation.name().to_owned()));
    let candidates = space.cells.get(cell).map_or(&[][..], Vec::as_slice);
    for ((edge, row), candidates) in space.topology().edges().iter().zip(rows).zip(candidates) {
        let weight = |operation: &Primitive| candidates.iter().position(|c| c == operation);
        let words = |at: Option<usize>| {
            at.and_then(|at| row.get(at)).map_or(String::new(), |weight| format!("{weight:.4}"))
        };
        let mut line = vec![format!("{} -> {}", edge.source, edge.target)];
        line.extend(operations.iter().map(|operation| words(weight(operation))));
        lines.push(line);
    }
    table(&lines)
}
