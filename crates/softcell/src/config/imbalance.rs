//! The part of the preset `auto` on classes of which one has many more images than another.

use super::types::{Config, DataShape, Sampling};
use crate::error::{Advice, Remedy};

/// From this ratio of the largest to the smallest class on, something is done about it.
const RATIO: f64 = 3.0;

/// Draws classes equally often where they are uneven, and says so.
///
/// Measured on the 8x8 digits, five classes with many images to train on and five with few, cells of DARTS_V2, means of
/// three seeds of the balanced accuracy on even test images, with nothing, balanced weights and balanced sampling:
/// 76.9, 87.4 and 85.8 % (100 and 6 images, 25 epochs); 91.4, 93.1 and 94.5 % (100 and 25 images, 25 epochs); 83.2, 90.2
/// and 85.3 % (100 and 6 images, 80 epochs, two seeds). On `benchmarks/uneven` (five classes of 8 to 200 images): 86.3,
/// 95.1 and 96.6 %. Both help, and neither is ahead everywhere; sampling keeps the steps' gradients of one size.
pub(super) fn settings(config: &mut Config, data: &DataShape, reasons: &mut Vec<Advice>) {
    if let Some(reason) = reason(data) {
        config.data.sampling = Sampling::Balanced;
        reasons.push(reason);
    }
}

/// Leaves uneven classes to class weights that were given: with balanced sampling as well, the images of rare classes
/// would count twice over. `config` and `reasons` are those of a preset for `data`.
pub fn leave_to_weights(config: &mut Config, reasons: &mut [Advice], data: &DataShape) {
    let Some(reason) = reason(data).filter(|_| config.data.sampling == Sampling::Balanced) else { return };
    config.data.sampling = Sampling::Shuffled;
    if let Some(told) = reasons.iter_mut().find(|told| **told == reason) {
        *told = format!(
            "the classes are uneven, {}: that is left to the class weights that were given, and every image is drawn \
             once (sampling shuffled)",
            counts(data)
        )
        .into();
    }
}

/// Why classes are drawn equally often; none where they are even.
fn reason(data: &DataShape) -> Option<Advice> {
    let DataShape { largest_class, smallest_class, .. } = *data;
    (smallest_class > 0 && largest_class as f64 >= RATIO * smallest_class as f64).then(|| {
        let begin = format!(
            "the classes are uneven, {}: each class is drawn equally often (sampling balanced; ",
            counts(data)
        );
        Advice::from(begin) + Remedy::Setting("data.class_weights") + " balanced is another way)"
    })
}

fn counts(data: &DataShape) -> String {
    format!("{} to {} images to train on", data.smallest_class, data.largest_class)
}

#[cfg(test)]
mod tests {
    use super::super::preset::Preset;
    use super::super::presets::preset;
    use super::*;

    #[test]
    fn uneven_classes_are_drawn_equally_often() {
        let auto = |smallest_class, largest_class| {
            let data = DataShape {
                train_images: 1000,
                classes: 5,
                channels: 3,
                height: 32,
                width: 32,
                largest_class,
                smallest_class,
                own_validation: false,
            };
            let (config, reasons) = preset(Preset::Auto, &data);
            (config.data.sampling, reasons.iter().any(|reason| reason.to_string().contains("uneven")))
        };
        assert_eq!(auto(100, 299), (Sampling::Shuffled, false));
        assert_eq!(auto(100, 300), (Sampling::Balanced, true));
        assert_eq!(auto(0, 0), (Sampling::Shuffled, false));
    }

    #[test]
    fn weights_that_were_given_take_the_place_of_sampling() {
        let data = DataShape { largest_class: 300, smallest_class: 10, ..DataShape::default() };
        let (mut config, mut reasons) = preset(Preset::Auto, &data);
        let count = reasons.len();
        leave_to_weights(&mut config, &mut reasons, &data);
        assert_eq!((config.data.sampling, reasons.len()), (Sampling::Shuffled, count));
        let said = reasons.iter().map(Advice::to_string).collect::<Vec<_>>().join("\n");
        assert!(said.contains("left to the class weights") && !said.contains("sampling balanced"), "{said}");
    }
}
