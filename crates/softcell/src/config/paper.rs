//! The settings of Liu, Simonyan & Yang 2019.

use super::known_spaces::known_space;
use super::merge::lay;
use super::select::SelectConfig;
use super::types::{
    AutoAugment, Config, DataConfig, DataFormat, DataShape, Duplicates, HERE, Resize, Sampling, Schedule,
    SearchConfig, Stem, TrainConfig,
};
use super::value::two_digits;
use crate::error::Advice;
use crate::search::Method;
use crate::search::method::{Sgd, StepOrder, WeightOptimizer};
use crate::space::{CellOutput, Layout, Primitive, Reductions, Shrink};

/// The paper's search, and its training on CIFAR-10: first-order DARTS as in the official code.
pub(super) fn paper_cifar10() -> Config {
    let search = SearchConfig {
        init_channels: 16,
        layers: 8,
        nodes: 4,
        candidates: Primitive::DARTS.to_vec(),
        space: "darts".to_owned(),
        normal_edges: Vec::new(),
        reduction_edges: Vec::new(),
        inputs: 2,
        output: CellOutput::All,
        edges_per_node: 2,
        layout: Layout::Stacked,
        reductions: Reductions::THIRDS,
        convolution_bias: false,
        stem: Stem::Cifar,
        stem_multiplier: 3,
        max_side: 0,
        epochs: 50,
        batch_size: 64,
        learning_rate: 0.025,
        learning_rate_min: 0.001,
        grad_clip: 5.0,
        train_portion: 0.5,
        cutout: false,
        cutout_length: 16,
        recompute: false,
        benchmark_table: "none".to_owned(),
        method: Method::default(),
    };
    let train = TrainConfig {
        init_channels: 36,
        layers: 20,
        reductions: Reductions::THIRDS,
        max_params: 0,
        max_macs: 0,
        max_latency: 0.0,
        shrink: Shrink::Both,
        stem: Stem::Cifar,
        epochs: 600,
        batch_size: 96,
        learning_rate: 0.025,
        schedule: Schedule::Cosine,
        learning_rate_min: 0.0,
        gamma: 0.97,
        decay_period: 1,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 3e-4,
        grad_clip: 5.0,
        auxiliary: true,
        auxiliary_weight: 0.4,
        drop_path_prob: 0.2,
        label_smoothing: 0.0,
        cutout: true,
        cutout_length: 16,
        ema: 0.0,
        patience: 0,
        all_images: false,
        recompute: false,
    };
    let data = DataConfig {
        path: "digits".to_owned(),
        format: DataFormat::Auto,
        image_size: "auto".to_owned(),
        resize: Resize::Crop,
        images_per_class: 0,
        validation_fraction: 0.0,
        test_fraction: 0.2,
        max_bad_images: 10,
        max_bad_share: 0.01,
        max_image_pixels: 100_000_000,
        duplicates: Duplicates::Ignore,
        memory: 0,
        crop_padding: 4,
        flip: true,
        class_weights: "none".to_owned(),
        sampling: Sampling::Shuffled,
        crop_scale: 0.0,
        color_jitter: 0.0,
        auto_augment: AutoAugment::None,
    };
    Config {
        seed: 2,
        repeat: 0,
        latency_table: HERE.to_owned(),
        data,
        search,
        select: SelectConfig::off(),
        train,
    }
}

/// The paper's training on ImageNet in the mobile setting; the search stays that on CIFAR-10.
pub(super) fn paper_imagenet() -> Config {
    let mut config = paper_cifar10();
    config.data.image_size = "224".to_owned();
    config.data.crop_padding = 28;
    config.train = TrainConfig {
        init_channels: 48,
        layers: 14,
        stem: Stem::Imagenet,
        epochs: 250,
        batch_size: 128,
        learning_rate: 0.1,
        schedule: Schedule::Exponential,
        weight_decay: 3e-5,
        drop_path_prob: 0.0,
        label_smoothing: 0.1,
        cutout: false,
        ..config.train
    };
    config
}

/// Search and training in NAS-Bench-201 on CIFAR-10, as AutoDL-Projects has them (Dong & Yang 2020): DARTS of first
/// order with the weights first, 50 epochs; the table's training of 200 epochs. Clipping in the training is off.
pub(super) fn paper_nas_bench_201() -> Config {
    let config = paper_cifar10();
    let space = known_space("nas-bench-201-bias").expect("a known space").settings();
    let mut config = lay(&config, &space).expect("settings of a known space");
    let nesterov = Sgd { nesterov: true, weight_decay: 5e-4, ..Sgd::default() };
    config.search = SearchConfig {
        init_channels: 16,
        layers: 15,
        epochs: 50,
        batch_size: 64,
        method: Method {
            order: StepOrder::WeightsFirst,
            weights: WeightOptimizer::Sgd(nesterov),
            ..Method::default()
        },
        ..config.search
    };
    config.train = TrainConfig {
        init_channels: 16,
        layers: 15,
        epochs: 200,
        batch_size: 256,
        learning_rate: 0.1,
        learning_rate_min: 0.0,
        nesterov: true,
        weight_decay: 5e-4,
        grad_clip: 0.0,
        auxiliary: false,
        drop_path_prob: 0.0,
        cutout: false,
        ..config.train
    };
    config
}

/// The alphas' learning rate in [`small_nas_bench_201`], where it is `own` in the benchmark's code, for so many epochs of
/// 391 steps: the 960 steps here make up for them.
pub(super) fn small_arch_rate(own: f64, epochs: usize) -> f64 {
    two_digits(own * (391 * epochs) as f64 / 960.0)
}

/// [`paper_nas_bench_201`] at a size at which several methods with several seeds fit into 20 minutes of two cores.
pub(super) fn small_nas_bench_201() -> Config {
    // All methods in the supernet that most codes have, which also runs in fused cells.
    let space = known_space("nas-bench-201").expect("a known space").settings();
    let mut config = lay(&paper_nas_bench_201(), &space).expect("settings of a known space");
    config.data.image_size = "16".to_owned();
    config.data.images_per_class = 150;
    config.data.crop_padding = 2;
    let rate = config.search.method.alphas.learning_rate_mut();
    *rate = small_arch_rate(*rate, config.search.epochs);
    config.search.layers = 3;
    config.search.epochs = 40;
    config.search.batch_size = 32;
    config.train.layers = 3;
    config.train.epochs = 60;
    config.train.batch_size = 64;
    config
}

/// What is to be said of them.
pub(super) fn small_nas_bench_201_reasons() -> Vec<Advice> {
    vec![
        "the settings of NAS-Bench-201 made small: to compare methods on a computer, not with published figures".into(),
        "at most 150 images of each class, of 16x16 pixels; the alphas learn as many times as fast as there are fewer steps \
         than in the benchmark's code"
            .into(),
    ]
}

/// What is to be said of the settings of NAS-Bench-201 for these data.
pub(super) fn nas_bench_201_reasons(data: &DataShape) -> Vec<Advice> {
    let mut reasons: Vec<Advice> = vec![
        "the settings of NAS-Bench-201 (Dong & Yang 2020, as in AutoDL-Projects), whatever the data and the computer"
            .into(),
        "no validation images: the benchmark trains on all of them and takes the last epoch".into(),
    ];
    reasons.extend(other_images(data, 32));
    reasons
}

/// What is to be said of the paper's settings for these data; its images have so long a side.
pub(super) fn paper_reasons(data: &DataShape, side: usize) -> Vec<Advice> {
    let mut reasons: Vec<Advice> = vec![
        "the paper's settings (Liu et al. 2019, first order), whatever the data and the computer".into(),
        "no validation images: the paper trains on all of them and takes the last epoch".into(),
    ];
    reasons.extend(other_images(data, side));
    reasons
}

/// What is to be said where the images are of another form than the paper's.
fn other_images(data: &DataShape, side: usize) -> Option<Advice> {
    let DataShape { channels, height, width, .. } = *data;
    (channels != 0 && (channels, height, width) != (3, side, side)).then(|| {
        format!(
            "the images are {height}x{width} with {channels} channels, the paper's are {side}x{side} with 3: \
             look at crop_padding, flip, cutout_length and auxiliary, or take the preset auto"
        )
        .into()
    })
}
