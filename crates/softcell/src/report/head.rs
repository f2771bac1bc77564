//! The head of the report: what the run came to, in sentences and in short numbers.

use maud::{Markup, html};

use super::health::{WIDE, warnings};
use super::record::{RunRecord, State};
use super::statistics::wilson;
use super::words::{counted, duration, grouped, percent, quoted, rough_percent, size};
use crate::run::Activity;

/// What a run came to, in two sentences.
pub(super) fn result_sentences(record: &RunRecord) -> Markup {
    let (Some(result), Some([right, images])) = (&record.result, record.test_counts()) else {
        return html! { p class="lead" { (standing(record)) } };
    };
    let [low, high] = wilson(right, images);
    let time = match result.search_seconds {
        Some(search) => format!(
            "the search took {} and the training {}",
            duration(search),
            duration(result.train_seconds)
        ),
        None => format!("the training took {}", duration(result.train_seconds)),
    };
    html! {
        p class="lead" {
            "The network names " strong { (percent(result.test_accuracy)) } " of " (grouped(images))
            " test images correctly, which leaves its true accuracy between " (rough_percent(low)) " and "
            (rough_percent(high)) " (95 % confidence). "
            "It has " (grouped(result.parameters)) " parameters and takes " (grouped(result.macs))
            " multiply-adds for an image; " (time) "."
        }
    }
}

/// How far a run is, in two sentences.
fn standing(record: &RunRecord) -> String {
    let busy = record.activity == Activity::Busy;
    let verb = if busy { "is going on" } else { "was stopped" };
    if let Some(selection) = record.selection.as_ref().filter(|selection| selection.chosen.is_none()) {
        return format!("The selection {verb}: {}.", super::selection::done(selection));
    }
    match record.state() {
        State::Finished => String::new(),
        State::Imported => format!(
            "The trained network was imported from {}. It was not tested here; this does it: \
             softcell evaluate --run {}{}",
            record.imported_from().unwrap_or_default(),
            quoted(&record.place),
            if record.has_images() { "" } else { " --data PATH" }
        ),
        State::Searching { done, of } => {
            let accuracy = record.search.last().map_or(String::new(), |epoch| {
                format!(
                    " The supernet answers {} of the alphas' images correctly, which does not predict the \
                     accuracy of the network.",
                    percent(epoch.valid_accuracy)
                )
            });
            format!(
                "The search {verb} after {done} of {}: there is no network yet.{accuracy}",
                counted(of, "epoch")
            )
        }
        State::Found if busy => "The cell is there. Its network is being trained.".to_owned(),
        State::Found => {
            "The cell is there, but its network is not trained. So there is no accuracy yet.".to_owned()
        }
        State::Training { done, of } => {
            let accuracy = record
                .train
                .iter()
                .filter_map(|epoch| epoch.valid_accuracy)
                .fold(None, |best, a| Some(best.map_or(a, |best: f64| best.max(a))));
            let so_far = accuracy.map_or(String::new(), |accuracy| {
                format!(
                    " The best accuracy on the validation images so far is {}; the test images wait for the end.",
                    percent(accuracy)
                )
            });
            format!("The training {verb} after {done} of {}.{so_far}", counted(of, "epoch"))
        }
    }
}

pub(super) fn warning_list(record: &RunRecord) -> Markup {
    let warnings = warnings(record);
    html! {
        @if !warnings.is_empty() {
            ul class="warnings" {
                @for warning in &warnings { li { strong { (warning.what) } " " (warning.advice) } }
            }
        }
    }
}

/// A number in short.
struct Fact {
    number: String,
    name: &'static str,
    /// How sure it is: by how many images, and within which bounds.
    sure: Option<Sureness>,
}

/// Images that an accuracy was measured on, and the 95 % interval.
struct Sureness {
    images: u64,
    interval: [f64; 2],
}

impl Sureness {
    fn of(accuracy: f64, images: u64) -> Sureness {
        Sureness { images, interval: wilson((accuracy * images as f64).round() as u64, images) }
    }

    /// Whether the images are too few for more than a rough idea.
    fn is_rough(&self) -> bool {
        self.interval[1] - self.interval[0] >= WIDE
    }
}

/// The numbers in short.
pub(super) fn facts(record: &RunRecord) -> Markup {
    let mut facts = Vec::new();
    let mut fact = |number: String, name: &'static str| facts.push(Fact { number, name, sure: None });
    if let Some(cost) = record.cost() {
        let so_far = matches!(record.state(), State::Searching { .. });
        fact(
            grouped(cost.parameters),
            if so_far { "parameters, with the cell so far" } else { "parameters" },
        );
        fact(grouped(cost.macs), "multiply-adds per image");
    }
    if let Some(seconds) = record.search_seconds() {
        fact(duration(seconds), "search");
    }
    if let Some(seconds) = record.train_seconds() {
        fact(duration(seconds), "training");
    }
    if let Some(result) = &record.result {
        if let Some(mb) = result.peak_rss_mb {
            fact(format!("{mb:.0} MB"), "memory at most");
        }
        fact(size(result.peak_activation_bytes), "feature maps at most, for one image");
    }
    let facts: Vec<Fact> = accuracies(record).into_iter().chain(facts).collect();
    html! {
        @if !facts.is_empty() {
            div class="facts" { @for (place, fact) in facts.iter().enumerate() { (tile(fact, weight(record, place))) } }
        }
    }
}

/// The accuracies, each with how sure it is.
fn accuracies(record: &RunRecord) -> Vec<Fact> {
    let Some(result) = &record.result else { return Vec::new() };
    let fact = |accuracy: f64, name, images: Option<u64>| Fact {
        number: percent(accuracy),
        name,
        sure: images.map(|images| Sureness::of(accuracy, images)),
    };
    let tested = Some(result.test_images);
    let mut facts = vec![fact(result.test_accuracy, "test accuracy", tested)];
    if result.classes.len() > 5 {
        facts.push(fact(result.test_top5_accuracy, "test accuracy, first five answers", tested));
    }
    if let Some(accuracy) = result.validation_accuracy {
        facts.push(fact(accuracy, "validation accuracy", result.validation_images));
    }
    facts
}

/// How much a number counts beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// What the run came to: the first number of a finished one.
    Main,
    /// All others.
    Other,
}

fn weight(record: &RunRecord, place: usize) -> Weight {
    if place == 0 && record.result.is_some() { Weight::Main } else { Weight::Other }
}

fn tile(fact: &Fact, weight: Weight) -> Markup {
    let rough = fact.sure.as_ref().is_some_and(Sureness::is_rough);
    let class = match (weight, rough) {
        (Weight::Main, true) => Some("main rough"),
        (Weight::Main, false) => Some("main"),
        (Weight::Other, true) => Some("rough"),
        (Weight::Other, false) => None,
    };
    html! {
        div class=[class] {
            b { @if rough { "\u{2248} " } (fact.number) }
            span { (fact.name) }
            @if let Some(Sureness { images, interval: [low, high] }) = &fact.sure {
                small {
                    @if rough { "rough: " }
                    (grouped(*images)) (if *images == 1 { " image" } else { " images" }) ", "
                    (rough_percent(*low).trim_end_matches(" %")) " to " (rough_percent(*high)) " (95 %)"
                }
            }
        }
    }
}
