//! `softcell predict`: class and probability of images.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use softcell::Error;
use softcell::data::{is_image, read_image};
use softcell::pipeline::{Prediction, Predictor};
use softcell::run::RunFolder;

use crate::args::PredictArgs;
use crate::output::{percent, print, print_json};
use crate::progress::Progress;
use crate::session::start;

/// Images that the network answers at once.
const BATCH: usize = 64;

/// What is said of one image.
#[derive(Debug, Serialize)]
struct Answer {
    path: String,
    #[serde(flatten)]
    said: Said,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Said {
    Class { class: String, probability: f32, top: Vec<Choice> },
    Error { error: String },
}

/// A class and its probability.
#[derive(Debug, Serialize)]
struct Choice {
    class: String,
    probability: f32,
}

/// Runs the command; images that cannot be read are told of, and the others are answered.
///
/// # Errors
/// When the run is not trained.
pub fn run(args: &PredictArgs) -> Result<ExitCode> {
    let device = start(&args.machine)?;
    let predictor = Predictor::load(&RunFolder::view(&args.run)?, &device)?;
    let images: Vec<Result<PathBuf, Error>> = args.images.iter().flat_map(|path| found(path)).collect();
    let text = |path: &Path| path.display().to_string();
    let width = images.iter().flatten().map(|path| text(path).chars().count()).max().unwrap_or(0);
    let class_width =
        predictor.manifest().classes.iter().map(|class| class.chars().count()).max().unwrap_or(0);
    let mut progress = Progress::new();
    let (mut answers, mut failed, mut done) = (Vec::new(), false, 0);
    for batch in images.chunks(BATCH) {
        for answer in answer(&predictor, batch, args.top as usize) {
            if let Said::Error { error } = &answer.said {
                failed = true;
                progress.line(&format!("error: {error}"));
            } else if !args.json {
                print(&line(&answer, width, class_width))?;
            }
            answers.push(answer);
        }
        done += batch.len();
        progress.count("predicting", done, images.len());
    }
    if args.json {
        print_json(&answers)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The image itself, or the images in a folder and below it, by name.
fn found(path: &Path) -> Vec<Result<PathBuf, Error>> {
    if !path.is_dir() {
        return vec![Ok(path.to_path_buf())];
    }
    let mut images = Vec::new();
    match below(path, &mut images) {
        Err(error) => vec![Err(Error::io("read the folder", path)(error))],
        Ok(()) if images.is_empty() => {
            vec![Err(Error::data(
                path,
                "there is no image in the folder",
                "name images, or a folder of them",
            ))]
        }
        Ok(()) => images.into_iter().map(Ok).collect(),
    }
}

fn below(folder: &Path, images: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        // Links to folders are not followed: they may lead in a circle.
        if entry.file_type()?.is_dir() {
            below(&entry.path(), images)?;
        } else if is_image(&entry.path()) {
            images.push(entry.path());
        }
    }
    Ok(())
}

/// Answers for a batch, in its order.
fn answer(predictor: &Predictor, batch: &[Result<PathBuf, Error>], top: usize) -> Vec<Answer> {
    let [channels, height, width] = predictor.manifest().image_shape;
    let read: Vec<Result<Vec<u8>, String>> = batch
        .par_iter()
        .map(|path| {
            let path = path.as_ref().map_err(Error::to_string)?;
            read_image(path, channels, height, width).map_err(|error| error.to_string())
        })
        .collect();
    let readable: Vec<Vec<u8>> = read.iter().flatten().cloned().collect();
    let mut predictions = match readable.is_empty() {
        true => Vec::new(),
        false => predictor.predict(&readable),
    }
    .into_iter();
    let classes = &predictor.manifest().classes;
    let said = |read: &Result<Vec<u8>, String>| match read {
        Err(error) => Said::Error { error: error.clone() },
        Ok(_) => {
            let prediction = predictions.next().expect("every readable image is answered");
            let top = ranked(&prediction, classes).into_iter().take(top).collect();
            Said::Class { class: prediction.class, probability: prediction.probability, top }
        }
    };
    let path = |path: &Result<PathBuf, Error>| match path {
        Ok(path) => path.display().to_string(),
        Err(Error::Io { path, .. } | Error::Data { path, .. }) => path.display().to_string(),
        Err(_) => String::new(),
    };
    let said: Vec<Said> = read.iter().map(said).collect();
    batch.iter().map(path).zip(said).map(|(path, said)| Answer { path, said }).collect()
}

/// The classes by falling probability; the earlier of equals first.
fn ranked(prediction: &Prediction, classes: &[String]) -> Vec<Choice> {
    let choice =
        |(class, probability): (&String, &f32)| Choice { class: class.clone(), probability: *probability };
    let mut choices: Vec<Choice> = classes.iter().zip(&prediction.probabilities).map(choice).collect();
    choices.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    choices
}

fn line(answer: &Answer, width: usize, class_width: usize) -> String {
    let Said::Class { top, .. } = &answer.said else { return String::new() };
    let choices: Vec<String> = top
        .iter()
        .map(|choice| {
            let probability = percent(f64::from(choice.probability));
            format!("  {:class_width$}  {probability:>8}", choice.class)
        })
        .collect();
    format!("{:width$}{}\n", answer.path, choices.concat())
}
