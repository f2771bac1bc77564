//! Settings of the training.

use super::super::Key;
use super::super::Kind::{Bool, Count, Float, Integer, List, Seconds, Text};
use super::super::Section::Train;
use super::{chosen, key};
use crate::space::Shrink;

/// The names of what limits may make smaller.
static SHRINKS: [&str; Shrink::ALL.len()] = {
    let mut names = [""; Shrink::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Shrink::ALL[at].name();
        at += 1;
    }
    names
};

/// `[train]`.
pub(super) const KEYS: &[Key] = &[
    key(Train, "init_channels", Integer, "Channels of the first cell; doubled at each reduction"),
    key(Train, "layers", Integer, "Number of cells of the trained network"),
    key(
        Train,
        "reductions",
        List,
        "Fractions of the depth at which the resolution is halved, such as 1/3,2/3",
    ),
    key(Train, "max_params", Count, "Most parameters of the trained network, such as 3.3M; 0 is no limit"),
    key(Train, "max_macs", Count, "Most multiply-adds for one image, such as 600M or 1.2G; 0 is no limit"),
    key(
        Train,
        "max_latency",
        Seconds,
        "Longest time of an answer for one image by estimate, such as 5ms; see latency_table; 0 is no limit",
    ),
    chosen(
        key(
            Train,
            "shrink",
            Text,
            "What these limits may make smaller: width, depth, or width and then depth",
        ),
        &SHRINKS,
    ),
    chosen(
        key(Train, "stem", Text, "Layers before the first cell; auto takes imagenet from 96 pixels on"),
        &["auto", "cifar", "imagenet"],
    ),
    key(Train, "epochs", Integer, "Passes over the training images"),
    key(Train, "batch_size", Integer, "Images per batch"),
    key(Train, "learning_rate", Float, "SGD learning rate in the first epoch"),
    chosen(
        key(Train, "schedule", Text, "How the learning rate falls from epoch to epoch"),
        &["cosine", "exponential"],
    ),
    key(Train, "learning_rate_min", Float, "Learning rate that the cosine ends at"),
    key(
        Train,
        "gamma",
        Float,
        "Factor on the learning rate every decay_period epochs (exponential schedule)",
    ),
    key(
        Train,
        "decay_period",
        Integer,
        "Epochs between two falls of the learning rate (exponential schedule)",
    ),
    key(Train, "momentum", Float, "SGD momentum, 0 to below 1"),
    key(Train, "nesterov", Bool, "Steps of the weights look ahead, as Nesterov's"),
    key(Train, "weight_decay", Float, "L2 penalty on the weights"),
    key(Train, "grad_clip", Float, "Largest global L2 norm of the gradient; 0 switches clipping off"),
    key(Train, "auxiliary", Bool, "Train with an auxiliary classifier at two thirds of the depth"),
    key(Train, "auxiliary_weight", Float, "Weight of the auxiliary classifier's loss"),
    key(
        Train,
        "drop_path_prob",
        Float,
        "Drop-path probability at the end, 0 to below 1; rises linearly from 0",
    ),
    key(Train, "label_smoothing", Float, "Share of the target spread over all classes, 0 to below 1"),
    key(Train, "cutout", Bool, "Blank a random square of each training image"),
    key(Train, "cutout_length", Integer, "Side of the cutout square, in pixels"),
    key(Train, "ema", Float, "Decay of a moving average of the weights, such as 0.999; 0 switches it off"),
    key(
        Train,
        "patience",
        Integer,
        "End after so many epochs without a better validation result; 0 is never",
    ),
    key(
        Train,
        "all_images",
        Bool,
        "Train on the validation images as well: no epoch is chosen, the last weights are taken",
    ),
    key(
        Train,
        "recompute",
        Bool,
        "Compute cells twice instead of keeping them: a third of the memory, up to a third more time",
    ),
];
