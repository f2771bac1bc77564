//! What the guard against collapse saw.

use maud::{Markup, html};

use super::charts::{Chart, MOST_POINTS, Scale, Series, picked};
use super::figure::chart_figure;
use super::record::RunRecord;
use crate::search::SearchEpoch;
use crate::search::method::{End, Relaxation, Verdict, Watch};
use crate::space::cell_title;

/// An epoch with what was seen.
type Seen<'a> = (&'a SearchEpoch, &'a Watch);

/// The guard's part of the report; nothing where nobody watched.
pub(super) fn guard(record: &RunRecord, charts: &mut Vec<Chart>) -> Markup {
    let seen: Vec<Seen> = record.search.iter().filter_map(|e| Some((e, e.guard.as_ref()?))).collect();
    let Some(&(last, watch)) = seen.last() else { return frozen(record) };
    let found = guard_charts(&seen);
    let markup = html! {
        h2 { "The guard against collapse" }
        p { (conclusion(last, watch)) }
        p class="note" { (rules(&seen, record.config.search.method.relaxation)) }
        (frozen(record))
        @for back in &watch.rollbacks {
            p class="note" {
                "After epoch " (back.from + 1) " the search went back to epoch " (back.to + 1)
                " and on with a weight decay of " (back.weight_decay) "."
            }
        }
        div class="charts" {
            @for (title, note, chart) in &found { (chart_figure(title, note, chart)) }
        }
        details {
            summary { "Epoch by epoch" }
            div class="scroll" tabindex="0" { (table(&seen, watch.taken)) }
        }
    };
    charts.extend(found.into_iter().map(|(_, _, chart)| chart));
    markup
}

/// How many operations are frozen, where any may be.
fn frozen(record: &RunRecord) -> Markup {
    let Some(frozen) = record.search.last().and_then(|epoch| epoch.frozen) else { return html! {} };
    html! {
        p class="note" {
            (frozen.operations) " of " (frozen.of) " operations are frozen: the gradients of their training and \
             validation loss pointed apart (their true cosine, which is not the official score of OLES)."
        }
    }
}

/// In one sentence.
fn conclusion(last: &SearchEpoch, watch: &Watch) -> String {
    if let Some(sentence) = watch.sentence(last.epoch) {
        return capitalised(&sentence);
    }
    let kept = match watch.takes_an_earlier(last.epoch) {
        true => format!("the cell of epoch {} is kept", watch.taken + 1),
        false => "the cell is that of the last epoch".to_owned(),
    };
    match watch.verdict {
        Verdict::Early => {
            format!("The search is too short, or too young, to tell whether it collapses; {kept}.")
        }
        _ => format!("No collapse was seen; {kept}."),
    }
}

/// With a capital letter and a full stop.
pub(super) fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn rules(seen: &[Seen], relaxation: Relaxation) -> String {
    let Some((_, watch)) = seen.last() else { return String::new() };
    let cell = cell_title(&watch.cell);
    let skips = match watch.most_skips {
        Some(most) => format!(
            "Watched are the {} of the {cell}, of which more than {most} of {} are a collapse",
            counted(seen),
            watch.operations
        ),
        None => format!("No candidate of the {cell} is a skip connection or noise, so none are counted"),
    };
    let eigenvalue = match seen.iter().any(|(_, watch)| watch.eigenvalue.is_some()) {
        true => {
            "and the curvature of the loss in the alphas, the largest eigenvalue of its Hessian, whose mean of several \
                 measurements must not rise much"
        }
        false if !relaxation.is_smooth() => {
            "the curvature of the loss in the alphas is not measured, for it cannot be compared from epoch to epoch \
                  with such samples"
        }
        false => {
            "the curvature of the loss in the alphas is not measured, which in a search of this length would cost too \
                  much or tell nothing"
        }
    };
    format!("{skips}; {eigenvalue}. The supernet's accuracy is no sign: it rises through a collapse.")
}

/// What is counted.
fn counted(seen: &[Seen]) -> &'static str {
    match seen.iter().any(|(_, watch)| watch.noise > 0) {
        true => "skip connections and noise",
        false => "skip connections",
    }
}

fn guard_charts(seen: &[Seen]) -> Vec<(&'static str, &'static str, Chart)> {
    let seen = picked(seen, MOST_POINTS);
    let x: Vec<usize> = seen.iter().map(|(epoch, _)| epoch.epoch + 1).collect();
    let chart = |id: &str, series| Chart {
        id: id.to_owned(),
        x: x.clone(),
        series,
        scale: Scale::Zero,
        group: "search",
    };
    let colours = ["--first", "--second"].into_iter().cycle();
    let names: Vec<String> =
        seen.first().map_or(Vec::new(), |(_, watch)| watch.margins.names().map(str::to_owned).collect());
    let margin = |(name, colour): (&String, &str)| {
        let values = seen.iter().map(|(_, watch)| watch.margins.get(name).copied()).collect();
        Series::new(&cell_title(name), colour, values)
    };
    let margins = names.iter().zip(colours).map(margin).collect();
    let mut charts = vec![(
        "Margin",
        "Weight of the best operation less that of the second best, mean over the kept edges.",
        chart("guard-margin", margins),
    )];
    // Epochs without a measurement would tear the curve.
    let measured = seen.iter().filter_map(|(epoch, watch)| Some((epoch.epoch + 1, watch.eigenvalue?)));
    let (x, values): (Vec<usize>, Vec<Option<f64>>) =
        measured.map(|(epoch, value)| (epoch, Some(value))).unzip();
    if !x.is_empty() {
        let series = vec![Series::new("largest eigenvalue", "--first", values)];
        let chart = Chart { x, ..chart("guard-eigenvalue", series) };
        charts.push(("Curvature in the alphas", "One measurement says little.", chart));
    }
    charts
}

fn table(seen: &[Seen], taken: usize) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th { "epoch" }
                    th class="n" { (counted(seen)) }
                    th class="n" { "entropy" }
                    th class="n" { "margin" }
                    th class="n" { "eigenvalue" }
                    th { "verdict" }
                }
            }
            tbody { @for one in seen { (row(*one, taken)) } }
        }
    }
}

fn row((epoch, watch): Seen, taken: usize) -> Markup {
    let entropy = epoch.cells.get(&watch.cell).map(|cell| f64::from(cell.entropy));
    let number = |value: Option<f64>| value.map_or("\u{2013}".to_owned(), |value| format!("{value:.3}"));
    let end = watch.end.map(|end| match end {
        End::Back(_) => "the search goes back",
        _ => "the search ends",
    });
    html! {
        tr {
            td { (epoch.epoch + 1) }
            td class="n" { (watch.skips + watch.noise) " of " (watch.operations) }
            td class="n" { (number(entropy)) }
            td class="n" { (number(watch.margins.get(&watch.cell).copied())) }
            td class="n" { (number(watch.eigenvalue)) }
            td {
                (watch.verdict_in_words())
                @if let Some(end) = end { "; " (end) }
                @if epoch.epoch == taken { "; " strong { "its cell is kept" } }
            }
        }
    }
}
