//! Layers of settings: what was typed in a file or as flags, and the merged [`Config`].

use toml::{Table, Value};

use super::checked::CheckedConfig;
use super::keys::{Key, Section};
use super::read::{tidy, unknown};
use super::types::Config;
use super::value::{coerce, parse_raw};
use crate::error::{Error, Result};

/// Lays `over` on `base`: its values replace those of `base`, table by table, and a table of another `kind` the whole
/// table.
pub fn overlay(base: &mut Table, over: &Table) {
    for (name, value) in over {
        match (base.get_mut(name), value) {
            (Some(Value::Table(inner)), Value::Table(over)) if !of_another_kind(inner, over) => {
                overlay(inner, over);
            }
            _ => {
                base.insert(name.clone(), value.clone());
            }
        }
    }
}

fn of_another_kind(base: &Table, over: &Table) -> bool {
    let kind = |table: &Table| table.get("kind").cloned();
    kind(over).is_some_and(|over| kind(base).is_some_and(|base| base != over))
}

/// Sets one key from the text of a flag, read by the key's [`Kind`](super::Kind).
///
/// Whole numbers may have underscores (`1_000`), numbers an exponent (`3e-4`); lists are separated by
/// commas. `name` may be in kebab or snake case.
///
/// # Errors
///
/// [`Error::Setting`] if the text is not of that kind, [`Error::Invalid`] if there is no such key.
pub fn set(table: &mut Table, section: Section, name: &str, raw: &str) -> Result<()> {
    let key = Key::find(section, name).ok_or_else(|| unknown("flags", section.name(), name))?;
    let value = parse_raw(key, raw)
        .and_then(|value| coerce(key, &value))
        .map_err(|wrong| Error::setting(key.dotted(), raw, wrong.expected))?;
    key.put(table, value).map(|_| ())
}

/// As [`set`], of a key that is written in full, such as `search.epochs` or `seed`.
///
/// # Errors
///
/// As [`set`].
pub fn set_by_key(table: &mut Table, key: &str, raw: &str) -> Result<()> {
    match Section::of_dotted(key) {
        Some((section, name)) => set(table, section, name, raw),
        None => {
            let (section, name) = key.split_once('.').unwrap_or(("", key));
            Err(unknown("settings", section, name))
        }
    }
}

/// Merges the layers over the preset, the later over the earlier, and checks the result.
///
/// Where a limit on the trained network is set and no layer says what it may make smaller (`train.shrink`),
/// a width or depth that a layer gives is not made smaller.
///
/// # Errors
///
/// [`Error::Invalid`] for keys and types as in [`read_toml`](super::read_toml), and what [`Config::check`] finds.
pub fn build(preset: &Config, layers: &[Table]) -> Result<CheckedConfig> {
    let mut merged = preset.to_table()?;
    for layer in layers {
        let tidied = tidy(layer, "settings")?;
        if tidied.preset.is_some() {
            return Err(Error::invalid(
                "settings",
                "the key `preset` in a layer",
                "settings of the run only",
                "choose the preset first, and give it to the merge as its base",
            ));
        }
        overlay(&mut merged, &tidied.table);
    }
    let mut config = deserialise(merged, "settings")?;
    let gives = |name| layers.iter().any(|layer| has_training(layer, name));
    if config.train.is_limited() && !gives("shrink") {
        let shrink = &mut config.train.shrink;
        if gives("init_channels") {
            *shrink = shrink.keeping_width();
        }
        if gives("layers") {
            *shrink = shrink.keeping_depth();
        }
    }
    config.check()
}

/// A layer over settings that go on to be changed: nothing is checked.
///
/// # Errors
/// Keys and types, as [`build`].
pub(crate) fn lay(base: &Config, layer: &Table) -> Result<Config> {
    let mut merged = base.to_table()?;
    overlay(&mut merged, &tidy(layer, "settings")?.table);
    deserialise(merged, "settings")
}

/// Whether the layer gives a training setting, in snake or kebab case.
fn has_training(layer: &Table, name: &str) -> bool {
    let Some(Value::Table(training)) = layer.get(Section::Train.name()) else { return false };
    training.keys().any(|key| key.replace('-', "_") == name)
}

/// The table, already tidied and complete, as settings; nothing is checked.
pub(super) fn deserialise(table: Table, origin: &str) -> Result<Config> {
    table.try_into().map_err(|error: toml::de::Error| {
        Error::invalid(origin, error.message(), "every setting with its type", "see the list of settings")
    })
}

#[cfg(test)]
mod tests {
    use super::super::preset::Preset;
    use super::super::presets::preset;
    use super::super::read::read_toml;
    use super::super::types::DataShape;
    use super::*;
    use crate::search::method::{AlphaOptimizer, AlphaSchedule, ArchStep};
    use crate::space::{Primitive, Shrink};

    fn paper() -> Config {
        preset(Preset::PaperCifar10, &DataShape::default()).0
    }

    fn table(text: &str) -> Table {
        read_toml(text, "my.toml").unwrap().table
    }

    fn complaint(text: &str) -> String {
        read_toml(text, "my.toml").unwrap_err().to_string()
    }

    #[test]
    fn kebab_and_snake_case_are_the_same() {
        let kebab = table("[search]\nbatch-size = 32\narch-learning-rate = 1e-3");
        let snake = table("[search]\nbatch_size = 32\narch_learning_rate = 1e-3");
        assert_eq!(kebab, snake);
        let new = "[search]\nbatch_size = 32\n[search.method.alphas]\nlearning-rate = 1e-3";
        assert_eq!(kebab, table(new));
        assert_eq!(build(&paper(), &[kebab]).unwrap().search.batch_size, 32);
        let twice = complaint("[search]\nbatch-size = 32\nbatch_size = 64");
        assert!(twice.contains("`search.batch_size` twice"), "{twice}");
    }

    #[test]
    fn root_keys_are_seed_and_preset() {
        let file = read_toml("seed = 7\npreset = \"paper-imagenet\"", "my.toml").unwrap();
        assert_eq!(file.preset, Some(Preset::PaperImagenet));
        assert_eq!(build(&paper(), &[file.table]).unwrap().seed, 7);
        assert!(complaint("preset = \"papre-imagenet\"").contains("paper-imagenet"));
        let wrong = complaint("preset = 3");
        assert!(wrong.contains("key `preset`: found the whole number 3, expected a text"), "{wrong}");
        let mut layer = Table::new();
        layer.insert("preset".to_owned(), Value::String("auto".to_owned()));
        assert!(build(&paper(), &[layer]).unwrap_err().to_string().contains("choose the preset first"));
    }

    #[test]
    fn whole_numbers_serve_as_numbers_and_as_sizes() {
        let layer = table("[search]\ngrad_clip = 3\n[data]\nimage_size = 28");
        let config = build(&paper(), std::slice::from_ref(&layer)).unwrap();
        assert_eq!((config.search.grad_clip, config.data.image_size.as_str()), (3.0, "28"));
        let raw: Table = "[train]\ngrad-clip = 4".parse().unwrap();
        assert_eq!(build(&paper(), &[raw]).unwrap().train.grad_clip, 4.0);
    }

    #[test]
    fn later_layers_lie_over_earlier_ones() {
        let file = table("seed = 5\n[search]\nepochs = 10\nlayers = 5");
        let mut flags = Table::new();
        set(&mut flags, Section::Search, "epochs", "3").unwrap();
        set(&mut flags, Section::Train, "epochs", "4").unwrap();
        let config = build(&paper(), &[file.clone(), flags.clone()]).unwrap();
        assert_eq!((config.seed, config.search.epochs, config.search.layers), (5, 3, 5));
        assert_eq!((config.train.epochs, config.search.init_channels), (4, 16));
        assert_eq!(build(&paper(), &[flags, file]).unwrap().search.epochs, 10);
        assert_eq!(*build(&paper(), &[]).unwrap(), paper());
    }

    #[test]
    fn a_layer_is_checked_as_a_file_is() {
        let raw: Table = "[search]\nepoch = 3".parse().unwrap();
        assert!(build(&paper(), &[raw]).unwrap_err().to_string().contains("nearest is `search.epochs`"));
        let out = table("[search]\nmomentum = 2");
        assert!(
            build(&paper(), &[out]).unwrap_err().to_string().contains("search.method.weights.momentum = 2")
        );
    }

    #[test]
    fn methods_are_read_axis_by_axis() {
        let method = |text: &str| build(&paper(), &[table(text)]).unwrap().search.method.clone();
        assert_eq!(method(""), paper().search.method);
        assert_eq!(method("[search]\nunrolled = true").arch_step, ArchStep::Unrolled);
        let late = method("[search.method]\narch-step = \"unrolled\"\nschedule = { first-epoch = 15 }");
        let schedule = AlphaSchedule { first_epoch: 15, ..AlphaSchedule::default() };
        assert_eq!((late.arch_step, late.schedule), (ArchStep::Unrolled, schedule));
        let never = table("[search]\nepochs = 15\nmethod = { schedule = { first_epoch = 15 } }");
        let error = build(&paper(), &[never]).unwrap_err().to_string();
        assert!(
            error.contains("first_epoch = 15: expected less than search.epochs, which are 15"),
            "{error}"
        );
        let AlphaOptimizer::Adam(adam) = method("[search.method.alphas]\nbeta1 = 0").alphas else {
            panic!("another optimiser")
        };
        assert_eq!((adam.beta1, adam.beta2, adam.learning_rate), (0.0, 0.999, 3e-4));
        for (text, expected) in [
            ("[search.method]\narch_stp = \"unrolled\"", "nearest is `search.method.arch_step`"),
            ("[search.method]\narch_step = \"unroled\"", "(nearest: unrolled)"),
            ("[search.method]\nalphas = 3", "unknown key `search.method.alphas`"),
            ("[search.method.alphas]\nbeta3 = 0.5", "nearest is `search.method.alphas.beta"),
            ("[search.method.alphas]\nkind = \"lion\"", "one of adam"),
            ("[search]\nmethod = \"gdas\"", "it is a section: write `search.method.name`"),
            ("[search]\nunrolled = true\nmethod = { arch_step = \"unrolled\" }", "twice, in two spellings"),
        ] {
            let found = complaint(text);
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    #[test]
    fn another_kind_replaces_the_table() {
        let mut base: Table = "[a]\nkind = \"adam\"\nbeta = 1\n[b]\nx = 1".parse().unwrap();
        let over: Table = "[a]\nkind = \"sgd\"\n[b]\ny = 2".parse().unwrap();
        overlay(&mut base, &over);
        assert_eq!(base, "[a]\nkind = \"sgd\"\n[b]\nx = 1\ny = 2".parse().unwrap());
    }

    #[test]
    fn limits_leave_alone_what_was_given() {
        let shrink = |text: &str| build(&paper(), &[table(text)]).unwrap().train.shrink;
        assert_eq!(shrink("[train]\nmax_params = \"3.3M\""), Shrink::Both);
        assert_eq!(shrink("[train]\nmax-macs = 1000\ninit-channels = 16"), Shrink::Depth);
        assert_eq!(shrink("[train]\nmax_macs = 1000\nlayers = 8"), Shrink::Width);
        assert_eq!(shrink("[train]\nmax_macs = 1000\nlayers = 8\ninit_channels = 16"), Shrink::None);
        assert_eq!(shrink("[train]\nmax_macs = 1000\nlayers = 8\nshrink = \"both\""), Shrink::Both);
        assert_eq!(shrink("[train]\nlayers = 8"), Shrink::Both, "without a limit it does not matter");
        assert_eq!(shrink("[search]\nlayers = 8\n[train]\nmax_params = 9"), Shrink::Both);
        let config =
            build(&paper(), &[table("[train]\nmax_params = \"3.3M\"\nmax_macs = \"1.2G\"")]).unwrap();
        assert_eq!((config.train.max_params, config.train.max_macs), (3_300_000, 1_200_000_000));
        assert!(complaint("[train]\nmax_params = \"many\"").contains("such as 600000"));
        assert!(complaint("[train]\nmax_params = 1.5").contains("such as 600000"));
    }

    #[test]
    fn flags_are_read_by_their_kind() {
        let mut flags = Table::new();
        for (section, name, raw) in [
            (Section::Root, "seed", "1_000"),
            (Section::Search, "arch-learning-rate", "3e-3"),
            (Section::Search, "grad_clip", "2"),
            (Section::Search, "unrolled", "true"),
            (Section::Search, "candidates", "none, skip_connect,sep_conv_3x3"),
            (Section::Data, "path", "my photos, 2024"),
            (Section::Data, "image-size", "24x32"),
            (Section::Train, "stem", "cifar"),
            (Section::Train, "max-params", "3.3M"),
        ] {
            set(&mut flags, section, name, raw).unwrap();
        }
        let config = build(&paper(), &[flags]).unwrap();
        assert_eq!(
            (config.seed, config.search.method.alphas.learning_rate(), config.search.grad_clip),
            (1000, 3e-3, 2.0)
        );
        assert_eq!(config.search.method.arch_step, ArchStep::Unrolled);
        assert_eq!(config.train.max_params, 3_300_000);
        let candidates = [Primitive::None, Primitive::SkipConnect, Primitive::SepConv3x3];
        assert_eq!(config.search.candidates, candidates);
        assert_eq!(config.data.path, "my photos, 2024");
    }

    #[test]
    fn bad_flags_name_key_found_and_expected() {
        let mut flags = Table::new();
        for (section, name, raw, expected) in [
            (Section::Search, "epochs", "ten", "setting search.epochs = ten: expected a whole number"),
            (Section::Search, "epochs", "-3", "setting search.epochs = -3: expected a whole number"),
            (Section::Search, "epochs", "9999999999999999999", "expected a whole number below 2^63"),
            (Section::Search, "epochs", "_3", "expected a whole number"),
            (Section::Search, "epochs", "1__0", "expected a whole number"),
            (Section::Search, "momentum", "nan", "expected a finite number"),
            (Section::Search, "momentum", "0,9", "setting search.momentum = 0,9: expected a finite number"),
            (Section::Search, "cutout", "yes", "setting search.cutout = yes: expected true or false"),
            (Section::Search, "candidates", "none,,max_pool_3x3", "separated by commas"),
            (Section::Search, "candidates", "none,sep_conv_3", "nearest: sep_conv_3x3"),
            (Section::Train, "max_params", "3.3X", "expected a whole number, 0 or more, such as 3.3M"),
            (Section::Train, "shrink", "widht", "one of both, width, depth, none (nearest: width)"),
            (Section::Train, "schedule", "cosin", "one of cosine, exponential (nearest: cosine)"),
            (Section::Train, "epoch", "3", "unknown key `train.epoch`"),
        ] {
            let found = set(&mut flags, section, name, raw).unwrap_err().to_string();
            assert!(found.contains(expected), "{name} {raw}: {found}");
        }
        assert!(flags.is_empty());
    }
}
