//! `history.jsonl`: one line for each epoch, of the search and of the training.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic;
use crate::error::{Error, Result};
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
pub fn read_history(path: &Path) -> Result<Vec<HistoryLine>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("read", path)(e)),
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let read = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| {
            Error::invalid(
                format!("{}, line {}", path.display(), i + 1),
                e.to_string(),
                "a line that Softcell wrote",
                "remove the line, or start again with --force",
            )
        })
    };
    whole.lines().filter(|line| !line.is_empty()).enumerate().map(read).collect()
}

/// Appends a line and syncs it.
pub(super) fn append(path: &Path, line: &HistoryLine) -> Result<()> {
    use std::io::Write;
    let mut text = serde_json::to_string(line).expect("records serialise");
    text.push('\n');
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(Error::io("open", path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(Error::io("append to", path))
}

/// Drops the lines that `keep` refuses: those of epochs after the checkpoint a run goes on from.
pub(super) fn retain(path: &Path, keep: impl Fn(&HistoryLine) -> bool) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let mut text = String::new();
    for line in read_history(path)?.iter().filter(|line| keep(line)) {
        text.push_str(&serde_json::to_string(line).expect("records serialise"));
        text.push('\n');
    }
    atomic::write(path, text.as_bytes())
}
