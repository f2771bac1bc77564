//! The part of the preset `auto` on classes of which one has many more images than another.

use super::preset::DataShape;
use super::types::{Config, Sampling};

/// From this ratio of the largest to the smallest class on, something is done about it.
const RATIO: f64 = 3.0;

/// Draws classes equally often where they are uneven, and says so.
pub(super) fn settings(config: &mut Config, data: &DataShape, reasons: &mut Vec<String>) {
    let DataShape { largest_class, smallest_class, .. } = *data;
    if smallest_class == 0 || (largest_class as f64) < RATIO * smallest_class as f64 {
        return;
    }
    config.data.sampling = Sampling::Balanced;
    reasons.push(format!(
        "the classes are uneven, {smallest_class} to {largest_class} images to train on: each class is drawn \
         equally often (sampling balanced; --class-weights balanced is another way)"
    ));
}

#[cfg(test)]
mod tests {
    use super::super::preset::{Preset, preset};
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
            };
            let (config, reasons) = preset(Preset::Auto, &data);
            (config.data.sampling, reasons.iter().any(|reason| reason.contains("uneven")))
        };
        assert_eq!(auto(100, 299), (Sampling::Shuffled, false));
        assert_eq!(auto(100, 300), (Sampling::Balanced, true));
        assert_eq!(auto(0, 0), (Sampling::Shuffled, false));
    }
}
