//! Runs as points: accuracy over what the network costs, and whose intervals overlap.

use maud::{Markup, html};

use super::comparison::COLOURS;
use super::plane::{Axis, Unit, grid, picture};
use super::record::RunRecord;
use super::statistics::{in_words, wilson};
use super::words::{grouped, percent};

/// A run that was tested.
struct Tested<'a> {
    /// Its number among all runs, from 1.
    number: usize,
    place: &'a str,
    accuracy: f64,
    interval: [f64; 2],
    /// Parameters and multiply-adds.
    cost: [u64; 2],
}

fn tested(records: &[RunRecord]) -> Vec<Tested<'_>> {
    let of = |(i, record): (usize, &'_ RunRecord)| {
        let [right, images] = record.test_counts()?;
        let cost = record.cost()?;
        Some((i, right, images, [cost.parameters, cost.macs]))
    };
    records
        .iter()
        .enumerate()
        .filter_map(of)
        .map(|(i, right, images, cost)| Tested {
            number: i + 1,
            place: &records[i].place,
            accuracy: right as f64 / images.max(1) as f64,
            interval: wilson(right, images),
            cost,
        })
        .collect()
}

/// Accuracy over parameters and over multiply-adds; nothing with fewer than two tested runs.
pub(super) fn scatter(records: &[RunRecord]) -> Markup {
    let runs = tested(records);
    if runs.len() < 2 {
        return html! {};
    }
    html! {
        h2 { "What accuracy costs" }
        @if are_of_the_same_images(records) && groups(&runs).is_empty() {
            p { "No two of the 95\u{a0}% intervals overlap: the differences are more than chance." }
        }
        ul class="legend" {
            @for run in &runs { li { b { (run.number) } i class={ "c" (colour(run)) } {} (run.place) } }
        }
        div class="charts" {
            @for (at, name) in ["parameters", "multiply-adds for an image"].into_iter().enumerate() {
                figure class="plane" {
                    figcaption { h3 { "Test accuracy over " (name) } }
                    (points(&runs, at, name))
                }
            }
        }
    }
}

fn colour(run: &Tested) -> &'static str {
    COLOURS[(run.number - 1) % COLOURS.len()]
}

fn points(runs: &[Tested], at: usize, name: &str) -> Markup {
    let x = Axis::across(runs.iter().map(|run| run.cost[at] as f64), Unit::Count);
    let y = Axis::upwards(runs.iter().flat_map(|run| run.interval), Unit::Share);
    let content = html! {
        (grid(&x, &y, name))
        @for run in runs {
            @let [low, high] = run.interval;
            @let across = x.at(run.cost[at] as f64);
            g class={ "c" (colour(run)) } {
                title {
                    (run.place) ": " (percent(run.accuracy)) " (" (in_words(run.interval)) "), "
                    (grouped(run.cost[at])) " " (name)
                }
                line class="span" x1=(across) x2=(across) y1=(y.at(low)) y2=(y.at(high)) {}
                circle cx=(across) cy=(y.at(run.accuracy)) r="5" {}
                @if let Some(numbers) = numbers(runs, at, run) {
                    text x=(across + 8.0) y=(y.at(run.accuracy) + 4.0) { (numbers) }
                }
            }
        }
    };
    picture(&format!("Test accuracy over {name}"), &content)
}

/// The numbers of all runs at the point of this one; none where an earlier run has them.
fn numbers(runs: &[Tested], at: usize, run: &Tested) -> Option<String> {
    let same = |other: &&Tested| other.accuracy == run.accuracy && other.cost[at] == run.cost[at];
    let there: Vec<usize> = runs.iter().filter(same).map(|other| other.number).collect();
    let words = there.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    (there.first() == Some(&run.number)).then_some(words)
}

/// Whether no two runs are known to be of different images.
pub(super) fn are_of_the_same_images(records: &[RunRecord]) -> bool {
    let manifests = records.iter().filter_map(|record| record.manifest.as_ref());
    let mut known = manifests.map(|manifest| &manifest.data_fingerprint).filter(|found| !found.is_empty());
    let first = known.next();
    known.all(|found| Some(found) == first)
}

/// Which intervals overlap, in a sentence; none where none do, or where they cannot be compared.
pub(super) fn overlaps(records: &[RunRecord]) -> Option<String> {
    let runs = tested(records);
    let groups = groups(&runs);
    if groups.is_empty() || !are_of_the_same_images(records) {
        return None;
    }
    let named = |group: &Vec<usize>| {
        let names: Vec<&str> = group.iter().map(|&i| runs[i].place).collect();
        let [most @ .., last] = &names[..] else { return String::new() };
        format!("{} and {last}", most.join(", "))
    };
    Some(match &groups[..] {
        [all] if all.len() == runs.len() => format!(
            "The 95 % intervals of {} overlap: the {} may be chance.",
            named(all),
            if runs.len() == 2 { "difference" } else { "differences" }
        ),
        some => format!(
            "The 95 % intervals of {} overlap, and no others do: where they overlap, the difference may be chance.",
            some.iter().map(named).collect::<Vec<_>>().join("; of ")
        ),
    })
}

/// The largest groups of two or more intervals that all overlap one another, from the highest; members from the one with
/// the highest lower end.
fn groups(runs: &[Tested]) -> Vec<Vec<usize>> {
    overlapping(&runs.iter().map(|run| run.interval).collect::<Vec<_>>())
}

/// The same of intervals.
fn overlapping(intervals: &[[f64; 2]]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    order.sort_by(|&a, &b| intervals[b][0].total_cmp(&intervals[a][0]));
    // Intervals that have a point in common overlap one another, and the lower end of one of them is such a point.
    let with_lower_end_of = |&i: &usize| -> Vec<usize> {
        let point = intervals[i][0];
        order.iter().copied().filter(|&j| intervals[j][0] <= point && point <= intervals[j][1]).collect()
    };
    let all: Vec<Vec<usize>> = order.iter().map(with_lower_end_of).filter(|group| group.len() > 1).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for group in &all {
        let within = |other: &Vec<usize>| group.iter().all(|i| other.contains(i));
        if !all.iter().any(|other| other.len() > group.len() && within(other)) && !groups.iter().any(within) {
            groups.push(group.clone());
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::testing::finished;
    use super::*;

    #[test]
    fn intervals_that_overlap_are_grouped() {
        assert_eq!(overlapping(&[[0.1, 0.2], [0.3, 0.4]]), Vec::<Vec<usize>>::new());
        assert_eq!(overlapping(&[[0.1, 0.3], [0.2, 0.4]]), [vec![1, 0]]);
        // 0 and 1 overlap, 1 and 2 do, 0 and 2 do not; 3 is on its own.
        assert_eq!(overlapping(&[[0.1, 0.3], [0.25, 0.5], [0.4, 0.6], [0.8, 0.9]]), [vec![2, 1], vec![1, 0]]);
        assert_eq!(overlapping(&[[0.1, 0.9], [0.2, 0.3], [0.25, 0.4]]), [vec![2, 1, 0]]);
        assert_eq!(overlapping(&[[0.5, 0.5], [0.5, 0.5]]), [vec![0, 1]]);
    }

    /// A run of which so many of 1000 test images are right.
    fn run(place: &str, right: u64) -> RunRecord {
        let mut run = finished(&["a", "b"], 1, 1);
        run.place = place.to_owned();
        let result = run.result.as_mut().unwrap();
        (result.confusion, result.test_images) = (vec![vec![right, 1000 - right], vec![0, 0]], 1000);
        run
    }

    #[test]
    fn the_sentence_names_who_overlaps() {
        let said = |rights: &[u64]| {
            let runs: Vec<RunRecord> =
                ["x", "y", "z"].into_iter().zip(rights).map(|(place, &right)| run(place, right)).collect();
            overlaps(&runs)
        };
        assert_eq!(said(&[900]), None);
        assert_eq!(said(&[900, 500]), None);
        assert_eq!(
            said(&[900, 905]).unwrap(),
            "The 95 % intervals of y and x overlap: the difference may be chance."
        );
        let some = said(&[900, 905, 500]).unwrap();
        assert!(some.starts_with("The 95 % intervals of y and x overlap, and no others do"), "{some}");
        let mut runs = [run("x", 900), run("y", 900)];
        assert!(overlaps(&runs).is_some());
        runs[1].manifest.as_mut().unwrap().data_fingerprint = "other".to_owned();
        assert_eq!(overlaps(&runs), None);
    }

    #[test]
    fn each_tested_run_is_a_point() {
        let mut untested = run("u", 1);
        untested.result = None;
        let page = scatter(&[run("x", 900), untested, run("z", 800)]).into_string();
        assert_eq!(page.matches("<circle").count(), 4);
        assert!(page.contains("z: 80.00 % (77.4 to 82.4 %), 123,456 parameters"), "{page}");
        assert!(page.contains("No two of the 95\u{a0}% intervals overlap"), "{page}");
        assert!(scatter(&[run("x", 900)]).into_string().is_empty());
        let same = scatter(&[run("x", 900), run("y", 900)]).into_string();
        assert!(same.matches(">1, 2</text>").count() == 2 && !same.contains("No two of"), "{same}");
    }
}
