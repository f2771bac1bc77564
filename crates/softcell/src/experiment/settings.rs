//! What was given of the settings: a preset, and values that lie over it.

use std::path::Path;

use toml::{Table, Value};

use super::difference::{Difference, differences, refuse, value_in};
use super::origin::Origin;
use crate::config::{
    CheckedConfig, Config, DataShape, KEYS, Key, Preset, Section, UserFile, build, follow_epochs, lay,
    lay_method, leave_to_weights, leave_validation, overlay, preset, read_toml, set, set_by_key, space_layer,
    tidy,
};
use crate::error::{Advice, Error, Result};
use crate::reading::{self, MOST_OF_A_TEXT};
use crate::search::method::KnownMethod;

/// The settings as they were given. What they come to depends on the images: [`Settings::build`].
///
/// ```
/// use softcell::config::{DataShape, Preset};
/// use softcell::experiment::Settings;
///
/// let settings = Settings::new().with_preset(Preset::PaperCifar10).with("search.epochs", 7)?;
/// let (config, _) = settings.build(&DataShape::default())?;
/// assert_eq!((config.search.epochs, config.search.layers), (7, 8));
/// # Ok::<(), softcell::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The preset, if one was named.
    preset: Option<Preset>,
    table: Table,
    /// Keys that were given in another spelling than that of their place.
    respelt: Vec<&'static Key>,
}

impl Settings {
    /// Nothing given: all is left to [`Preset::Auto`].
    pub fn new() -> Settings {
        Settings::default()
    }

    /// Those of a TOML text; `origin` is what it is called in errors.
    ///
    /// # Errors
    /// A text that holds what is no setting.
    pub fn from_toml(text: &str, origin: &str) -> Result<Settings> {
        let file = read_toml(text, origin)?;
        Ok(Settings { preset: file.preset, table: file.table, respelt: file.respelt })
    }

    /// Those of a TOML file.
    ///
    /// # Errors
    /// A file that cannot be read or holds what is no setting.
    pub fn read(path: &Path) -> Result<Settings> {
        let text = reading::read_text(path, MOST_OF_A_TEXT, reading::Source::Any)?;
        Settings::from_toml(&text, &crate::shown::path(path))
    }

    /// Starting from another preset.
    pub fn with_preset(mut self, preset: Preset) -> Settings {
        self.preset = Some(preset);
        self
    }

    /// With another value of a setting, by its key: `search.epochs`, or `seed`. Values are written as in a TOML file or
    /// on the command line.
    ///
    /// # Errors
    /// A key that there is not, and a value that is not of its kind.
    pub fn with(mut self, key: &str, value: impl ToString) -> Result<Settings> {
        set_by_key(&mut self.table, key, &value.to_string())?;
        let known = Section::of_dotted(key).and_then(|(section, name)| Key::find(section, name));
        self.respelt.extend(known.filter(|key| key.of.is_some()));
        Ok(self)
    }

    /// With the values of a table laid over, whose keys are those of a TOML file, in any of their spellings; its
    /// `preset`, where it has one, replaces the preset.
    ///
    /// # Errors
    /// A key that there is not or that is there twice, and a value that is not of its kind.
    pub fn with_table(mut self, table: &Table) -> Result<Settings> {
        let UserFile { preset, table, respelt } = tidy(table, "settings")?;
        overlay(&mut self.table, &table);
        self.respelt.extend(respelt);
        self.preset = preset.or(self.preset);
        Ok(self)
    }

    /// With others laid over these.
    ///
    /// # Errors
    /// None that can be expected: both were checked as they were given.
    pub fn laid_under(self, over: Settings) -> Result<Settings> {
        let Settings { preset, table, respelt } = over;
        let mut settings = self.with_table(&table)?;
        settings.respelt.extend(respelt);
        settings.preset = preset.or(settings.preset);
        Ok(settings)
    }

    /// With the width and depth of a trained network where no others were given, so that its weights fit.
    ///
    /// # Errors
    /// None that can be expected: sizes are whole numbers.
    pub fn sized_as(mut self, origin: &Origin) -> Result<Settings> {
        for (name, size) in [("init_channels", origin.init_channels), ("layers", origin.layers)] {
            if !self.has(Section::Train, name) {
                set(&mut self.table, Section::Train, name, &size.to_string())?;
            }
        }
        Ok(self)
    }

    /// With the settings of a known method, as far as no others are given: [`METHODS`](crate::search::method::presets::METHODS).
    ///
    /// # Errors
    /// A name that is not known; the nearest is named.
    pub fn with_method(self, name: &str) -> Result<Settings> {
        self.with("search.method.name", KnownMethod::find(name)?.name)
    }

    /// In a known space, or in that of a TOML file, as far as no other settings of it are given.
    ///
    /// # Errors
    /// A name that is not known, and a file that holds no space.
    pub fn with_space(self, name: &str) -> Result<Settings> {
        space_layer(name, &Table::new())?;
        self.with("search.space", name)
    }

    /// The preset to start from.
    pub fn preset(&self) -> Preset {
        self.preset.unwrap_or_default()
    }

    /// The preset that was named.
    pub fn named_preset(&self) -> Option<Preset> {
        self.preset
    }

    /// Whether a setting was given.
    pub fn has(&self, section: Section, name: &str) -> bool {
        self.value(section, name).is_some()
    }

    fn value(&self, section: Section, name: &str) -> Option<&Value> {
        value_in(&self.table, section, name)
    }

    /// The settings for images of this shape, and the reasons for those the preset chose.
    ///
    /// # Errors
    /// When they cannot run.
    pub fn build(&self, shape: &DataShape) -> Result<(CheckedConfig, Vec<Advice>)> {
        let (base, reasons) = self.base(shape)?;
        Ok((self.over(&base)?, reasons))
    }

    /// The settings of preset and method for images of this shape.
    ///
    /// # Errors
    /// A method that is not known.
    pub(super) fn of_preset(&self, shape: &DataShape) -> Result<Config> {
        Ok(self.base(shape)?.0)
    }

    /// The settings of preset and method and the reasons for them, but for those in the place of which others were given.
    fn base(&self, shape: &DataShape) -> Result<(Config, Vec<Advice>)> {
        let (mut base, mut reasons) = preset(self.preset(), shape);
        if let Some(name) = self.value(Section::Search, "space").and_then(Value::as_str)
            && let Some(layer) = space_layer(name, &self.table)?
        {
            base = lay(&base, &layer)?;
        }
        if let Some(name) = self.value(Section::Method, "name").and_then(Value::as_str) {
            let epochs = self.value(Section::Search, "epochs").and_then(Value::as_integer);
            let epochs = epochs.and_then(|epochs| usize::try_from(epochs).ok());
            let method = KnownMethod::find(name)?;
            reasons.push(lay_method(&mut base, method, self.preset(), epochs, shape));
        }
        let weights = self.value(Section::Data, "class_weights").and_then(Value::as_str);
        if weights.is_some_and(|weights| weights != "none") {
            leave_to_weights(&mut base, &mut reasons, shape);
        }
        // Who says how the training is validated wants it to be.
        let validated = [(Section::Train, "patience"), (Section::Data, "validation_fraction")];
        if validated.iter().any(|(section, name)| self.has(*section, name)) {
            leave_validation(&mut base, &mut reasons);
        }
        Ok((base, reasons))
    }

    /// Whether nothing was given that says what is searched or compared.
    pub(super) fn leaves_cells_open(&self) -> bool {
        let given =
            |section: Section| KEYS.iter().any(|key| key.section == section && self.has(section, key.name));
        self.preset() == Preset::Auto
            && ![Section::Search, Section::Method, Section::Select].into_iter().any(given)
    }

    /// What was given instead of the preset's values, such as `search.epochs = 3 (auto: 30)`.
    ///
    /// # Errors
    /// When the settings cannot run.
    pub fn overrides(&self, shape: &DataShape) -> Result<Vec<String>> {
        let (config, _) = self.build(shape)?;
        let chosen = differences(&self.base(shape)?.0, &config)?;
        let line =
            |d: Difference| format!("{} = {} ({}: {})", d.key.dotted(), d.second, self.preset(), d.first);
        Ok(chosen.into_iter().filter(|d| d.key.name != "path").map(line).collect())
    }

    /// Settings with what was given laid over them. Errors on a value name the key as it was given.
    fn over(&self, base: &Config) -> Result<CheckedConfig> {
        build(base, std::slice::from_ref(&self.table)).map_err(|error| match error {
            Error::Setting { name, found, expected } => {
                let given = self.respelt.iter().find(|key| key.place() == name);
                Error::Setting { name: given.map_or(name, |key| key.dotted()), found, expected }
            }
            error => error,
        })
    }

    /// Those of a training that begins anew in a run: what was given over the stored settings, or over the training
    /// settings of the preset if one was named. `began` is the name of the preset that the run began with. Where `auto`
    /// chose the drop path, it follows the epochs.
    ///
    /// # Errors
    /// When they cannot run.
    pub(super) fn over_training(
        &self,
        stored: &Config,
        shape: &DataShape,
        began: &str,
    ) -> Result<CheckedConfig> {
        let mut base = stored.clone();
        if let Some(named) = self.preset {
            base.train = preset(named, shape).0.train;
        }
        let mut config = self.over(&base)?.into_config();
        if self.preset.map_or(began, |named| named.name()) == Preset::Auto.name() {
            follow_epochs(&base, &mut config, shape, |section, name| {
                // A drop path that is not of the epochs was given when the run began.
                let chosen = follows(&base, shape);
                self.has(section, name) || section == Section::Search || !chosen
            });
        }
        config.check()
    }

    /// The settings that a run goes on with: those it began with, but for what changes no result.
    ///
    /// # Errors
    /// Settings that cannot be read or are refused.
    pub(super) fn going_on(&self, stored: CheckedConfig) -> Result<CheckedConfig> {
        let asked = self.over(&stored)?;
        stored.with(|config| take_harmless(config, &asked))
    }

    /// Refuses settings that differ from those a run began with, but for what changes no result.
    ///
    /// # Errors
    /// When one does, naming it, the stored and the given value.
    pub(super) fn check_same(&self, stored: &Config, shape: Option<&DataShape>) -> Result<()> {
        let asked = match (self.preset, shape) {
            // It fits itself to the machine: what it chose is what the run has.
            (Some(_), Some(shape)) => self.build(shape)?.0,
            _ => self.over(stored)?,
        };
        let asked = asked.with(|config| take_harmless(config, stored))?;
        refuse(&differences(stored, &asked)?, "a run goes on with the settings it began with")
    }

    /// The setting of a key, for tests of what was given.
    #[cfg(test)]
    fn of_text(preset: Option<Preset>, text: &str) -> Settings {
        Settings { preset, table: text.parse().unwrap(), respelt: Vec::new() }
    }
}

/// Takes the settings that change no result from others.
fn take_harmless(config: &mut Config, from: &Config) {
    config.search.recompute = from.search.recompute;
    config.train.recompute = from.train.recompute;
}

/// Whether the drop path is the one that `auto` chooses for the epochs.
fn follows(config: &Config, shape: &DataShape) -> bool {
    let mut one = config.clone();
    one.train.epochs = usize::MAX;
    let mut back = one.clone();
    back.train.epochs = config.train.epochs;
    follow_epochs(&one, &mut back, shape, |section, _| section == Section::Search);
    back.train.drop_path_prob == config.train.drop_path_prob
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KEYS, Kind};
    use crate::search::ArchStep;

    fn given(text: &str) -> Settings {
        Settings::of_text(None, text)
    }

    fn stored() -> Config {
        given("seed = 3").build(&DataShape::default()).unwrap().0.into_config()
    }

    #[test]
    fn later_layers_lie_over_the_file() {
        let text = "preset = \"paper-cifar10\"\n[search]\nepochs = 7\nlayers = 5";
        let flags = "[search]\nepochs = 9".parse().unwrap();
        let read = Settings::from_toml(text, "my.toml").unwrap().with_table(&flags).unwrap();
        assert_eq!(read.preset(), Preset::PaperCifar10);
        let config = read.build(&DataShape::default()).unwrap().0;
        assert_eq!((config.search.epochs, config.search.layers, config.train.epochs), (9, 5, 600));
        assert!(read.has(Section::Search, "layers") && !read.has(Section::Data, "path"));
        let overrides = read.overrides(&DataShape::default()).unwrap();
        assert_eq!(
            overrides,
            ["search.layers = 5 (paper-cifar10: 8)", "search.epochs = 9 (paper-cifar10: 50)"]
        );
        assert_eq!(read.with_preset(Preset::Auto).preset(), Preset::Auto);
    }

    #[test]
    fn settings_are_set_by_their_keys() {
        let settings = Settings::new().with("seed", 7).unwrap().with("train.learning-rate", 0.5).unwrap();
        let config = settings.build(&DataShape::default()).unwrap().0;
        assert_eq!((config.seed, config.train.learning_rate), (7, 0.5));
        for (key, value, part) in [
            ("search.epoch", "3", "unknown key `search.epoch`"),
            ("search.method.arch_stp", "unrolled", "nearest is `search.method.arch_step`"),
            ("searching.epochs", "3", "unknown key `searching.epochs`"),
            ("search.epochs", "many", "setting search.epochs = many: expected a whole number"),
        ] {
            let error = Settings::new().with(key, value).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn errors_name_what_was_given() {
        let shape = DataShape::default();
        for (text, name) in [
            ("[search]\nmomentum = 2", "search.momentum"),
            ("[search.method.weights]\nmomentum = 2", "search.method.weights.momentum"),
        ] {
            let error = Settings::from_toml(text, "my.toml").unwrap().build(&shape).unwrap_err().to_string();
            assert!(error.starts_with(&format!("setting {name} = 2:")), "{error}");
        }
        let given = Settings::new().with("search.arch_learning_rate", -1).unwrap();
        let error = given.build(&shape).unwrap_err().to_string();
        assert!(error.starts_with("setting search.arch_learning_rate = -1:"), "{error}");
    }

    #[test]
    fn a_method_lies_between_preset_and_what_was_given() {
        let shape = DataShape::default();
        let of = |text: &str| Settings::from_toml(text, "my.toml").unwrap();
        let named = of("[search.method]\nname = \"robust-darts-l2\"\nweights = { momentum = 0.8 }");
        let (config, reasons) = named.build(&shape).unwrap();
        let method = &config.search.method;
        assert_eq!((method.name.as_str(), method.arch_step), ("robust-darts-l2", ArchStep::Unrolled));
        assert_eq!(
            toml::to_string(&method.weights).unwrap(),
            "kind = \"sgd\"\nmomentum = 0.8\nnesterov = false\nweight_decay = 0.0081\n"
        );
        assert!(
            reasons
                .iter()
                .any(|reason| reason.to_string().contains("method robust-darts-l2 (Zela et al. 2020)"))
        );
        assert_eq!(named.overrides(&shape).unwrap(), ["search.method.weights.momentum = 0.8 (auto: 0.9)"]);
        // What is written down is the same again, and a run goes on with it.
        let again = of(&config.to_toml()).build(&shape).unwrap().0;
        assert_eq!(again, config);
        assert!(Settings::new().with_method("robust_darts_l2").unwrap().check_same(&config, None).is_ok());
        let other = Settings::new().with_method("darts-2nd").unwrap();
        let error = other.check_same(&config, None).unwrap_err().to_string();
        assert!(
            error.contains("search.method.name is \"robust-darts-l2\" in the run, \"darts-2nd\" was given"),
            "{error}"
        );
        let error = Settings::new().with_method("robust-darts").unwrap_err().to_string();
        assert!(error.contains("(nearest: "), "{error}");
    }

    #[test]
    fn every_key_can_be_set_by_its_name() {
        let table = stored().to_table().unwrap();
        for key in KEYS {
            // Those of another optimiser have no place in this one.
            let Some(value) = key.value(&table) else { continue };
            let value = match value {
                // The other spelling of a text is true or false.
                _ if key.kind == Kind::Bool => "true".to_owned(),
                Value::String(text) => text.clone(),
                Value::Array(members) => {
                    members.iter().map(|member| member.as_str().unwrap()).collect::<Vec<_>>().join(",")
                }
                value => value.to_string(),
            };
            for name in [key.dotted(), key.dotted().replace('_', "-")] {
                let settings = Settings::new().with(&name, &value).unwrap();
                assert!(settings.has(key.section, key.name), "{name} = {value}");
                settings.build(&DataShape::default()).unwrap();
            }
        }
        let method = |key, value| Settings::new().with(key, value).unwrap();
        assert_eq!(
            method("search.method.arch_step", "unrolled").table,
            method("search.unrolled", "true").table
        );
    }

    #[test]
    fn a_table_is_read_as_a_file_is() {
        let of = |text: &str| Settings::new().with_table(&text.parse().unwrap());
        let given = of("preset = \"paper-cifar10\"\n[search]\nbatch-size = 32\nunrolled = true").unwrap();
        assert!(given.has(Section::Search, "batch_size") && given.has(Section::Method, "arch_step"));
        assert_eq!(given.named_preset(), Some(Preset::PaperCifar10));
        let flag = "[search]\nunrolled = false".parse().unwrap();
        let config = given.with_table(&flag).unwrap().build(&DataShape::default()).unwrap().0;
        assert_eq!((config.search.batch_size, config.search.method.arch_step), (32, ArchStep::FirstOrder));
        let error = of("[search]\nepoch = 3").unwrap_err().to_string();
        assert!(error.contains("nearest is `search.epochs`"), "{error}");
    }

    #[test]
    fn a_run_keeps_its_settings() {
        assert!(given("seed = 3").check_same(&stored(), None).is_ok());
        // What changes no result may change.
        let again = given("[train]\nrecompute = true");
        assert!(again.check_same(&stored(), None).is_ok());
        let going_on = again.going_on(stored().check().unwrap()).unwrap();
        assert!(going_on.train.recompute && !going_on.search.recompute);
        let error = given("seed = 4").check_same(&stored(), None).unwrap_err().to_string();
        assert!(error.starts_with("seed is 3 in the run, 4 was given:"), "{error}");
        let shape = DataShape {
            train_images: 1000,
            classes: 2,
            channels: 1,
            height: 8,
            width: 8,
            ..DataShape::default()
        };
        let run = given("").build(&shape).unwrap().0;
        let named = |preset| Settings::new().with_preset(preset);
        assert!(named(Preset::Auto).check_same(&run, Some(&shape)).is_ok());
        let error = named(Preset::PaperCifar10).check_same(&run, Some(&shape)).unwrap_err().to_string();
        assert!(error.contains("search.layers is 3 in the run, 8 was given"), "{error}");
    }

    #[test]
    fn training_may_start_from_another_preset() {
        let given = Settings::of_text(Some(Preset::PaperCifar10), "[train]\nepochs = 4");
        let config = given.over_training(&stored(), &DataShape::default(), "auto").unwrap();
        assert_eq!((config.train.layers, config.train.epochs, config.seed), (20, 4, 3));
        assert_eq!(config.search, stored().search);
    }
}
