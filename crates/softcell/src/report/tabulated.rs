//! What a benchmark's table says of a search, epoch by epoch, and what the cell would cost.

use maud::{Markup, html};

use super::charts::{Chart, MOST_POINTS, Scale, Series, picked};
use super::figure::chart_figure;
use super::record::RunRecord;
use crate::search::SearchEpoch;

/// The curves of some epochs' numbers.
fn chart(id: &str, epochs: &[SearchEpoch], scale: Scale, series: Vec<Series>) -> Chart {
    let x = epochs.iter().map(|epoch| epoch.epoch + 1).collect();
    Chart { id: id.to_owned(), x, series, scale, group: "search" }
}

/// Accuracy of each epoch's architecture by a table; nothing where the search had none.
pub(super) fn tabulated(record: &RunRecord, charts: &mut Vec<Chart>) -> Markup {
    let all = || record.search.iter().filter_map(|epoch| epoch.tabulated.as_ref());
    // Of the epoch whose cell is the result, as far as the guard says.
    let taken = record.search.last().and_then(|epoch| epoch.guard.as_ref()).map(|watch| watch.taken);
    let of_taken = || record.search.iter().find(|epoch| Some(epoch.epoch) == taken)?.tabulated.as_ref();
    let Some(last) = of_taken().or_else(|| all().next_back()) else {
        return html! {};
    };
    let columns: Vec<String> = all()
        .find(|t| !t.scores.is_empty())
        .map_or(Vec::new(), |t| t.scores.iter().map(|score| score.column.clone()).collect());
    let missing = all().filter(|t| t.scores.is_empty()).count();
    let epochs = picked(&record.search, MOST_POINTS);
    let colours = ["--first", "--second", "--third"].into_iter().cycle();
    let series = columns.iter().zip(colours).map(|(column, colour)| {
        let value = |epoch: &SearchEpoch| {
            let scores = &epoch.tabulated.as_ref()?.scores;
            scores.iter().find(|score| score.column == *column).map(|score| score.accuracy / 100.0)
        };
        Series::new(column, colour, epochs.iter().map(value).collect())
    });
    let curves = chart("search-tabulated", &epochs, Scale::Accuracy, series.collect());
    let markup = html! {
        h2 { "What the benchmark's table says" }
        p {
            "The search comes to " code { (last.architecture) } ". "
            @if last.scores.is_empty() {
                "It is not among the " (last.of) " of the table."
            } @else {
                "Trained in full it has, by the table of " (last.of) " architectures, "
                @for (at, score) in last.scores.iter().enumerate() {
                    @if at > 0 { ", " }
                    (format!("{:.2}", score.accuracy)) " % (" (score.column) ", rank " (score.rank) ")"
                }
                "."
                @if let Some(found) = &last.found_as {
                    " The table has it as " code { (found) } ", which is the same network."
                }
            }
            @if missing > 0 {
                " Of " (record.search.len()) " epochs " (missing)
                (if missing == 1 { " has" } else { " have" }) " an architecture that is not in the table."
            }
        }
        @if !columns.is_empty() {
            div class="charts" {
                (chart_figure(
                    "Accuracy by the table",
                    "Of the architecture that each epoch leans to, trained in full. The search never sees it.",
                    &curves,
                ))
            }
        }
    };
    if !columns.is_empty() {
        charts.push(curves);
    }
    markup
}

/// Expected cost of the cell over the epochs; nothing where the search did not mind it.
pub(super) fn resources(record: &RunRecord, charts: &mut Vec<Chart>) -> Markup {
    if record.search.iter().all(|epoch| epoch.resources.is_none()) {
        return html! {};
    }
    let epochs = picked(&record.search, MOST_POINTS);
    let of = |label: &str, colour: &str, number: fn(&crate::search::method::Resources<f64>) -> f64| {
        Series::new(label, colour, epochs.iter().map(|epoch| epoch.resources.as_ref().map(number)).collect())
    };
    let mut series = vec![
        of("weights", "--first", |shares| shares.params),
        of("multiply-adds", "--second", |shares| shares.macs),
    ];
    if record.search.iter().filter_map(|epoch| epoch.resources).any(|shares| shares.latency > 0.0) {
        series.push(of("time, measured", "--third", |shares| shares.latency));
    }
    let curves = chart("search-resources", &epochs, Scale::Percent, series);
    let markup = html! {
        h3 { "What the cell would cost" }
        div class="charts" {
            (chart_figure("Expected cost", "By the edge weights, as a share of the most expensive cell.", &curves))
        }
    };
    charts.push(curves);
    markup
}
