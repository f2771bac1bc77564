//! `tensorboard/`: the run as TensorBoard reads it.
//!
//! The event file holds nothing that the history does not, and is made anew from the history whenever a
//! stage begins or goes on: so a run that was killed has no epoch twice. A run has one if there is a folder
//! for it.

mod pictures;
mod proto;
mod record;
mod values;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use self::proto::{Event, START, SessionLog, Summary, Value, What};
use super::atomic;
use super::folder::RunFolder;
use super::history::{HistoryLine, read_history};
use crate::error::{Error, Result};

/// What a file of the second version begins with.
const VERSION: &str = "brain.Event:2";
/// By this TensorBoard knows its files.
const PREFIX: &str = "events.out.tfevents.";

/// An event file that epochs are added to.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
    /// The genotype whose cells were drawn last.
    drawn: String,
}

impl EventFile {
    /// Makes the file anew from the settings, the history and the result, if the run wants one.
    pub fn of(folder: &RunFolder) -> Result<Option<Self>> {
        let place = folder.tensorboard();
        if !place.is_dir() {
            return Ok(None);
        }
        let lines = read_history(&folder.history())?;
        let now = now();
        let mut time = now - lines.iter().map(HistoryLine::seconds).sum::<f64>();
        let mut bytes = framed(time, 0, What::FileVersion(VERSION.to_owned()));
        bytes.extend(framed(time, 0, What::SessionLog(SessionLog { status: START })));
        bytes.extend(summary(time, 0, values::of_settings(&folder.read_config()?, time)));
        let mut drawn = String::new();
        for line in &lines {
            time += line.seconds();
            bytes.extend(summary(time, step(line), values::of_epoch(line, &mut drawn)));
        }
        if let Some(result) = folder.read_result()? {
            bytes.extend(summary(time, result.epoch as i64, values::of_result(&result)));
        }
        let path = free_path(&place, now as u64);
        atomic::write(&path, &bytes)?;
        remove_others(&path)?;
        let file = File::options().append(true).open(&path).map_err(Error::io("open", &path))?;
        Ok(Some(EventFile { path, file, drawn }))
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
    match line {
        HistoryLine::Search(epoch) => epoch.epoch as i64,
        HistoryLine::Train(epoch) => epoch.epoch as i64,
    }
}

fn summary(wall_time: f64, step: i64, value: Vec<Value>) -> Vec<u8> {
    framed(wall_time, step, What::Summary(Summary { value }))
}

fn framed(wall_time: f64, step: i64, what: What) -> Vec<u8> {
    record::record(&Event { wall_time, step, what: Some(what) }.encode_to_vec())
}

/// A name that no file has, later than those of earlier files: TensorBoard reads them in this order.
fn free_path(place: &Path, seconds: u64) -> PathBuf {
    let name = |n: u32| place.join(format!("{PREFIX}{seconds:010}.softcell.{n}"));
    (0..).map(name).find(|path| !path.exists()).expect("there is always a next number")
}

fn remove_others(kept: &Path) -> Result<()> {
    let Some(place) = kept.parent() else { return Ok(()) };
    for entry in fs::read_dir(place).map_err(Error::io("read", place))?.flatten() {
        let path = entry.path();
        if path != kept && entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
