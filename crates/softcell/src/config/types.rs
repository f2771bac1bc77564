//! The settings of a run, complete: every key has a value.
//!
//! A preset gives every value, a TOML file overrides it, flags override the file; the merged table is
//! read into [`Config`], and [`Config::check`] makes of it a [`CheckedConfig`](super::CheckedConfig), which can run.

use std::path::PathBuf;

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::edges::EdgeCandidates;
use super::location::path_of_text;
use super::select::SelectConfig;
use crate::random::stream;
use crate::search::Method;
use crate::space::{CellOutput, Layout, Primitive, Reductions, Shrink, StemKind};

/// The word for this machine in the place of a file of times.
pub const HERE: &str = "here";

/// All settings of a run, as `config.toml` in the run folder holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The key of every random stream of the run.
    pub seed: u64,
    /// Which repetition of it this is: search and training draw anew, on the same parts of the images.
    pub repeat: usize,
    /// Where the times of operations come from: a file, or [`HERE`], which measures them.
    pub latency_table: String,
    /// Where the images come from and how they are divided and varied.
    pub data: DataConfig,
    /// The search for a cell.
    pub search: SearchConfig,
    /// The selection among several cells.
    pub select: SelectConfig,
    /// The training of the derived network from scratch.
    pub train: TrainConfig,
}

/// Images: reading, division, augmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DataConfig {
    /// A folder or file, as [`path_to_text`](super::path_to_text) writes it; `digits` for the embedded handwritten
    /// digits.
    pub path: String,
    /// `auto`, or the format to read it as.
    pub format: DataFormat,
    /// `auto`, `SIDE` or `HEIGHTxWIDTH`, in pixels.
    pub image_size: String,
    /// How images of another ratio of sides are brought to that size.
    pub resize: Resize,
    /// Most images per class taken from the training part; 0 takes all.
    pub images_per_class: usize,
    /// Share of the training images kept for choosing (best epoch), in [0, 1).
    pub validation_fraction: f64,
    /// Share split off as the test part where the data has none, in (0, 1).
    pub test_fraction: f64,
    /// Most unreadable images that are skipped before it is an error, where `max_bad_share` allows no more.
    pub max_bad_images: usize,
    /// Share of the images that may be unreadable before it is an error, in [0, 1].
    pub max_bad_share: f64,
    /// Most pixels of an image that is decoded. Pixels of more than 4 bytes count as several.
    pub max_image_pixels: usize,
    /// What becomes of images that are there several times.
    pub duplicates: Duplicates,
    /// Most bytes of decoded images that are kept in memory; more are streamed from a file. 0: half of what is
    /// available.
    pub memory: usize,
    /// Zero padding of the random crop, in pixels; 0 switches the crop off.
    pub crop_padding: usize,
    /// Mirror left to right with probability one half.
    pub flip: bool,
    /// `none`, `balanced`, or a file of a weight for each class: see [`crate::data::class_weights`].
    pub class_weights: String,
    /// How often the images of a class are drawn.
    pub sampling: Sampling,
    /// Least share of the image's area that the random resized crop takes, in [0, 1); 0 switches it off. Where it is
    /// on, there is no padded crop.
    pub crop_scale: f64,
    /// Strength of the random changes of brightness, contrast and saturation, in [0, 1]; 0 switches them off.
    pub color_jitter: f64,
    /// Further random operations on training images.
    pub auto_augment: AutoAugment,
}

impl Config {
    /// What the draws of search and training depend on: the seed, and of a repetition a number drawn from it.
    pub fn draws(&self) -> u64 {
        match self.repeat {
            0 => self.seed,
            repeat => stream(self.seed, "repeat", &[repeat as u64]).next_u64() >> 1,
        }
    }
}

impl DataConfig {
    /// The folder or file.
    pub fn location(&self) -> PathBuf {
        path_of_text(&self.path)
    }
}

/// How often the images of a class are drawn for search and training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Sampling {
    /// Each image once per epoch.
    Shuffled,
    /// Each class equally often: images of rare classes more than once, of frequent ones not in every epoch.
    Balanced,
}

/// Random operations on training images, from published lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AutoAugment {
    /// None.
    None,
    /// TrivialAugment (Müller and Hutter 2021), wide: one operation of any strength.
    Trivial,
    /// RandAugment (Cubuk et al. 2020): two operations of strength 9 of 30.
    Rand,
}

/// How the images are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DataFormat {
    /// Find out.
    Auto,
    /// The embedded handwritten digits.
    Digits,
    /// One folder per class.
    Folder,
    /// CIFAR-10 binary.
    Cifar10,
    /// CIFAR-100 binary (fine labels).
    Cifar100,
    /// IDX pairs: MNIST, Fashion-MNIST, EMNIST.
    Idx,
    /// A ZIP archive of a folder.
    Zip,
    /// A tar archive of a folder, plain or with gzip.
    Tar,
    /// A table of paths and classes.
    Csv,
    /// Parquet files with the bytes of image files.
    Parquet,
    /// NumPy arrays.
    Npz,
}

impl DataFormat {
    /// Whether single image files are decoded, whatever they lie in.
    pub fn is_files(self) -> bool {
        use DataFormat::{Csv, Folder, Parquet, Tar, Zip};
        matches!(self, Folder | Zip | Tar | Csv | Parquet)
    }
}

/// How images of another ratio of sides are brought to the wanted size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Resize {
    /// The largest part in the middle that has the ratio.
    Crop,
    /// All of it, its sides scaled each on its own.
    Squash,
    /// All of it, with black borders.
    Letterbox,
}

impl Resize {
    /// The name, as it is written in settings and records.
    pub const fn name(self) -> &'static str {
        match self {
            Resize::Crop => "crop",
            Resize::Squash => "squash",
            Resize::Letterbox => "letterbox",
        }
    }
}

/// What becomes of images that are there several times, in one part or in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Duplicates {
    /// Copies stay together, and those of test images are left out of training.
    Separate,
    /// Nobody looks for them.
    Ignore,
}

/// The search: space, images, epochs; method and optimisers in [`Method`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SearchConfig {
    /// Channels of the first cell.
    pub init_channels: usize,
    /// Number of cells.
    pub layers: usize,
    /// Intermediate nodes of a cell.
    pub nodes: usize,
    /// Candidate operations on each edge, in the order of alpha's columns.
    pub candidates: Vec<Primitive>,
    /// The name of the space that the keys of the space were taken from; says nothing of its own.
    pub space: String,
    /// Candidates of each edge of the normal cell, or of the only kind of cell; none: `candidates` on all.
    pub normal_edges: Vec<EdgeCandidates>,
    /// Candidates of each edge of the reduction cell; none: `candidates` on all.
    pub reduction_edges: Vec<EdgeCandidates>,
    /// Input nodes of a cell: the one or two cells before it.
    pub inputs: usize,
    /// What a cell hands on.
    pub output: CellOutput,
    /// Edges that each node of the derived cell keeps; 0: all of which `none` is not the strongest.
    pub edges_per_node: usize,
    /// How cells form a network.
    pub layout: Layout,
    /// Fractions of the depth at which the resolution is halved.
    pub reductions: Reductions,
    /// Whether `nor_conv_1x1` and `nor_conv_3x3` have a bias in the supernet.
    pub convolution_bias: bool,
    /// The stem before the first cell; `auto` takes `imagenet` for images of 96 pixels and more, as the training's does.
    pub stem: Stem,
    /// The stem of small images has `stem_multiplier * init_channels` channels.
    pub stem_multiplier: usize,
    /// Longest side of the images that are searched with, in pixels; larger ones are scaled down. 0 is no limit.
    pub max_side: usize,
    /// Passes over the weights' part.
    pub epochs: usize,
    /// Images per batch, of the weights' and of the alphas' batches.
    pub batch_size: usize,
    /// SGD learning rate of the first epoch.
    pub learning_rate: f64,
    /// Learning rate the cosine ends at.
    pub learning_rate_min: f64,
    /// Largest global L2 norm of the weights' gradient; 0 switches clipping off.
    pub grad_clip: f64,
    /// Share of the training images (without validation) that trains weights; the rest trains alphas.
    pub train_portion: f64,
    /// Cutout while searching.
    pub cutout: bool,
    /// Side of the cutout square, in pixels.
    pub cutout_length: usize,
    /// Whether the backward pass computes again what cells have computed between their inputs and outputs, instead of
    /// keeping it: less memory, more time, the same results. It changes nothing where cells run operation by operation
    /// ([`Network::unfused_cells`](crate::nn::Network::unfused_cells), f64, devices other than the CPU).
    pub recompute: bool,
    /// A CSV file of accuracies of NAS-Bench-201, as [`path_to_text`](super::path_to_text) writes its path, from which
    /// each epoch's architecture is looked up; `none` for none.
    pub benchmark_table: String,
    /// How it is done.
    pub method: Method,
}

/// Training the derived network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrainConfig {
    /// Channels of the first cell.
    pub init_channels: usize,
    /// Number of cells; in the residual layout of all its stages together.
    pub layers: usize,
    /// Fractions of the depth at which the resolution is halved.
    pub reductions: Reductions,
    /// Most parameters of the trained network, the auxiliary head left out; 0 is no limit.
    pub max_params: usize,
    /// Most multiply-adds of the trained network for one image; 0 is no limit.
    pub max_macs: usize,
    /// Longest time in seconds that the trained network's answer for one image may take, by estimate; 0 is no limit.
    pub max_latency: f64,
    /// What may become smaller for the limits' sake.
    pub shrink: Shrink,
    /// The stem before the first cell; `auto` takes `imagenet` for images of 96 pixels and more.
    pub stem: Stem,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per batch.
    pub batch_size: usize,
    /// SGD learning rate of the first epoch.
    pub learning_rate: f64,
    /// How the learning rate falls.
    pub schedule: Schedule,
    /// Learning rate the cosine ends at.
    pub learning_rate_min: f64,
    /// Factor per `decay_period` epochs, for the exponential schedule.
    pub gamma: f64,
    /// Epochs between two steps of the exponential schedule.
    pub decay_period: usize,
    /// SGD momentum (no dampening).
    pub momentum: f64,
    /// Whether its steps look ahead, as Nesterov's.
    pub nesterov: bool,
    /// L2 on the weights.
    pub weight_decay: f64,
    /// Largest global L2 norm of the gradient; 0 switches clipping off.
    pub grad_clip: f64,
    /// An auxiliary classifier on the cell at two thirds of the depth.
    pub auxiliary: bool,
    /// Weight of its loss.
    pub auxiliary_weight: f64,
    /// Drop-path probability at the last epoch; it rises linearly from 0.
    pub drop_path_prob: f64,
    /// Label smoothing in [0, 1).
    pub label_smoothing: f64,
    /// Cutout.
    pub cutout: bool,
    /// Side of the cutout square, in pixels.
    pub cutout_length: usize,
    /// Decay of a moving average of the weights, which is then what is validated, chosen and saved; 0 is none.
    pub ema: f64,
    /// Epochs without a better validation result after which the training ends; 0 is never.
    pub patience: usize,
    /// Whether the validation images are trained on as well, once all is decided: no epoch is chosen then, and the last
    /// weights are taken. A selection compares its cells without it.
    pub all_images: bool,
    /// As [`SearchConfig::recompute`].
    pub recompute: bool,
}

impl TrainConfig {
    /// Whether there is any limit on the trained network; [`CheckedConfig::limits`](super::CheckedConfig::limits) are
    /// these limits.
    pub fn is_limited(&self) -> bool {
        self.max_params > 0 || self.max_macs > 0 || self.max_latency > 0.0
    }

    /// Takes all limits off.
    pub fn lift_limits(&mut self) {
        (self.max_params, self.max_macs, self.max_latency) = (0, 0, 0.0);
    }
}

/// The layers before the first cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stem {
    /// From the image size.
    Auto,
    /// One 3x3 convolution, stride 1.
    Cifar,
    /// Three 3x3 convolutions of stride 2.
    Imagenet,
}

impl Stem {
    /// Smallest side in pixels of images that get the ImageNet stem when it is left to the program.
    pub const IMAGENET_SIDE: usize = 96;

    /// The stem for images of this height and width.
    pub fn kind(self, image_size: [usize; 2]) -> StemKind {
        match self {
            Stem::Cifar => StemKind::Cifar,
            Stem::Imagenet => StemKind::Imagenet,
            Stem::Auto if image_size.into_iter().min() >= Some(Stem::IMAGENET_SIDE) => StemKind::Imagenet,
            Stem::Auto => StemKind::Cifar,
        }
    }
}

/// How the learning rate falls from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Schedule {
    /// Half a cosine from `learning_rate` to `learning_rate_min`.
    Cosine,
    /// Times `gamma` every `decay_period` epochs.
    Exponential,
}

/// What a [preset](super::preset()) has to know of the data. The default knows nothing: 0 and no everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataShape {
    /// Images to train on, those for validation included, those for testing not.
    pub train_images: usize,
    /// Classes.
    pub classes: usize,
    /// Colour channels: 1 or 3.
    pub channels: usize,
    /// Rows, in pixels, as the network sees them.
    pub height: usize,
    /// Columns, in pixels, as the network sees them.
    pub width: usize,
    /// Images to train on of the class that has most.
    pub largest_class: usize,
    /// Images to train on of the class that has fewest, classes without any left out.
    pub smallest_class: usize,
    /// Whether the data say which images are for validation.
    pub own_validation: bool,
}
