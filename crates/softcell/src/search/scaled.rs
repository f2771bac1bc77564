//! The search on smaller images than the training's.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::{CheckedConfig, SearchConfig, Stem};
use crate::data::{Dataset, ImageSet, Normalization};
use crate::space::StemKind;

impl SearchConfig {
    /// Rows and columns of the images that are searched with, where they have `height` and `width`: the longer side is
    /// at most `max_side`, the ratio of the sides stays.
    pub fn image_size(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        let longest = height.max(width);
        if self.max_side == 0 || longest <= self.max_side {
            return [height, width];
        }
        let scaled = |side: usize| ((side * self.max_side + longest / 2) / longest).max(1);
        [scaled(height), scaled(width)]
    }

    /// Channels, rows and columns of the images that are searched with.
    pub fn image_shape(&self, images: &ImageSet) -> [usize; 3] {
        let [height, width] = self.image_size([images.height, images.width]);
        [images.channels, height, width]
    }
}

/// The images and settings that a search works with: where the images are larger than `search.max_side`, they are
/// scaled down, and so is the padding of the random crop; else both as they are.
///
/// Mean and deviation are those of the scaled training images. Test images, which a search does not look at, stay.
pub fn scaled_for_search<'a>(
    dataset: &'a Dataset,
    config: &'a CheckedConfig,
) -> (Cow<'a, Dataset>, Cow<'a, CheckedConfig>) {
    let full = [dataset.train.height, dataset.train.width];
    let [height, width] = config.search.image_size(full);
    if [height, width] == full {
        return (Cow::Borrowed(dataset), Cow::Borrowed(config));
    }
    let train = dataset.train.resized(height, width);
    let normalization = Normalization::measure(&train, &dataset.training_indices());
    let config = config.with(|config| {
        // What the stem is goes by the images as they are.
        config.search.stem = match config.search.stem.kind(full) {
            StemKind::Cifar => Stem::Cifar,
            StemKind::Imagenet => Stem::Imagenet,
        };
        config.data.crop_padding = config.data.crop_padding * height.max(width) / full[0].max(full[1]);
    });
    let config = config.expect("less padding is allowed where more is");
    let dataset = Dataset { train: Arc::new(train), normalization, ..dataset.clone() };
    (Cow::Owned(dataset), Cow::Owned(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataFormat, DataShape, Preset, preset};
    use crate::data::Source;

    fn config(max_side: usize) -> CheckedConfig {
        let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0;
        config.search.max_side = max_side;
        config.check().unwrap()
    }

    #[test]
    fn the_longer_side_is_capped_and_the_ratio_stays() {
        for (most, from, to) in [
            (0, [500, 300], [500, 300]),
            (48, [48, 48], [48, 48]),
            (48, [128, 128], [48, 48]),
            (48, [100, 200], [24, 48]),
            (48, [198, 224], [42, 48]),
            (4, [1000, 1], [4, 1]),
        ] {
            assert_eq!(config(most).search.image_size(from), to, "{most} {from:?}");
        }
    }

    #[test]
    fn only_the_training_images_are_scaled() {
        let classes = Arc::new(vec!["a".to_owned(), "b".to_owned()]);
        let set = || {
            let pixels = (0..20u8).flat_map(|image| [image * 10; 64]).collect();
            ImageSet::new(Arc::clone(&classes), [1, 8, 8], pixels, (0..20).map(|image| image % 2).collect())
        };
        let config = config(4);
        let source = Source::new(DataFormat::Folder, set(), Some(set()), Vec::new());
        let dataset = Dataset::new(source, &config.data, 0.5, 1).unwrap();
        let (scaled, with) = scaled_for_search(&dataset, &config);
        assert_eq!((scaled.train.height, scaled.train.width, scaled.test.height), (4, 4, 8));
        assert_eq!((&scaled.split, &scaled.normalization), (&dataset.split, &dataset.normalization));
        assert_eq!(scaled.train.image(3).as_ref(), [30; 16]);
        assert_eq!((config.data.crop_padding, with.data.crop_padding), (4, 2));
        // The stem goes by the images as they were.
        assert_eq!((config.search.stem, with.search.stem), (Stem::Cifar, Stem::Cifar));
        // A second time nothing is left to do.
        assert!(matches!(scaled_for_search(&scaled, &with).0, Cow::Borrowed(_)));
    }
}
