//! Every setting in one table.

use super::Kind::{Bool, Count, Float, Integer, List, Text};
use super::Section::{Data, Method, Root, Search, Train};
use super::{Key, Kind, Section};
use crate::search::method::presets;
use crate::space::{Primitive, Shrink};

const fn key(section: Section, name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { section, name, help, kind, choices: &[], of: None, kinds: &[] }
}

/// Another spelling of a setting of `search.method`.
const fn spells(of: &'static str, key: Key) -> Key {
    Key { of: Some(of), ..key }
}

/// A setting of these kinds of its table alone.
const fn with(kinds: &'static [&'static str], key: Key) -> Key {
    Key { kinds, ..key }
}

const fn chosen(key: Key, choices: &'static [&'static str]) -> Key {
    Key { choices, ..key }
}

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

/// Every setting of [`Config`](crate::config::Config), in the order of its fields.
pub static KEYS: &[Key] = &[
    key(Root, "seed", Integer, "Seed of every random draw of the run"),
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
        "benchmark_table",
        Text,
        "CSV of NAS-Bench-201 accuracies to look up each epoch's architecture; none: no table",
    ),
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
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::config::{
        DataFormat, DataShape, Duplicates, Preset, Resize, Sampling, Schedule, Stem, preset,
    };
    use crate::search::method::{
        AlphaOptimizer, AlphaSgd, ArchStep, CutoutRamp, EdgeNormalization, Guard, Perturbation, Ramp,
        Regularizer, Relaxation, ResourcePenalty, Selection, StageStart, StepOrder, StopRule,
        TemperatureCurve,
    };
    use crate::space::{CellOutput, Layout};

    fn serialised() -> Value {
        serde_json::to_value(preset(Preset::PaperCifar10, &DataShape::default()).0).unwrap()
    }

    #[test]
    fn the_table_has_exactly_the_fields_of_the_config() {
        fn leaves(value: &Value, name: &str, fields: &mut Vec<String>) {
            let Value::Object(table) = value else { return fields.push(name.to_owned()) };
            let dot = if name.is_empty() { "" } else { "." };
            table.iter().for_each(|(key, value)| leaves(value, &format!("{name}{dot}{key}"), fields));
        }
        let mut fields = Vec::new();
        for kind in AlphaOptimizer::all() {
            let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0;
            config.search.method.alphas = kind;
            leaves(&serde_json::to_value(&config).unwrap(), "", &mut fields);
            let table = config.to_table().unwrap();
            for key in KEYS.iter().filter(|key| key.section == Section::Method) {
                assert_eq!(key.value(&table).is_some(), key.is_in(&table), "{} / {kind:?}", key.dotted());
            }
        }
        let mut keys: Vec<String> = KEYS.iter().filter(|key| key.of.is_none()).map(Key::dotted).collect();
        fields.sort();
        fields.dedup();
        keys.sort();
        assert_eq!(keys, fields);
    }

    #[test]
    fn the_kinds_are_those_of_the_fields() {
        let config = toml::Table::try_from(serialised()).unwrap();
        let mut with_sgd = preset(Preset::PaperCifar10, &DataShape::default()).0;
        with_sgd.search.method.alphas = AlphaOptimizer::Sgd(AlphaSgd::default());
        let with_sgd = with_sgd.to_table().unwrap();
        // Another spelling of a text.
        for key in KEYS.iter().filter(|key| key.name != "unrolled") {
            let kind = match key.value(&config).or(key.value(&with_sgd)).unwrap() {
                toml::Value::Boolean(_) => Kind::Bool,
                toml::Value::Integer(_) => Kind::Integer,
                toml::Value::Float(_) => Kind::Float,
                toml::Value::String(_) => Kind::Text,
                toml::Value::Array(_) => Kind::List,
                other => panic!("{} is {other}", key.dotted()),
            };
            let plain = if key.kind == Kind::Count { Kind::Integer } else { key.kind };
            assert_eq!(plain, kind, "{}", key.dotted());
        }
    }

    #[test]
    fn the_choices_are_those_of_the_types() {
        let written = |values: Value| -> Vec<String> { serde_json::from_value(values).unwrap() };
        let formats = [
            DataFormat::Auto,
            DataFormat::Digits,
            DataFormat::Folder,
            DataFormat::Cifar10,
            DataFormat::Cifar100,
            DataFormat::Idx,
            DataFormat::Zip,
            DataFormat::Tar,
            DataFormat::Csv,
            DataFormat::Parquet,
            DataFormat::Npz,
        ];
        let resizes = [Resize::Crop, Resize::Squash, Resize::Letterbox];
        let duplicates = [Duplicates::Separate, Duplicates::Ignore];
        let stems = [Stem::Auto, Stem::Cifar, Stem::Imagenet];
        let schedules = [Schedule::Cosine, Schedule::Exponential];
        let choices = |section, name| Key::find(section, name).unwrap().choices;
        assert_eq!(choices(Section::Data, "format"), written(serde_json::json!(formats)));
        assert_eq!(choices(Section::Data, "resize"), written(serde_json::json!(resizes)));
        assert_eq!(choices(Section::Data, "duplicates"), written(serde_json::json!(duplicates)));
        let samplings = [Sampling::Shuffled, Sampling::Balanced];
        assert_eq!(choices(Section::Data, "sampling"), written(serde_json::json!(samplings)));
        assert_eq!(choices(Section::Train, "stem"), written(serde_json::json!(stems)));
        assert_eq!(choices(Section::Train, "schedule"), written(serde_json::json!(schedules)));
        assert_eq!(choices(Section::Train, "shrink"), written(serde_json::json!(Shrink::ALL)));
        let method = |name| choices(Section::Method, name).to_vec();
        assert_eq!(method("relaxation"), written(serde_json::json!(Relaxation::ALL)));
        assert_eq!(method("relaxation"), Relaxation::ALL.map(Relaxation::name));
        assert_eq!(method("temperature_curve"), written(serde_json::json!(TemperatureCurve::ALL)));
        assert_eq!(method("edge_weights"), written(serde_json::json!(EdgeNormalization::ALL)));
        assert_eq!(method("edge_weights"), EdgeNormalization::ALL.map(EdgeNormalization::name));
        assert_eq!(method("order"), written(serde_json::json!(StepOrder::ALL)));
        assert_eq!(method("order"), StepOrder::ALL.map(StepOrder::name));
        assert_eq!(method("arch_step"), written(serde_json::json!(ArchStep::ALL)));
        assert_eq!(method("arch_step"), ArchStep::ALL.map(ArchStep::name));
        assert_eq!(method("perturbation"), written(serde_json::json!(Perturbation::ALL)));
        assert_eq!(method("perturbation"), Perturbation::ALL.map(Perturbation::name));
        assert_eq!(method("regularizer"), written(serde_json::json!(Regularizer::ALL)));
        assert_eq!(method("regularizer"), Regularizer::ALL.map(Regularizer::name));
        assert_eq!(method("regularizer_ramp"), written(serde_json::json!(Ramp::ALL)));
        assert_eq!(method("alphas.kind"), AlphaOptimizer::all().map(|optimizer| optimizer.kind()));
        assert_eq!(method("resource_penalty"), written(serde_json::json!(ResourcePenalty::ALL)));
        assert_eq!(method("cutout"), written(serde_json::json!(CutoutRamp::ALL)));
        assert_eq!(method("guard"), written(serde_json::json!(Guard::ALL)));
        assert_eq!(method("stop"), written(serde_json::json!(StopRule::ALL)));
        assert_eq!(method("selection"), written(serde_json::json!(Selection::ALL)));
        assert_eq!(method("selection"), Selection::ALL.map(Selection::name));
        let starts = [StageStart::Continued, StageStart::Fresh];
        assert_eq!(method("schedule.stage_start"), written(serde_json::json!(starts)));
        assert_eq!(choices(Section::Search, "candidates"), written(serde_json::json!(Primitive::ALL)));
        let outputs = [CellOutput::All, CellOutput::Last];
        assert_eq!(choices(Section::Search, "output"), written(serde_json::json!(outputs)));
        let layouts = [Layout::Stacked, Layout::Residual];
        assert_eq!(choices(Section::Search, "layout"), written(serde_json::json!(layouts)));
    }

    #[test]
    fn search_and_train_share_these_names() {
        let common = |section| -> Vec<&str> {
            KEYS.iter().filter(|key| key.section == section && key.is_common()).map(|key| key.name).collect()
        };
        let shared = [
            "init_channels",
            "layers",
            "reductions",
            "stem",
            "epochs",
            "batch_size",
            "learning_rate",
            "learning_rate_min",
            "momentum",
            "weight_decay",
            "grad_clip",
            "cutout",
            "cutout_length",
        ];
        assert_eq!(common(Section::Search), shared);
        assert_eq!(common(Section::Train), shared);
        assert!(common(Section::Root).is_empty() && common(Section::Data).is_empty());
    }

    #[test]
    fn flags_do_not_clash_outside_the_common_ones() {
        for (index, key) in KEYS.iter().enumerate() {
            let flags = |key: &&Key| key.section != Section::Method;
            for other in KEYS[..index].iter().filter(flags).filter(|_| flags(&key)) {
                assert!(key.flag() != other.flag() || key.is_common(), "{} twice", key.flag());
            }
        }
    }

    #[test]
    fn help_is_one_line_of_its_own() {
        for key in KEYS {
            assert!((10..=100).contains(&key.help.len()), "{}: {:?}", key.dotted(), key.help);
            assert!(!key.help.ends_with('.') && !key.help.contains('\n'), "{}", key.dotted());
        }
    }
}
