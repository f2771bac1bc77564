//! What goes to standard output: numbers in words, tables, JSON.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use softcell::experiment::Scores;
use softcell::nn::{class_images, is_uneven, overlooked, right_answers};
use softcell::program::shown::{escaped, escaped_lines};
use softcell::report::interval;
pub use softcell::report::{duration, grouped, percent, quoted, size};

use crate::colour;
use crate::terminal::{UnicodeWidthStr, laid_out, padded, padded_left, stdout_columns};

/// With more classes than this the confusion matrix is left to result.json.
const WIDEST_MATRIX: usize = 20;
/// The first five answers are told of where there are more classes.
const TOP: usize = 5;

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs: one JSON value, and nothing else on standard output.
    Json,
}

impl Form {
    /// That of `--json`.
    pub fn of(json: bool) -> Form {
        if json { Form::Json } else { Form::Text }
    }
}

/// Writes a text for people to standard output.
///
/// # Errors
/// What the system says, such as that nobody reads any more.
pub fn print(text: &str) -> Result<()> {
    write(&laid_out(text, stdout_columns()))
}

/// Writes what a run came to, its figures marked where there are colours.
///
/// # Errors
/// As [`print()`].
pub fn print_result(text: &str) -> Result<()> {
    write(&colour::result(laid_out(text, stdout_columns()), colour::of_stdout()))
}

/// Writes a text for programs to standard output: as it is, but on a terminal without what would act on it.
///
/// # Errors
/// As [`print()`].
pub fn print_data(text: &str) -> Result<()> {
    match stdout_columns() {
        Some(_) => write(&escaped_lines(text)),
        None => write(text),
    }
}

fn write(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Writes a value as indented JSON.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print_data(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Columns, the first to the left and the others to the right, two blanks between them. Names in the cells are
/// escaped.
pub fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            line.push_str(&if column == 0 { padded(cell, width) } else { padded_left(cell, width + 2) });
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `52.50 % (37.5 to 67.1 %)`: a share and its 95 % interval.
pub fn with_interval(right: u64, images: u64) -> String {
    format!("{} ({})", percent(right as f64 / images.max(1) as f64), interval(right, images))
}

/// How well a network did, and what it costs, as text; `elsewhere` says where the confusion matrix is if it is too wide.
pub fn scores_in_words(scores: &Scores, elsewhere: &str) -> String {
    let mut text = format!(
        "test accuracy  {} on {} images{}\n{}\
         network        {} parameters (auxiliary head excluded), {} multiply-adds per image\n\n",
        with_interval(right_answers(&scores.confusion), scores.test_images),
        grouped(scores.test_images),
        if scores.classes.len() > TOP {
            format!(", {} (top-5)", percent(scores.test_top5_accuracy))
        } else {
            String::new()
        },
        balance(scores),
        grouped(scores.parameters),
        grouped(scores.macs),
    );
    let matrix = scores.classes.len() <= WIDEST_MATRIX;
    let mut head = vec!["class".to_owned(), "images".to_owned(), "accuracy".to_owned()];
    if matrix {
        head.extend(scores.classes.iter().map(|class| shortened(class, 8)));
    }
    let mut rows = vec![head];
    for (i, class) in scores.classes.iter().enumerate() {
        let images: u64 = scores.confusion[i].iter().sum();
        let accuracy = scores.per_class_accuracy[i].map_or("-".to_owned(), percent);
        let mut row = vec![shortened(class, 30), images.to_string(), accuracy];
        if matrix {
            let dots = |&n: &u64| if n == 0 { ".".to_owned() } else { n.to_string() };
            row.extend(scores.confusion[i].iter().map(dots));
        }
        rows.push(row);
    }
    text.push_str(&table(&rows));
    text.push_str(&match matrix {
        true => "(on the right the confusion matrix: a row for each true class, a column for each answer)\n"
            .into(),
        false => format!("(the confusion matrix of {} classes is in {elsewhere})\n", scores.classes.len()),
    });
    text
}

/// Balanced accuracy and macro-F1 where classes are uneven, and the classes that are overlooked.
fn balance(scores: &Scores) -> String {
    let mut text = String::new();
    if is_uneven(class_images(&scores.confusion)) {
        text = format!(
            "balanced       {} (mean of the classes' accuracies), macro-F1 {}: the classes are uneven\n",
            percent(scores.test_balanced_accuracy),
            percent(scores.test_macro_f1),
        );
    }
    for sentence in overlooked(&scores.classes, &scores.confusion) {
        text.push_str(&format!("warning        {}\n", escaped(&sentence)));
    }
    text
}

/// The first characters of a text that is wider than so many columns, escaped.
pub fn shortened(text: &str, most: usize) -> String {
    let text = escaped(text);
    if text.width() <= most {
        return text.into_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if short.width() + c.to_string().width() + 1 > most {
            break;
        }
        short.push(c);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use softcell::nn::Evaluation;
    use softcell::run::Calibration;
    use softcell::space::Cost;

    use super::*;

    #[test]
    fn tables_are_aligned() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "1000".to_owned()]];
        assert_eq!(table(&rows), "a        1\nlong  1000\n");
        let rows = [vec!["猫猫".to_owned(), "1".to_owned()], vec!["a\nb".to_owned(), "12".to_owned()]];
        assert_eq!(table(&rows), "猫猫   1\na\\nb  12\n");
    }

    #[test]
    fn long_texts_are_cut_by_their_columns() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!(shortened("猫猫猫猫", 6), "猫猫…");
        assert_eq!(shortened("a\nb", 6), "a\\nb");
    }

    fn uneven() -> Scores {
        let test = Evaluation {
            images: 505,
            loss: 0.1,
            accuracy: 500.0 / 505.0,
            top5_accuracy: 1.0,
            classes: vec!["many".to_owned(), "rare".to_owned()],
            per_class_accuracy: vec![Some(1.0), Some(0.0)],
            confusion: vec![vec![500, 0], vec![5, 0]],
            not_finite: 0,
            calibration: Calibration { expected_calibration_error: 0.0, bins: Vec::new() },
        };
        Scores::of(test, Cost { parameters: 1, macs: 1 })
    }

    #[test]
    fn a_class_that_is_never_answered_is_told() {
        let text = scores_in_words(&uneven(), "result.json");
        for part in [
            "test accuracy  99.01 % (97.7 to 99.6 %) on 505 images\n",
            "balanced       50.00 % (mean of the classes' accuracies), macro-F1 49.75 %: the classes are uneven\n",
            "class rare is never answered: all 5 images are taken for other classes\n",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(!text.contains("top-5"), "{text}");
        let classes = vec!["many".to_owned(), "ra\nre".to_owned()];
        let text = scores_in_words(&Scores { classes, ..uneven() }, "result.json");
        assert!(text.contains("class ra\\nre is never answered: all 5"), "{text}");
    }

    #[test]
    fn even_classes_have_no_balanced_accuracy() {
        let confusion = vec![vec![5, 1], vec![2, 6]];
        let scores = Scores { confusion, test_images: 14, ..uneven() };
        let text = scores_in_words(&scores, "result.json");
        assert!(
            text.contains("78.57 % (52.4 to 92.4 %) on 14 images\n") && !text.contains("balanced"),
            "{text}"
        );
    }

    #[test]
    fn the_matrix_is_shown_for_few_classes_only() {
        let scores = |n: usize| Scores {
            test_accuracy: 1.0,
            test_accuracy_interval: [1.0, 1.0],
            test_top5_accuracy: 1.0,
            test_balanced_accuracy: 1.0,
            test_macro_f1: 1.0,
            test_loss: None,
            test_images: 7 * (n * n) as u64,
            parameters: 1,
            macs: 1,
            classes: (0..n).map(|i| format!("class{i}")).collect(),
            per_class_accuracy: vec![Some(1.0); n],
            confusion: vec![vec![7; n]; n],
            calibration: None,
        };
        let few = scores_in_words(&scores(20), "result.json");
        assert!(few.contains("confusion matrix: a row") && few.matches(" 7").count() == 400, "{few}");
        let many = scores_in_words(&scores(21), "result.json");
        assert!(many.contains("21 classes is in result.json") && many.matches(" 7").count() == 0, "{many}");
    }
}
