//! Several runs side by side.

use maud::{Markup, html};

use super::charts::{Chart, Scale, Series, thinned};
use super::figure::{chart_figure, hint};
use super::page::page;
use super::record::{RunRecord, State};
use super::scatter::{are_of_the_same_images, overlaps, scatter};
use super::statistics::wilson;
use super::words::{counted, duration, grouped, percent, rough_percent};
use crate::drawing::inline;
use crate::measures::{class_images, is_uneven};
use crate::run::{Activity, RunResult};
use crate::space::cell_title;

/// Colours of the runs; further ones begin anew, dashed.
pub(super) const COLOURS: [&str; 6] = ["--first", "--second", "--third", "--fourth", "--fifth", "--sixth"];
const MOST_POINTS: usize = 240;

/// The title of the page, by which it is known.
pub const COMPARISON_TITLE: &str = "Runs side by side \u{2013} Softcell";

/// Runs side by side as one HTML page, which needs nothing beside it.
pub fn comparison(records: &[RunRecord]) -> String {
    let charts = charts(records);
    let body = html! {
        header {
            h1 { "Runs side by side" }
            (caveats(records))
        }
        main {
            h2 { "In numbers" }
            (table(records))
            (scatter(records))
            h2 { "Over the epochs" }
            @if charts.is_empty() { p { "No run has finished an epoch yet." } }
            @if !charts.is_empty() { (hint()) }
            div class="charts" { @for (title, chart) in &charts { (chart_figure(title, "", chart)) } }
            h2 { "The cells" }
            @for name in cells(records) {
                h3 { (cell_title(&name)) "s" }
                @for record in records { (cell(record, &name)) }
            }
            h2 { "Settings that differ" }
            (differences(records))
        }
        noscript { p { "Scripts are switched off: the charts stand still." } }
        footer { "Written by Softcell " (env!("CARGO_PKG_VERSION")) ". Charts by uPlot (MIT)." }
    };
    let charts: Vec<Chart> = charts.into_iter().map(|(_, chart)| chart).collect();
    page(COMPARISON_TITLE, &body, &charts)
}

/// What keeps the accuracies from being compared.
fn caveats(records: &[RunRecord]) -> Markup {
    let seeds = records.iter().any(|record| {
        let first = &records[0].config;
        record.config.seed != first.seed || record.config.data.test_fraction != first.data.test_fraction
    });
    let own_test = records.iter().any(|record| {
        record.manifest.as_ref().is_some_and(|m| m.notes.iter().any(|note| note.starts_with("no test part")))
    });
    html! {
        ul class="warnings" {
            @if !are_of_the_same_images(records) {
                li { strong { "The runs are of different images." } " Their accuracies cannot be compared." }
            } @else if seeds && own_test {
                li {
                    strong { "The runs split off their test images under different seeds or shares." }
                    " Their accuracies are on different images."
                }
            }
            @if let Some(sentence) = overlaps(records) {
                li { strong { (sentence) } " More test images, or several seeds each, tell more." }
            }
        }
    }
}

type Row = (&'static str, Vec<String>);

/// Rows that are there where some run has uneven classes.
const BALANCED: &str = "balanced accuracy";
const MACRO_F1: &str = "macro-F1";

/// The result of a run whose test images are uneven.
fn uneven(record: &RunRecord) -> Option<&RunResult> {
    record.result.as_ref().filter(|result| is_uneven(class_images(&result.confusion)))
}

fn table(records: &[RunRecord]) -> Markup {
    let none = || "\u{2013}".to_owned();
    let each = |get: &dyn Fn(&RunRecord) -> Option<String>| -> Vec<String> {
        records.iter().map(|record| get(record).unwrap_or_else(none)).collect()
    };
    let mut rows: Vec<Row> = vec![
        ("data", each(&|r| r.has_images().then(|| r.config.data.path.clone()))),
        ("state", each(&|r| Some(state(r)))),
        ("test accuracy", each(&|r| Some(percent(r.result.as_ref()?.test_accuracy)))),
        (
            "95 % interval",
            each(&|r| {
                let [right, images] = r.test_counts()?;
                let [low, high] = wilson(right, images);
                Some(format!("{} to {}", rough_percent(low), rough_percent(high)))
            }),
        ),
        (BALANCED, each(&|r| Some(percent(uneven(r)?.test_balanced_accuracy)))),
        (MACRO_F1, each(&|r| Some(percent(uneven(r)?.test_macro_f1)))),
        ("test images", each(&|r| Some(grouped(r.result.as_ref()?.test_images)))),
        ("validation accuracy", each(&|r| r.result.as_ref()?.validation_accuracy.map(percent))),
        ("supernet's accuracy", each(&|r| Some(percent(r.search.last()?.valid_accuracy)))),
        ("parameters", each(&|r| Some(grouped(r.cost()?.parameters)))),
        ("multiply-adds", each(&|r| Some(grouped(r.cost()?.macs)))),
        ("search", each(&|r| r.search_seconds().map(duration))),
        ("training", each(&|r| r.train_seconds().map(duration))),
        ("memory", each(&|r| Some(format!("{:.0} MB", r.result.as_ref()?.peak_rss_mb?)))),
        ("method", each(&|r| Some(method(r)))),
        (
            "skip connections",
            each(&|r| {
                let genotype = r.latest_genotype()?;
                let skips = genotype.cells.iter().map(|(name, cell)| format!("{} {name}", cell.n_skips()));
                Some(skips.collect::<Vec<_>>().join(", "))
            }),
        ),
    ];
    if records.iter().all(|record| uneven(record).is_none()) {
        rows.retain(|(name, _)| ![BALANCED, MACRO_F1].contains(name));
    }
    html! {
        div class="scroll" tabindex="0" {
            table class="compare" {
                thead { tr { th {} @for record in records { th { code { (record.place) } } } } }
                tbody {
                    @for (name, values) in &rows {
                        tr { th { (name) } @for value in values { td { (value) } } }
                    }
                }
            }
        }
    }
}

fn state(record: &RunRecord) -> String {
    let busy = if record.activity == Activity::Busy { "going on" } else { "stopped" };
    match record.state() {
        State::Finished => "finished".to_owned(),
        State::Imported => "imported".to_owned(),
        State::Found if record.activity == Activity::Busy => "training, going on".to_owned(),
        State::Found => "not trained yet".to_owned(),
        State::Searching { done, of } => format!("search, {done} of {}, {busy}", counted(of, "epoch")),
        State::Training { done, of } => format!("training, {done} of {}, {busy}", counted(of, "epoch")),
    }
}

fn method(record: &RunRecord) -> String {
    if record.imported_from().is_some() {
        return "weights imported".to_owned();
    }
    match record.begins_with_search() {
        false => "genotype given".to_owned(),
        true => format!("{} order", record.config.search.method.arch_step.order()),
    }
}

/// Curves of the runs over one another.
fn charts(records: &[RunRecord]) -> Vec<(&'static str, Chart)> {
    type Points = Vec<(usize, Option<f64>)>;
    let search = |get: fn(&crate::search::SearchEpoch) -> Option<f64>| -> Vec<Points> {
        records.iter().map(|r| r.search.iter().map(|e| (e.epoch + 1, get(e))).collect()).collect()
    };
    let train = |get: fn(&crate::train::TrainEpoch) -> Option<f64>| -> Vec<Points> {
        records.iter().map(|r| r.train.iter().map(|e| (e.epoch + 1, get(e))).collect()).collect()
    };
    let wanted = [
        (
            "Validation accuracy of the training",
            "train-valid",
            "train",
            Scale::Accuracy,
            train(|e| e.valid_accuracy),
        ),
        ("Loss of the training", "train-loss", "train", Scale::Loss, train(|e| Some(e.train_loss))),
        (
            "Accuracy of the supernet",
            "search-valid",
            "search",
            Scale::Accuracy,
            search(|e| Some(e.valid_accuracy)),
        ),
        (
            "Entropy of the normal cell's alphas",
            "search-entropy",
            "search",
            Scale::Zero,
            search(|e| e.cells.cells().next().map(|cell| f64::from(cell.entropy))),
        ),
        (
            "Skip connections of the normal cell",
            "search-skips",
            "search",
            Scale::Count,
            search(|e| e.cells.cells().next().map(|cell| cell.skips as f64)),
        ),
    ];
    wanted
        .into_iter()
        .filter(|(.., runs)| runs.iter().flatten().any(|(_, value)| value.is_some()))
        .map(|(title, id, group, scale, runs)| (title, chart(records, id, group, scale, &runs)))
        .collect()
}

fn chart(
    records: &[RunRecord],
    id: &str,
    group: &'static str,
    scale: Scale,
    runs: &[Vec<(usize, Option<f64>)>],
) -> Chart {
    let last = runs.iter().flatten().map(|(epoch, _)| *epoch).max().unwrap_or(0);
    let x: Vec<usize> = thinned(last, MOST_POINTS).into_iter().map(|i| i + 1).collect();
    let series = runs.iter().zip(records).enumerate().map(|(i, (run, record))| {
        let at = |epoch: &usize| run.iter().find(|(e, _)| e == epoch).and_then(|(_, value)| *value);
        let one = Series::new(&record.place, COLOURS[i % COLOURS.len()], x.iter().map(at).collect());
        if i < COLOURS.len() { one } else { one.dashed() }
    });
    Chart { id: id.to_owned(), series: series.collect(), x, scale, group }
}

/// The names of the cells of all runs, each once.
fn cells(records: &[RunRecord]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for genotype in records.iter().filter_map(RunRecord::latest_genotype) {
        let new: Vec<String> = genotype
            .cells
            .names()
            .filter(|name| !all.iter().any(|known| known == name))
            .map(str::to_owned)
            .collect();
        all.extend(new);
    }
    all
}

fn cell(record: &RunRecord, name: &str) -> Markup {
    let picture = record.latest_genotype().and_then(|genotype| inline(&genotype, name));
    html! {
        p class="note" { code { (record.place) } }
        @match picture {
            Some(picture) => { div class="scroll" tabindex="0" { (picture) } }
            None => { p class="note" { "no cell" } }
        }
    }
}

/// Lines of the settings files that are not the same in all runs.
fn differences(records: &[RunRecord]) -> Markup {
    let tables: Vec<Vec<(String, String)>> =
        records.iter().map(|record| settings(&record.config_text)).collect();
    let mut keys: Vec<&String> = Vec::new();
    for (key, _) in tables.iter().flatten() {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let value = |table: &[(String, String)], key: &str| {
        table.iter().find(|(k, _)| k == key).map_or("\u{2013}".to_owned(), |(_, value)| value.clone())
    };
    let rows: Vec<(&str, Vec<String>)> = keys
        .into_iter()
        .map(|key| (key.as_str(), tables.iter().map(|table| value(table, key)).collect::<Vec<_>>()))
        .filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1]))
        .collect();
    html! {
        @if rows.is_empty() {
            p { "None: the runs have the same settings." }
        } @else {
            div class="scroll" tabindex="0" {
                table class="compare" {
                    thead { tr { th { "setting" } @for record in records { th { code { (record.place) } } } } }
                    tbody {
                        @for (key, values) in &rows {
                            tr { th { (key) } @for value in values { td { (value) } } }
                        }
                    }
                }
            }
        }
    }
}

/// Dotted keys and values of a settings file.
fn settings(text: &str) -> Vec<(String, String)> {
    let table: toml::Table = text.parse().unwrap_or_default();
    let mut settings = Vec::new();
    leaves(&table, "", &mut settings);
    settings
}

fn leaves(table: &toml::Table, before: &str, settings: &mut Vec<(String, String)>) {
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) => leaves(inner, &format!("{before}{name}."), settings),
            value => settings.push((format!("{before}{name}"), value.to_string())),
        }
    }
}
