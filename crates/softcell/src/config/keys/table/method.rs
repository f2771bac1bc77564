//! Settings of how the search is done.

use super::super::Key;
use super::super::Kind::{Bool, Float, Integer, Text};
use super::super::Section::Method;
use super::{chosen, key, with};
use crate::search::method::presets;

/// `[search.method]`.
pub(super) const KEYS: &[Key] = &[
    chosen(
        key(Method, "name", Text, "Known method: its settings, where no others are given"),
        &presets::NAMES,
    ),
    chosen(
        key(Method, "relaxation", Text, "How the alphas of an edge become the weights of its candidates"),
        &["softmax", "gumbel", "gumbel-hard", "dirichlet", "sigmoid", "simplex", "uniform", "random-path"],
    ),
    key(Method, "temperature", Float, "Temperature of gumbel samples in the first epoch, above 0"),
    key(Method, "temperature_end", Float, "Temperature of gumbel samples in the last epoch, above 0"),
    chosen(
        key(Method, "temperature_curve", Text, "How the temperature goes from one to the other"),
        &["linear", "exponential"],
    ),
    chosen(
        key(
            Method,
            "edge_weights",
            Text,
            "Weights of edges beside those of candidates: softmax is PC-DARTS's",
        ),
        &["none", "softmax"],
    ),
    chosen(
        key(Method, "order", Text, "Which half of a step comes first; joint: one pass moves both"),
        &["alphas-first", "weights-first", "joint", "weights-only"],
    ),
    chosen(
        key(
            Method,
            "arch_step",
            Text,
            "How the alphas' gradient sees the weights: as they are, or one step on",
        ),
        &["first-order", "unrolled"],
    ),
    chosen(
        key(Method, "perturbation", Text, "What disturbs edge weights while the weights learn"),
        &["none", "random", "adversarial"],
    ),
    key(Method, "perturbation_start", Float, "How much is disturbed in the first epoch, 0 to 1"),
    key(Method, "perturbation_end", Float, "How much would be disturbed after the last epoch, 0 to 1"),
    chosen(
        key(Method, "regularizer", Text, "What is added to the loss of the alphas"),
        &["none", "beta", "binary", "binary-l1", "kl", "entropy"],
    ),
    key(Method, "regularizer_weight", Float, "What that is multiplied by"),
    chosen(
        key(Method, "regularizer_ramp", Text, "Over the epochs: constant, or linear from 0"),
        &["constant", "linear"],
    ),
    key(
        Method,
        "share",
        Integer,
        "Operations of the supernet see one of so many parts of the channels; 1 is all",
    ),
    key(
        Method,
        "auxiliary_skip",
        Bool,
        "A skip connection beside the candidates of each edge, whose weight falls to 0",
    ),
    key(
        Method,
        "drop_path",
        Float,
        "Probability at the end that an edge adds nothing, 0 to below 1; rises linearly from 0",
    ),
    chosen(
        key(Method, "cutout", Text, "Whether search.cutout always cuts or ever more often"),
        &["constant", "rising"],
    ),
    key(
        Method,
        "alignment",
        Float,
        "How much normal cells are made to agree in their gradients at the end; rises linearly from 0",
    ),
    key(
        Method,
        "alignment_epsilon",
        Float,
        "Length of the step in the edge weights that measures the gradient for it",
    ),
    key(
        Method,
        "resource_params",
        Float,
        "Factor in the alphas' loss of the expected weights, as a share of the largest cell's",
    ),
    key(
        Method,
        "resource_macs",
        Float,
        "Factor in the alphas' loss of the expected multiply-adds, as a share likewise",
    ),
    key(
        Method,
        "resource_latency",
        Float,
        "Factor in the alphas' loss of the expected time, each operation measured here",
    ),
    chosen(
        key(Method, "resource_penalty", Text, "How these shares R enter the loss: R, or ln(R + 0.01)"),
        &["linear", "log"],
    ),
    chosen(
        key(Method, "selection", Text, "What is made of the supernet in the end"),
        &[
            "strongest",
            "threshold",
            "all-edges",
            "pairs",
            "limited-skips",
            "perturb",
            "scored-samples",
            "random",
        ],
    ),
    key(Method, "selection_threshold", Float, "Least weight of an edge that is kept (selection threshold)"),
    key(Method, "selection_skips", Integer, "Most skips of the normal cell (selection limited-skips)"),
    key(Method, "selection_interval", Integer, "Epochs from one choice to the next (selection perturb)"),
    key(
        Method,
        "selection_rate",
        Float,
        "Share of the learning rate with which these epochs begin (selection perturb)",
    ),
    key(Method, "selection_samples", Integer, "Cells that are drawn (selection scored-samples)"),
    key(Method, "selection_batches", Integer, "Batches by which each is measured (selection scored-samples)"),
    key(
        Method,
        "selection_finalists",
        Integer,
        "How many of the best are measured by all images (selection scored-samples)",
    ),
    chosen(
        key(Method, "guard", Text, "On collapse: warn and stop take the last healthy epoch; off the last"),
        &["off", "warn", "stop"],
    ),
    chosen(
        key(Method, "stop", Text, "What ends the search early; adapt goes back and raises the weight decay"),
        &["none", "skips", "ranking", "eigenvalue", "adapt"],
    ),
    key(Method, "guards.skips", Integer, "Most skip connections of a healthy normal cell; 0: by the space"),
    key(Method, "guards.interval", Integer, "Epochs between two eigenvalues; 0: at under 5 % of the search"),
    key(Method, "guards.ratio", Float, "Growth of the eigenvalue's mean at which the alarm goes off"),
    key(Method, "guards.window", Integer, "Measurements of the eigenvalue in a mean"),
    key(Method, "guards.distance", Integer, "Measurements between the two means"),
    key(Method, "stops.skips", Integer, "Skip connections of the normal cell that end it (stop = skips)"),
    key(Method, "stops.epochs", Integer, "Epochs of one ranking that end it (stop = ranking)"),
    key(Method, "freeze.below", Float, "Cosine of gradients below which an operation freezes; -1: never"),
    key(Method, "freeze.every", Integer, "Steps over which that cosine is averaged"),
    key(
        Method,
        "schedule.first_epoch",
        Integer,
        "First epoch of each stage, from 0, in which the alphas move",
    ),
    key(
        Method,
        "schedule.stage_epochs",
        Text,
        "Parts of the epochs that the stages take, such as 2,1,1; empty: equal parts",
    ),
    key(
        Method,
        "schedule.stage_layers",
        Text,
        "Cells of the search network in each stage, such as 5,11,17; empty: all the same",
    ),
    key(
        Method,
        "schedule.stage_operations",
        Text,
        "Candidates of each edge in each stage, such as 8,5,3; empty: all",
    ),
    key(
        Method,
        "schedule.stage_share",
        Text,
        "K of partial channels in each stage, such as 6,4; empty: all the same",
    ),
    key(
        Method,
        "schedule.stage_dropout",
        Text,
        "Dropout of skip connections as each stage begins, such as 0,0.4,0.7; empty: none",
    ),
    chosen(
        key(
            Method,
            "schedule.stage_start",
            Text,
            "What later stages begin with: the weights as they are, or fresh ones",
        ),
        &["continued", "fresh"],
    ),
    chosen(key(Method, "weights.kind", Text, "Optimiser of the weights"), &["sgd"]),
    key(Method, "weights.momentum", Float, "SGD momentum of the weights, 0 to below 1"),
    key(Method, "weights.nesterov", Bool, "Whether steps of the weights look ahead, as Nesterov's"),
    key(Method, "weights.weight_decay", Float, "L2 penalty on the weights"),
    chosen(
        key(Method, "alphas.kind", Text, "Optimiser of the alphas"),
        &["adam", "sgd", "exponentiated-gradient"],
    ),
    key(Method, "alphas.learning_rate", Float, "Learning rate of the alphas; 0 freezes them"),
    with(&["adam"], key(Method, "alphas.beta1", Float, "Decay of Adam's mean of gradients, 0 to below 1")),
    with(&["adam"], key(Method, "alphas.beta2", Float, "Decay of Adam's mean of squares, 0 to below 1")),
    with(&["sgd"], key(Method, "alphas.momentum", Float, "SGD momentum of the alphas, 0 to below 1")),
    with(&["adam", "sgd"], key(Method, "alphas.weight_decay", Float, "L2 penalty on the alphas")),
    key(Method, "alphas.grad_clip", Float, "Largest L2 norm of the alphas' gradient; 0 is any"),
];
