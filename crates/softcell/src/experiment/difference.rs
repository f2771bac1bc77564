//! Settings that differ from others.

use toml::{Table, Value};

use crate::config::{Config, KEYS, Key, Section, path_of_text};
use crate::error::{Advice, Error, Remedy, Result};

/// A setting that has two values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// The setting.
    pub key: &'static Key,
    /// Its value in the first of two settings.
    pub first: String,
    /// Its value in the second.
    pub second: String,
}

/// An error if there is any difference.
///
/// # Errors
/// The differences in words.
pub(super) fn refuse(differences: &[Difference], why: &str) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    let words =
        |d: &Difference| format!("{} is {} in the run, {} was given", d.key.dotted(), d.first, d.second);
    let list: Vec<String> = differences.iter().map(words).collect();
    let begin =
        format!("{}: {why}; leave the setting out, or begin a new run with another ", list.join("; "));
    Err(Error::Refused(Advice::from(begin) + Remedy::OtherFolder))
}

/// The settings that differ.
///
/// # Errors
/// When the settings cannot be written as TOML.
pub(super) fn differences(first: &Config, second: &Config) -> Result<Vec<Difference>> {
    let (first, second) = (first.to_table()?, second.to_table()?);
    let mut found = Vec::new();
    // Other spellings of a setting have its value.
    for key in KEYS.iter().filter(|key| key.of.is_none()) {
        let (first, second) = (key.value(&first), key.value(&second));
        if first != second && !(key.name == "path" && same_place(first, second)) {
            let word = |value: Option<&Value>| value.map_or("not set".to_owned(), Value::to_string);
            found.push(Difference { key, first: word(first), second: word(second) });
        }
    }
    Ok(found)
}

pub(super) fn value_in<'a>(table: &'a Table, section: Section, name: &str) -> Option<&'a Value> {
    Key::find(section, name)?.value(table)
}

/// Whether two paths lead to the same folder.
fn same_place(first: Option<&Value>, second: Option<&Value>) -> bool {
    let place = |value: Option<&Value>| path_of_text(value?.as_str()?).canonicalize().ok();
    place(first).is_some_and(|first| Some(first) == place(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_write_a_path_are_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, dotted) = (folder.path().display().to_string(), format!("{}/.", folder.path().display()));
        let config = |path: &str| {
            let mut config = Config::default();
            config.data.path = path.into();
            config
        };
        assert_eq!(differences(&config(&plain), &config(&dotted)).unwrap(), []);
        assert_eq!(differences(&config(&plain), &config("digits")).unwrap().len(), 1);
    }
}
