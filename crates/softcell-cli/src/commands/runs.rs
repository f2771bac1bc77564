//! `softcell runs`: what lies in a folder of runs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use softcell::program::shown::{self, escaped};
use softcell::report::counted;
use softcell::run::{
    Damage, RunState, RunSummary, Verified, find_runs, list_runs_in_words, verify_run_in_words,
};

use crate::args::{RunOrder, RunsArgs};
use crate::output::{duration, grouped, percent, print, print_json, shortened};
use crate::remedies;
use crate::short::short_genotype;
use crate::terminal::{UnicodeWidthStr, padded, stdout_columns};

/// Longest cell of the table.
const WIDEST: usize = 32;
/// Shortest name of a run that is cut to make room.
const NARROWEST: usize = 12;
/// The columns, and the order in which they are left out where there is no room: the highest first, 0 never.
const COLUMNS: [(&str, u8); 12] = [
    ("run", 0),
    ("data", 5),
    ("method", 8),
    (SEARCH, 7),
    ("valid", 4),
    ("test", 0),
    (BALANCED, 1),
    (MACRO_F1, 3),
    ("parameters", 6),
    ("time", 2),
    ("state", 0),
    ("genotype", 9),
];
const SEARCH: &str = "search (*)";
/// Columns that are there where some run has uneven classes.
const BALANCED: &str = "balanced";
const MACRO_F1: &str = "macro-F1";

/// Runs the command.
///
/// # Errors
/// When the folder cannot be read.
pub fn run(args: &RunsArgs) -> Result<ExitCode> {
    if args.verify {
        return verify(args);
    }
    let mut runs = list_runs_in_words(&args.folder, &remedies::words)?;
    // By name as they come; the order of equals stays.
    match args.sort {
        RunOrder::Name => {}
        RunOrder::Time => sort_down(&mut runs, |run| run.changed),
        RunOrder::Accuracy => sort_down(&mut runs, |run| run.test_accuracy),
    }
    if args.json {
        print_json(&runs)?;
    } else {
        print(&text(&args.folder, &runs, stdout_columns()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads all files of all runs; fails where one is damaged.
fn verify(args: &RunsArgs) -> Result<ExitCode> {
    let runs: Vec<Verified> =
        find_runs(&args.folder)?.iter().map(|run| verify_run_in_words(run, &remedies::words)).collect();
    let damaged = runs.iter().any(|run| !run.damaged.is_empty());
    if args.json {
        print_json(&runs)?;
    } else {
        print(&runs.iter().map(verified).collect::<String>())?;
    }
    Ok(if damaged { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn verified(run: &Verified) -> String {
    let mut text = format!("{}: {} whole", shown::path(&run.folder), counted(run.whole, "file"));
    if !run.without_checksum.is_empty() {
        text.push_str(&format!(" ({} of an earlier version without a checksum)", run.without_checksum.len()));
    }
    text.push('\n');
    for Damage { problem, .. } in &run.damaged {
        text.push_str(&format!("  damaged: {}\n", escaped(problem)));
    }
    text
}

/// The highest first, those without a number last.
fn sort_down(runs: &mut [RunSummary], number: impl Fn(&RunSummary) -> Option<f64>) {
    let number = |run: &RunSummary| number(run).unwrap_or(f64::NEG_INFINITY);
    runs.sort_by(|a, b| number(b).total_cmp(&number(a)));
}

fn text(folder: &Path, runs: &[RunSummary], columns: Option<usize>) -> String {
    if runs.is_empty() {
        return format!("there is no run in {}\n", shown::path(folder));
    }
    let mut rows = vec![COLUMNS.map(|(name, _)| name.to_owned()).to_vec()];
    rows.extend(runs.iter().map(|run| row(folder, run)));
    let mut kept = COLUMNS.to_vec();
    if runs.iter().all(|run| run.test_balanced_accuracy.is_none()) {
        for name in [BALANCED, MACRO_F1] {
            leave_out(&mut kept, &mut rows, name);
        }
    }
    let left_out = columns.map_or(Vec::new(), |columns| fit(kept, &mut rows, columns));
    let mut text = left_table(&rows);
    if !left_out.contains(&SEARCH) {
        text.push_str(
            "(*) accuracy of the shared network of all candidates, which does not predict the others\n",
        );
    }
    if !left_out.contains(&"genotype") {
        text.push_str(
            "a genotype is told by its operations: those of the normal cell, then those of the reduction cell\n",
        );
    }
    if !left_out.is_empty() {
        text.push_str(&format!("no room for: {} (--json has all)\n", left_out.join(", ")));
    }
    for run in runs {
        if let RunState::Broken { reason } = &run.state {
            text.push_str(&format!("broken: {}\n", escaped(reason)));
        }
    }
    text
}

/// Leaves out columns, then cuts names, until the rows fit; answers the names of the columns that went.
fn fit(mut kept: Vec<(&'static str, u8)>, rows: &mut [Vec<String>], columns: usize) -> Vec<&'static str> {
    let mut left_out = Vec::new();
    let total = |rows: &[Vec<String>]| widths(rows).iter().map(|width| width + 2).sum::<usize>() - 2;
    while total(rows) > columns {
        let &(name, rank) = kept.iter().max_by_key(|(_, rank)| *rank).expect("three columns always stay");
        if rank == 0 {
            break;
        }
        leave_out(&mut kept, rows, name);
        left_out.push(name);
    }
    let excess = total(rows).saturating_sub(columns);
    let most = widths(rows)[0].saturating_sub(excess).max(NARROWEST);
    rows.iter_mut().for_each(|row| row[0] = shortened(&row[0], most));
    left_out
}

/// Takes a column away.
fn leave_out(kept: &mut Vec<(&str, u8)>, rows: &mut [Vec<String>], name: &str) {
    if let Some(at) = kept.iter().position(|(column, _)| *column == name) {
        kept.remove(at);
        rows.iter_mut().for_each(|row| drop(row.remove(at)));
    }
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
        shown::path(name.unwrap_or(&run.folder)),
        data.map_or_else(none, |data| shortened(&escaped(&data), WIDEST)),
        method,
        accuracy(run.search_accuracy),
        accuracy(run.validation_accuracy),
        accuracy(run.test_accuracy),
        accuracy(run.test_balanced_accuracy),
        accuracy(run.test_macro_f1),
        run.parameters.map_or_else(none, grouped),
        run.seconds.map_or_else(none, duration),
        state(&run.state),
        run.genotype.as_deref().map_or_else(none, short_genotype),
    ]
}

/// `searching, 3 of 12 epochs`.
fn state(state: &RunState) -> String {
    match state {
        RunState::Running { stage, epochs_done, epochs } => {
            format!("{}ing, {epochs_done} of {}", stage.name(), counted(*epochs, "epoch"))
        }
        RunState::Interrupted { stage, epochs_done, epochs } => {
            format!("interrupted, {epochs_done} of {} of {}", counted(*epochs, "epoch"), stage.name())
        }
        RunState::Selecting { running, parts_done } => {
            let begin = if *running { "comparing cells" } else { "interrupted, comparing cells" };
            format!("{begin}, {} done", counted(*parts_done, "part"))
        }
        RunState::Searched => "searched".to_owned(),
        RunState::Imported => "imported".to_owned(),
        RunState::Finished => "finished".to_owned(),
        RunState::Broken { .. } => "broken, see below".to_owned(),
    }
}

/// Columns of each column.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns).map(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0)).collect()
}

/// Columns, all to the left, two blanks between them.
fn left_table(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| padded(cell, width)).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(name: &str) -> RunSummary {
        RunSummary {
            folder: Path::new("runs").join(name),
            state: RunState::Interrupted { stage: softcell::event::Stage::Train, epochs_done: 0, epochs: 1 },
            data: Some("photos/\u{1b}[31m猫".to_owned()),
            order: Some("first"),
            preset: Some("auto".to_owned()),
            genotype: Some("DARTS_V2".to_owned()),
            search_accuracy: Some(0.5),
            validation_accuracy: Some(0.5),
            test_accuracy: None,
            test_balanced_accuracy: None,
            test_macro_f1: None,
            parameters: Some(1000),
            seconds: Some(1.0),
            changed: None,
        }
    }

    #[test]
    fn the_table_fits_and_says_what_it_leaves_out() {
        let runs =
            [summary("猫-1"), summary("one\nof two lines and very long, longer than anybody would read")];
        let wide = text(Path::new("runs"), &runs, None);
        assert!(wide.contains("5 sep3 2 skip") && wide.contains("0 of 1 epoch of train"), "{wide}");
        assert!(!wide.contains('\u{1b}') && wide.contains("one\\nof"), "{wide}");
        let table = |text: &str| text.lines().take(3).map(str::to_owned).collect::<Vec<_>>();
        // The same column begins at the same place, whatever the characters.
        let starts: Vec<usize> =
            table(&wide)[1..].iter().map(|l| l[..l.find("\\u{1b}").unwrap()].width()).collect();
        assert_eq!(starts[0], starts[1], "{wide}");
        for columns in [80, 120] {
            let narrow = text(Path::new("runs"), &runs, Some(columns));
            assert!(table(&narrow).iter().all(|line| line.width() <= columns), "{narrow}");
            assert!(narrow.contains("no room for: genotype"), "{narrow}");
        }
        assert!(!wide.contains(BALANCED) && !wide.contains(MACRO_F1), "{wide}");
        let uneven =
            RunSummary { test_balanced_accuracy: Some(0.5), test_macro_f1: Some(0.4975), ..summary("a") };
        let told = text(Path::new("runs"), &[summary("b"), uneven], None);
        for words in ["balanced  macro-F1", "50.00 %   49.75 %"] {
            assert!(told.contains(words), "no {words:?} in {told}");
        }
    }
}
