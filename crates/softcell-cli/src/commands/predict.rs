//! `softcell predict`: class and probability of images.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use softcell::data::find_images;
use softcell::export::Destination;
use softcell::model::{Answer, Prediction, Predictor};
use softcell::program::shown;
use softcell::run::RunFolder;

use super::existing;
use crate::answers::{Layout, Writer};
use crate::args::{AnswerFormat, PredictArgs};
use crate::input::Input;
use crate::machine::start;
use crate::output::{duration, grouped, print, print_data};
use crate::progress::Progress;
use crate::remedies;
use crate::terminal::UnicodeWidthStr;

/// More images than this are counted at the end.
const MANY: usize = 64;

/// Runs the command; images that cannot be read are told of, and the others are answered.
///
/// # Errors
/// When the run is not trained, or the answers cannot be written.
pub fn run(args: &PredictArgs) -> Result<ExitCode> {
    let device = start(&args.machine)?;
    let destination =
        args.out.as_deref().map(|out| Destination::new(out, existing(args.force))).transpose()?;
    let folder = RunFolder::view(&args.run)?;
    let predictor = Predictor::load(&folder, &device)?;
    let most_pixels = match args.max_image_pixels {
        Some(pixels) => pixels,
        None => folder.read_config()?.data.max_image_pixels,
    };
    let input = Input::of(args, most_pixels)?;
    let found = find_images(&input.named);
    let left_out = (found.left_out.values().sum::<usize>(), found.left_out_in_words());
    let images = found.images;
    let total = images.len();
    let layout = Layout {
        format: if args.json { AnswerFormat::Json } else { args.format },
        top: (args.top as usize).min(predictor.manifest().classes.len()),
        classes: predictor.manifest().classes.clone(),
        widest_path: images.iter().flatten().map(|path| shown::path(path).width()).max().unwrap_or(0),
    };
    let layout_is_table = layout.format == AnswerFormat::Table;
    let mut writer = Writer::new(layout)?;
    let mut progress = Progress::new(args.voice);
    if let (n, Some(kinds)) = left_out {
        let s = if n == 1 { "" } else { "s" };
        progress.line(&format!(
            "left out {} image{s} of kinds that cannot be read: {kinds}; convert them to PNG or JPEG",
            grouped(n as u64)
        ));
    }
    let mut kept = String::new();
    let mut give = |progress: &Progress, text: String| match &destination {
        Some(_) => {
            kept.push_str(&text);
            Ok(())
        }
        None => progress.aside(|| if layout_is_table { print(&text) } else { print_data(&text) }),
    };
    let clock = Instant::now();
    let (mut failed, mut done) = (0, 0);
    let mut asked = Vec::with_capacity(total);
    for image in images {
        asked.push(image.map(|path| input.image(path)));
    }
    for batch in predictor.answers(asked, most_pixels) {
        for Answer { path, outcome } in batch {
            done += 1;
            let outcome: Result<Prediction, String> = outcome.map_err(|error| error.worded(&remedies::words));
            if let Err(error) = &outcome {
                failed += 1;
                progress.fault(error);
            }
            writer.add(&path.to_string_lossy(), outcome)?;
        }
        give(&progress, writer.take())?;
        progress.count("predicting", done, total);
    }
    progress.clear();
    give(&progress, writer.finish()?)?;
    if let Some(destination) = &destination {
        destination.write(kept.as_bytes())?;
    }
    if total > MANY {
        let seconds = clock.elapsed().as_secs_f64();
        progress.line(&format!(
            "{} images in {}, {:.0} a second; {} could not be read",
            grouped(total as u64),
            duration(seconds),
            total as f64 / seconds,
            grouped(failed)
        ));
    }
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
