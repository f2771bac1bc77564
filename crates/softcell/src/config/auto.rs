//! The preset `auto`: settings sized to the data.
//!
//! The aim is a search and a training that end on a computer with two cores and no GPU. The rules are
//! plain: the images' smaller side decides how large the networks are and for how many steps they are
//! wanted to learn; the number of images turns steps into epochs, within bounds. All numbers are in the
//! tables below.

use super::imbalance;
use super::paper::paper_cifar10;
use super::types::{Config, DataShape, Duplicates, Stem};
use super::value::two_digits;
use crate::error::Advice;
use crate::space::StemKind;

/// What the smaller side of the images decides.
struct Scale {
    /// From this side on, in pixels.
    min_side: usize,
    search_layers: usize,
    search_channels: usize,
    /// Weight steps that the search aims at.
    search_steps: usize,
    train_layers: usize,
    train_channels: usize,
    /// Steps that the training aims at.
    train_steps: usize,
}

/// From large to small; the first that fits is taken.
#[rustfmt::skip]
static SCALES: [Scale; 3] = [
    Scale { min_side: 28, search_layers: 8, search_channels: 16, search_steps: 1500,
                          train_layers: 8, train_channels: 24, train_steps: 15_000 },
    Scale { min_side: 12, search_layers: 5, search_channels: 12, search_steps: 600,
                          train_layers: 5, train_channels: 16, train_steps: 5000 },
    Scale { min_side: 0,  search_layers: 3, search_channels: 8, search_steps: 130,
                          train_layers: 5, train_channels: 16, train_steps: 900 },
];

/// Fewest and most epochs.
const SEARCH_EPOCHS: (usize, usize) = (8, 50);
const TRAIN_EPOCHS: (usize, usize) = (15, 600);
/// Images per batch; the smaller number where there are fewer images than `FEW_IMAGES` to draw from.
const BATCH: usize = 64;
const SMALL_BATCH: usize = 32;
const FEW_IMAGES: usize = 500;
/// With more classes than this the trained network is half as wide again.
const MANY_CLASSES: usize = 50;
/// Images per batch, and learning rate, of the training where there are fewer images than `FEW_TRAINED`. A smaller batch
/// takes no more time for an image on a processor, and more steps learn more: of 10,000 test images of CIFAR-10, with 1,350
/// images to train on and 25 epochs, DARTS_V2 in 5 cells from 16 channels knew 50.8 and 51.0 % with batches of 64 and 0.025
/// (two seeds), 53.9 and 54.1 % with 32 and 0.025, 54.2 and 56.2 % with 32 and 0.05.
const TRAIN_BATCH: usize = 32;
const TRAIN_RATE: f64 = 0.05;
const FEW_TRAINED: usize = 10_000;
/// How the reason begins for which fewer images than that are all trained on in the end.
const ALL_IMAGES: &str = "the network is trained on all training images in the end";
/// Share of the training images for validation.
const VALIDATION: f64 = 0.1;
/// The alphas' learning rate is the paper's where the search has this many steps, and larger with fewer, by
/// a factor of at most `MAX_ARCH_FACTOR`.
const ARCH_STEPS: f64 = 5000.0;
const MAX_ARCH_FACTOR: f64 = 10.0;
/// Drop path from this many epochs on, from long to short training; below, none.
const DROP_PATH: [(usize, f64); 2] = [(300, 0.2), (100, 0.1)];
/// Longest side in the search with the stem for small images: larger ones are scaled down to it.
const SEARCH_SIDE: usize = 48;
/// Colour images from this side on are taken for photos: random resized crops of at least this share of the area, and
/// colour jitter of this strength, in place of padded crops and cutout.
const PHOTO_SIDE: usize = 64;
const PHOTO_CROP: f64 = 0.35;
const PHOTO_JITTER: f64 = 0.2;
/// Crop padding is the side over this; cutout is the side over `CUTOUT_PART`.
const CROP_PART: usize = 8;
const CUTOUT_PART: usize = 2;
/// The auxiliary classifier wants this many cells.
const AUXILIARY_LAYERS: usize = 8;
/// Smallest sides at which the auxiliary classifier's 5x5 pooling fits unshrunk on the map it sees, which is 8x8 after the cifar stem (side / 4) and 7x7 after the imagenet stem (side / 32).
const AUXILIARY_SIDE: usize = 32;
const AUXILIARY_IMAGENET_SIDE: usize = 224;

/// The settings for this data, and why.
pub(super) fn settings(data: &DataShape) -> (Config, Vec<Advice>) {
    let mut config = paper_cifar10();
    config.data.duplicates = Duplicates::Separate;
    let mut reasons = Vec::new();
    augmentation(&mut config, data, &mut reasons);
    search(&mut config, data, &mut reasons);
    train(&mut config, data, &mut reasons);
    let mut reasons = reasons.into_iter().map(Advice::from).collect();
    imbalance::settings(&mut config, data, &mut reasons);
    (config, reasons)
}

fn augmentation(config: &mut Config, data: &DataShape, reasons: &mut Vec<String>) {
    let side = side(data);
    let colour = data.channels > 1;
    config.data.validation_fraction = VALIDATION;
    config.data.crop_padding = side / CROP_PART;
    config.data.flip = colour;
    config.search.cutout_length = (side / CUTOUT_PART).max(1);
    config.train.cutout_length = config.search.cutout_length;
    let photos = colour && side >= PHOTO_SIDE;
    config.train.cutout = colour && !photos;
    if photos {
        config.data.crop_scale = PHOTO_CROP;
        config.data.color_jitter = PHOTO_JITTER;
    }
    reasons.push(if photos {
        "mirroring on and cutout off, as usual for photos".to_owned()
    } else if colour {
        format!(
            "mirroring on and cutout of {} pixels in training, as usual for colour images",
            config.train.cutout_length
        )
    } else {
        "mirroring and cutout off: grayscale images are often text or digits, which change their meaning when \
         mirrored"
            .to_owned()
    });
    reasons.push(match config.data.crop_padding {
        _ if photos => format!(
            "photos: random crops of {:.0} percent of the area or more, brought back to {side} pixels, and colours \
             varied by {:.0} percent, because what they show has any size and light",
            PHOTO_CROP * 100.0,
            PHOTO_JITTER * 100.0
        ),
        0 => format!("no random crop: a side of {side} pixels is too small for it"),
        padding => format!("random crop with a padding of {padding}, an eighth of the side"),
    });
}

fn search(config: &mut Config, data: &DataShape, reasons: &mut Vec<String>) {
    let scale = scale(data);
    let images = trained_images(data);
    let search = &mut config.search;
    search.layers = scale.search_layers;
    search.init_channels = scale.search_channels;
    reasons.push(format!(
        "search with {} cells from {} channels, for images of {}x{} pixels",
        search.layers, search.init_channels, data.height, data.width
    ));
    let longest = data.height.max(data.width);
    search.stem = Stem::Auto;
    if search.stem.kind([data.height, data.width]) == StemKind::Imagenet {
        search.cutout_length = (side(data) / CUTOUT_PART).max(1);
        reasons.push(
            "the search has the stem that the training has, which leaves an eighth of the sides, and sees the images \
             whole"
                .to_owned(),
        );
    } else if longest > SEARCH_SIDE {
        search.max_side = SEARCH_SIDE;
        search.cutout_length = (side(data) * SEARCH_SIDE / longest / CUTOUT_PART).max(1);
        reasons.push(format!(
            "images scaled down to {SEARCH_SIDE} pixels for the search, which keeps a small stem, so that its time and \
             memory grow with the square of the side; the training sees them whole"
        ));
    }
    let weights = (images as f64 * search.train_portion) as usize;
    let alphas = images - weights;
    search.batch_size = batch(alphas.min(weights));
    let per_epoch = weights.div_ceil(search.batch_size).max(1);
    search.epochs = epochs(scale.search_steps, per_epoch, SEARCH_EPOCHS);
    let steps = search.epochs * per_epoch;
    reasons.push(format!(
        "search of {} epochs with {per_epoch} batches of {}: {steps} steps; about {} are wanted, in {} to {} epochs",
        search.epochs, search.batch_size, scale.search_steps, SEARCH_EPOCHS.0, SEARCH_EPOCHS.1
    ));
    let paper = search.method.alphas.learning_rate();
    let chosen = arch_learning_rate(paper, steps);
    *search.method.alphas.learning_rate_mut() = chosen;
    if chosen > paper {
        reasons.push(format!(
            "arch_learning_rate {:e} instead of the paper's {paper:e}: in {steps} steps the alphas would hardly move \
             apart otherwise",
            chosen
        ));
    }
}

/// The alphas' learning rate for a search of so many steps, where it is `own` in the paper of the method.
pub fn arch_learning_rate(own: f64, steps: usize) -> f64 {
    let factor = (ARCH_STEPS / steps.max(1) as f64).clamp(1.0, MAX_ARCH_FACTOR);
    two_digits(own * factor)
}

/// Keeps validation images out of the training where it was said how they choose an epoch.
pub fn leave_validation(config: &mut Config, reasons: &mut Vec<Advice>) {
    if config.train.all_images {
        config.train.all_images = false;
        reasons.retain(|reason| !reason.to_string().starts_with(ALL_IMAGES));
    }
}

/// Drop path for a training of so many epochs.
pub fn drop_path(epochs: usize) -> f64 {
    let long = DROP_PATH.iter().find(|(from, _)| epochs >= *from);
    long.map_or(0.0, |(_, probability)| *probability)
}

fn train(config: &mut Config, data: &DataShape, reasons: &mut Vec<String>) {
    let scale = scale(data);
    let images = trained_images(data);
    let train = &mut config.train;
    train.stem = Stem::Auto;
    train.layers = scale.train_layers;
    train.init_channels = scale.train_channels;
    let many = data.classes > MANY_CLASSES;
    if many {
        train.init_channels += train.init_channels / 2;
    }
    reasons.push(format!(
        "training with {} cells from {} channels{}",
        train.layers,
        train.init_channels,
        if many { format!(", wider for {} classes", data.classes) } else { String::new() }
    ));
    train.batch_size = batch(images);
    if images < FEW_TRAINED {
        train.batch_size = train.batch_size.min(TRAIN_BATCH);
        train.learning_rate = TRAIN_RATE;
        reasons.push(format!(
            "training with batches of {} and a learning rate of {TRAIN_RATE}: with fewer than {FEW_TRAINED} images more \
             steps learn more",
            train.batch_size
        ));
    }
    train.all_images = images < FEW_TRAINED && !data.own_validation;
    let percent = (VALIDATION * 100.0).round();
    reasons.push(if train.all_images {
        format!(
            "{ALL_IMAGES}, also on the {percent} percent by which cells are compared: with fewer than {FEW_TRAINED} they are \
             worth more there than for choosing an epoch"
        )
    } else {
        format!(
            "{percent} percent of the training images choose the best epoch: the test images are left alone for the end"
        )
    });
    let images = if train.all_images { data.train_images } else { images };
    let per_epoch = images.div_ceil(train.batch_size).max(1);
    train.epochs = epochs(scale.train_steps, per_epoch, TRAIN_EPOCHS);
    reasons.push(format!(
        "training of {} epochs with {per_epoch} batches of {}: {} steps; about {} are wanted, in {} to {} epochs",
        train.epochs,
        train.batch_size,
        train.epochs * per_epoch,
        scale.train_steps,
        TRAIN_EPOCHS.0,
        TRAIN_EPOCHS.1
    ));
    let side = side(data);
    let needed = if side >= Stem::IMAGENET_SIDE { AUXILIARY_IMAGENET_SIDE } else { AUXILIARY_SIDE };
    train.auxiliary = train.layers >= AUXILIARY_LAYERS && side >= needed;
    reasons.push(if train.auxiliary {
        "auxiliary classifier on: the network is deep and its map large enough".to_owned()
    } else {
        "auxiliary classifier off: the network is shallow or its map too small".to_owned()
    });
    train.drop_path_prob = drop_path(train.epochs);
    reasons.push(match train.drop_path_prob {
        0.0 => "drop path off: the training is short".to_owned(),
        probability => format!("drop path up to {probability}, against overfitting in a long training"),
    });
}

/// The smaller side, in pixels.
fn side(data: &DataShape) -> usize {
    data.height.min(data.width)
}

fn scale(data: &DataShape) -> &'static Scale {
    let fits = |scale: &&Scale| side(data) >= scale.min_side;
    SCALES.iter().find(fits).expect("the last scale fits every side")
}

/// Training images without those for validation.
fn trained_images(data: &DataShape) -> usize {
    data.train_images - (data.train_images as f64 * VALIDATION) as usize
}

/// Batch size for drawing from so many images: the usual one, or the largest power of two that fits.
fn batch(images: usize) -> usize {
    let usual = if images < FEW_IMAGES { SMALL_BATCH } else { BATCH };
    let fits = images.checked_ilog2().map_or(2, |exponent| 1 << exponent);
    usual.min(fits).max(2)
}

fn epochs(steps: usize, per_epoch: usize, (fewest, most): (usize, usize)) -> usize {
    let wanted = (steps as f64 / per_epoch as f64).round() as usize;
    wanted.clamp(fewest, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: DataShape = DataShape {
        train_images: 1437,
        classes: 10,
        channels: 1,
        height: 8,
        width: 8,
        largest_class: 147,
        smallest_class: 140,
        own_validation: false,
    };
    const CIFAR: DataShape = DataShape {
        train_images: 50_000,
        classes: 10,
        channels: 3,
        height: 32,
        width: 32,
        largest_class: 5000,
        smallest_class: 5000,
        own_validation: false,
    };

    fn said(reasons: Vec<Advice>) -> String {
        reasons.iter().map(Advice::to_string).collect::<Vec<_>>().join("\n")
    }

    fn auto(data: &DataShape) -> Config {
        let (config, reasons) = settings(data);
        config.clone().check().unwrap();
        assert!(
            reasons.len() >= 7 && reasons.iter().all(|reason| !reason.to_string().contains('\n')),
            "{reasons:?}"
        );
        config
    }

    #[test]
    fn small_grayscale_digits() {
        let config = auto(&DIGITS);
        let search = &config.search;
        assert_eq!((search.layers, search.init_channels, search.batch_size), (3, 8, 64));
        // 647 of 1294 images: 11 batches, 130 steps.
        assert_eq!((search.epochs, search.method.alphas.learning_rate()), (12, 3e-3));
        let train = &config.train;
        assert_eq!((train.layers, train.init_channels, train.batch_size, train.epochs), (5, 16, 32, 20));
        assert!(train.all_images && !auto(&DataShape { own_validation: true, ..DIGITS }).train.all_images);
        assert_eq!(train.learning_rate, 0.05);
        assert_eq!((train.auxiliary, train.cutout, train.drop_path_prob), (false, false, 0.0));
        let data = &config.data;
        assert_eq!((data.flip, data.crop_padding, data.validation_fraction), (false, 1, 0.1));
        assert_eq!((data.test_fraction, data.max_bad_images, config.seed), (0.2, 10, 2));
    }

    #[test]
    fn colour_images_of_32_pixels() {
        let config = auto(&CIFAR);
        let search = &config.search;
        // 22,500 images: 352 batches; 8 epochs are 2816 steps, and 5000 / 2816 = 1.78.
        assert_eq!((search.layers, search.init_channels, search.epochs), (8, 16, 8));
        assert_eq!(search.method.alphas.learning_rate(), 5.3e-4);
        let train = &config.train;
        // 45,000 images: 704 batches.
        assert_eq!((train.layers, train.init_channels, train.epochs, train.auxiliary), (8, 24, 21, true));
        assert_eq!((config.data.flip, config.data.crop_padding), (true, 4));
        assert_eq!((train.cutout, train.cutout_length, train.stem), (true, 16, Stem::Auto));
        assert_eq!(auto(&DataShape { classes: 100, ..CIFAR }).train.init_channels, 36);
    }

    #[test]
    fn the_side_decides_the_scale() {
        for (height, width, cells, channels) in
            [(28, 40, 8, 16), (40, 27, 5, 12), (12, 12, 5, 12), (11, 64, 3, 8), (0, 0, 3, 8)]
        {
            let search = auto(&DataShape { height, width, ..CIFAR }).search;
            assert_eq!((search.layers, search.init_channels), (cells, channels), "{height}x{width}");
        }
    }

    #[test]
    fn the_auxiliary_classifier_needs_a_large_map() {
        for (side, on) in
            [(28, false), (31, false), (32, true), (95, true), (96, false), (223, false), (224, true)]
        {
            let train = auto(&DataShape { height: side, width: side, ..CIFAR }).train;
            assert_eq!(train.auxiliary, on, "side {side}");
        }
    }

    #[test]
    fn photos_are_cropped_and_coloured_and_searched_at_their_size() {
        let photos = DataShape {
            train_images: 140,
            classes: 2,
            channels: 3,
            height: 128,
            width: 128,
            ..DataShape::default()
        };
        let config = auto(&photos);
        assert_eq!((config.data.crop_scale, config.data.color_jitter), (0.35, 0.2));
        assert_eq!(
            (config.train.cutout, config.search.max_side, config.search.cutout_length),
            (false, 0, 64)
        );
        let reasons = said(settings(&photos).1);
        for part in ["sees the images whole", "random crops of 35 percent", "colours varied by 20 percent"] {
            assert!(reasons.contains(part), "no {part:?} in\n{reasons}");
        }
        for other in
            [DataShape { channels: 1, ..photos }, DataShape { height: 63, width: 63, ..photos }, CIFAR]
        {
            let data = auto(&other).data;
            assert_eq!((data.crop_scale, data.color_jitter), (0.0, 0.0), "{other:?}");
        }
        use StemKind::{Cifar, Imagenet};
        for (side, most, stem) in
            [(8, 0, Cifar), (48, 0, Cifar), (49, 48, Cifar), (95, 48, Cifar), (96, 0, Imagenet)]
        {
            let Config { search, train, .. } = auto(&DataShape { height: side, width: side, ..photos });
            assert_eq!(search.max_side, most, "side {side}");
            assert_eq!(search.stem.kind([side; 2]), stem, "side {side}");
            assert_eq!(train.stem.kind([side; 2]), stem, "side {side}");
        }
        assert_eq!(auto(&DataShape { height: 80, width: 160, ..photos }).search.cutout_length, 12);
    }

    #[test]
    fn crops_need_eight_pixels() {
        for (side, padding) in [(7, 0), (8, 1), (15, 1), (16, 2), (32, 4)] {
            let data = auto(&DataShape { height: side, width: side, ..CIFAR }).data;
            assert_eq!(data.crop_padding, padding, "side {side}");
        }
    }

    #[test]
    fn few_images_get_small_batches_and_many_epochs() {
        // 100 images: 90 without validation, 45 for either half.
        let config = auto(&DataShape { train_images: 100, ..DIGITS });
        assert_eq!((config.search.batch_size, config.search.epochs), (32, 50));
        assert_eq!((config.train.batch_size, config.train.epochs), (32, 225));
        assert_eq!(config.train.drop_path_prob, 0.1);
        // 20 images: 9 for either half.
        let config = auto(&DataShape { train_images: 20, ..DIGITS });
        assert_eq!((config.search.batch_size, config.train.batch_size), (8, 16));
        let config = auto(&DataShape { train_images: 1110, ..DIGITS });
        assert_eq!((config.search.batch_size, config.train.batch_size), (32, 32));
        assert_eq!(config.train.drop_path_prob, 0.0);
        // 250 images: 225 to train on in 8 batches, 112 epochs.
        let config = auto(&DataShape { train_images: 250, ..DIGITS });
        assert_eq!((config.train.epochs, config.train.drop_path_prob), (113, 0.1));
        for train_images in 0..4 {
            assert_eq!(auto(&DataShape { train_images, ..DIGITS }).search.batch_size, 2);
        }
    }

    #[test]
    fn many_images_keep_the_fewest_epochs() {
        let config = auto(&DataShape { train_images: 1_200_000, ..CIFAR });
        assert_eq!((config.search.epochs, config.train.epochs), (8, 15));
        assert_eq!(config.search.method.alphas.learning_rate(), 3e-4);
    }

    #[test]
    fn reasons_tell_what_is_off_and_why() {
        let reasons = said(settings(&DIGITS).1);
        for part in
            ["mirroring and cutout off", "text or digits", "8x8 pixels", "3e-3 instead of", "drop path off"]
        {
            assert!(reasons.contains(part), "no {part:?} in\n{reasons}");
        }
        assert!(!said(settings(&DataShape { train_images: 1_200_000, ..CIFAR }).1).contains("arch_learning"));
    }
}
