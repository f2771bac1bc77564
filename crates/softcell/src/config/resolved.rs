//! The settings of a run as the text that the run folder keeps, and back.

use toml::{Table, Value};

use super::checked::CheckedConfig;
use super::keys::{KEYS, Key, Section};
use super::merge::{deserialise, set};
use super::read::read_toml;
use super::types::Config;
use crate::error::{Error, Result};

impl Config {
    /// All settings as TOML, with a line of comment on each section; [`Config::from_toml`] reads it back
    /// to an equal value, and as a user's file it gives the same run again.
    ///
    /// # Panics
    ///
    /// If a whole number is above `i64::MAX`, which TOML cannot hold and [`Config::check`] refuses.
    pub fn to_toml(&self) -> String {
        let table = self.to_table().expect("checked settings can be written as TOML");
        let mut text = String::new();
        for section in Section::ALL {
            text.push_str(&match section {
                Section::Root => format!("# {}\n", section.help()),
                _ => format!("\n# {}\n[{}]\n", section.help(), section.name()),
            });
            let mut inner = "";
            // Other spellings of a setting are left out.
            for key in KEYS.iter().filter(|key| key.section == section && key.of.is_none()) {
                let Some(value) = key.value(&table) else { continue };
                let (tables, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
                if tables != inner {
                    text.push_str(&format!("\n[{}]\n", section.dotted(tables)));
                    inner = tables;
                }
                text.push_str(&format!("{name} = {}\n", on_one_line(value)));
            }
        }
        text
    }

    /// Reads the text of [`Config::to_toml`]; `origin` is the file's name, for the errors.
    ///
    /// # Errors
    ///
    /// As [`read_toml`], and [`Error::Invalid`] if a key is missing or `preset` is there, and what
    /// [`Config::check`] finds. A key that earlier versions did not have may be missing: it then has the
    /// value that says what those did.
    pub fn from_toml(text: &str, origin: &str) -> Result<CheckedConfig> {
        let file = read_toml(text, origin)?;
        if file.preset.is_some() {
            let remedy = "remove it, or give the file as a user's settings instead";
            return Err(Error::invalid(origin, "the key `preset`", "every setting by itself", remedy));
        }
        let mut table = file.table;
        add_younger(&mut table);
        let missing = missing(&table);
        if !missing.is_empty() {
            let found = format!("no {}", missing.join(", "));
            return Err(Error::invalid(origin, found, "every setting", "add what is missing"));
        }
        deserialise(table, origin)?.check()
    }

    /// The settings as a table, to lay others over.
    pub(crate) fn to_table(&self) -> Result<Table> {
        Table::try_from(self).map_err(|error| {
            let expected = "whole numbers that TOML can hold, up to 2^63 - 1";
            Error::invalid("settings", error.to_string(), expected, "take settings that pass the check")
        })
    }
}

/// The value as TOML on one line: a text of several lines could look like other settings.
fn on_one_line(value: &Value) -> String {
    let written = value.to_string();
    match value {
        // Whatever JSON escapes, TOML reads.
        Value::String(text) if written.contains("\"\"\"") || written.contains("'''") => {
            serde_json::Value::from(text.as_str()).to_string().replace('\u{7f}', "\\u007f")
        }
        _ => written,
    }
}

/// Settings that are younger than the first runs, with what those did.
static YOUNGER: &[(Section, &str, &str)] = &[
    (Section::Data, "resize", "squash"),
    (Section::Data, "max_bad_share", "0"),
    (Section::Data, "duplicates", "ignore"),
    (Section::Data, "memory", "0"),
    (Section::Data, "class_weights", "none"),
    (Section::Data, "sampling", "shuffled"),
    (Section::Root, "repeat", "0"),
    (Section::Root, "latency_table", "here"),
    (Section::Train, "max_latency", "0"),
    (Section::Train, "ema", "0"),
    (Section::Train, "patience", "0"),
    (Section::Train, "all_images", "false"),
    (Section::Train, "nesterov", "false"),
    (Section::Train, "recompute", "false"),
    (Section::Search, "recompute", "false"),
    (Section::Data, "crop_scale", "0"),
    (Section::Data, "color_jitter", "0"),
    (Section::Data, "auto_augment", "none"),
    (Section::Search, "max_side", "0"),
    (Section::Search, "stem", "cifar"),
    // 512 MB of one byte each.
    (Section::Data, "max_image_pixels", "536870912"),
    // Before there were spaces, there was that of DARTS.
    (Section::Search, "space", "darts"),
    (Section::Search, "normal_edges", ""),
    (Section::Search, "reduction_edges", ""),
    (Section::Search, "inputs", "2"),
    (Section::Search, "output", "all"),
    (Section::Search, "edges_per_node", "2"),
    (Section::Search, "layout", "stacked"),
    (Section::Search, "reductions", "1/3,2/3"),
    (Section::Search, "convolution_bias", "false"),
    (Section::Train, "reductions", "1/3,2/3"),
    (Section::Search, "benchmark_table", "none"),
    // Before there were methods, only what has another spelling could be chosen.
    (Section::Method, "share", "1"),
    (Section::Method, "drop_path", "0"),
    (Section::Method, "cutout", "constant"),
    (Section::Method, "alignment", "0"),
    (Section::Method, "alignment_epsilon", "0.001"),
    (Section::Method, "name", "darts"),
    (Section::Method, "relaxation", "softmax"),
    (Section::Method, "temperature", "10"),
    (Section::Method, "temperature_end", "0.1"),
    (Section::Method, "temperature_curve", "linear"),
    (Section::Method, "edge_weights", "none"),
    (Section::Method, "auxiliary_skip", "false"),
    (Section::Method, "order", "alphas-first"),
    (Section::Method, "perturbation", "none"),
    (Section::Method, "perturbation_start", "0.03"),
    (Section::Method, "perturbation_end", "0.3"),
    (Section::Method, "regularizer", "none"),
    (Section::Method, "regularizer_weight", "0"),
    (Section::Method, "regularizer_ramp", "constant"),
    (Section::Method, "resource_params", "0"),
    (Section::Method, "resource_macs", "0"),
    (Section::Method, "resource_latency", "0"),
    (Section::Method, "resource_penalty", "linear"),
    (Section::Method, "selection", "strongest"),
    (Section::Method, "selection_threshold", "0.85"),
    (Section::Method, "selection_skips", "2"),
    (Section::Method, "selection_interval", "5"),
    (Section::Method, "selection_rate", "0.1"),
    (Section::Method, "selection_samples", "1000"),
    (Section::Method, "selection_batches", "10"),
    (Section::Method, "selection_finalists", "10"),
    (Section::Method, "guard", "off"),
    (Section::Method, "stop", "none"),
    (Section::Method, "guards.skips", "0"),
    (Section::Method, "guards.interval", "0"),
    (Section::Method, "guards.ratio", "1.3"),
    (Section::Method, "guards.window", "5"),
    (Section::Method, "guards.distance", "4"),
    (Section::Method, "stops.skips", "2"),
    (Section::Method, "stops.epochs", "10"),
    (Section::Method, "freeze.below", "-1"),
    (Section::Method, "freeze.every", "20"),
    (Section::Method, "schedule.first_epoch", "0"),
    (Section::Method, "schedule.stage_epochs", ""),
    (Section::Method, "schedule.stage_layers", ""),
    (Section::Method, "schedule.stage_operations", ""),
    (Section::Method, "schedule.stage_share", ""),
    (Section::Method, "schedule.stage_dropout", ""),
    (Section::Method, "schedule.stage_start", "continued"),
    // Before there was a selection.
    (Section::Select, "seeds", "1"),
    (Section::Select, "random", "0"),
    (Section::Select, "also", ""),
    (Section::Select, "incumbent", "none"),
    (Section::Select, "finalists", "3"),
    (Section::Select, "trainings", "2"),
    (Section::Select, "epochs", "12"),
    (Section::Select, "longer_epochs", "24"),
    (Section::Select, "layers", "0"),
    (Section::Select, "init_channels", "0"),
    (Section::Method, "weights.kind", "sgd"),
    (Section::Method, "weights.nesterov", "false"),
    (Section::Method, "alphas.kind", "adam"),
    (Section::Method, "alphas.beta1", "0.5"),
    (Section::Method, "alphas.beta2", "0.999"),
    (Section::Method, "alphas.grad_clip", "0"),
];

/// Adds to the settings of an older run what they did not have, in the outer tables that are there, at the root, and the
/// table of the selection.
fn add_younger(table: &mut Table) {
    for (section, name, value) in YOUNGER {
        let outer = section.name().split('.').next().unwrap_or_default();
        let key = Key::find(*section, name).expect("younger settings are in the table");
        let there = match section {
            Section::Root | Section::Select => true,
            _ => table.get(outer).is_some_and(Value::is_table),
        };
        if there && key.is_in(table) && key.value(table).is_none() {
            set(table, *section, name, value).expect("the values are of their kinds");
        }
    }
}

/// The keys of the table that [`KEYS`] has and it has not.
fn missing(table: &Table) -> Vec<String> {
    let missing = |key: &&Key| key.of.is_none() && key.is_in(table) && key.value(table).is_none();
    KEYS.iter().filter(missing).map(Key::dotted).collect()
}

#[cfg(test)]
mod tests {
    use super::super::preset::Preset;
    use super::super::presets::preset;
    use super::super::types::{DataConfig, DataShape, Resize, SearchConfig};
    use super::*;
    use crate::search::method::{Guard, Method};
    use crate::space::SearchSpace;

    fn configs() -> [Config; Preset::ALL.len()] {
        let data = DataShape {
            train_images: 1437,
            classes: 10,
            channels: 1,
            height: 8,
            width: 8,
            ..DataShape::default()
        };
        Preset::ALL.map(|name| preset(name, &data).0)
    }

    #[test]
    fn the_text_reads_back_as_the_same_settings() {
        for mut config in configs() {
            config.data.path = "my \"photos\"\\2024".to_owned();
            config.search.learning_rate = 0.1 + 0.2;
            config.train.weight_decay = 1e-300;
            config.seed = i64::MAX as u64;
            let text = config.to_toml();
            assert_eq!(*Config::from_toml(&text, "config.toml").unwrap(), config, "{text}");
            let layer = read_toml(&text, "config.toml").unwrap().table;
            assert_eq!(*super::super::build(&configs()[2], &[layer]).unwrap(), config);
        }
    }

    #[test]
    fn the_text_has_a_comment_per_section_and_keeps_the_order() {
        let text = configs()[1].to_toml();
        for part in [
            "# The whole run.\nseed = 2\n",
            "\n\n# Images: ",
            "[data]\npath = ",
            "a cell: space",
            "[train]\n",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 6);
        assert!(
            text.contains("learning_rate = 0.025\nlearning_rate_min = 0.001\ngrad_clip = 5.0\n"),
            "{text}"
        );
    }

    #[test]
    fn every_setting_is_on_one_line() {
        let mut config = configs()[0].clone();
        config.data.path = "a\nseed = 3\r\n\u{7f}\u{1b}\"\\'''".to_owned();
        config.data.class_weights = "b\n".to_owned();
        let text = config.to_toml();
        assert!(!text.contains("\nseed = 3"), "{text}");
        assert_eq!(text.lines().count(), configs()[0].to_toml().lines().count());
        assert_eq!(*Config::from_toml(&text, "config.toml").unwrap(), config, "{text}");
    }

    #[test]
    fn a_number_that_toml_cannot_hold_is_an_error() {
        let mut config = configs()[1].clone();
        config.seed = u64::MAX;
        let error = super::super::build(&config, &[]).unwrap_err().to_string();
        assert!(error.contains("2^63"), "{error}");
    }

    #[test]
    fn keys_that_came_later_may_be_missing_and_are_off_then() {
        let paper = configs()[1].clone();
        let mut old: Table = toml::from_str(&paper.to_toml()).unwrap();
        for (section, name, _) in YOUNGER {
            let full = section.dotted(name);
            let (tables, name) = full.rsplit_once('.').unwrap_or(("", &full));
            let inner = |table, name| Table::get_mut(table, name).and_then(Value::as_table_mut).unwrap();
            let settings = tables.split('.').filter(|name| !name.is_empty()).fold(&mut old, inner);
            assert!(settings.remove(name).is_some(), "{full}");
        }
        // Those runs had no such table.
        assert!(old.remove("select").is_some_and(|select| select.as_table().unwrap().is_empty()));
        let old = old.to_string();
        assert!(old.len() + 60 < paper.to_toml().len(), "{old}");
        let read = Config::from_toml(&old, "config.toml").unwrap().into_config();
        assert_eq!((read.data.resize, read.data.max_bad_share), (Resize::Squash, 0.0));
        assert_eq!(read.search.method.guard, Guard::Off);
        let method = Method { guard: Guard::Warn, ..read.search.method.clone() };
        let search = SearchConfig { method, ..read.search.clone() };
        let data = DataConfig {
            resize: Resize::Crop,
            max_bad_share: 0.01,
            max_image_pixels: 100_000_000,
            ..read.data
        };
        assert_eq!(Config { data, search, ..read }, paper);
    }

    /// Settings as two earlier versions wrote them into runs.
    #[test]
    fn settings_of_earlier_runs_are_read() {
        for text in [
            include_str!("../../tests/fixtures/settings-of-flat-methods.toml"),
            include_str!("../../tests/fixtures/settings-before-spaces.toml"),
        ] {
            let config = Config::from_toml(text, "config.toml").unwrap();
            let space = config.search.space([8, 8]);
            let darts = SearchSpace { n_cells: 3, init_channels: 8, ..SearchSpace::darts() };
            assert_eq!(space, darts);
            let Method { weights, alphas, schedule, .. } = config.search.method.clone();
            let plain = Method { guard: Guard::Off, weights, alphas, schedule, ..Method::default() };
            assert_eq!(config.search.method, plain);
        }
    }

    #[test]
    fn a_missing_key_and_a_preset_are_errors() {
        let text = configs()[1].to_toml();
        let without = text.replacen("epochs = 50\n", "", 1);
        let error = Config::from_toml(&without, "config.toml").unwrap_err().to_string();
        assert!(error.starts_with("config.toml: found no search.epochs, expected every setting"), "{error}");
        let error = Config::from_toml(&format!("preset = \"auto\"\n{text}"), "config.toml").unwrap_err();
        assert!(error.to_string().contains("`preset`"), "{error}");
        let bad = text.replacen("momentum = 0.9", "momentum = 1.5", 1);
        assert!(
            Config::from_toml(&bad, "config.toml")
                .unwrap_err()
                .to_string()
                .contains("search.method.weights.momentum")
        );
    }
}
