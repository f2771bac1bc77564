//! Answers for images as a table, CSV or JSON.

use anyhow::Result;
use serde::Serialize;
use softcell::model::Prediction;
use softcell::program::shown::escaped;

use crate::args::AnswerFormat;
use crate::output::percent;
use crate::terminal::{UnicodeWidthStr, padded};

/// How answers are laid out.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The format.
    pub format: AnswerFormat,
    /// How many classes are told of each image, at most as many as there are.
    pub top: usize,
    /// Names of the classes, in the order of the probabilities.
    pub classes: Vec<String>,
    /// Widest path as it is shown, in columns.
    pub widest_path: usize,
}

/// Turns answers into text, as they come.
pub struct Writer {
    layout: Layout,
    /// Text that has not been taken yet.
    text: String,
    answers: Vec<Object>,
}

/// An answer as a JSON object.
#[derive(Debug, Serialize)]
struct Object {
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

impl Writer {
    /// Nothing said yet but the head of a table.
    ///
    /// # Errors
    /// None that can be expected: it writes to memory.
    pub fn new(layout: Layout) -> Result<Writer> {
        let mut writer = Writer { layout, text: String::new(), answers: Vec::new() };
        match writer.layout.format {
            AnswerFormat::Table => {
                let head = vec![("class".to_owned(), "probability".to_owned()); writer.layout.top];
                writer.line("image", &head);
            }
            AnswerFormat::Csv => {
                let choice = |i: usize| match i {
                    0 => ["class".to_owned(), "probability".to_owned()],
                    _ => [format!("class_{}", i + 1), format!("probability_{}", i + 1)],
                };
                let choices: Vec<String> = (0..writer.layout.top).flat_map(choice).collect();
                writer.record("path", &choices, "error")?;
            }
            AnswerFormat::Json => {}
        }
        Ok(writer)
    }

    /// Adds what is said of one image; the text says why there is no prediction.
    ///
    /// # Errors
    /// None that can be expected: it writes to memory.
    pub fn add(&mut self, path: &str, outcome: Result<Prediction, String>) -> Result<()> {
        let format = self.layout.format;
        match (format, outcome) {
            (AnswerFormat::Table, Ok(prediction)) => {
                let words = |choice: Choice| {
                    (escaped(&choice.class).into_owned(), percent(f64::from(choice.probability)))
                };
                let choices: Vec<_> = self.choices(&prediction).into_iter().map(words).collect();
                self.line(&escaped(path), &choices);
            }
            (AnswerFormat::Table, Err(_)) => {}
            (AnswerFormat::Csv, Ok(prediction)) => {
                let words = |choice: Choice| [cell(&choice.class), choice.probability.to_string()];
                let choices: Vec<String> = self.choices(&prediction).into_iter().flat_map(words).collect();
                self.record(&path_cell(path), &choices, "")?;
            }
            (AnswerFormat::Csv, Err(error)) => {
                let none = vec![String::new(); 2 * self.layout.top];
                self.record(&path_cell(path), &none, &cell(&error))?;
            }
            (AnswerFormat::Json, outcome) => {
                let said = match outcome {
                    Ok(prediction) => {
                        let top = self.choices(&prediction);
                        Said::Class { class: prediction.class, probability: prediction.probability, top }
                    }
                    Err(error) => Said::Error { error },
                };
                self.answers.push(Object { path: path.to_owned(), said });
            }
        }
        Ok(())
    }

    /// The text since the last time; all of JSON comes at the end.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The rest.
    ///
    /// # Errors
    /// None that can be expected: paths and classes are texts.
    pub fn finish(mut self) -> Result<String> {
        match self.layout.format {
            AnswerFormat::Json => Ok(serde_json::to_string_pretty(&self.answers)? + "\n"),
            AnswerFormat::Table | AnswerFormat::Csv => Ok(self.take()),
        }
    }

    /// The most probable classes.
    fn choices(&self, prediction: &Prediction) -> Vec<Choice> {
        let choice = |class: usize| Choice {
            class: self.layout.classes[class].clone(),
            probability: prediction.probabilities[class],
        };
        prediction.ranking().into_iter().take(self.layout.top).map(choice).collect()
    }

    /// A line of the table: path, then class and probability of each choice.
    fn line(&mut self, path: &str, choices: &[(String, String)]) {
        let path_width = self.layout.widest_path.max("image".len());
        let class_width = self
            .layout
            .classes
            .iter()
            .map(|class| escaped(class).width())
            .max()
            .unwrap_or(0)
            .max("class".len());
        let columns: String = choices
            .iter()
            .map(|(class, probability)| format!("  {}  {probability:>11}", padded(class, class_width)))
            .collect();
        self.text.push_str(&format!("{}{columns}\n", padded(path, path_width)));
    }

    /// A record of the CSV file.
    fn record(&mut self, path: &str, choices: &[String], error: &str) -> Result<()> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let choices = choices.iter().map(String::as_str);
        csv.write_record([path].into_iter().chain(choices).chain([error]))?;
        self.text.push_str(&String::from_utf8(csv.into_inner()?)?);
        Ok(())
    }
}

/// Whether a spreadsheet could take the cell for a formula: by its first character, also a wide one or one that is
/// stepped over, and unless it is a number.
fn is_formula(text: &str) -> bool {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    begins && text.parse::<f64>().is_err()
}

/// A name or sentence as a cell of a CSV file: with an apostrophe in front if it could be taken for a formula.
pub fn cell(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// A path as a cell of a CSV file: with `./` in front if it could be taken for a formula, which leads to the same file.
pub fn path_cell(path: &str) -> String {
    if is_formula(path) { format!("./{path}") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(format: AnswerFormat, top: usize) -> Writer {
        let classes = ["cat, \"tabby\"", "dog", "line\nbreak"].map(str::to_owned).to_vec();
        Writer::new(Layout { format, top, classes, widest_path: 9 }).unwrap()
    }

    fn prediction(probabilities: [f32; 3], class: &str) -> Prediction {
        let probability = probabilities.into_iter().fold(0.0, f32::max);
        Prediction { class: class.to_owned(), probability, probabilities: probabilities.to_vec() }
    }

    #[test]
    fn csv_reads_back_whatever_the_names() {
        let mut writer = writer(AnswerFormat::Csv, 2);
        writer.add("a,b.png", Ok(prediction([0.5, 0.125, 0.375], "cat, \"tabby\""))).unwrap();
        writer.add("gone \"x\".png", Err("no, not there".to_owned())).unwrap();
        let text = writer.finish().unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let fields = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        let head = fields(reader.headers().unwrap());
        assert_eq!(head, ["path", "class", "probability", "class_2", "probability_2", "error"]);
        let records: Vec<_> = reader.records().map(|record| fields(&record.unwrap())).collect();
        assert_eq!(records[0], ["a,b.png", "cat, \"tabby\"", "0.5", "line\nbreak", "0.375", ""]);
        assert_eq!(records[1], ["gone \"x\".png", "", "", "", "", "no, not there"]);
        assert_eq!(records.len(), 2);
    }

    #[test]
    fn tables_have_a_line_for_each_answer() {
        let mut writer = writer(AnswerFormat::Table, 1);
        assert_eq!(writer.take(), "image      class         probability\n");
        writer.add("a.png", Ok(prediction([0.25, 0.75, 0.0], "dog"))).unwrap();
        writer.add("gone.png", Err("told elsewhere".to_owned())).unwrap();
        assert_eq!(writer.finish().unwrap(), "a.png      dog               75.00 %\n");
    }

    #[test]
    fn tables_are_harmless_and_aligned() {
        let classes = ["\u{1b}[31mred", "猫", "two\nlines"].map(str::to_owned).to_vec();
        let layout = Layout { format: AnswerFormat::Table, top: 1, classes, widest_path: 9 };
        let mut writer = Writer::new(layout).unwrap();
        writer.add("猫.png", Ok(prediction([0.25, 0.75, 0.0], "猫"))).unwrap();
        writer.add("a\nb.png", Ok(prediction([0.75, 0.25, 0.0], "red"))).unwrap();
        writer.add("c.png", Ok(prediction([0.25, 0.0, 0.75], "lines"))).unwrap();
        let text = writer.finish().unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("\\u{1b}[31mred") && text.contains("two\\nlines"));
        let ends: Vec<usize> = text.lines().skip(1).map(UnicodeWidthStr::width).collect();
        assert!(ends.iter().all(|&end| end == ends[0]), "{text}");
    }

    #[test]
    fn no_cell_of_csv_is_a_formula() {
        for (name, as_cell, as_path) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0", "./=cmd|' /C calc'!A0"),
            ("@SUM(1)", "'@SUM(1)", "./@SUM(1)"),
            ("-1+1", "'-1+1", "./-1+1"),
            ("+a", "'+a", "./+a"),
            ("\t=1", "'\t=1", "./\t=1"),
            ("\r=1", "'\r=1", "./\r=1"),
            ("＝1", "'＝1", "./＝1"),
            ("-1", "-1", "-1"),
            ("+1.5", "+1.5", "+1.5"),
            ("a=b", "a=b", "a=b"),
            ("", "", ""),
        ] {
            assert_eq!((cell(name).as_str(), path_cell(name).as_str()), (as_cell, as_path));
        }
        let mut writer = writer(AnswerFormat::Csv, 1);
        writer.layout.classes[0] = "=cat".to_owned();
        writer.add("=a.png", Ok(prediction([0.5, 0.125, 0.375], "=cat"))).unwrap();
        writer.add("b.png", Err("@x".to_owned())).unwrap();
        let text = writer.finish().unwrap();
        assert!(text.ends_with("./=a.png,'=cat,0.5,\nb.png,,,'@x\n"), "{text}");
    }

    #[test]
    fn json_comes_at_the_end_and_in_order() {
        let mut writer = writer(AnswerFormat::Json, 2);
        writer.add("gone.png", Err("lost".to_owned())).unwrap();
        writer.add("a.png", Ok(prediction([0.25, 0.75, 0.0], "dog"))).unwrap();
        assert_eq!(writer.take(), "");
        let json: serde_json::Value = serde_json::from_str(&writer.finish().unwrap()).unwrap();
        assert_eq!((&json[0]["path"], &json[0]["error"]), (&"gone.png".into(), &"lost".into()));
        assert_eq!((&json[1]["class"], &json[1]["top"][1]["probability"]), (&"dog".into(), &0.25.into()));
    }
}
