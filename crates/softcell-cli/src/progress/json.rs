//! What is said, as JSON for machines: [`crate::args::SETTINGS_NOTES`] lists the keys.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;
use softcell::event::Stage;
use softcell::run::{Candidate, RunResult};
use softcell::search::{CellLeanings, SearchEpoch};
use softcell::train::TrainEpoch;

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Line<'a> {
    /// A sentence.
    Note { text: &'a str },
    /// Things that are counted.
    Count { what: &'a str, done: usize, total: usize },
    /// A stage begins.
    Begin { stage: Stage, epochs: usize, steps: usize, done: usize },
    /// A step is done.
    Step(Step),
    /// An epoch is done.
    Epoch(Epoch<'a>),
    /// A cell of a selection was searched, or trained in a rung, from 0.
    Candidate { candidate: &'a Candidate, rung: Option<usize> },
    /// The run was interrupted in a selection.
    #[serde(rename = "stopped")]
    StoppedSelecting { resume: &'a str },
    /// A stage is done.
    End { stage: Stage, seconds: f64 },
    /// The run is done.
    Result(&'a RunResult),
    /// The run was interrupted.
    Stopped { epoch: usize, epoch_number: usize, step: usize, resume: &'a str },
    /// The program ends with an error.
    Error { text: &'a str, causes: Vec<String> },
}

/// A step and how the stage gets on.
#[derive(Debug, Serialize)]
pub struct Step {
    pub stage: Stage,
    pub epoch: usize,
    pub epoch_number: usize,
    pub step: usize,
    pub loss: Option<f64>,
    pub accuracy: f64,
    pub learning_rate: f64,
    #[serde(flatten)]
    pub cells: Option<CellLeanings>,
    #[serde(flatten)]
    pub pace: Pace,
}

/// How fast it goes.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Pace {
    pub images_per_second: Option<f64>,
    pub seconds_left: Option<f64>,
}

/// An epoch and how the stage gets on.
#[derive(Debug, Serialize)]
pub struct Epoch<'a> {
    pub stage: Stage,
    pub epochs: usize,
    pub epoch_number: usize,
    #[serde(flatten)]
    pub record: Record<'a>,
    #[serde(flatten)]
    pub pace: Pace,
}

/// What the history has of an epoch.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Record<'a> {
    /// The epoch of a search, with all alphas.
    Search(&'a SearchEpoch),
    /// The epoch of a search, without its alphas.
    Short(Value),
    /// The epoch of a training.
    Train(&'a TrainEpoch),
}

impl<'a> Record<'a> {
    /// The record of an epoch of a search; `alphas` says whether they are wanted.
    pub fn of_search(epoch: &'a SearchEpoch, alphas: Alphas) -> Record<'a> {
        if alphas == Alphas::Kept {
            return Record::Search(epoch);
        }
        let mut value = serde_json::to_value(epoch).expect("records serialise");
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|key, _| key != "alphas" && key != "edge_weights");
        }
        Record::Short(value)
    }
}

/// Whether the record of an epoch has the matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphas {
    Kept,
    LeftOut,
}

impl Line<'_> {
    /// The record as text without its end of line.
    pub fn text(&self) -> String {
        #[derive(Serialize)]
        struct Timed<'a> {
            time: f64,
            #[serde(flatten)]
            line: &'a Line<'a>,
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        serde_json::to_string(&Timed { time, line: self }).expect("lines serialise")
    }
}

#[cfg(test)]
mod tests {
    use softcell::search::CellLeaning;

    use super::*;

    #[test]
    fn every_line_says_when_and_what() {
        let pace = Pace { images_per_second: Some(2.5), seconds_left: None };
        let cell = |entropy, skips| CellLeaning { entropy, skips };
        let cells = [("normal", cell(1.5, 1)), ("reduction", cell(2.0, 0))].into_iter().collect();
        let step = Step {
            stage: Stage::Search,
            epoch: 1,
            epoch_number: 2,
            step: 2,
            loss: Some(0.5),
            accuracy: 0.25,
            learning_rate: 0.1,
            cells: Some(cells),
            pace,
        };
        let read = |line: Line| -> Value { serde_json::from_str(&line.text()).unwrap() };
        let value = read(Line::Step(step));
        assert!(value["time"].as_f64().unwrap() > 1e9);
        let expected = serde_json::json!({
            "event": "step", "stage": "search", "epoch": 1, "epoch_number": 2, "step": 2, "loss": 0.5, "accuracy": 0.25,
            "learning_rate": 0.1, "entropy_normal": 1.5, "entropy_reduction": 2.0, "skips_normal": 1,
            "skips_reduction": 0, "images_per_second": 2.5, "seconds_left": null, "time": value["time"],
        });
        assert_eq!(value, expected);
        assert_eq!(read(Line::Note { text: "two\nlines" })["text"], "two\nlines");
        assert_eq!(read(Line::End { stage: Stage::Train, seconds: 1.0 })["event"], "end");
    }
}
