//! `history.jsonl`: one line for each epoch, of the search and of the training.

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::files::HISTORY;
use crate::error::{Error, Result};
use crate::event::Stage;
use crate::reading::MOST_OF_A_RECORD;
use crate::search::SearchEpoch;
use crate::train::TrainEpoch;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase")]
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
/// A line in the middle that cannot be read.
pub(super) fn read(directory: &Directory) -> Result<Vec<HistoryLine>> {
    let Some(bytes) = directory.read(HISTORY, MOST_OF_A_RECORD)? else { return Ok(Vec::new()) };
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let read = |(i, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|e| {
            Error::invalid(
                format!("{}, line {}", directory.path().join(HISTORY).display(), i + 1),
                e.to_string(),
                "a line that Softcell wrote",
                "remove the line, or start again with --force",
            )
        })
    };
    bytes[..end].split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).enumerate().map(read).collect()
}

/// Appends a line and syncs it.
pub(super) fn append(directory: &Directory, line: &HistoryLine) -> Result<()> {
    let mut text = serde_json::to_string(line).expect("records serialise");
    text.push('\n');
    let mut file = directory.open_to_append(HISTORY)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
    written.map_err(Error::io("append to", directory.path().join(HISTORY)))
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

/// Drops the lines that `keep` refuses: those of epochs after the checkpoint a run goes on from.
pub(super) fn retain(directory: &Directory, keep: impl Fn(&HistoryLine) -> bool) -> Result<()> {
    if !directory.exists(HISTORY) {
        return Ok(());
    }
    let lines = read(directory)?;
    write(directory, lines.iter().filter(|line| keep(line)))
}
