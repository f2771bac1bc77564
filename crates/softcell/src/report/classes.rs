//! The classes of a run: images, accuracies, and what is taken for what.

use maud::{Markup, html};

use super::page::TINTS;
use super::record::RunRecord;
use super::words::{grouped, percent, quoted, rough_percent};
use crate::measures::{ClassMeasures, class_images, class_measures, confused_pairs, is_uneven, overlooked};
use crate::run::files::RESULT;
use crate::run::{Mistakes, RunResult};

/// Rows of the table of classes at most.
const MOST_CLASSES: usize = 40;
/// With more classes than this the pairs that are confused are listed instead of a matrix.
const WIDEST_MATRIX: usize = 20;
/// Pairs that are told in a sentence.
const MOST_IN_WORDS: usize = 3;
/// Pairs that are listed.
const MOST_PAIRS: usize = 15;

/// With a capital letter, as sentences begin.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// What the classes came to together where they are uneven, and which of them are overlooked.
pub(super) fn balance(result: &RunResult) -> Markup {
    let uneven = is_uneven(class_images(&result.confusion));
    html! {
        @if uneven {
            p {
                "The classes have uneven numbers of test images, so the accuracy of all images says most of the \
                 large ones. The mean of the classes' accuracies (balanced accuracy) is "
                strong { (percent(result.test_balanced_accuracy)) } ", the mean of their F1 (macro-F1) "
                strong { (percent(result.test_macro_f1)) } "."
            }
        }
        @for sentence in overlooked(&result.classes, &result.confusion) {
            p { strong { (capital(&sentence)) "." } }
        }
    }
}

/// A row for each class: images, accuracy, a few images.
pub(super) fn class_table(record: &RunRecord) -> Markup {
    let classes = record.classes();
    let samples = record.samples.as_ref().filter(|samples| samples.classes.len() == classes.len());
    let measures = record.result.as_ref().map(|result| class_measures(&result.confusion));
    let pictures =
        samples.is_some_and(|samples| samples.classes.iter().any(|class| !class.pictures.is_empty()));
    html! {
        div class="scroll" tabindex="0" {
            table class={ "classes" @if samples.is_some() && measures.is_some() { " counts" } } {
                thead { tr {
                    th { "class" }
                    @if samples.is_some() { th class="n" { "to train on" } th class="n" { "to test on" } }
                    @if measures.is_some() {
                        th class="n" title="share of its test images that is answered rightly" { "recall" }
                        th class="n" title="share of the answers with it that is right" { "precision" }
                        th class="n" title="2 right / (images + answers)" { "F1" }
                    }
                    @if pictures { th { "images" } }
                } }
                tbody {
                    @for (i, name) in classes.iter().enumerate().take(MOST_CLASSES) {
                        tr {
                            td class="name" { (name) }
                            @if let Some(class) = samples.map(|samples| &samples.classes[i]) {
                                td class="n" { (grouped(class.train_images as u64)) }
                                td class="n" { (grouped(class.test_images as u64)) }
                            }
                            @if let Some(ClassMeasures { recall, precision, f1 }) = measures.as_ref().and_then(|all| all.get(i)) {
                                @for share in [recall, precision, f1] {
                                    td class="n" { (share.map_or("\u{2013}".to_owned(), percent)) }
                                }
                            }
                            @if pictures {
                                td { div class="pictures" {
                                    @if let Some(class) = samples.map(|samples| &samples.classes[i]) {
                                        @for picture in class.pictures.iter().filter(|p| is_picture(p)) {
                                            img src=(picture) alt={ "an image of " (name) };
                                        }
                                    }
                                } }
                            }
                        }
                    }
                }
            }
        }
        @if classes.len() > MOST_CLASSES {
            p class="note" { "And " (classes.len() - MOST_CLASSES) " more classes, which are in " (RESULT) "." }
        }
        @if samples.is_none() {
            p class="note" { "No images were kept in the run folder, so none are shown." }
        }
    }
}

/// Only what Softcell itself writes: a folder may have been meddled with.
pub(super) fn is_picture(address: &str) -> bool {
    address.starts_with("data:image/png;base64,") || address.starts_with("data:image/jpeg;base64,")
}

/// The most frequent wrong answers in a sentence.
pub(super) fn most_confused(result: &RunResult) -> Markup {
    let pairs = confused_pairs(&result.confusion);
    let images = class_images(&result.confusion);
    html! {
        @if !pairs.is_empty() {
            p {
                "Most often "
                @for (place, &(n, i, j)) in pairs.iter().take(MOST_IN_WORDS).enumerate() {
                    @if place > 0 { ", " }
                    strong { (result.classes[i]) } " is taken for " strong { (result.classes[j]) }
                    " (" (grouped(n)) " of " (grouped(images[i])) ")"
                }
                "."
            }
        }
    }
}

/// What was taken for what on the test images.
pub(super) fn confusion(result: &RunResult) -> Markup {
    if result.classes.len() > WIDEST_MATRIX {
        return table_of_pairs(result);
    }
    html! {
        p class="note" { "A row for each class, a column for each answer, in test images; the diagonal is right." }
        div class="scroll" tabindex="0" {
            table class="confusion" {
                thead { tr {
                    th {}
                    @for name in &result.classes { th { span title=(name) { (name) } } }
                } }
                tbody {
                    @for (i, row) in result.confusion.iter().enumerate() {
                        @let total = row.iter().sum::<u64>().max(1);
                        tr {
                            th title=(result.classes[i]) { (result.classes[i]) }
                            @for (j, &count) in row.iter().enumerate() {
                                td class=(cell_class(i == j, count, total)) {
                                    @if count == 0 { "\u{b7}" } @else { (count) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How a cell of the matrix is coloured: by its share of the row.
fn cell_class(right: bool, count: u64, total: u64) -> String {
    let tint = (count as f64 / total as f64 * f64::from(TINTS)).round() as u32;
    match (right, count) {
        (_, 0) => "zero".to_owned(),
        (true, _) => format!("v{tint}"),
        (false, _) => format!("miss v{tint}"),
    }
}

fn table_of_pairs(result: &RunResult) -> Markup {
    let pairs = confused_pairs(&result.confusion);
    html! {
        p class="note" {
            "The most frequent wrong answers; the whole matrix of " (result.classes.len())
            " classes is in " (RESULT) "."
        }
        div class="scroll" tabindex="0" {
            table {
                thead { tr { th { "class" } th { "taken for" } th class="n" { "test images" } } }
                tbody {
                    @for &(n, i, j) in pairs.iter().take(MOST_PAIRS) {
                        tr {
                            td class="name" { (result.classes[i]) }
                            td class="name" { (result.classes[j]) }
                            td class="n" { (n) }
                        }
                    }
                }
            }
        }
    }
}

/// Test images with the wrong answers that the network was most sure of.
pub(super) fn mistakes(record: &RunRecord) -> Markup {
    let Some(mistakes) = &record.mistakes else {
        return html! {
            p class="note" { "The images with wrong answers were not kept in the run folder, so none are shown." }
        };
    };
    let name = |class: usize| record.classes().get(class).map_or("?", String::as_str);
    html! {
        @if mistakes.count == 0 {
            p { "Not one test image got a wrong answer." }
        } @else {
            p class="note" {
                (grouped(mistakes.count))
                @if mistakes.count == 1 { " test image got a wrong answer." } @else { " test images got a wrong answer." }
                @if mistakes.examples.len() as u64 == mistakes.count {
                    " In brackets, how sure the network was of it."
                } @else {
                    " These are some of those that the network was most sure of."
                }
            }
            ul class="mistakes" {
                @for mistake in mistakes.examples.iter().filter(|mistake| is_picture(&mistake.picture)) {
                    li {
                        img src=(mistake.picture) alt={ "an image of " (name(mistake.truth)) };
                        b { (name(mistake.truth)) } br;
                        span { "taken for " } (name(mistake.answer))
                        span class="sure" { " (" (rough_percent(f64::from(mistake.probability))) ")" }
                        @if !mistake.file.is_empty() { br; code title=(mistake.file) { (mistake.file) } }
                    }
                }
            }
            (listed(record, mistakes))
        }
    }
}

/// More wrong answers by their files, and how to have all of them.
fn listed(record: &RunRecord, mistakes: &Mistakes) -> Markup {
    let name = |class: usize| record.classes().get(class).map_or("?", String::as_str);
    let all = mistakes.listed.len() as u64 == mistakes.count;
    html! {
        @if !mistakes.listed.is_empty() {
            details {
                summary {
                    @if all { "All wrong answers by their files" }
                    @else { "The " (mistakes.listed.len()) " wrong answers that it was most sure of, by their files" }
                }
                div class="scroll" tabindex="0" {
                    table {
                        thead { tr { th { "file" } th { "class" } th { "taken for" } th class="n" { "probability" } } }
                        tbody {
                            @for mistake in &mistakes.listed {
                                tr {
                                    td class="name" { code { (mistake.file) } }
                                    td class="name" { (name(mistake.truth)) }
                                    td class="name" { (name(mistake.answer)) }
                                    td class="n" { (percent(f64::from(mistake.probability))) }
                                }
                            }
                        }
                    }
                }
            }
        }
        p class="note" {
            "All of them as a file: "
            code { "softcell evaluate --run " (quoted(&record.place)) " --mistakes mistakes.csv" }
        }
    }
}
