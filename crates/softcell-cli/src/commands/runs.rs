//! `softcell runs`: what lies in a folder of runs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use softcell::run::{RunState, RunSummary, list_runs};
use softcell::space::{CellGene, Primitive, parse_genotype};

use crate::args::RunsArgs;
use crate::output::{duration, grouped, percent, print, print_json, shortened};

/// Longest cell of the table.
const WIDEST: usize = 32;

/// Runs the command.
///
/// # Errors
/// When the folder cannot be read.
pub fn run(args: &RunsArgs) -> Result<ExitCode> {
    let runs = list_runs(&args.folder)?;
    if args.json {
        print_json(&runs)?;
    } else {
        print(&text(&args.folder, &runs))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(folder: &Path, runs: &[RunSummary]) -> String {
    if runs.is_empty() {
        return format!("there is no run in {}\n", folder.display());
    }
    let head =
        ["run", "data", "method", "search (*)", "valid", "test", "parameters", "time", "state", "genotype"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(runs.iter().map(|run| row(folder, run)));
    let mut text = left_table(&rows);
    text.push_str(
        "(*) accuracy of the shared network of all candidates, which does not predict the others; a genotype is \
         told by\n    its operations: those of the normal cell, then those of the reduction cell\n",
    );
    for run in runs {
        if let RunState::Broken { reason } = &run.state {
            text.push_str(&format!("broken: {reason}\n"));
        }
    }
    text
}

fn row(folder: &Path, run: &RunSummary) -> Vec<String> {
    let none = || "-".to_owned();
    let accuracy = |accuracy: Option<f64>| accuracy.map_or_else(none, percent);
    let name = run.folder.strip_prefix(folder).ok().filter(|path| !path.as_os_str().is_empty());
    let method = match (run.order, &run.preset) {
        (None, _) => none(),
        (Some(order), None) => order.to_owned(),
        (Some(order), Some(preset)) => format!("{order}, {preset}"),
    };
    let last = |data: &str| {
        Path::new(data).file_name().map_or(data.to_owned(), |name| name.to_string_lossy().into_owned())
    };
    let data = run.data.as_deref().map(last);
    vec![
        name.unwrap_or(&run.folder).display().to_string(),
        data.map_or_else(none, |data| shortened(&data, WIDEST)),
        method,
        accuracy(run.search_accuracy),
        accuracy(run.validation_accuracy),
        accuracy(run.test_accuracy),
        run.parameters.map_or_else(none, grouped),
        run.seconds.map_or_else(none, duration),
        state(&run.state),
        run.genotype.as_deref().map_or_else(none, short_genotype),
    ]
}

/// `searching, 3 of 12`.
fn state(state: &RunState) -> String {
    match state {
        RunState::Running { stage, epochs_done, epochs } => {
            format!("{}ing, {epochs_done} of {epochs} epochs", stage.name())
        }
        RunState::Interrupted { stage, epochs_done, epochs } => {
            format!("interrupted, {epochs_done} of {epochs} epochs of {}", stage.name())
        }
        RunState::Searched => "searched".to_owned(),
        RunState::Finished => "finished".to_owned(),
        RunState::Broken { .. } => "broken, see below".to_owned(),
    }
}

/// `4 sep3 2 skip 2 dil5 | 5 max 3 skip`; the text itself if it is none that can be read.
fn short_genotype(text: &str) -> String {
    match parse_genotype(text) {
        Ok(genotype) => format!("{} | {}", short_cell(&genotype.normal), short_cell(&genotype.reduction)),
        Err(_) => shortened(text, WIDEST),
    }
}

/// The operations of a cell, the frequent ones first.
fn short_cell(cell: &CellGene) -> String {
    let mut counts: Vec<(Primitive, usize)> = Vec::new();
    for gene in cell.nodes.iter().flatten() {
        match counts.iter_mut().find(|(primitive, _)| *primitive == gene.primitive) {
            Some((_, count)) => *count += 1,
            None => counts.push((gene.primitive, 1)),
        }
    }
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let words: Vec<String> =
        counts.into_iter().map(|(primitive, count)| format!("{count} {}", short_name(primitive))).collect();
    words.join(" ")
}

fn short_name(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::None => "none",
        Primitive::MaxPool3x3 => "max",
        Primitive::AvgPool3x3 => "avg",
        Primitive::SkipConnect => "skip",
        Primitive::SepConv3x3 => "sep3",
        Primitive::SepConv5x5 => "sep5",
        Primitive::SepConv7x7 => "sep7",
        Primitive::DilConv3x3 => "dil3",
        Primitive::DilConv5x5 => "dil5",
        Primitive::Conv7x1_1x7 => "7x1",
    }
}

/// Columns, all to the left, two blanks between them.
fn left_table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genotypes_are_told_by_their_operations() {
        assert_eq!(short_genotype("DARTS_V2"), "5 sep3 2 skip 1 dil3 | 5 max 3 skip");
        assert_eq!(short_genotype("no such thing"), "no such thing");
    }
}
