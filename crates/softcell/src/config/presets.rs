//! Starting points: the paper's settings, and settings sized to the data.

use super::auto;
use super::paper::{
    nas_bench_201_reasons, paper_cifar10, paper_imagenet, paper_nas_bench_201, paper_reasons,
    small_nas_bench_201, small_nas_bench_201_reasons,
};
use super::preset::Preset;
use super::types::{Config, DataConfig, DataShape, SearchConfig, TrainConfig};
use crate::error::Advice;

/// All settings of a preset, and the reasons for what was chosen, a sentence each, for the log.
///
/// The settings that say how the data is read (`path`, `format`, `image_size`, `images_per_class`,
/// `test_fraction`, `max_bad_images`) do not depend on the shape: take them from the preset of
/// [`DataShape::default`] to read the data, and then ask again with the shape that it has. `path` is
/// `digits` until a file or a flag names another.
pub fn preset(preset: Preset, data: &DataShape) -> (Config, Vec<Advice>) {
    match preset {
        Preset::Auto => auto::settings(data),
        Preset::PaperCifar10 => (paper_cifar10(), paper_reasons(data, 32)),
        Preset::PaperImagenet => {
            let mut reasons = paper_reasons(data, 224);
            reasons.push(
                "the paper's random resized crops and colour jitter are off: images are padded by 28 pixels and \
                 cropped, and mirrored; data.crop_scale = 0.08 and data.color_jitter = 0.4 turn them on"
                    .into(),
            );
            (paper_imagenet(), reasons)
        }
        Preset::PaperNasBench201 => (paper_nas_bench_201(), nas_bench_201_reasons(data)),
        Preset::SmallNasBench201 => (small_nas_bench_201(), small_nas_bench_201_reasons()),
    }
}

impl Default for Config {
    /// Those of [`Preset::Auto`] where nothing is known of the data.
    fn default() -> Config {
        preset(Preset::Auto, &DataShape::default()).0
    }
}

impl Default for DataConfig {
    /// The part of [`Config::default`].
    fn default() -> DataConfig {
        Config::default().data
    }
}

impl Default for SearchConfig {
    /// The part of [`Config::default`].
    fn default() -> SearchConfig {
        Config::default().search
    }
}

impl Default for TrainConfig {
    /// The part of [`Config::default`].
    fn default() -> TrainConfig {
        Config::default().train
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::{Schedule, Stem};
    use super::*;
    use crate::search::method::{AlphaOptimizer, ArchStep, WeightOptimizer};
    use crate::space::Primitive;

    const CIFAR: DataShape =
        DataShape { train_images: 50_000, classes: 10, channels: 3, height: 32, width: 32, ..EVEN };
    const EVEN: DataShape = DataShape {
        train_images: 0,
        classes: 0,
        channels: 0,
        height: 0,
        width: 0,
        largest_class: 0,
        smallest_class: 0,
        own_validation: false,
    };

    #[test]
    fn names_read_back_and_others_get_the_nearest() {
        for preset in Preset::ALL {
            assert_eq!(preset.to_string().parse::<Preset>().unwrap(), preset);
        }
        assert_eq!("paper_cifar10".parse::<Preset>().unwrap(), Preset::PaperCifar10);
        let error = "paper-cifar".parse::<Preset>().unwrap_err().to_string();
        assert!(error.contains("paper-cifar: expected one of auto,"), "{error}");
        assert!(error.contains("(nearest: paper-cifar10)"), "{error}");
    }

    #[test]
    fn paper_cifar10_search() {
        let (config, _) = preset(Preset::PaperCifar10, &CIFAR);
        let search = &config.search;
        assert_eq!((config.seed, search.init_channels, search.layers, search.nodes), (2, 16, 8, 4));
        assert_eq!((search.stem_multiplier, search.epochs, search.batch_size), (3, 50, 64));
        assert_eq!((search.learning_rate, search.learning_rate_min), (0.025, 0.001));
        let WeightOptimizer::Sgd(sgd) = search.method.weights;
        assert_eq!((sgd.momentum, sgd.weight_decay, search.grad_clip), (0.9, 3e-4, 5.0));
        assert_eq!((search.train_portion, search.cutout), (0.5, false));
        assert_eq!(search.method.arch_step, ArchStep::FirstOrder);
        let AlphaOptimizer::Adam(adam) = search.method.alphas else { panic!("another optimiser") };
        assert_eq!((adam.learning_rate, adam.weight_decay), (3e-4, 1e-3));
        assert_eq!((adam.beta1, adam.beta2), (0.5, 0.999));
        assert_eq!(search.candidates, Primitive::DARTS);
    }

    #[test]
    fn paper_cifar10_training() {
        let (config, _) = preset(Preset::PaperCifar10, &CIFAR);
        let train = &config.train;
        assert_eq!((train.init_channels, train.layers, train.epochs, train.batch_size), (36, 20, 600, 96));
        assert_eq!((train.learning_rate, train.learning_rate_min), (0.025, 0.0));
        assert_eq!((train.schedule, train.stem), (Schedule::Cosine, Stem::Cifar));
        assert_eq!((train.momentum, train.weight_decay, train.grad_clip), (0.9, 3e-4, 5.0));
        assert_eq!((train.auxiliary, train.auxiliary_weight), (true, 0.4));
        assert_eq!((train.drop_path_prob, train.label_smoothing), (0.2, 0.0));
        assert_eq!((train.cutout, train.cutout_length), (true, 16));
        let data = &config.data;
        assert_eq!((data.validation_fraction, data.crop_padding, data.flip), (0.0, 4, true));
        assert_eq!((data.images_per_class, data.max_bad_images), (0, 10));
    }

    #[test]
    fn paper_imagenet_training() {
        let (config, _) = preset(Preset::PaperImagenet, &CIFAR);
        let train = &config.train;
        assert_eq!((train.init_channels, train.layers, train.epochs, train.batch_size), (48, 14, 250, 128));
        assert_eq!((train.learning_rate, train.gamma, train.decay_period), (0.1, 0.97, 1));
        assert_eq!((train.schedule, train.stem), (Schedule::Exponential, Stem::Imagenet));
        assert_eq!((train.momentum, train.weight_decay, train.grad_clip), (0.9, 3e-5, 5.0));
        assert_eq!((train.auxiliary, train.auxiliary_weight), (true, 0.4));
        assert_eq!((train.drop_path_prob, train.label_smoothing, train.cutout), (0.0, 0.1, false));
        assert_eq!(config.data.image_size, "224");
        assert_eq!(config.search, preset(Preset::PaperCifar10, &CIFAR).0.search);
    }

    #[test]
    fn the_papers_presets_say_when_the_data_is_not_theirs() {
        let warns = |data: &DataShape| {
            let reasons = preset(Preset::PaperCifar10, data).1;
            reasons.iter().any(|reason| reason.to_string().contains("take the preset auto"))
        };
        assert!(!warns(&CIFAR) && !warns(&DataShape::default()));
        assert!(warns(&DataShape { channels: 1, ..CIFAR }));
        assert!(warns(&DataShape { width: 28, ..CIFAR }));
    }

    #[test]
    fn how_the_data_is_read_does_not_depend_on_its_shape() {
        for name in Preset::ALL {
            let reading = |data: &DataShape| {
                let config = preset(name, data).0;
                config.verify().unwrap();
                let data = config.data;
                (data.path, data.format, data.image_size, data.images_per_class, data.test_fraction)
            };
            assert_eq!(reading(&DataShape::default()), reading(&CIFAR));
        }
    }
}
