//! The numbers of the charts; the page's script draws them.

use serde::Serialize;

use super::record::RunRecord;
use crate::search::{CellLeaning, SearchEpoch};
use crate::space::{Edge, Genotype, Primitive, cell_title};
use crate::train::TrainEpoch;

/// Most epochs of a curve; between them epochs are left out.
pub(super) const MOST_POINTS: usize = 240;
/// Most numbers of all alpha charts together.
const MOST_ALPHAS: usize = 60_000;
/// Most edges of a cell that are shown.
pub(super) const MOST_EDGES: usize = 65;

/// Colours that curves have besides those of the operations, as custom properties of the page.
const COLOURS: [&str; 7] = ["--first", "--second", "--third", "--fourth", "--fifth", "--sixth", "--faint"];

/// All colours that curves may have; the class `c` + colour sets it.
pub(super) fn colours() -> impl Iterator<Item = String> {
    COLOURS.into_iter().map(str::to_owned).chain(Primitive::ALL.iter().map(|&p| colour(p)))
}

/// The custom property with the colour of an operation.
pub(super) fn colour(primitive: Primitive) -> String {
    format!("--op-{}", primitive.name())
}

/// Curves over the epochs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Chart {
    /// The element it goes to.
    pub id: String,
    /// Epochs, from 1.
    pub x: Vec<usize>,
    pub series: Vec<Series>,
    pub scale: Scale,
    /// Charts of a group show the same epoch under the cursor.
    pub group: &'static str,
}

/// A curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Series {
    pub label: String,
    /// Custom property of the page that holds its colour.
    pub colour: String,
    /// Dashed, to be told from another of the same colour.
    pub dashed: bool,
    /// One for each epoch; what is not a number is left out.
    pub values: Vec<Option<f64>>,
}

/// How the numbers of a chart are scaled and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scale {
    /// From what there is to what there is, above 0; also in logarithms.
    Loss,
    /// Fractions, as percent.
    Percent,
    /// Shares of right answers, as percent; those of wrong ones also in logarithms.
    Accuracy,
    /// From 0 to what there is.
    Zero,
    /// Whole numbers from 0.
    Count,
    /// Shares; all charts of the group have the same ends, so that they can be compared.
    Weights,
}

impl Series {
    pub(super) fn new(label: &str, colour: &str, values: Vec<Option<f64>>) -> Series {
        let values = values.into_iter().map(|v| v.filter(|v| v.is_finite()).map(significant)).collect();
        Series {
            label: crate::shown::escaped(label).into_owned(),
            colour: colour.to_owned(),
            dashed: false,
            values,
        }
    }

    pub(super) fn dashed(self) -> Series {
        Series { dashed: true, ..self }
    }
}

/// Four significant digits: what a reader can see.
fn significant(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let scale = 10f64.powi(3 - value.abs().log10().floor() as i32);
    let rounded = (value * scale).round() / scale;
    if rounded.is_finite() { rounded } else { value }
}

/// At most `most` of `n` places, evenly, the first and the last among them.
pub(super) fn thinned(n: usize, most: usize) -> Vec<usize> {
    if n <= most || most < 2 {
        return (0..n).collect();
    }
    (0..most).map(|i| i * (n - 1) / (most - 1)).collect()
}

pub(super) fn picked<T: Clone>(items: &[T], most: usize) -> Vec<T> {
    thinned(items.len(), most).into_iter().map(|i| items[i].clone()).collect()
}

/// Losses and accuracies of the search, and how decided its alphas are.
pub(super) fn search_charts(record: &RunRecord) -> Vec<Chart> {
    let epochs = picked(&record.search, MOST_POINTS);
    if epochs.is_empty() {
        return Vec::new();
    }
    let x: Vec<usize> = epochs.iter().map(|epoch| epoch.epoch + 1).collect();
    let of = |get: fn(&SearchEpoch) -> Option<f64>| epochs.iter().map(get).collect::<Vec<_>>();
    // A curve for each type of cell.
    let of_cells = |get: &dyn Fn(&CellLeaning) -> f64| -> Vec<Series> {
        let colours = ["--first", "--second"].into_iter().cycle();
        let curve = |(name, colour): (&str, &str)| {
            let values = epochs.iter().map(|epoch| epoch.cells.get(name).map(get)).collect();
            Series::new(&cell_title(name), colour, values)
        };
        epochs[0].cells.names().zip(colours).map(curve).collect()
    };
    let chart =
        |id: &str, scale, series| Chart { id: id.to_owned(), x: x.clone(), series, scale, group: "search" };
    // Of one candidate there is none to be a share of: it is decided.
    let largest = Some(record.space().largest_entropy()).filter(|most| *most > 0.0).unwrap_or(1.0);
    vec![
        chart(
            "search-loss",
            Scale::Loss,
            vec![
                Series::new("weights' images", "--first", of(|e| Some(e.train_loss))),
                Series::new("alphas' images", "--second", of(|e| e.valid_loss)),
            ],
        ),
        chart(
            "search-accuracy",
            Scale::Accuracy,
            vec![
                Series::new("weights' images", "--first", of(|e| Some(e.train_accuracy))),
                Series::new("alphas' images", "--second", of(|e| Some(e.valid_accuracy))),
            ],
        ),
        chart("search-entropy", Scale::Percent, of_cells(&|cell| f64::from(cell.entropy) / largest)),
        chart("search-skips", Scale::Count, of_cells(&|cell| cell.skips as f64)),
    ]
}

/// Losses, accuracies and learning rate of the training.
pub(super) fn train_charts(record: &RunRecord) -> Vec<Chart> {
    let epochs = picked(&record.train, MOST_POINTS);
    if epochs.is_empty() {
        return Vec::new();
    }
    let x: Vec<usize> = epochs.iter().map(|epoch| epoch.epoch + 1).collect();
    let of = |get: fn(&TrainEpoch) -> Option<f64>| epochs.iter().map(get).collect::<Vec<_>>();
    // Without validation there is no line of it.
    let chart = |id: &str, scale, series: Vec<Series>| {
        let series = series.into_iter().filter(|series| series.values.iter().any(Option::is_some)).collect();
        Chart { id: id.to_owned(), x: x.clone(), series, scale, group: "train" }
    };
    vec![
        chart(
            "train-loss",
            Scale::Loss,
            vec![
                Series::new("training", "--first", of(|e| Some(e.train_loss))),
                Series::new("validation", "--second", of(|e| e.valid_loss)),
            ],
        ),
        chart(
            "train-accuracy",
            Scale::Accuracy,
            vec![
                Series::new("training", "--first", of(|e| Some(e.train_accuracy))),
                Series::new("validation", "--second", of(|e| e.valid_accuracy)),
            ],
        ),
        chart(
            "train-rate",
            Scale::Zero,
            vec![Series::new("learning rate", "--first", of(|e| Some(e.learning_rate)))],
        ),
    ]
}

/// The chart of an edge.
#[derive(Debug, Clone)]
pub(super) struct EdgeChart {
    pub edge: Edge,
    /// The operation it has in the genotype, if it is kept.
    pub kept: Option<Primitive>,
    pub chart: Chart,
}

/// The edge weights of a cell over the epochs, edge by edge.
pub(super) fn alpha_charts(record: &RunRecord, cell: &str) -> Vec<EdgeChart> {
    let space = record.space();
    let Some(candidates) = space.cells.get(cell) else { return Vec::new() };
    let edges = space.topology().edges();
    let shown = edges.len().min(MOST_EDGES);
    let widest = candidates.iter().map(Vec::len).max().unwrap_or(0);
    let points = MOST_ALPHAS / (2 * shown * widest).max(1);
    let epochs = picked(&record.search, points.clamp(16, MOST_POINTS));
    if epochs.is_empty() {
        return Vec::new();
    }
    let genotype = record.latest_genotype();
    let x: Vec<usize> = epochs.iter().map(|epoch| epoch.epoch + 1).collect();
    let weight = |epoch: &SearchEpoch, row: usize, column: usize| {
        let value = epoch.edge_weights.get(cell).and_then(|rows| rows.get(row)?.get(column));
        value.map(|&value| (value * 1e4).round() / 1e4)
    };
    edges
        .iter()
        .take(shown)
        .enumerate()
        .map(|(row, edge)| {
            let series = candidates[row].iter().enumerate().map(|(column, candidate)| {
                let values = epochs.iter().map(|epoch| weight(epoch, row, column)).collect();
                Series::new(candidate.name(), &colour(*candidate), values)
            });
            EdgeChart {
                edge: *edge,
                kept: genotype.as_ref().and_then(|genotype| kept(genotype, cell, *edge)),
                chart: Chart {
                    id: format!("alphas-{cell}-{row}"),
                    x: x.clone(),
                    series: series.collect(),
                    scale: Scale::Weights,
                    group: "alphas",
                },
            }
        })
        .collect()
}

fn kept(genotype: &Genotype, cell: &str, edge: Edge) -> Option<Primitive> {
    let cell = genotype.cells.get(cell)?;
    let genes = cell.nodes.get(edge.target.checked_sub(cell.inputs)?)?;
    genes.iter().find(|gene| gene.source == edge.source).map(|gene| gene.primitive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_ends() {
        assert_eq!(thinned(3, 10), [0, 1, 2]);
        assert_eq!(thinned(0, 10), Vec::<usize>::new());
        let some = thinned(1000, 7);
        assert_eq!((some.len(), some[0], some[6]), (7, 0, 999));
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        assert_eq!(significant(0.123_456_789), 0.1235);
        assert_eq!(significant(-12_345.6), -12_350.0);
        assert_eq!(significant(0.0), 0.0);
        assert!(significant(1e-320).is_finite());
        let series = Series::new("a", "--b", vec![Some(f64::NAN), None, Some(1.0)]);
        assert_eq!(series.values, [None, None, Some(1.0)]);
    }
}
