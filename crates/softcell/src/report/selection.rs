//! What the search bought: the cells that were compared, and what that says.

use maud::{Markup, html};

use super::guard::capitalised;
use super::plane::{self, Axis, Unit, grid};
use super::record::RunRecord;
use super::words::{duration, grouped, percent};
use crate::config::NOTHING_SEARCHED;
use crate::records::{Candidate, CandidateKind, Rung, SelectionRecord};

/// The selection's part of the report; nothing where nothing was compared.
pub(super) fn selection(record: &RunRecord) -> Markup {
    let Some(selection) = record.selection.as_ref().filter(|selection| !selection.rungs.is_empty()) else {
        return nothing_searched(record);
    };
    let standing = selection.standing();
    html! {
        h2 { "What the search bought" }
        @match &standing {
            Some(standing) => {
                @for sentence in standing.sentences() { p { (capitalised(&sentence)) } }
                p class="note" {
                    "The searches took " (duration(standing.search_seconds)) ", the trainings that compare the cells "
                    (duration(standing.selection_seconds)) ". "
                    @if let Some(deviation) = standing.training_deviation {
                        "Two trainings of the same cell differ by a standard deviation of "
                        (format!("{:.1}", deviation * 100.0)) " points. "
                    }
                    "Scores are of " (grouped(selection.validation_images)) " images that neither weights nor alphas have "
                    "seen; the test images were looked at once, after all this."
                }
            }
            None => p { "The selection is not done: " (done(selection)) "." },
        }
        div class="halves" {
            div { (picture(selection)) }
            div {
                h3 { "Cell by cell" }
                p class="note" {
                    "Trained for the scores: "
                    @for (place, rung) in selection.rungs.iter().enumerate() {
                        @if place > 0 { "; the best " }
                        (trained(rung))
                    }
                    "."
                }
                div class="scroll" tabindex="0" { (table(selection)) }
            }
        }
    }
}

/// That nothing was searched, and why, where that was left to the program.
fn nothing_searched(record: &RunRecord) -> Markup {
    let select = &record.config.select;
    let Some(name) = select.only().filter(|_| record.selection.is_some()) else { return html! {} };
    let notes = record.manifest.iter().flat_map(|manifest| &manifest.notes);
    let why = notes.clone().find(|note| note.starts_with(NOTHING_SEARCHED));
    html! {
        h2 { "What the search bought" }
        p {
            @match why {
                Some(why) => (capitalised(why)),
                None => { "Nothing was searched: the cell is " (name) ", which was given." }
            }
        }
    }
}

/// How far a selection is.
pub(super) fn done(selection: &SelectionRecord) -> String {
    let all = selection.candidates.len();
    let scored = selection.candidates.iter().filter(|candidate| candidate.score(0).is_some()).count();
    format!("{scored} of {all} cells were compared so far")
}

/// How a rung was trained.
fn trained(rung: &Rung) -> String {
    let Rung { epochs, trainings, layers, init_channels } = rung;
    let times = if *trainings == 1 { "once".to_owned() } else { format!("{trainings} times") };
    format!("{times} {epochs} epochs, {layers} cells from {init_channels} channels")
}

fn table(selection: &SelectionRecord) -> Markup {
    let mut order: Vec<usize> = (0..selection.candidates.len()).collect();
    let score = |at: &usize, rung| selection.candidates[*at].score(rung).unwrap_or(-1.0);
    order.sort_by(|a, b| {
        let of = |at| (0..selection.rungs.len()).rev().map(|rung| score(at, rung)).collect::<Vec<f64>>();
        of(b).partial_cmp(&of(a)).unwrap_or(std::cmp::Ordering::Equal)
    });
    html! {
        table {
            thead {
                tr {
                    th { "cell" }
                    th { "from" }
                    th class="n" { "parameters" }
                    th class="n" { "multiply-adds" }
                    th class="n" { "search" }
                    @for (place, rung) in selection.rungs.iter().enumerate() {
                        th class="n" title=(trained(rung)) { (if place == 0 { "score" } else { "score, trained longer" }) }
                    }
                }
            }
            tbody {
                @for at in order { (row(selection, at)) }
            }
        }
    }
}

fn row(selection: &SelectionRecord, at: usize) -> Markup {
    let candidate = &selection.candidates[at];
    let taken = selection.chosen == Some(at);
    html! {
        tr {
            td { @if taken { strong { (candidate.name) " (taken)" } } @else { (candidate.name) } }
            td { (candidate.kind.name()) }
            td class="n" { (grouped(candidate.parameters)) }
            td class="n" { (grouped(candidate.macs)) }
            td class="n" { @if candidate.search_seconds > 0.0 { (duration(candidate.search_seconds)) } @else { "\u{2013}" } }
            @for rung in 0..selection.rungs.len() { td class="n" { (candidate.scored(rung).as_deref().unwrap_or("\u{2013}")) } }
        }
    }
}

/// Scores of the first rung over parameters, a point for each cell.
fn picture(selection: &SelectionRecord) -> Markup {
    let point = |candidate: &Candidate| candidate.score(0).map(|score| (candidate.parameters as f64, score));
    let points: Vec<(f64, f64)> = selection.candidates.iter().filter_map(point).collect();
    if points.len() < 2 {
        return html! {};
    }
    let x = Axis::across(points.iter().map(|point| point.0), Unit::Count);
    let y = Axis::upwards(points.iter().map(|point| point.1), Unit::Share);
    let kinds =
        [CandidateKind::Searched, CandidateKind::Random, CandidateKind::Given, CandidateKind::Biggest];
    let there = kinds.into_iter().filter(|kind| selection.candidates.iter().any(|c| c.kind == *kind));
    let content = html! {
        (grid(&x, &y, "parameters"))
        @for (at, candidate) in selection.candidates.iter().enumerate() {
            @if let Some((parameters, score)) = point(candidate) {
                @if selection.chosen == Some(at) {
                    circle class="ring" cx=(x.at(parameters)) cy=(y.at(score)) r="9" {}
                }
                circle class={ "c" (colour(candidate.kind)) } cx=(x.at(parameters)) cy=(y.at(score)) r="5" {
                    title { (candidate.name) ": " (percent(score)) ", " (grouped(candidate.parameters)) " parameters" }
                }
            }
        }
    };
    html! {
        figure class="plane" {
            figcaption {
                h3 { "Score over parameters" }
                p class="note" { "Each point is a cell in the first trainings; the ring is the one that is taken." }
                ul class="legend" {
                    @for kind in there { li { i class={ "c" (colour(kind)) } {} (kind.name()) } }
                }
            }
            (plane::picture("Score over parameters", &content))
        }
    }
}

/// The variable of the page that has the colour.
fn colour(kind: CandidateKind) -> &'static str {
    match kind {
        CandidateKind::Searched => "--first",
        CandidateKind::Random => "--second",
        CandidateKind::Given => "--third",
        CandidateKind::Biggest => "--fourth",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::finished;
    use super::*;
    use crate::config::SelectConfig;

    fn candidate(name: &str, kind: CandidateKind, scores: Vec<Vec<f64>>) -> Candidate {
        Candidate {
            name: name.to_owned(),
            kind,
            repeat: 1,
            run: None,
            genotype: None,
            search_seconds: 0.0,
            parameters: 1000,
            macs: 2000,
            seconds: vec![1.0; scores.len()],
            scores,
        }
    }

    #[test]
    fn the_best_stand_first_and_what_cannot_be_told_apart_is_not() {
        let mut record = finished(&["a", "b"], 1, 1);
        assert!(selection(&record).into_string().is_empty());
        let rung = Rung { epochs: 3, trainings: 2, layers: 3, init_channels: 8 };
        let of_search = candidate("search-1", CandidateKind::Searched, vec![vec![0.5, 0.6]]);
        let random = candidate("random-1", CandidateKind::Random, vec![vec![0.4, 0.5], vec![0.75, 0.77]]);
        let other = candidate("random-2", CandidateKind::Random, vec![vec![0.3, 0.7]]);
        record.selection = Some(SelectionRecord {
            seconds: 9.0,
            validation_images: 145,
            rungs: vec![rung; 2],
            candidates: vec![of_search, random, other],
            incumbent: None,
            chosen: Some(1),
        });
        let page = selection(&record).into_string();
        assert!(!page.contains(".."), "{page}");
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text} in {page}"));
        assert!(at("Not distinguishable from random cells") < at("Score over parameters"));
        let table = &page[at("<tbody>")..];
        assert!(table.find("random-1 (taken)").unwrap() < table.find("search-1").unwrap(), "{table}");
        for text in ["76.0 % (75.0, 77.0)", "145 images", "2 times 3 epochs", "class=\"ring\""] {
            at(text);
        }
        record.selection.as_mut().unwrap().chosen = None;
        assert!(selection(&record).into_string().contains("3 of 3 cells were compared so far"));
    }

    #[test]
    fn where_nothing_was_searched_the_reason_is_there() {
        let mut record = finished(&["a", "b"], 1, 1);
        record.config = record.config.with(|config| config.select = SelectConfig::published()).unwrap();
        assert!(selection(&record).into_string().is_empty());
        let given = candidate("DARTS_V2", CandidateKind::Given, Vec::new());
        record.selection = Some(SelectionRecord {
            seconds: 0.0,
            validation_images: 10,
            rungs: Vec::new(),
            candidates: vec![given],
            incumbent: None,
            chosen: Some(0),
        });
        let page = selection(&record).into_string();
        assert!(page.contains("the cell is DARTS_V2, which was given."), "{page}");
        record.manifest.as_mut().unwrap().notes.push(format!("{NOTHING_SEARCHED}: there is no time"));
        let page = selection(&record).into_string();
        assert!(page.contains("<p>Nothing is searched: there is no time.</p>"), "{page}");
    }
}
