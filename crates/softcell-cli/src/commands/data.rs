//! `softcell data`: what a folder or file of images holds.

use std::process::ExitCode;

use anyhow::Result;
use softcell::config::{DataConfig, DataFormat, DataShape, Preset, Section, build, preset, set};
use softcell::data::{Problem, Summary, inspect};
use softcell::nn::is_uneven;
use softcell::program::shown::escaped;
use toml::Table;

use crate::args::{DataCommand, InspectArgs, Voice};
use crate::output::{grouped, print, print_json, table};
use crate::progress::Progress;

/// Most rows of a table.
const MOST_ROWS: usize = 30;

/// Runs the command.
///
/// # Errors
/// When the path holds no images that a run could use.
pub fn run(command: &DataCommand) -> Result<ExitCode> {
    let DataCommand::Inspect(args) = command;
    let mut progress = Progress::new(Voice::default());
    let source = inspect(&settings(args)?, &mut |done, total| progress.count("reading", done, total));
    progress.clear();
    let summary = Summary::of(&source?);
    if args.json {
        print_json(&summary)?;
    } else {
        print(&text(&args.path, &summary))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The format of that name.
///
/// # Errors
/// When there is none.
pub fn format_named(name: &str) -> Result<DataFormat> {
    let mut table = Table::new();
    set(&mut table, Section::Data, "format", name)?;
    Ok(build(&preset(Preset::Auto, &DataShape::default()).0, &[table])?.data.format)
}

fn settings(args: &InspectArgs) -> Result<DataConfig> {
    let mut table = Table::new();
    let given = [("path", &args.path), ("format", &args.data_format), ("image_size", &args.image_size)];
    for (name, value) in given {
        set(&mut table, Section::Data, name, value)?;
    }
    if let Some(pixels) = args.max_image_pixels {
        set(&mut table, Section::Data, "max_image_pixels", &pixels.to_string())?;
    }
    Ok(build(&preset(Preset::Auto, &DataShape::default()).0, &[table])?.into_config().data)
}

fn text(path: &str, summary: &Summary) -> String {
    let values = |values: &[f32]| values.iter().map(|v| format!("{v:.4}")).collect::<Vec<_>>().join(" ");
    let format = serde_json::to_value(summary.format).expect("names serialise");
    let test = match summary.test_images {
        Some(images) => format!("{} to test on", grouped(images as u64)),
        None => "no test part: a run splits one off (--test-fraction)".to_owned(),
    };
    let validation = match summary.validation_images {
        Some(images) => format!(" ({} of them for validation)", grouped(images as u64)),
        None => String::new(),
    };
    let mut text = format!(
        "{}\n\
         format   {}\n\
         images   {} to train on{validation}, {test}\n\
         size     {}x{}, {}\n\
         mean     {}\n\
         std      {}\n\
         classes  {}{}\n\n",
        escaped(path),
        format.as_str().unwrap_or_default(),
        grouped(summary.train_images as u64),
        summary.height,
        summary.width,
        if summary.channels == 1 { "gray" } else { "colour" },
        values(&summary.mean),
        values(&summary.std),
        summary.classes.len(),
        uneven(&summary.class_counts),
    );
    let counted = summary.classes.iter().zip(&summary.class_counts).take(MOST_ROWS);
    let mut rows = vec![vec!["class".to_owned(), "training images".to_owned()]];
    rows.extend(counted.map(|(class, count)| vec![class.clone(), grouped(*count as u64)]));
    text.push_str(&table(&rows));
    more(&mut text, summary.classes.len());
    // Problems are told with all their examples, once.
    let is_problem = |note: &String| summary.problems.iter().any(|problem| problem.in_words() == *note);
    let notes: Vec<&String> = summary.notes.iter().filter(|note| !is_problem(note)).collect();
    if !notes.is_empty() {
        text.push_str("\nnotes\n");
        notes.iter().for_each(|note| text.push_str(&format!("  {}\n", escaped(note))));
    }
    if !summary.problems.is_empty() {
        text.push_str("\nproblems\n");
        for Problem { what, count, examples } in &summary.problems {
            text.push_str(&format!("  {} ({})\n", escaped(what), grouped(*count as u64)));
            examples.iter().for_each(|example| text.push_str(&format!("    {}\n", escaped(example))));
            if let Some(more) = count.checked_sub(examples.len()).filter(|more| *more > 0) {
                text.push_str(&format!("    and {} more\n", grouped(more as u64)));
            }
        }
    }
    text
}

/// `, uneven: 5 to 500 training images`; nothing where they are even.
fn uneven(counts: &[usize]) -> String {
    let present = || counts.iter().map(|&count| count as u64).filter(|&count| count > 0);
    match (present().min(), present().max()) {
        (Some(least), Some(most)) if is_uneven(present()) => {
            format!(", uneven: {} to {} training images", grouped(least), grouped(most))
        }
        _ => String::new(),
    }
}

/// Says how many rows were left out.
fn more(text: &mut String, rows: usize) {
    if let Some(more) = rows.checked_sub(MOST_ROWS).filter(|more| *more > 0) {
        text.push_str(&format!("... and {more} more\n"));
    }
}
