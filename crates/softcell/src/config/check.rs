//! Ranges of the settings, and those that contradict one another.

use std::ops::RangeInclusive;

use super::image_size::ImageSize;
use super::types::{Config, DataConfig, SearchConfig, Stem, TrainConfig};
use crate::error::{Error, Result};
use crate::search::method::Rules;
use crate::space::Primitive;

pub(super) const MAX_EPOCHS: usize = 1_000_000;
const MAX_BATCH: usize = 65_536;
pub(super) const MAX_CHANNELS: usize = 4096;
pub(super) const MAX_LAYERS: usize = 256;
const MAX_NODES: usize = 16;
const MAX_PIXELS: usize = 4096;
/// Images of fewer pixels show nothing.
const MIN_SIDE: usize = 4;
/// More than any file has.
const MAX_IMAGE_PIXELS: usize = 1_000_000_000_000;
/// Longest limit on the time of an answer, in seconds.
const LONGEST_LATENCY: f64 = 1000.0;
/// TOML's whole numbers end here.
const MAX_WHOLE: usize = i64::MAX as usize;

impl Config {
    /// Whether these settings can run: what [`Config::check`] does.
    pub(super) fn verify(&self) -> Result<()> {
        if self.seed > i64::MAX as u64 {
            return Err(Error::setting("seed", self.seed, format!("a whole number from 0 to {}", i64::MAX)));
        }
        self.data.check()?;
        whole("repeat", self.repeat, 0..=MAX_WHOLE)?;
        self.search.check()?;
        self.select.check()?;
        if self.select.candidates() > 1 && self.data.validation_fraction == 0.0 {
            let expected = "above 0: a selection compares the cells on that part";
            return Err(Error::setting("data.validation_fraction", 0, expected));
        }
        self.train.check()
    }
}

impl DataConfig {
    /// The part of [`Config::check`] on `[data]`.
    ///
    /// # Errors
    ///
    /// As [`Config::check`].
    pub fn check(&self) -> Result<()> {
        if self.path.trim().is_empty() {
            let expected = "a folder or file with images, or digits for the built-in ones";
            return Err(Error::setting("data.path", "\"\"", expected));
        }
        self.image_size.parse::<ImageSize>()?;
        whole("data.images_per_class", self.images_per_class, 0..=MAX_WHOLE)?;
        from_zero_below_one("data.validation_fraction", self.validation_fraction)?;
        between_zero_and_one("data.test_fraction", self.test_fraction)?;
        whole("data.max_bad_images", self.max_bad_images, 0..=MAX_WHOLE)?;
        let share = self.max_bad_share;
        number("data.max_bad_share", share, (0.0..=1.0).contains(&share), "a number from 0 to 1")?;
        whole("data.max_image_pixels", self.max_image_pixels, 1..=MAX_IMAGE_PIXELS)?;
        whole("data.memory", self.memory, 0..=MAX_WHOLE)?;
        if self.class_weights.trim().is_empty() {
            let expected = "none, balanced, or a CSV or JSON file of class and weight";
            return Err(Error::setting("data.class_weights", "\"\"", expected));
        }
        whole("data.crop_padding", self.crop_padding, 0..=MAX_PIXELS)?;
        from_zero_below_one("data.crop_scale", self.crop_scale)?;
        let jitter = self.color_jitter;
        number("data.color_jitter", jitter, (0.0..=1.0).contains(&jitter), "a number from 0 to 1")
    }
}

impl SearchConfig {
    /// The part of [`Config::check`] on `[search]`.
    ///
    /// # Errors
    ///
    /// As [`Config::check`].
    pub fn check(&self) -> Result<()> {
        whole("search.init_channels", self.init_channels, 1..=MAX_CHANNELS)?;
        whole("search.layers", self.layers, 1..=MAX_LAYERS)?;
        whole("search.nodes", self.nodes, 1..=MAX_NODES)?;
        whole("search.inputs", self.inputs, 1..=2)?;
        whole("search.edges_per_node", self.edges_per_node, 0..=MAX_NODES)?;
        whole("search.stem_multiplier", self.stem_multiplier, 1..=16)?;
        candidates(&self.candidates)?;
        self.check_space()?;
        if (1..MIN_SIDE).contains(&self.max_side) {
            let expected = format!("{MIN_SIDE} pixels or more, or 0 for no limit");
            return Err(Error::setting("search.max_side", self.max_side, expected));
        }
        whole("search.max_side", self.max_side, 0..=MAX_PIXELS)?;
        whole("search.epochs", self.epochs, 1..=MAX_EPOCHS)?;
        batch("search.batch_size", self.batch_size)?;
        above_zero("search.learning_rate", self.learning_rate)?;
        rate_min("search.learning_rate_min", self.learning_rate_min, self.learning_rate)?;
        from_zero("search.grad_clip", self.grad_clip)?;
        between_zero_and_one("search.train_portion", self.train_portion)?;
        cutout("search.cutout_length", self.cutout, self.cutout_length)?;
        if self.benchmark_table.trim().is_empty() {
            return Err(Error::setting("search.benchmark_table", "\"\"", "a CSV file, or none"));
        }
        self.method.check()?;
        let schedule = &self.method.schedule;
        let (stages, first) = (schedule.stages(), schedule.first_epoch);
        let shortest = schedule.shortest(self.epochs);
        if first >= shortest {
            let expected = match stages {
                1 => format!("less than search.epochs, which are {}, or no alpha moves", self.epochs),
                _ => format!(
                    "less than the epochs of the shortest of {stages} stages, which are {shortest} of search.epochs = \
                     {}, or no alpha moves",
                    self.epochs
                ),
            };
            return Err(Error::setting("search.method.schedule.first_epoch", first, expected));
        }
        let shares = &schedule.stage_share;
        if shares.0.iter().any(|&share| !self.init_channels.is_multiple_of(share)) {
            let expected = format!("divisors of search.init_channels, which are {}", self.init_channels);
            return Err(Error::setting("search.method.schedule.stage_share", shares, expected));
        }
        Rules::new(&self.method, self.epochs).check(&self.space([1, 1]))
    }
}

impl TrainConfig {
    /// The part of [`Config::check`] on `[train]`.
    ///
    /// # Errors
    ///
    /// As [`Config::check`].
    pub fn check(&self) -> Result<()> {
        whole("train.init_channels", self.init_channels, 1..=MAX_CHANNELS)?;
        if self.stem == Stem::Imagenet && !self.init_channels.is_multiple_of(2) {
            let expected = "an even number, because the imagenet stem halves it (or train.stem = cifar)";
            return Err(Error::setting("train.init_channels", self.init_channels, expected));
        }
        whole("train.layers", self.layers, 1..=MAX_LAYERS)?;
        if self.reductions.is_empty() {
            let expected = "at least one fraction of the depth, such as 1/2";
            return Err(Error::setting("train.reductions", "none", expected));
        }
        whole("train.max_params", self.max_params, 0..=MAX_WHOLE)?;
        whole("train.max_macs", self.max_macs, 0..=MAX_WHOLE)?;
        if !(0.0..=LONGEST_LATENCY).contains(&self.max_latency) {
            let expected = "a time such as 5ms, at most 1000 s, or 0 for no limit";
            return Err(Error::setting("train.max_latency", self.max_latency, expected));
        }
        whole("train.epochs", self.epochs, 1..=MAX_EPOCHS)?;
        batch("train.batch_size", self.batch_size)?;
        above_zero("train.learning_rate", self.learning_rate)?;
        rate_min("train.learning_rate_min", self.learning_rate_min, self.learning_rate)?;
        if !(self.gamma > 0.0 && self.gamma <= 1.0) {
            return Err(Error::setting("train.gamma", self.gamma, "a number above 0, at most 1"));
        }
        whole("train.decay_period", self.decay_period, 1..=MAX_EPOCHS)?;
        from_zero_below_one("train.momentum", self.momentum)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::setting(
                "train.nesterov",
                true,
                "false, or a momentum above 0, along which to look ahead",
            ));
        }
        from_zero("train.weight_decay", self.weight_decay)?;
        from_zero("train.grad_clip", self.grad_clip)?;
        from_zero("train.auxiliary_weight", self.auxiliary_weight)?;
        from_zero_below_one("train.drop_path_prob", self.drop_path_prob)?;
        from_zero_below_one("train.label_smoothing", self.label_smoothing)?;
        from_zero_below_one("train.ema", self.ema)?;
        whole("train.patience", self.patience, 0..=MAX_EPOCHS)?;
        if self.all_images && self.patience > 0 {
            let expected = "0, because train.all_images leaves no validation images to compare epochs by";
            return Err(Error::setting("train.patience", self.patience, expected));
        }
        cutout("train.cutout_length", self.cutout, self.cutout_length)
    }
}

/// Refuses a number outside `range`.
pub(crate) fn whole(name: &str, value: usize, range: RangeInclusive<usize>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::setting(name, value, format!("a whole number from {} to {}", range.start(), range.end())))
}

fn batch(name: &str, value: usize) -> Result<()> {
    if value == 1 {
        return Err(Error::setting(name, value, "2 or more: batch normalisation needs two images"));
    }
    whole(name, value, 2..=MAX_BATCH)
}

fn number(name: &str, value: f64, fits: bool, expected: &str) -> Result<()> {
    if fits && value.is_finite() { Ok(()) } else { Err(Error::setting(name, value, expected)) }
}

fn above_zero(name: &str, value: f64) -> Result<()> {
    number(name, value, value > 0.0, "a finite number above 0")
}

fn from_zero(name: &str, value: f64) -> Result<()> {
    number(name, value, value >= 0.0, "a finite number, 0 or more")
}

fn from_zero_below_one(name: &str, value: f64) -> Result<()> {
    number(name, value, (0.0..1.0).contains(&value), "a number from 0 to below 1")
}

fn between_zero_and_one(name: &str, value: f64) -> Result<()> {
    number(name, value, value > 0.0 && value < 1.0, "a number above 0 and below 1")
}

fn rate_min(name: &str, value: f64, start: f64) -> Result<()> {
    let expected = format!("a number from 0 to learning_rate, which is {start}");
    number(name, value, value >= 0.0 && value <= start, &expected)
}

fn cutout(name: &str, on: bool, length: usize) -> Result<()> {
    if on && length == 0 {
        return Err(Error::setting(name, 0, "1 pixel or more, because cutout is on (or cutout = false)"));
    }
    whole(name, length, 0..=MAX_PIXELS)
}

fn candidates(candidates: &[Primitive]) -> Result<()> {
    const NAME: &str = "search.candidates";
    if let Some(twice) = candidates.iter().enumerate().find(|(i, op)| candidates[..*i].contains(op)) {
        return Err(Error::setting(NAME, twice.1.name(), "each operation once; it is there twice"));
    }
    if candidates.iter().all(|op| *op == Primitive::None) {
        let found = if candidates.is_empty() { "an empty list" } else { "none alone" };
        return Err(Error::setting(NAME, found, "at least one operation other than none"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::preset::Preset;
    use super::super::presets::preset;
    use super::super::types::DataShape;
    use super::*;
    use crate::search::method::{Adam, AlphaOptimizer, Sgd, WeightOptimizer};

    fn paper() -> Config {
        preset(Preset::PaperCifar10, &DataShape::default()).0
    }

    /// Checks that `change` makes the paper's settings fail at `name`.
    fn refused(name: &str, change: impl FnOnce(&mut Config)) {
        let mut config = paper();
        config.verify().unwrap();
        change(&mut config);
        match config.verify() {
            Err(Error::Setting { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?} for {config:?}"),
        }
    }

    fn sgd(config: &mut Config) -> &mut Sgd {
        let WeightOptimizer::Sgd(sgd) = &mut config.search.method.weights;
        sgd
    }

    fn adam(config: &mut Config) -> &mut Adam {
        match &mut config.search.method.alphas {
            AlphaOptimizer::Adam(adam) => adam,
            other => panic!("{other:?}"),
        }
    }

    fn accepted(change: impl FnOnce(&mut Config)) {
        let mut config = paper();
        change(&mut config);
        config.verify().unwrap();
    }

    #[test]
    fn whole_numbers_outside_their_range() {
        type Field = fn(&mut Config) -> &mut usize;
        let fields: [(&str, Field, &[usize]); 23] = [
            ("data.max_image_pixels", |c| &mut c.data.max_image_pixels, &[0, usize::MAX]),
            ("data.memory", |c| &mut c.data.memory, &[usize::MAX]),
            ("data.images_per_class", |c| &mut c.data.images_per_class, &[usize::MAX]),
            ("data.max_bad_images", |c| &mut c.data.max_bad_images, &[usize::MAX]),
            ("data.crop_padding", |c| &mut c.data.crop_padding, &[4097]),
            ("search.init_channels", |c| &mut c.search.init_channels, &[0, 4097]),
            ("search.layers", |c| &mut c.search.layers, &[0, 257]),
            ("search.nodes", |c| &mut c.search.nodes, &[0, 17]),
            ("search.stem_multiplier", |c| &mut c.search.stem_multiplier, &[0, 17]),
            ("search.epochs", |c| &mut c.search.epochs, &[0, 1_000_001]),
            ("search.batch_size", |c| &mut c.search.batch_size, &[0, 1, 65_537]),
            ("search.cutout_length", |c| &mut c.search.cutout_length, &[4097]),
            ("train.init_channels", |c| &mut c.train.init_channels, &[0, 4097]),
            ("train.layers", |c| &mut c.train.layers, &[0, 257]),
            ("train.epochs", |c| &mut c.train.epochs, &[0, 1_000_001]),
            ("train.batch_size", |c| &mut c.train.batch_size, &[0, 1, 65_537]),
            ("train.decay_period", |c| &mut c.train.decay_period, &[0, 1_000_001]),
            ("train.cutout_length", |c| &mut c.train.cutout_length, &[0, 4097]),
            ("train.max_params", |c| &mut c.train.max_params, &[usize::MAX]),
            ("train.max_macs", |c| &mut c.train.max_macs, &[usize::MAX]),
            ("search.nodes", |c| &mut c.search.nodes, &[usize::MAX]),
            ("train.layers", |c| &mut c.train.layers, &[usize::MAX]),
            ("train.epochs", |c| &mut c.train.epochs, &[usize::MAX]),
        ];
        for (name, field, values) in fields {
            for value in values {
                refused(name, |config| *field(config) = *value);
            }
        }
        refused("seed", |config| config.seed = u64::MAX);
    }

    #[test]
    fn numbers_outside_their_range() {
        type Field = fn(&mut Config) -> &mut f64;
        let fields: [(&str, Field, &[f64]); 23] = [
            ("data.max_bad_share", |c| &mut c.data.max_bad_share, &[-0.1, 1.1]),
            ("data.validation_fraction", |c| &mut c.data.validation_fraction, &[-0.1, 1.0]),
            ("data.test_fraction", |c| &mut c.data.test_fraction, &[0.0, 1.0]),
            ("search.learning_rate", |c| &mut c.search.learning_rate, &[0.0, -0.1]),
            ("search.learning_rate_min", |c| &mut c.search.learning_rate_min, &[-0.1, 0.026]),
            ("search.method.weights.momentum", |c| &mut sgd(c).momentum, &[-0.1, 1.0]),
            ("search.method.weights.weight_decay", |c| &mut sgd(c).weight_decay, &[-0.1]),
            ("search.grad_clip", |c| &mut c.search.grad_clip, &[-0.1]),
            ("search.train_portion", |c| &mut c.search.train_portion, &[0.0, 1.0]),
            ("search.method.alphas.learning_rate", |c| &mut adam(c).learning_rate, &[-0.1]),
            ("search.method.alphas.weight_decay", |c| &mut adam(c).weight_decay, &[-0.1]),
            ("search.method.alphas.beta1", |c| &mut adam(c).beta1, &[-0.1, 1.0]),
            ("search.method.alphas.beta2", |c| &mut adam(c).beta2, &[-0.1, 1.0]),
            ("train.learning_rate", |c| &mut c.train.learning_rate, &[0.0, -0.1]),
            ("train.learning_rate_min", |c| &mut c.train.learning_rate_min, &[-0.1, 0.026]),
            ("train.gamma", |c| &mut c.train.gamma, &[0.0, 1.1]),
            ("train.momentum", |c| &mut c.train.momentum, &[-0.1, 1.0]),
            ("train.weight_decay", |c| &mut c.train.weight_decay, &[-0.1]),
            ("train.grad_clip", |c| &mut c.train.grad_clip, &[-0.1]),
            ("train.auxiliary_weight", |c| &mut c.train.auxiliary_weight, &[-0.1]),
            ("train.drop_path_prob", |c| &mut c.train.drop_path_prob, &[-0.1, 1.0]),
            ("train.label_smoothing", |c| &mut c.train.label_smoothing, &[-0.1, 1.0]),
            ("train.gamma", |c| &mut c.train.gamma, &[-1.0]),
        ];
        for (name, field, values) in fields {
            for value in values.iter().copied().chain([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]) {
                refused(name, |config| *field(config) = value);
            }
        }
        refused("train.nesterov", |c| (c.train.nesterov, c.train.momentum) = (true, 0.0));
    }

    #[test]
    fn texts_and_lists() {
        refused("data.path", |config| config.data.path = " ".to_owned());
        refused("data.image_size", |config| config.data.image_size = "32px".to_owned());
        refused("search.candidates", |config| config.search.candidates.clear());
        refused("search.candidates", |config| config.search.candidates = vec![Primitive::None]);
        refused("search.candidates", |config| config.search.candidates.push(Primitive::SkipConnect));
    }

    #[test]
    fn settings_that_contradict_one_another() {
        refused("search.cutout_length", |config| {
            config.search.cutout = true;
            config.search.cutout_length = 0;
        });
        refused("train.init_channels", |config| {
            config.train.stem = Stem::Imagenet;
            config.train.init_channels = 35;
        });
    }

    #[test]
    fn the_ends_of_the_ranges_are_inside() {
        accepted(|config| config.data.validation_fraction = 0.0);
        accepted(|config| config.search.learning_rate_min = config.search.learning_rate);
        accepted(|config| config.search.candidates = vec![Primitive::SkipConnect]);
        accepted(|config| adam(config).learning_rate = 0.0);
        accepted(|config| config.search.grad_clip = 0.0);
        accepted(|config| config.train.gamma = 1.0);
        accepted(|config| config.train.init_channels = 35);
        accepted(|config| config.seed = i64::MAX as u64);
        accepted(|config| {
            config.train.cutout = false;
            config.train.cutout_length = 0;
        });
    }
}
