//! A table of accuracies of NAS-Bench-201 (Dong & Yang 2020) that a user has: what it says of the architecture that a
//! search leans to, epoch by epoch. The search itself never sees it.

use std::collections::HashMap;

use crate::config::{CheckedConfig, path_of_text};
use crate::error::{Advice, Error, Remedy, Result};
use crate::event::{Event, Observer, Signal};
use crate::reading::{self, MOST_OF_A_RECORD, Source};
use crate::records::{Tabulated, TabulatedScore};
use crate::shown;
use crate::space::{CellOutput, Layout, Nb201Architecture, Primitive, SearchSpace, parse_genotype};

/// The setting, and its value where there is no table.
const SETTING: &str = "search.benchmark_table";
const NO_TABLE: &str = "none";
/// The column of the architectures.
const ARCHITECTURE: &str = "arch";
/// Columns of accuracies that are shown, those of them that are there: after training in full, on test images.
const COLUMNS: [&str; 3] = ["cifar10_test", "cifar100_test", "imagenet16_test"];

/// A table of accuracies by architectures.
#[derive(Debug, Clone)]
pub struct BenchmarkTable {
    /// Columns of accuracies that it has.
    columns: Vec<&'static str>,
    /// Architectures and their accuracies, a number for each column.
    rows: Vec<(String, Vec<f64>)>,
    /// Places of the rows by their architectures as they are written.
    exact: HashMap<String, usize>,
    /// The same by what the network computes; of several the first.
    same: HashMap<String, usize>,
    /// The accuracies of each column, the highest first.
    sorted: Vec<Vec<f64>>,
}

impl BenchmarkTable {
    /// The table that the settings name, if they name one.
    ///
    /// # Errors
    /// A table of another space than the one that is searched, and those of [`BenchmarkTable::read`].
    pub fn of(config: &CheckedConfig) -> Result<Option<BenchmarkTable>> {
        let path = &config.search.benchmark_table;
        if path == NO_TABLE {
            return Ok(None);
        }
        if !is_nas_bench_201(&config.search.space([32, 32])) {
            let why = format!(
                "{path} is a table of NAS-Bench-201, and this search has the space {}, whose cells it does not have: \
                 leave ",
                config.search.space
            );
            return Err(Error::Refused(
                Advice::from(why) + Remedy::Setting(SETTING) + " out, or search the space nas-bench-201",
            ));
        }
        BenchmarkTable::read(path).map(Some)
    }

    /// Reads a CSV file: a first line of columns, among them `arch` with the architectures as the benchmark writes them,
    /// and one or more of `cifar10_test`, `cifar100_test` and `imagenet16_test` with accuracies in percent.
    ///
    /// # Errors
    /// A file that cannot be read or is no such table, with the line.
    pub fn read(path: &str) -> Result<BenchmarkTable> {
        let place = path_of_text(path);
        let bytes = reading::read(&place, MOST_OF_A_RECORD, Source::File)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        BenchmarkTable::of_csv(bytes, &shown::path(&place))
    }

    fn of_csv(bytes: &[u8], origin: &str) -> Result<BenchmarkTable> {
        let bad = |error: csv::Error| {
            Error::invalid(
                format!("benchmark table {origin}"),
                error.to_string(),
                "CSV in UTF-8 with as many columns in each line as in the first",
                "mend this line",
            )
        };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let head: Vec<String> = reader.headers().map_err(bad)?.iter().map(str::to_owned).collect();
        let column = |name: &str| head.iter().position(|column| column == name);
        let places: Vec<(&'static str, usize)> =
            COLUMNS.into_iter().filter_map(|name| Some((name, column(name)?))).collect();
        let (Some(architecture), false) = (column(ARCHITECTURE), places.is_empty()) else {
            let remedy = format!(
                "name them in the first line: {ARCHITECTURE}, and one or more of {}",
                COLUMNS.join(", ")
            );
            return Err(Error::invalid(
                format!("benchmark table {origin}"),
                format!("the columns {}", shown::listed(&head)),
                "a column of architectures and one of accuracies",
                remedy,
            ));
        };
        let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
        let (mut exact, mut same) = (HashMap::new(), HashMap::new());
        for record in reader.records() {
            let record = record.map_err(bad)?;
            let line = record.position().map_or(0, csv::Position::line);
            let place = || format!("benchmark table {origin}, line {line}");
            let text = record.get(architecture).unwrap_or_default();
            let Some(cell) = parse_genotype(text).ok().and_then(|genotype| genotype.nas_bench_201()) else {
                return Err(Error::invalid(
                    place(),
                    format!("`{}`", shown::said(text)),
                    "an architecture such as |nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|",
                    "mend or remove this line",
                ));
            };
            let accuracy = |&(name, column): &(&str, usize)| {
                let text = record.get(column).unwrap_or_default();
                text.parse().ok().filter(|accuracy| (0.0..=100.0).contains(accuracy)).ok_or_else(|| {
                    Error::invalid(
                        format!("{}, column {name}", place()),
                        format!("`{}`", shown::said(text)),
                        "an accuracy in percent, from 0 to 100",
                        "mend or remove this line",
                    )
                })
            };
            let accuracies = places.iter().map(accuracy).collect::<Result<Vec<f64>>>()?;
            let name = cell.to_string();
            if exact.insert(name.clone(), rows.len()).is_some() {
                return Err(Error::invalid(
                    place(),
                    format!("{name} a second time"),
                    "each architecture once",
                    "remove one of the two lines",
                ));
            }
            same.entry(meaning(&cell)).or_insert(rows.len());
            rows.push((name, accuracies));
        }
        if rows.is_empty() {
            let remedy = "check that it is the file that was meant";
            return Err(Error::invalid(
                format!("benchmark table {origin}"),
                "no line",
                "architectures",
                remedy,
            ));
        }
        for (column, (name, _)) in places.iter().enumerate() {
            let largest = rows.iter().map(|(_, accuracies)| accuracies[column]).fold(0.0, f64::max);
            if largest <= 1.0 {
                return Err(Error::invalid(
                    format!("benchmark table {origin}, column {name}"),
                    format!("no accuracy above {largest}"),
                    "accuracies in percent, from 0 to 100",
                    "multiply fractions by 100",
                ));
            }
        }
        let sorted = (0..places.len()).map(|column| {
            let mut all: Vec<f64> = rows.iter().map(|(_, accuracies)| accuracies[column]).collect();
            all.sort_by(|a, b| b.total_cmp(a));
            all
        });
        let sorted = sorted.collect();
        Ok(BenchmarkTable {
            columns: places.into_iter().map(|(name, _)| name).collect(),
            rows,
            exact,
            same,
            sorted,
        })
    }

    /// What it says of an architecture: of its own line, or where there is none of the first one that is the same network.
    pub fn look_up(&self, architecture: &Nb201Architecture) -> Tabulated {
        let name = architecture.to_string();
        let row = self.exact.get(&name).or_else(|| self.same.get(&meaning(architecture)));
        let scores = row.map_or(Vec::new(), |&row| {
            let score = |(column, &accuracy): (usize, &f64)| TabulatedScore {
                column: self.columns[column].to_owned(),
                accuracy,
                rank: self.sorted[column].partition_point(|&other| other > accuracy) + 1,
            };
            self.rows[row].1.iter().enumerate().map(score).collect()
        });
        let found_as = row.map(|&row| self.rows[row].0.clone()).filter(|found| *found != name);
        Tabulated { architecture: name, found_as, scores, of: self.rows.len() }
    }

    /// What stands beside every result: the biggest cell, and the mean of all that the table has.
    pub fn baselines(&self) -> String {
        let biggest = Nb201Architecture { operations: [Primitive::NorConv3x3; Nb201Architecture::N_EDGES] };
        let mean = |column: usize| {
            let all = &self.sorted[column];
            format!("{} {:.2}", self.columns[column], all.iter().sum::<f64>() / all.len() as f64)
        };
        let means: Vec<String> = (0..self.columns.len()).map(mean).collect();
        format!(
            "benchmark table of {} architectures; the biggest cell, nor_conv_3x3 on all edges, {}; mean of all {}, which \
             a random cell has on average",
            self.rows.len(),
            self.look_up(&biggest).text(),
            means.join(", ")
        )
    }
}

/// Whether the cells of a space are those of NAS-Bench-201.
fn is_nas_bench_201(space: &SearchSpace) -> bool {
    let mut operations = space.cells.cells().flatten().flatten();
    space.layout == Layout::Residual
        && (space.inputs, space.n_nodes, space.output)
            == (1, Nb201Architecture::N_NODES - 1, CellOutput::Last)
        && operations.all(|operation| Primitive::NAS_BENCH_201.contains(operation))
}

/// What the cell computes, as a text that is the same for all cells that the benchmark calls isomorphic: each node is the
/// sum of its inputs in alphabetical order, what passes unchanged has the name of its source, and `#` stands for what
/// brings nothing.
fn meaning(architecture: &Nb201Architecture) -> String {
    const NOTHING: &str = "#";
    let mut nodes = vec!["0".to_owned()];
    for node in 1..Nb201Architecture::N_NODES {
        let incoming = architecture.incoming(node).iter().zip(&nodes);
        let term = |(operation, source): (&Primitive, &String)| match operation {
            Primitive::None => NOTHING.to_owned(),
            _ if source == NOTHING => NOTHING.to_owned(),
            Primitive::SkipConnect => source.clone(),
            operation => format!("({source})@{operation}"),
        };
        let mut terms: Vec<String> = incoming.map(term).collect();
        terms.sort();
        nodes.push(terms.join("+"));
    }
    nodes.pop().unwrap_or_default()
}

/// Adds to each epoch of a search what a table says of its architecture, and passes everything on.
pub struct Tabulating<'a> {
    table: Option<BenchmarkTable>,
    inner: &'a mut dyn Observer,
}

impl<'a> Tabulating<'a> {
    /// Without a table in the settings nothing is added.
    ///
    /// # Errors
    /// As [`BenchmarkTable::of`].
    pub fn new(config: &CheckedConfig, inner: &'a mut dyn Observer) -> Result<Self> {
        Ok(Tabulating { table: BenchmarkTable::of(config)?, inner })
    }
}

impl Observer for Tabulating<'_> {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match (&self.table, &event) {
            (Some(table), Event::SearchEpoch(epoch)) => match epoch.genotype.nas_bench_201() {
                Some(architecture) => {
                    let mut epoch = (*epoch).clone();
                    epoch.tabulated = Some(table.look_up(&architecture));
                    self.inner.on(Event::SearchEpoch(&epoch))
                }
                None => self.inner.on(event),
            },
            _ => self.inner.on(event),
        }
    }

    fn signal(&mut self) -> Signal {
        self.inner.signal()
    }

    fn wording(&self, remedy: &Remedy) -> String {
        self.inner.wording(remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Invented numbers.
    const TABLE: &str = "\
arch,cifar10_test,params,cifar100_test
|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|,91.5,9,60
|skip_connect~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|,80.25,3,40.5
|none~0|+|none~0|none~1|+|none~0|none~1|none~2|,10,1,1
|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|,91.5,5,50
";

    fn cell(text: &str) -> Nb201Architecture {
        parse_genotype(text).unwrap().nas_bench_201().unwrap()
    }

    fn table() -> BenchmarkTable {
        BenchmarkTable::of_csv(TABLE.as_bytes(), "t.csv").unwrap()
    }

    #[test]
    fn an_architecture_has_its_accuracies_and_ranks() {
        let found =
            table().look_up(&cell("|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|"));
        assert_eq!((found.of, found.found_as.as_deref()), (4, None));
        let scores: Vec<(&str, f64, usize)> =
            found.scores.iter().map(|s| (s.column.as_str(), s.accuracy, s.rank)).collect();
        // Two have the highest of the first column.
        assert_eq!(scores, [("cifar10_test", 91.5, 1), ("cifar100_test", 50.0, 2)]);
        let text = "table: cifar10_test 91.50 (rank 1 of 4), cifar100_test 50.00 (rank 2 of 4)";
        assert_eq!(found.text(), text);
        let last = table().look_up(&cell("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"));
        assert_eq!(last.scores.iter().map(|s| s.rank).collect::<Vec<_>>(), [4, 4]);
    }

    #[test]
    fn another_writing_of_the_same_network_is_found_and_others_are_missing() {
        // The convolution comes first here, and the second line has it behind an identity.
        let same = cell("|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|");
        let found = table().look_up(&same);
        assert_eq!(found.scores[0].accuracy, 80.25);
        let other = "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|";
        assert_eq!(found.found_as.as_deref(), Some(other));
        assert!(found.text().ends_with(&format!(", as {other}")), "{}", found.text());
        let missing = cell("|skip_connect~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|");
        let found = table().look_up(&missing);
        assert!(found.scores.is_empty() && found.found_as.is_none());
        assert_eq!(found.text(), "table: not among its 4 architectures");
        // Twice is not once.
        let twice = cell("|nor_conv_1x1~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|skip_connect~2|");
        assert!(table().look_up(&twice).scores.is_empty());
    }

    /// 6,466 different networks among 15,625 architectures (Dong & Yang 2020).
    #[test]
    fn as_many_networks_differ_as_the_benchmark_says() {
        let mut different = std::collections::HashSet::new();
        for number in 0..5usize.pow(6) {
            let operation = |edge: u32| Primitive::NAS_BENCH_201[number / 5usize.pow(edge) % 5];
            let operations = [0, 1, 2, 3, 4, 5].map(operation);
            different.insert(meaning(&Nb201Architecture { operations }));
        }
        assert_eq!(different.len(), 6466);
    }

    #[test]
    fn the_biggest_cell_and_the_mean_stand_beside() {
        let text = table().baselines();
        assert!(text.contains("of 4 architectures"), "{text}");
        assert!(text.contains("table: cifar10_test 91.50 (rank 1 of 4)"), "{text}");
        assert!(text.contains("mean of all cifar10_test 68.31, cifar100_test 37.88"), "{text}");
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        for (text, parts) in [
            (
                "a,b\n1,2\n",
                &["t.csv", "the columns a, b", "first line: arch, and one or more of cifar10_test"][..],
            ),
            ("arch,cifar10_test\n", &["no line"]),
            ("arch,cifar10_test\nx,1\n", &["line 2", "`x`", "an architecture such as |"]),
            (
                "arch,cifar10_test\n|none~0|+|none~0|none~1|+|none~0|none~1|none~2|,many\n",
                &["line 2, column cifar10_test", "`many`", "in percent"],
            ),
            (
                "arch,cifar10_test\n|none~0|+|none~0|none~1|+|none~0|none~1|none~2|,101\n",
                &["line 2", "`101`", "0 to 100"],
            ),
            (
                "arch,cifar10_test\n|none~0|+|none~0|none~1|+|none~0|none~1|none~2|,1\n\
                 |none~0|+|none~0|none~1|+|none~0|none~1|none~2|,1\n",
                &["line 3", "a second time"],
            ),
            ("arch,cifar10_test\n1\n", &["t.csv", "mend this line"]),
        ] {
            let error = BenchmarkTable::of_csv(text.as_bytes(), "t.csv").unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "no {part:?} in {error}");
            }
        }
    }
}
