//! What is to be said against a run, in plain words.

use super::guard::capitalised;
use super::record::{RunRecord, State};
use super::statistics::wilson;
use super::words::{counted, grouped, quoted, rough_percent};
use crate::measures::{balanced_accuracy, class_images, is_uneven};
use crate::run::{Activity, RunResult};
use crate::search::SearchEpoch;
use crate::space::{Genotype, cell_title};

/// Fewer epochs of training than this say nothing of a course.
const FEWEST_EPOCHS: usize = 4;
/// Share of the largest entropy above which alphas have hardly decided.
const UNDECIDED: f32 = 0.9;
/// Share of the epochs, the last ones, in which the genotype should not change any more.
const SETTLED: f64 = 0.1;
/// Share of a cell's operations from which skip connections are many.
const MANY_SKIPS: f64 = 0.5;
/// Accuracy by which training may lie above validation.
const GAP: f64 = 0.1;
/// Width of the interval of an accuracy from which its images are few.
pub(super) const WIDE: f64 = 0.05;
/// Images of a class in the test part, below which its accuracy says little.
const FEW_IMAGES: u64 = 10;

/// A sentence of warning and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is so.
    pub what: String,
    /// What follows, or what can be done.
    pub advice: String,
}

fn warning(what: impl Into<String>, advice: impl Into<String>) -> Option<Warning> {
    Some(Warning { what: what.into(), advice: advice.into() })
}

/// All that is to be said against a run so far.
pub fn warnings(record: &RunRecord) -> Vec<Warning> {
    unfinished(record).into_iter().chain(findings(record)).collect()
}

/// The same without how far the run is.
pub fn findings(record: &RunRecord) -> Vec<Warning> {
    let found = [
        small_test(record),
        few_of_a_class(record),
        no_better_than_the_largest_class(record),
        training_above_validation(record),
        best_is_last(record),
        undecided(record),
        still_changing(record),
        collapsed(record),
        many_skips(record),
    ];
    found.into_iter().flatten().collect()
}

fn unfinished(record: &RunRecord) -> Option<Warning> {
    let (going_on, busy) = match record.activity {
        Activity::Busy => ("is going on", true),
        Activity::Idle => ("was stopped before its end", false),
    };
    let resume = if busy {
        "Make the report again later.".to_owned()
    } else {
        format!("It goes on with: softcell fit --out {} --resume", quoted(&record.place))
    };
    match record.state() {
        State::Finished | State::Imported => None,
        State::Found if busy => warning("The training is going on.", resume),
        State::Found => warning("The network is not trained yet.", resume),
        State::Searching { done, of } => {
            warning(format!("The search {going_on}: {done} of {} are done.", counted(of, "epoch")), resume)
        }
        State::Training { done, of } => {
            warning(format!("The training {going_on}: {done} of {} are done.", counted(of, "epoch")), resume)
        }
    }
}

fn small_test(record: &RunRecord) -> Option<Warning> {
    let [right, images] = record.test_counts()?;
    let [low, high] = wilson(right, images);
    if high - low < WIDE {
        return None;
    }
    warning(
        format!(
            "The test part is small: {} images leave the accuracy anywhere from {} to {}.",
            grouped(images),
            rough_percent(low),
            rough_percent(high)
        ),
        "Differences smaller than that between runs say nothing. More test images narrow it: four times as \
         many halve it.",
    )
}

fn few_of_a_class(record: &RunRecord) -> Option<Warning> {
    let result = record.result.as_ref()?;
    let few: Vec<&str> = result
        .confusion
        .iter()
        .zip(&result.classes)
        .filter(|(row, _)| row.iter().sum::<u64>() < FEW_IMAGES)
        .map(|(_, class)| class.as_str())
        .collect();
    let names = match few[..] {
        [] => return None,
        [one] => one.to_owned(),
        [first, .., last] if few.len() > 4 => format!("{first} to {last} ({} classes)", few.len()),
        [ref most @ .., last] => format!("{} and {last}", most.join(", ")),
    };
    warning(
        format!("Fewer than {FEW_IMAGES} test images of {names}."),
        "The accuracy of these classes by themselves is hardly more than a guess.",
    )
}

fn no_better_than_the_largest_class(record: &RunRecord) -> Option<Warning> {
    let [right, images] = record.test_counts()?;
    let result = record.result.as_ref()?;
    let largest = result.confusion.iter().map(|row| row.iter().sum::<u64>()).max()?;
    let share = largest as f64 / images.max(1) as f64;
    if wilson(right, images)[0] > share || has_learned_uneven_classes(result) {
        return None;
    }
    warning(
        format!(
            "The network may be no better than one that always answers the most frequent class, which is right \
             for {} of the test images.",
            rough_percent(share)
        ),
        "Train longer or with more images, and look at the images and labels.",
    )
}

/// Whether classes are uneven and the mean of their accuracies is above what one answer for all images gives, by more
/// than chance would: two standard errors of that mean, each class with a right and a wrong answer added to it.
fn has_learned_uneven_classes(result: &RunResult) -> bool {
    let images = class_images(&result.confusion);
    if !is_uneven(images.iter().copied()) {
        return false;
    }
    let present = || images.iter().enumerate().filter(|&(_, &n)| n > 0);
    let classes = present().count() as f64;
    let variance: f64 = present()
        .map(|(class, &n)| {
            let share = (result.confusion[class][class] as f64 + 1.0) / (n as f64 + 2.0);
            share * (1.0 - share) / n as f64
        })
        .sum();
    balanced_accuracy(&result.confusion) - 2.0 * variance.sqrt() / classes > 1.0 / classes
}

fn training_above_validation(record: &RunRecord) -> Option<Warning> {
    let last = record.train.last()?;
    let train = &record.config.train;
    let gap = last.train_accuracy - last.valid_accuracy?;
    if gap < GAP {
        return None;
    }
    warning(
        format!(
            "{} the accuracy on the validation images was {}, far below the {} on the training images.",
            if record.result.is_some() {
                "At the end of the training".to_owned()
            } else {
                format!("After {} of the training", counted(record.train.len(), "epoch"))
            },
            rough_percent(last.valid_accuracy?),
            rough_percent(last.train_accuracy)
        ),
        format!(
            "The network learns the training images by heart: more images, {}{}more weight decay or a smaller \
             network help.",
            if train.cutout { "" } else { "cutout (--cutout), " },
            if train.drop_path_prob > 0.0 { "" } else { "drop path (--drop-path-prob), " },
        ),
    )
}

fn best_is_last(record: &RunRecord) -> Option<Warning> {
    let (result, last) = (record.result.as_ref()?, record.train.last()?);
    let rising = || {
        let quarter = (record.train.len() / 4).max(1);
        let loss = |epochs: &[crate::train::TrainEpoch]| {
            epochs.iter().map(|epoch| epoch.train_loss).sum::<f64>() / epochs.len() as f64
        };
        let n = record.train.len();
        loss(&record.train[n - quarter..]) < 0.9 * loss(&record.train[n - 2 * quarter..n - quarter])
    };
    // Without validation the last epoch is taken whatever it brought.
    let chosen = result.validation_accuracy.is_some() && result.epoch == last.epoch;
    if record.train.len() < FEWEST_EPOCHS || !chosen || !rising() {
        return None;
    }
    warning(
        "The training was still getting better in its last epoch.",
        "More epochs (--train-epochs) would probably give a better network.",
    )
}

fn undecided(record: &RunRecord) -> Option<Warning> {
    let last = record.search.last()?;
    let most = record.space().largest_entropy() as f32;
    let entropy = last.cells.cells().map(|cell| cell.entropy).fold(f32::NAN, f32::max);
    let searching = matches!(record.state(), State::Searching { .. });
    // One candidate is always decided. NaN is a warning as well.
    if searching || most <= 0.0 || entropy < UNDECIDED * most {
        return None;
    }
    warning(
        format!(
            "The alphas have not converged: their entropy is {:.1} % of that of no preference at all.",
            100.0 * entropy / most
        ),
        "Small differences chose this cell, and another seed may choose another one. Search for more epochs, or \
         raise --arch-learning-rate.",
    )
}

fn still_changing(record: &RunRecord) -> Option<Warning> {
    let n = record.search.len();
    if n < 2 || matches!(record.state(), State::Searching { .. }) {
        return None;
    }
    let window = ((n as f64 * SETTLED).ceil() as usize).clamp(1, n - 1);
    let genotypes =
        |epochs: &[SearchEpoch]| epochs.windows(2).filter(|w| w[0].genotype != w[1].genotype).count();
    let changes = genotypes(&record.search[n - 1 - window..]);
    if changes == 0 {
        return None;
    }
    warning(
        format!(
            "The cell was still changing at the end of the search: {} in the last {}.",
            counted(changes, "change"),
            if window == 1 { "epoch".to_owned() } else { counted(window, "epoch") }
        ),
        "A longer search may end in another cell.",
    )
}

/// What the guard says.
fn collapsed(record: &RunRecord) -> Option<Warning> {
    let last = record.search.last()?;
    let guard = last.guard.as_ref()?;
    if !guard.verdict.is_collapse() && !guard.takes_an_earlier(last.epoch) {
        return None;
    }
    let what = guard.sentence(last.epoch).unwrap_or_else(|| {
        format!("the cell of epoch {} is kept, not that of the last epoch", guard.taken + 1)
    });
    warning(
        capitalised(&what),
        "Cells of skip connections train fast and end badly. A larger weight decay of the weights, drop path, or \
         another method keep a search from it.",
    )
}

fn many_skips(record: &RunRecord) -> Option<Warning> {
    let (first, last) = (record.search.first()?, record.search.last()?);
    if last.guard.is_some() {
        return None;
    }
    let genotype: Genotype = record.latest_genotype()?;
    let (name, cell) = genotype.cells.iter().next()?;
    let operations = cell.n_edges();
    let of = |epoch: &SearchEpoch| Some(epoch.cells.get(name)?.skips);
    let (before, skips) = (of(first)?, of(last)?);
    if skips < 2 || (skips as f64) < MANY_SKIPS * operations as f64 || skips <= before {
        return None;
    }
    warning(
        format!(
            "Skip connections rose from {before} to {skips} of the {operations} operations of the {}.",
            cell_title(name)
        ),
        "This is how a search of this kind collapses: such cells train fast and end badly. An earlier epoch's \
         cell (genotypes/) may be better; fewer epochs of search help.",
    )
}
