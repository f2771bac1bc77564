//! From preset, file and flags to the settings of a run.

use std::path::Path;

use anyhow::{Context, Result, bail};
use softcell::config::{
    Config, DataShape, KEYS, Key, Preset, Section, build, follow_epochs, leave_to_weights, overlay,
    path_of_text, preset, read_toml,
};
use softcell::reading::{self, MOST_OF_A_TEXT};
use softcell::shown;
use toml::{Table, Value};

/// The settings as they were given.
#[derive(Debug, Clone)]
pub struct Given {
    /// The preset, if one was named by flag or file.
    preset: Option<Preset>,
    /// The file under the flags.
    table: Table,
}

/// A setting that has two values.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The setting.
    pub key: &'static Key,
    /// Its value in the first of two settings.
    pub first: String,
    /// Its value in the second.
    pub second: String,
}

impl Given {
    /// Reads the file, if there is one, and lays the flags over it.
    ///
    /// # Errors
    /// When the file cannot be read or holds what is no setting.
    pub fn read(file: Option<&Path>, preset: Option<Preset>, flags: &Table) -> Result<Given> {
        let mut given = Given { preset, table: Table::new() };
        if let Some(path) = file {
            let text = reading::read_text(path, MOST_OF_A_TEXT, reading::Source::Any)
                .with_context(|| format!("cannot read the settings in {}", shown::path(path)))?;
            let file = read_toml(&text, &shown::path(path))?;
            given.preset = preset.or(file.preset);
            given.table = file.table;
        }
        overlay(&mut given.table, flags);
        Ok(given)
    }

    /// The preset to start from.
    pub fn preset(&self) -> Preset {
        self.preset.unwrap_or(Preset::Auto)
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
    pub fn build(&self, shape: &DataShape) -> Result<(Config, Vec<String>)> {
        let (base, reasons) = self.base(shape);
        Ok((build(&base, std::slice::from_ref(&self.table))?, reasons))
    }

    /// The preset's own settings for images of this shape.
    pub fn of_preset(&self, shape: &DataShape) -> Config {
        self.base(shape).0
    }

    /// The preset's settings and reasons, but for those in the place of which others were given.
    fn base(&self, shape: &DataShape) -> (Config, Vec<String>) {
        let (mut base, mut reasons) = preset(self.preset(), shape);
        let weights = self.value(Section::Data, "class_weights").and_then(Value::as_str);
        if weights.is_some_and(|weights| weights != "none") {
            leave_to_weights(&mut base, &mut reasons, shape);
        }
        (base, reasons)
    }

    /// As [`Given::build`], without the reasons.
    ///
    /// # Errors
    /// When they cannot run.
    pub fn build_plainly(&self, shape: &DataShape) -> softcell::Result<Config> {
        build(&self.of_preset(shape), std::slice::from_ref(&self.table))
    }

    /// What was given instead of the preset's values, such as `search.epochs = 3 (auto: 30)`.
    ///
    /// # Errors
    /// When the settings cannot run.
    pub fn overrides(&self, shape: &DataShape) -> Result<Vec<String>> {
        let (config, _) = self.build(shape)?;
        let chosen = differences(&self.base(shape).0, &config)?;
        let line =
            |d: Difference| format!("{} = {} ({}: {})", d.key.dotted(), d.second, self.preset(), d.first);
        Ok(chosen.into_iter().filter(|d| d.key.name != "path").map(line).collect())
    }

    /// The settings of a run that goes on, with what was given laid over them.
    ///
    /// # Errors
    /// When they cannot run.
    pub fn over(&self, stored: &Config) -> Result<Config> {
        Ok(build(stored, std::slice::from_ref(&self.table))?)
    }

    /// As [`Given::over`], starting from the training settings of the preset if one was named; `began` is the name of
    /// the preset that the run began with. Where `auto` chose the drop path, it follows the epochs.
    ///
    /// # Errors
    /// When they cannot run.
    pub fn over_training(&self, stored: &Config, shape: &DataShape, began: &str) -> Result<Config> {
        let mut base = stored.clone();
        if let Some(named) = self.preset {
            base.train = preset(named, shape).0.train;
        }
        let mut config = self.over(&base)?;
        if self.preset.map_or(began, |named| named.name()) == Preset::Auto.name() {
            follow_epochs(&base, &mut config, shape, |section, name| {
                // A drop path that is not of the epochs was given when the run began.
                let chosen = follows(&base, shape);
                self.has(section, name) || section == Section::Search || !chosen
            });
        }
        Ok(config)
    }

    /// Refuses settings that differ from those a run began with.
    ///
    /// # Errors
    /// When one does, naming it, the stored and the given value.
    pub fn check_same(&self, stored: &Config, shape: Option<&DataShape>) -> Result<()> {
        let asked = match (self.preset, shape) {
            // It fits itself to the machine: what it chose is what the run has.
            (Some(_), Some(shape)) => self.build(shape)?.0,
            _ => self.over(stored)?,
        };
        refuse(&differences(stored, &asked)?, "a run goes on with the settings it began with")
    }
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

/// An error if there is any difference.
///
/// # Errors
/// The differences in words.
pub fn refuse(differences: &[Difference], why: &str) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    let words =
        |d: &Difference| format!("{} is {} in the run, {} was given", d.key.dotted(), d.first, d.second);
    let list: Vec<String> = differences.iter().map(words).collect();
    bail!("{}: {why}; leave the setting out, or begin a new run with another --out", list.join("; "))
}

/// The settings that differ.
///
/// # Errors
/// When the settings cannot be written as TOML.
pub fn differences(first: &Config, second: &Config) -> Result<Vec<Difference>> {
    let (first, second) = (Table::try_from(first)?, Table::try_from(second)?);
    let mut found = Vec::new();
    for key in KEYS.iter().filter(|key| key.of.is_none()) {
        let value = |table| key.value(table).expect("settings are complete");
        let (first, second) = (value(&first), value(&second));
        if first != second && !(key.name == "path" && same_place(first, second)) {
            found.push(Difference { key, first: first.to_string(), second: second.to_string() });
        }
    }
    Ok(found)
}

fn value_in<'a>(table: &'a Table, section: Section, name: &str) -> Option<&'a Value> {
    Key::find(section, name)?.value(table)
}

/// Whether two paths lead to the same folder.
fn same_place(first: &Value, second: &Value) -> bool {
    let place = |value: &Value| std::fs::canonicalize(path_of_text(value.as_str()?)).ok();
    place(first).is_some_and(|first| Some(first) == place(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(flags: &str) -> Given {
        Given::read(None, None, &flags.parse().unwrap()).unwrap()
    }

    fn stored() -> Config {
        given("seed = 3").build(&DataShape::default()).unwrap().0
    }

    #[test]
    fn flags_lie_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("my.toml");
        std::fs::write(&file, "preset = \"paper-cifar10\"\n[search]\nepochs = 7\nlayers = 5").unwrap();
        let flags = "[search]\nepochs = 9".parse().unwrap();
        let read = Given::read(Some(&file), None, &flags).unwrap();
        assert_eq!(read.preset(), Preset::PaperCifar10);
        let config = read.build(&DataShape::default()).unwrap().0;
        assert_eq!((config.search.epochs, config.search.layers, config.train.epochs), (9, 5, 600));
        assert!(read.has(Section::Search, "layers") && !read.has(Section::Data, "path"));
        let named = Given::read(Some(&file), Some(Preset::Auto), &flags).unwrap();
        assert_eq!(named.preset(), Preset::Auto);
        let overrides = read.overrides(&DataShape::default()).unwrap();
        assert_eq!(
            overrides,
            ["search.layers = 5 (paper-cifar10: 8)", "search.epochs = 9 (paper-cifar10: 50)"]
        );
    }

    #[test]
    fn a_run_keeps_its_settings() {
        assert!(given("seed = 3").check_same(&stored(), None).is_ok());
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
        let named = |preset| Given { preset: Some(preset), table: Table::new() };
        assert!(named(Preset::Auto).check_same(&run, Some(&shape)).is_ok());
        let error = named(Preset::PaperCifar10).check_same(&run, Some(&shape)).unwrap_err().to_string();
        assert!(error.contains("search.layers is 3 in the run, 8 was given"), "{error}");
    }

    #[test]
    fn training_may_start_from_another_preset() {
        let given =
            Given { preset: Some(Preset::PaperCifar10), table: "[train]\nepochs = 4".parse().unwrap() };
        let config = given.over_training(&stored(), &DataShape::default(), "auto").unwrap();
        assert_eq!((config.train.layers, config.train.epochs, config.seed), (20, 4, 3));
        assert_eq!(config.search, stored().search);
    }

    #[test]
    fn two_ways_to_write_a_path_are_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, dotted) = (folder.path().display().to_string(), format!("{}/.", folder.path().display()));
        let config = |path: &str| Config {
            data: softcell::config::DataConfig { path: path.into(), ..stored().data },
            ..stored()
        };
        assert_eq!(differences(&config(&plain), &config(&dotted)).unwrap(), []);
        assert_eq!(differences(&config(&plain), &config("digits")).unwrap().len(), 1);
    }
}
