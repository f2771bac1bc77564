//! The training: its curves, and a batch as the network sees it.

use maud::{Markup, html};

use super::charts::{Chart, train_charts};
use super::classes::is_picture;
use super::figure::{chart_figure, hint};
use super::record::RunRecord;
use super::words::counted;
use crate::config::{AutoAugment, CheckedConfig};

/// The training's part of the report; nothing before its first epoch is done.
pub(super) fn training(record: &RunRecord, charts: &mut Vec<Chart>) -> Markup {
    let found = train_charts(record);
    let [loss, accuracy, rate] = &found[..] else { return html! {} };
    let markup = html! {
        h2 { "The training" }
        @if let Some(result) = &record.result {
            p class="note" {
                "The weights of epoch " (result.epoch + 1) " are kept"
                @if result.weights == "best" { ", the best ones on the validation images" }
                @if record.config.train.all_images {
                    ", the last ones: all training images were trained on, also those for validation"
                }
                "."
            }
        }
        (hint())
        div class="charts" {
            (chart_figure("Accuracy", "", accuracy))
            (chart_figure("Loss", "", loss))
            (chart_figure("Learning rate", "", rate))
        }
        (seen(record))
    };
    charts.extend(found);
    markup
}

/// A few images of the first batch, before and after they were varied.
fn seen(record: &RunRecord) -> Markup {
    let Some(augmented) = record.augmented.as_ref().filter(|augmented| !augmented.images.is_empty()) else {
        return html! {};
    };
    let varied = varied(&record.config);
    let name = |class: usize| record.classes().get(class).map_or("?", String::as_str);
    html! {
        h3 { "What the network sees" }
        p class="note" {
            "The first images of the first batch: on the left as they are, on the right as the network gets them. "
            @if !varied.is_empty() { "In each epoch each image is varied anew: " (varied) "." }
        }
        ul class="seen" {
            @for image in augmented.images.iter().filter(|i| is_picture(&i.before) && is_picture(&i.after)) {
                li {
                    img src=(image.before) alt={ "an image of " (name(image.class)) };
                    span { "\u{2192}" }
                    img src=(image.after) alt="the same, varied";
                    small { (name(image.class)) }
                }
            }
        }
    }
}

/// How images are varied, in words.
fn varied(config: &CheckedConfig) -> String {
    let (data, train) = (&config.data, &config.train);
    let mut ways = Vec::new();
    if data.crop_scale > 0.0 {
        ways.push(format!(
            "a part of at least {:.0} % of it is cut out and enlarged",
            data.crop_scale * 100.0
        ));
    } else if data.crop_padding > 0 {
        ways.push(format!("moved by up to {}", counted(data.crop_padding, "pixel")));
    }
    if data.flip {
        ways.push("mirrored half of the time".to_owned());
    }
    match data.auto_augment {
        AutoAugment::None => {}
        AutoAugment::Trivial => ways.push("changed by an operation of TrivialAugment".to_owned()),
        AutoAugment::Rand => ways.push("changed by two operations of RandAugment".to_owned()),
    }
    if data.color_jitter > 0.0 {
        ways.push("changed in brightness, contrast and saturation".to_owned());
    }
    if train.cutout {
        ways.push(format!("a square of {0}\u{d7}{0} pixels is blanked (cutout)", train.cutout_length));
    }
    ways.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::testing::finished;
    use super::*;

    #[test]
    fn what_is_done_to_images_is_said() {
        let mut record = finished(&["a", "b"], 1, 3);
        record.config = record
            .config
            .with(|config| {
                (config.data.crop_padding, config.data.flip, config.data.crop_scale) = (4, true, 0.0);
                config.data.auto_augment = AutoAugment::Trivial;
                (config.train.cutout, config.train.cutout_length) = (true, 16);
            })
            .unwrap();
        let page = training(&record, &mut Vec::new()).into_string();
        for words in [
            "moved by up to 4 pixels, mirrored half of the time, changed by an operation of TrivialAugment, a square of \
             16\u{d7}16 pixels is blanked (cutout).",
            "Learning rate",
        ] {
            assert!(page.contains(words), "no {words:?} in {page}");
        }
        assert_eq!(page.matches("<img ").count(), 2);
        record.augmented = None;
        assert!(!training(&record, &mut Vec::new()).into_string().contains("What the network sees"));
    }
}
