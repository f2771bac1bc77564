//! Settings of the run and of its images.

use super::super::Key;
use super::super::Kind::{Bool, Count, Float, Integer, Text};
use super::super::Section::{Data, Root};
use super::{chosen, key};

/// `seed`, `repeat`, and `[data]`.
pub(super) const KEYS: &[Key] = &[
    key(Root, "seed", Integer, "Seed of every random draw of the run"),
    key(
        Root,
        "repeat",
        Integer,
        "Which repetition it is: other draws of search and training on the same parts",
    ),
    key(
        Root,
        "latency_table",
        Text,
        "Times of operations: a file of softcell bench ops, or here, which measures them",
    ),
    key(Data, "path", Text, "Folder or file with the images; `digits` for the built-in handwritten digits"),
    chosen(
        key(Data, "format", Text, "How the images are stored; auto finds out"),
        &["auto", "digits", "folder", "cifar10", "cifar100", "idx", "zip", "tar", "csv", "parquet", "npz"],
    ),
    key(Data, "image_size", Text, "Size images are brought to, in pixels: auto, SIDE or HEIGHTxWIDTH"),
    chosen(
        key(
            Data,
            "resize",
            Text,
            "How other ratios of sides are brought to that size: cut, squeeze or borders",
        ),
        &["crop", "squash", "letterbox"],
    ),
    key(Data, "images_per_class", Integer, "Most training images taken of each class; 0 takes all"),
    key(
        Data,
        "validation_fraction",
        Float,
        "Share of the training images kept to choose the best epoch, 0 to below 1",
    ),
    key(
        Data,
        "test_fraction",
        Float,
        "Share split off as test images where the data has none, above 0, below 1",
    ),
    key(
        Data,
        "max_bad_images",
        Integer,
        "Unreadable images that are skipped in any case before it is an error",
    ),
    key(
        Data,
        "max_bad_share",
        Float,
        "Share of unreadable images that is skipped before it is an error, 0 to 1",
    ),
    key(
        Data,
        "max_image_pixels",
        Count,
        "Most pixels of an image that is decoded; those of more than 4 bytes count as several",
    ),
    chosen(
        key(
            Data,
            "duplicates",
            Text,
            "Copies of images: keep them in one part and out of training if in test",
        ),
        &["separate", "ignore"],
    ),
    key(
        Data,
        "memory",
        Count,
        "Most bytes of images in memory, more are streamed from a file; 0: half of it",
    ),
    key(Data, "crop_padding", Integer, "Zero padding of the random crop, in pixels; 0 switches the crop off"),
    key(Data, "flip", Bool, "Mirror training images left to right, half of the time"),
    key(
        Data,
        "class_weights",
        Text,
        "Weight of each class in the losses: none, balanced, or a CSV or JSON file",
    ),
    chosen(
        key(
            Data,
            "sampling",
            Text,
            "shuffled: each image once per epoch; balanced: each class equally often",
        ),
        &["shuffled", "balanced"],
    ),
    key(
        Data,
        "crop_scale",
        Float,
        "Least share of the area of a random resized crop, in place of the padded one; 0: off",
    ),
    key(
        Data,
        "color_jitter",
        Float,
        "Strength of random changes of brightness, contrast and saturation, 0 (off) to 1",
    ),
    chosen(
        key(Data, "auto_augment", Text, "Random operations: TrivialAugment or RandAugment"),
        &["none", "trivial", "rand"],
    ),
];
