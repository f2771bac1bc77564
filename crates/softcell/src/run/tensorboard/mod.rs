//! `tensorboard/`: the run as TensorBoard reads it.
//!
//! The event file holds nothing that the history does not, and is made anew from the history whenever a
//! stage begins or goes on: so a run that was killed has no epoch twice. A run has one if there is a folder
//! for it.

mod pictures;
mod proto;
mod record;
mod values;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use self::proto::{Event, START, SessionLog, Summary, Value, What};
use super::files::{EVENTS, TENSORBOARD, is_made};
use super::folder::RunFolder;
use super::history::HistoryLine;
use crate::error::{Error, Result};
use crate::space::Genotype;

/// What a file of the second version begins with.
const VERSION: &str = "brain.Event:2";

/// An event file that epochs are added to.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
    /// The genotype whose cells were drawn last.
    drawn: Option<Genotype>,
}

impl EventFile {
    /// Makes the file anew from the settings, the history and the result, if the run wants one.
    pub fn of(folder: &RunFolder) -> Result<Option<Self>> {
        if !folder.has_tensorboard() {
            return Ok(None);
        }
        let lines = folder.read_history()?;
        let now = now();
        let mut time = now - lines.iter().map(HistoryLine::seconds).sum::<f64>();
        let mut bytes = framed(time, 0, What::FileVersion(VERSION.to_owned()));
        bytes.extend(framed(time, 0, What::SessionLog(SessionLog { status: START })));
        bytes.extend(summary(time, 0, values::of_settings(&*folder.read_config()?, time)));
        let mut drawn = None;
        for line in &lines {
            time += line.seconds();
            bytes.extend(summary(time, step(line), values::of_epoch(line, &mut drawn)));
        }
        if let Some(result) = folder.read_result()? {
            bytes.extend(summary(time, result.epoch as i64, values::of_result(&result)));
        }
        let directory = &folder.directory;
        let others = directory.names(TENSORBOARD)?;
        let name = free_name(&others, now as u64);
        let file = format!("{TENSORBOARD}/{name}");
        directory.write(&file, &bytes)?;
        for other in others.iter().filter(|other| is_made(TENSORBOARD, other)) {
            directory.remove(&format!("{TENSORBOARD}/{other}"))?;
        }
        let path = folder.path().join(&file);
        Ok(Some(EventFile { path, file: directory.open_to_append(&file)?, drawn }))
    }

    /// Adds an epoch.
    pub fn add(&mut self, line: &HistoryLine) -> Result<()> {
        let bytes = summary(now(), step(line), values::of_epoch(line, &mut self.drawn));
        self.file.write_all(&bytes).map_err(Error::io("append to", &self.path))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn step(line: &HistoryLine) -> i64 {
    line.epoch() as i64
}

fn summary(wall_time: f64, step: i64, value: Vec<Value>) -> Vec<u8> {
    framed(wall_time, step, What::Summary(Summary { value }))
}

fn framed(wall_time: f64, step: i64, what: What) -> Vec<u8> {
    record::record(&Event { wall_time, step, what: Some(what) }.encode_to_vec())
}

/// A name that no file has, later than those of earlier files: TensorBoard reads them in this order.
fn free_name(others: &[String], seconds: u64) -> String {
    let name = |n: u32| format!("{EVENTS}{seconds:010}.softcell.{n}");
    (0..).map(name).find(|name| !others.contains(name)).expect("there is always a next number")
}

#[cfg(test)]
mod tests;
