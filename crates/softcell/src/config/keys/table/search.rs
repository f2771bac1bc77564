//! Settings of the search: space, images, epochs.

use super::super::Key;
use super::super::Kind::{Bool, Float, Integer, List, Text};
use super::super::Section::Search;
use super::{chosen, key, spells, with};
use crate::space::Primitive;

/// The names of all operations.
static CANDIDATES: [&str; Primitive::ALL.len()] = {
    let mut names = [""; Primitive::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Primitive::ALL[at].name();
        at += 1;
    }
    names
};

/// `[search]`.
pub(super) const KEYS: &[Key] = &[
    key(Search, "init_channels", Integer, "Channels of the first cell; doubled at each reduction"),
    key(Search, "layers", Integer, "Number of cells of the search network"),
    key(Search, "nodes", Integer, "Intermediate nodes of a cell"),
    chosen(
        key(Search, "candidates", List, "Candidate operations on each edge, separated by commas"),
        &CANDIDATES,
    ),
    key(
        Search,
        "space",
        Text,
        "Known space, or a TOML file of one: its nodes, candidates and so on, where no others are given",
    ),
    key(
        Search,
        "normal_edges",
        List,
        "Candidates of each edge of the normal or only cell, as a|b; empty: the same on all",
    ),
    key(Search, "reduction_edges", List, "Candidates of each edge of the reduction cell, as a|b; empty: all"),
    key(Search, "inputs", Integer, "Cells before it that a cell reads: 1 or 2"),
    chosen(
        key(Search, "output", Text, "What a cell hands on: all its nodes, joined, or the last one"),
        &["all", "last"],
    ),
    key(
        Search,
        "edges_per_node",
        Integer,
        "Edges that a node of the found cell keeps; 0: all, except where none wins",
    ),
    chosen(
        key(
            Search,
            "layout",
            Text,
            "stacked: normal and reduction cells; residual: one cell, blocks in between",
        ),
        &["stacked", "residual"],
    ),
    key(
        Search,
        "reductions",
        List,
        "Fractions of the depth at which the resolution is halved, such as 1/3,2/3",
    ),
    key(Search, "convolution_bias", Bool, "Full convolutions of the supernet add a bias to each channel"),
    chosen(
        key(
            Search,
            "stem",
            Text,
            "Layers before the first cell of the search; auto takes imagenet from 96 pixels on",
        ),
        &["auto", "cifar", "imagenet"],
    ),
    key(Search, "stem_multiplier", Integer, "Channels of the cifar stem, in multiples of init_channels"),
    key(
        Search,
        "max_side",
        Integer,
        "Longest side of images in the search, in pixels: larger ones are scaled down; 0: any",
    ),
    key(Search, "epochs", Integer, "Passes over the images that train the weights"),
    key(Search, "batch_size", Integer, "Images per batch, of the weights' and of the alphas' batches"),
    key(Search, "learning_rate", Float, "SGD learning rate of the weights in the first epoch"),
    key(Search, "learning_rate_min", Float, "Learning rate that the cosine ends at"),
    spells("weights.momentum", key(Search, "momentum", Float, "SGD momentum of the weights, 0 to below 1")),
    spells("weights.weight_decay", key(Search, "weight_decay", Float, "L2 penalty on the weights")),
    key(
        Search,
        "grad_clip",
        Float,
        "Largest global L2 norm of the weights' gradient; 0 switches clipping off",
    ),
    key(
        Search,
        "train_portion",
        Float,
        "Share of the training images that trains the weights; the rest trains the alphas",
    ),
    spells(
        "arch_step",
        key(
            Search,
            "unrolled",
            Bool,
            "Second order: the alphas' gradient goes through one virtual weight step",
        ),
    ),
    spells(
        "alphas.learning_rate",
        key(Search, "arch_learning_rate", Float, "Learning rate of the alphas; 0 freezes them"),
    ),
    spells(
        "alphas.weight_decay",
        with(&["adam", "sgd"], key(Search, "arch_weight_decay", Float, "L2 penalty on the alphas")),
    ),
    key(Search, "cutout", Bool, "Blank a random square of each training image while searching"),
    key(Search, "cutout_length", Integer, "Side of the cutout square, in pixels"),
    key(
        Search,
        "recompute",
        Bool,
        "Compute cells twice instead of keeping them: a third of the memory, up to a third more time",
    ),
    key(
        Search,
        "benchmark_table",
        Text,
        "CSV of NAS-Bench-201 accuracies to look up each epoch's architecture; none: no table",
    ),
];
