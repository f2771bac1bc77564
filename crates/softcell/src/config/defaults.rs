//! What a setting is where nobody gives it, found out from the presets, methods and spaces themselves.

use std::sync::LazyLock;

use toml::{Table, Value};

use super::keys::{Key, Kind};
use super::known_spaces::SPACES;
use super::layers::method_settings;
use super::preset::Preset;
use super::presets::preset;
use super::select::SelectConfig;
use super::types::{Config, DataShape};
use crate::search::method::presets::METHODS;

/// What a setting is where nobody gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyDefault {
    /// Who decides.
    pub rule: DefaultRule,
    /// With the preset `auto`, where that does not depend on the data; with method and space as they are by default.
    pub auto: Option<Value>,
    /// With the other presets.
    pub others: Vec<(Preset, Value)>,
}

/// Who decides what a setting is where nobody gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultRule {
    /// The preset alone.
    Preset,
    /// The method, where it says anything.
    Method,
    /// The space.
    Space,
    /// With the preset `auto` the data, and the memory and time that there are.
    Data,
    /// With the preset `auto` the time that there is.
    Time,
}

impl KeyDefault {
    /// That of a key.
    pub fn of(key: &Key) -> KeyDefault {
        let samples = &*SAMPLES;
        let found = |tables: &[Table]| -> Vec<Option<Value>> {
            tables.iter().map(|table| value(table, key)).collect()
        };
        let same = |values: &[Option<Value>]| values.windows(2).all(|pair| pair[0] == pair[1]);
        let auto = found(&samples.auto);
        let is_set = |tables: &[Table]| tables.iter().any(|table| key.value(table).is_some());
        let rule = if !same(&auto) {
            DefaultRule::Data
        } else if !same(&found(&samples.selections)) {
            DefaultRule::Time
        } else if is_set(&samples.spaces) {
            DefaultRule::Space
        } else if is_set(&samples.methods) {
            DefaultRule::Method
        } else {
            DefaultRule::Preset
        };
        let fixed = !matches!(rule, DefaultRule::Data | DefaultRule::Time);
        let others = samples.others.iter().filter_map(|(preset, table)| Some((*preset, value(table, key)?)));
        KeyDefault {
            rule,
            auto: auto.into_iter().next().flatten().filter(|_| fixed),
            others: others.collect(),
        }
    }
}

/// Settings to look values up in.
struct Samples {
    /// Those of `auto` for very different data.
    auto: Vec<Table>,
    /// Those of `auto` with each selection that it may come to.
    selections: Vec<Table>,
    /// Those of the other presets.
    others: Vec<(Preset, Table)>,
    /// What methods set, whatever the preset.
    methods: Vec<Table>,
    /// What spaces set.
    spaces: Vec<Table>,
}

static SAMPLES: LazyLock<Samples> = LazyLock::new(|| {
    let of = |config: Config| config.to_table().expect("a preset can be written as TOML");
    let auto: Vec<Config> = shapes().iter().map(|shape| preset(Preset::Auto, shape).0).collect();
    let first = auto[0].clone();
    let usual = SelectConfig::usual(&first.train);
    let selections = [SelectConfig::off(), usual, SelectConfig::published()];
    let others = Preset::ALL.into_iter().filter(|name| *name != Preset::Auto);
    Samples {
        auto: auto.into_iter().map(of).collect(),
        selections: selections.map(|select| of(Config { select, ..first.clone() })).into(),
        others: others.map(|name| (name, of(preset(name, &DataShape::default()).0))).collect(),
        methods: METHODS.iter().map(|method| method_settings(method).always).collect(),
        spaces: SPACES.iter().map(|space| space.settings()).collect(),
    }
});

/// Small and large data, gray and in colour, of few and of many classes, even and uneven.
fn shapes() -> Vec<DataShape> {
    let cifar = DataShape {
        train_images: 50_000,
        classes: 10,
        channels: 3,
        height: 32,
        width: 32,
        largest_class: 5000,
        smallest_class: 5000,
        own_validation: false,
    };
    let mut shapes = vec![cifar];
    for train_images in [40, 700, 9000, 2_000_000] {
        shapes.push(DataShape { train_images, ..cifar });
    }
    for side in [8, 16, 28, 64, 128, 256] {
        shapes.push(DataShape { height: side, width: side, ..cifar });
        shapes.push(DataShape { height: side, width: side, channels: 1, train_images: 1500, ..cifar });
    }
    shapes.push(DataShape { classes: 100, ..cifar });
    shapes.push(DataShape { smallest_class: 100, ..cifar });
    shapes.push(DataShape { train_images: 1500, own_validation: true, ..cifar });
    shapes
}

/// What the settings have for a key; for another spelling of a setting, in its own words.
fn value(table: &Table, key: &Key) -> Option<Value> {
    let own = key.value(table)?;
    match (key.kind, own) {
        // `unrolled = true` is `arch_step = "unrolled"`.
        (Kind::Bool, Value::String(text)) => Some(Value::Boolean(text == key.name)),
        _ => Some(own.clone()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::keys::{KEYS, Section};
    use super::*;

    fn of(section: Section, name: &str) -> KeyDefault {
        KeyDefault::of(Key::find(section, name).unwrap())
    }

    #[test]
    fn who_decides_is_found_out() {
        use DefaultRule::{Data, Method, Space, Time};
        for (section, name, rule) in [
            (Section::Root, "seed", DefaultRule::Preset),
            (Section::Data, "path", DefaultRule::Preset),
            (Section::Data, "flip", Data),
            (Section::Data, "sampling", Data),
            (Section::Search, "epochs", Data),
            (Section::Search, "nodes", Space),
            (Section::Search, "candidates", Space),
            (Section::Search, "arch_learning_rate", Data),
            (Section::Search, "grad_clip", DefaultRule::Preset),
            (Section::Method, "relaxation", Method),
            (Section::Select, "random", Time),
            (Section::Train, "epochs", Data),
            (Section::Train, "learning_rate", Data),
            (Section::Train, "momentum", DefaultRule::Preset),
            (Section::Train, "max_params", DefaultRule::Preset),
        ] {
            let found = of(section, name);
            assert_eq!(found.rule, rule, "{}.{name}", section.name());
            assert_eq!(found.auto.is_some(), rule != Data && rule != Time, "{}.{name}", section.name());
        }
        assert_eq!(of(Section::Search, "unrolled").auto, Some(Value::Boolean(false)));
        assert_eq!(of(Section::Search, "momentum").auto, Some(Value::Float(0.9)));
        let epochs = of(Section::Train, "epochs").others;
        assert!(epochs.contains(&(Preset::PaperCifar10, Value::Integer(600))), "{epochs:?}");
    }

    #[test]
    fn every_setting_has_a_default() {
        for key in KEYS.iter().filter(|key| key.kinds.is_empty() || key.kinds.contains(&"adam")) {
            let found = KeyDefault::of(key);
            assert!(found.auto.is_some() || !found.others.is_empty(), "{}", key.dotted());
        }
    }

    proptest! {
        /// Nothing that is said to be the same for all data depends on them.
        #[test]
        fn constants_are_the_same_for_all_data(
            train_images in 2..3_000_000usize,
            classes in 2..2000usize,
            channels in prop::sample::select(vec![1usize, 3]),
            height in 1..600usize,
            width in 1..600usize,
            smallest in 1..1000usize,
            uneven in 1..20usize,
            own_validation: bool,
        ) {
            let (smallest_class, largest_class) = (smallest, smallest * uneven);
            let shape =
                DataShape { train_images, classes, channels, height, width, largest_class, smallest_class, own_validation };
            let table = preset(Preset::Auto, &shape).0.to_table().unwrap();
            for key in KEYS {
                if let Some(constant) = KeyDefault::of(key).auto {
                    prop_assert_eq!(value(&table, key), Some(constant), "{}", key.dotted());
                }
            }
        }
    }
}
