//! How sure the network is of its answers, and whether it may be.

use maud::{Markup, html};

use super::plane::{Axis, Unit, grid, picture};
use super::statistics::{in_words, wilson};
use super::words::{grouped, percent, rough_percent};
use crate::records::{Calibration, CalibrationBin, CalibrationVerdict};
use crate::run::RunResult;

/// Pixels of the picture that show how many images there are, at the bottom of the plane.
const STRIP: f64 = 40.0;

/// What the probabilities are worth; nothing where an earlier version wrote the result.
pub(super) fn calibration(result: &RunResult) -> Markup {
    let Some(calibration) = result.calibration.as_ref().filter(|calibration| calibration.images() > 0) else {
        return html! {};
    };
    html! {
        h3 { "How sure the network is" }
        p { (sentence(calibration)) }
        p class="note" { (error(calibration)) }
        figure class="plane" {
            figcaption {
                p class="note" {
                    "Share of right answers over the probability that the network gave them, with 95\u{a0}% intervals; on the \
                     dashed line they are equal, below it the network is too sure. The bars at the bottom say how many \
                     images there are."
                }
            }
            (curve(calibration))
        }
        details {
            summary { "The same in numbers" }
            div class="scroll" tabindex="0" { (table(calibration)) }
        }
    }
}

/// Whether the probabilities can be taken at their word.
fn sentence(calibration: &Calibration) -> String {
    let images = calibration.images();
    let stated = rough_percent(calibration.mean_confidence());
    let right = rough_percent(calibration.right() as f64 / images as f64);
    let both = format!("on average it gives its answers {stated}, and {right} of them are right");
    match calibration.verdict() {
        CalibrationVerdict::AtItsWord => format!(
            "The probabilities of the network can be taken at their word, as far as {} images tell: {both}.",
            grouped(images)
        ),
        CalibrationVerdict::TooSure => format!("The network is too sure of itself (overconfident): {both}."),
        CalibrationVerdict::TooUnsure => {
            format!("The network is less sure than it could be (underconfident): {both}.")
        }
        CalibrationVerdict::Mixed => format!(
            "The probabilities of the network fit only on average, some are too high and others too low: {both}."
        ),
    }
}

/// The expected calibration error in words.
fn error(calibration: &Calibration) -> String {
    let points = |share: f64| format!("{:.1}", share * 100.0);
    format!(
        "From one range of probability to the next, what is stated and what is right are {} points apart in the mean \
         over the images (expected calibration error, {} ranges). Chance alone would make about {} of so many images.",
        points(calibration.expected_calibration_error),
        calibration.bins.len(),
        points(calibration.error_by_chance()),
    )
}

/// The ranges that have images.
fn ranges(calibration: &Calibration) -> impl Iterator<Item = (String, &CalibrationBin, f64)> {
    let all = calibration.bins.len() as f64;
    let end = move |i: usize| i as f64 / all;
    calibration.bins.iter().enumerate().filter_map(move |(i, bin)| {
        let range =
            format!("{} to {}", rough_percent(end(i)).trim_end_matches(" %"), rough_percent(end(i + 1)));
        Some((range, bin, bin.confidence?))
    })
}

fn share(bin: &CalibrationBin) -> f64 {
    bin.right as f64 / bin.images as f64
}

/// The reliability curve.
fn curve(calibration: &Calibration) -> Markup {
    let whole = || [0.0, 1.0].into_iter();
    let (x, y) = (Axis::across(whole(), Unit::Share), Axis::upwards(whole(), Unit::Share));
    let most = ranges(calibration).map(|(_, bin, _)| bin.images).max().unwrap_or(1) as f64;
    let [left, right] = x.ends();
    let width = (right - left) / calibration.bins.len() as f64;
    let floor = y.at(0.0);
    let bars = calibration.bins.iter().enumerate().filter(|(_, bin)| bin.images > 0);
    let tenth = |pixels: f64| (pixels * 10.0).round() / 10.0;
    let content = html! {
        (grid(&x, &y, "probability that the network gave its answer"))
        @for (i, bin) in bars {
            @let height = tenth((bin.images as f64 / most * STRIP).max(1.0));
            rect class="count" x=(tenth(left + i as f64 * width + 1.0)) width=(tenth(width - 2.0)) y=(tenth(floor - height)) height=(height) {}
        }
        line class="even" x1=(x.at(0.0)) y1=(y.at(0.0)) x2=(x.at(1.0)) y2=(y.at(1.0)) {}
        @for (range, bin, confidence) in ranges(calibration) {
            @let [low, high] = wilson(bin.right, bin.images);
            g class="c--first" {
                title {
                    (range) ": " (grouped(bin.images)) (if bin.images == 1 { " image" } else { " images" }) ", "
                    (rough_percent(confidence)) " stated, " (rough_percent(share(bin))) " right"
                }
                line class="span" x1=(x.at(confidence)) x2=(x.at(confidence)) y1=(y.at(low)) y2=(y.at(high)) {}
                circle cx=(x.at(confidence)) cy=(y.at(share(bin))) r="4" {}
            }
        }
    };
    picture("Reliability curve", &content)
}

fn table(calibration: &Calibration) -> Markup {
    html! {
        table {
            thead { tr {
                th { "probability" } th class="n" { "images" } th class="n" { "stated on average" }
                th class="n" { "right" } th class="n" { "95 % interval" }
            } }
            tbody {
                @for (range, bin, confidence) in ranges(calibration) {
                    tr {
                        td { (range) }
                        td class="n" { (grouped(bin.images)) }
                        td class="n" { (percent(confidence)) }
                        td class="n" { (percent(share(bin))) }
                        td class="n" { (in_words(wilson(bin.right, bin.images))) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Calibrating;

    fn of(answers: &[(f64, usize, usize)]) -> Calibration {
        let mut counting = Calibrating::default();
        for &(probability, right, images) in answers {
            (0..images).for_each(|i| counting.add(probability, usize::from(i < right), 1));
        }
        counting.finish()
    }

    #[test]
    fn an_engineer_reads_what_the_probabilities_are_worth() {
        for (answers, words) in [
            (
                vec![(0.9, 90, 100)],
                "can be taken at their word, as far as 100 images tell: on average it gives its answers 90.0 %, and 90.0 % of them are right.",
            ),
            (
                vec![(0.95, 700, 1000)],
                "too sure of itself (overconfident): on average it gives its answers 95.0 %, and 70.0 % of them are right.",
            ),
            (vec![(0.7, 900, 1000)], "less sure than it could be (underconfident)"),
            (vec![(0.9, 750, 1000), (0.6, 750, 1000)], "fit only on average"),
        ] {
            let said = sentence(&of(&answers));
            assert!(said.contains(words), "{said}");
        }
        // √(2/π · 0.9 · 0.1 / 100) is 2.4 points.
        let said = error(&of(&[(0.9, 80, 100)]));
        assert!(said.contains("are 10.0 points apart") && said.contains("make about 2.4 of"), "{said}");
    }

    #[test]
    fn each_range_with_images_has_a_point_and_a_row() {
        let calibration = of(&[(0.9, 2, 3), (0.3, 0, 1), (1.0, 5, 5)]);
        let (picture, table) = (curve(&calibration).into_string(), table(&calibration).into_string());
        assert_eq!(picture.matches("<circle").count(), 3);
        assert_eq!(picture.matches("class=\"count\"").count(), 3);
        assert!(picture.contains("86.7 to 93.3 %: 3 images, 90.0 % stated, 66.7 % right"), "{picture}");
        assert_eq!(table.matches("<tr>").count(), 4);
    }
}
