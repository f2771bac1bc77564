//! `history.jsonl`: one line for each epoch, of the search and of the training.

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::files::HISTORY;
use super::record::{
    Checked, MOST_EPOCHS, Record, amount, finite, holds, if_there, length, seconds, share, whole,
};
use crate::error::{Error, Remedy, Result};
use crate::reading::MOST_OF_A_RECORD;
use crate::records::SearchEpoch;
use crate::records::Stage;
use crate::records::TrainEpoch;
use crate::search::method::{End, Watch};
use crate::shown;
use crate::space::{ByCell, Rows, cell_title};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "most lines are of searches that are watched")]
pub enum HistoryLine {
    /// An epoch of the search.
    Search(SearchEpoch),
    /// An epoch of training.
    Train(TrainEpoch),
}

impl HistoryLine {
    /// The stage that the epoch is of.
    pub fn stage(&self) -> Stage {
        match self {
            HistoryLine::Search(_) => Stage::Search,
            HistoryLine::Train(_) => Stage::Train,
        }
    }

    /// The epoch, from 0.
    pub fn epoch(&self) -> usize {
        match self {
            HistoryLine::Search(epoch) => epoch.epoch,
            HistoryLine::Train(epoch) => epoch.epoch,
        }
    }

    /// Seconds the epoch took.
    pub fn seconds(&self) -> f64 {
        match self {
            HistoryLine::Search(epoch) => epoch.seconds,
            HistoryLine::Train(epoch) => epoch.seconds,
        }
    }
}

/// Reads a history; a last line that a kill cut short is left out.
///
/// # Errors
/// A line in the middle that cannot be read or says what cannot be, and epochs that do not follow one another.
pub(super) fn read(directory: &Directory) -> Result<Vec<HistoryLine>> {
    let Some(bytes) = directory.read(HISTORY, MOST_OF_A_RECORD)? else { return Ok(Vec::new()) };
    let path = directory.path().join(HISTORY);
    // What stands after the last end of a line was cut short, at times within a letter.
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
    let mut following = Following::default();
    let mut lines = Vec::new();
    for (i, line) in whole.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let read: HistoryLine = serde_json::from_slice(line).map_err(|e| {
            Error::invalid(
                format!("{}, line {}", shown::path(&path), i + 1),
                e.to_string(),
                "a line that Softcell wrote",
                "restore the file from a copy, or start again with " + Remedy::Replace,
            )
        })?;
        read.check().and_then(|()| following.check(&read)).map_err(|c| c.read_from_line(&path, i + 1))?;
        lines.push(read);
    }
    Ok(lines)
}

/// What the next line must go on from.
#[derive(Default)]
struct Following {
    search: usize,
    train: usize,
    /// The rows of the alphas.
    alphas: Option<ByCell<Vec<usize>>>,
}

impl Following {
    /// Epochs are counted from 0 without a gap, and alphas keep their shape.
    fn check(&mut self, line: &HistoryLine) -> Checked {
        let epoch = line.epoch();
        let next = match line.stage() {
            Stage::Search => &mut self.search,
            Stage::Train => &mut self.train,
        };
        holds(epoch == *next, "epoch", epoch, format!("{next}, which comes next"))?;
        *next += 1;
        let HistoryLine::Search(epoch) = line else { return Ok(()) };
        let rows = epoch.alphas.lengths();
        match &self.alphas {
            None => self.alphas = Some(rows),
            Some(first) => same_rows("alphas", &rows, first, "in the first line")?,
        }
        Ok(())
    }
}

/// Cells, edges and candidates are those of `wanted`, which stand at `place`.
pub(super) fn same_rows(
    name: &str,
    found: &ByCell<Vec<usize>>,
    wanted: &ByCell<Vec<usize>>,
    place: &str,
) -> Checked {
    let cells = |rows: &ByCell<Vec<usize>>| rows.names().collect::<Vec<_>>().join(", ");
    let names_fit = found.names().eq(wanted.names());
    holds(names_fit, name, format!("cells {}", cells(found)), format!("{}, as {place}", cells(wanted)))?;
    for ((cell, found), wanted) in found.iter().zip(wanted.cells()) {
        let field = format!("{name}.{cell}");
        length(&field, found.len(), wanted.len(), &format!("edge {place}"))?;
        let mut rows = found.iter().zip(wanted);
        rows.try_for_each(|(found, wanted)| length(&field, *found, *wanted, &format!("candidate {place}")))?;
    }
    Ok(())
}

impl Record for HistoryLine {
    fn check(&self) -> Checked {
        match self {
            HistoryLine::Search(epoch) => epoch.check(),
            HistoryLine::Train(epoch) => epoch.check(),
        }
    }
}

impl Record for SearchEpoch {
    fn check(&self) -> Checked {
        whole("epoch", self.epoch, 0..=MOST_EPOCHS - 1)?;
        amount("learning_rate", self.learning_rate)?;
        finite("train_loss", self.train_loss)?;
        share("train_accuracy", self.train_accuracy)?;
        share("train_top5_accuracy", self.train_top5_accuracy)?;
        if_there(self.valid_loss, |loss| finite("valid_loss", loss))?;
        share("valid_accuracy", self.valid_accuracy)?;
        check_values("alphas", &self.alphas, "finite numbers", |alpha| alpha.is_finite())?;
        check_values("edge_weights", &self.edge_weights, "numbers from 0 to 1", |w| {
            (0.0..=1.0).contains(&w)
        })?;
        if let Some(resources) = &self.resources {
            for (name, part) in ["params", "macs", "latency"].into_iter().zip(resources.each()) {
                amount(&format!("resources.{name}"), *part)?;
            }
        }
        for score in self.tabulated.iter().flat_map(|tabulated| &tabulated.scores) {
            amount(&format!("tabulated.{}", score.column), score.accuracy)?;
        }
        let cells = self.edge_weights.lengths();
        let of_cells = |name: &str| cells.get(name).is_some();
        let alphas = self.alphas.lengths();
        let alphas = alphas.iter().filter(|(name, _)| of_cells(name));
        let alphas: ByCell<Vec<usize>> = alphas.map(|(name, rows)| (name, rows.clone())).collect();
        same_rows("edge_weights", &cells, &alphas, "in the alphas")?;
        let names = cells.names().collect::<Vec<_>>();
        let fits = !names.is_empty() && self.cells.names().eq(cells.names());
        holds(fits, "edge_weights", format!("cells {}", names.join(", ")), "the cells that have an entropy")?;
        for (name, cell) in self.cells.iter() {
            amount(&format!("entropy_{name}"), f64::from(cell.entropy))?;
        }
        if_there(self.guard.as_ref(), |guard| check_guard(guard, self))?;
        if_there(self.frozen, |frozen| {
            whole("frozen.operations", frozen.operations, 0..=frozen.of.min(MOST_OPERATIONS))
        })?;
        seconds("seconds", self.seconds)
    }
}

/// Most operations of all cells together.
const MOST_OPERATIONS: usize = 1 << 30;

fn check_guard(guard: &Watch, epoch: &SearchEpoch) -> Checked {
    for (name, margin) in guard.margins.iter() {
        share(&format!("guard.margins.{name}"), *margin)?;
    }
    let found = guard.margins.names().collect::<Vec<_>>().join(", ");
    let same = guard.margins.names().eq(epoch.cells.names());
    holds(same, "guard.margins", format!("cells {found}"), "the cells that have an entropy")?;
    if_there(guard.eigenvalue, |eigenvalue| finite("guard.eigenvalue", eigenvalue))?;
    let skips = epoch.cells.get(&guard.cell).map(|cell| cell.skips);
    holds(skips.is_some(), "guard.cell", &guard.cell, format!("one of {found}"))?;
    let expected = format!("those of the {}", cell_title(&guard.cell));
    holds(skips == Some(guard.skips), "guard.skips", guard.skips, expected)?;
    whole("guard.operations", guard.operations, guard.skips..=MOST_OPERATIONS)?;
    whole("guard.taken", guard.taken, 0..=epoch.epoch)?;
    if_there(guard.alarm, |alarm| {
        finite("guard.alarm.ratio", alarm.ratio)?;
        whole("guard.alarm.at", alarm.at, 0..=epoch.epoch)?;
        whole("guard.alarm.before", alarm.before, 0..=alarm.at)
    })?;
    let now = match guard.end {
        Some(End::Back(rollback)) => Some(rollback),
        _ => None,
    };
    guard.rollbacks.iter().chain(&now).try_for_each(|back| {
        whole("guard.rollbacks.from", back.from, 0..=MOST_EPOCHS)?;
        whole("guard.rollbacks.to", back.to, 0..=back.from)?;
        amount("guard.rollbacks.weight_decay", back.weight_decay)
    })
}

/// Numbers that can be.
fn check_values<N: Copy + std::fmt::Display>(
    name: &str,
    rows: &Rows<N>,
    expected: &str,
    fits: impl Fn(N) -> bool,
) -> Checked {
    for (cell, rows) in rows.iter() {
        let wrong = rows.iter().flatten().find(|&&value| !fits(value));
        if_there(wrong, |value| holds(false, &format!("{name}.{cell}"), value, expected))?;
    }
    Ok(())
}

impl Record for TrainEpoch {
    fn check(&self) -> Checked {
        whole("epoch", self.epoch, 0..=MOST_EPOCHS - 1)?;
        amount("learning_rate", self.learning_rate)?;
        share("drop_path_prob", self.drop_path_prob)?;
        finite("train_loss", self.train_loss)?;
        share("train_accuracy", self.train_accuracy)?;
        share("train_top5_accuracy", self.train_top5_accuracy)?;
        if_there(self.valid_loss, |loss| finite("valid_loss", loss))?;
        if_there(self.valid_accuracy, |accuracy| share("valid_accuracy", accuracy))?;
        if_there(self.valid_balanced_accuracy, |accuracy| share("valid_balanced_accuracy", accuracy))?;
        if_there(self.best_epoch, |best| whole("best_epoch", best, 0..=self.epoch))?;
        seconds("seconds", self.seconds)
    }
}

/// Appends a line and syncs it.
pub(super) fn append(directory: &Directory, line: &HistoryLine) -> Result<()> {
    let path = directory.path().join(HISTORY);
    line.check().map_err(|contradiction| contradiction.not_written_to(&path))?;
    let mut text = serde_json::to_string(line).expect("records serialise");
    text.push('\n');
    let mut file = directory.open_to_append(HISTORY)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
    written.map_err(Error::io("append to", path))
}

/// Writes a history anew, where there is one.
pub(super) fn write<'a>(directory: &Directory, lines: impl Iterator<Item = &'a HistoryLine>) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line).expect("records serialise"));
        text.push('\n');
    }
    match text.is_empty() {
        true => directory.remove(HISTORY),
        false => directory.write(HISTORY, text.as_bytes()),
    }
}
