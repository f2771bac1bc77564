//! A user's TOML file: text to a table of known keys and right types.

use toml::{Table, Value};

use super::keys::{KEYS, Key, Kind, Section, nearest_key};
use super::preset::Preset;
use super::value::{coerce, describe};
use crate::error::{Advice, Error, Excerpt, Remedy, Result};
use crate::space::wording::nearest;

/// A user's TOML file as read.
#[derive(Debug, Clone, PartialEq)]
pub struct UserFile {
    /// The root key `preset`, if the file has it.
    pub preset: Option<Preset>,
    /// The settings, in snake case and of the right types: a layer for [`build`](super::build).
    pub table: Table,
    /// Keys that were written in another spelling than that of their place, for errors on their values.
    pub respelt: Vec<&'static Key>,
}

/// Reads a user's TOML file: `seed` and `preset`, then `[data]`, `[search]` and `[train]`.
///
/// Keys may be in kebab or snake case, a number may be whole where it need not be, and no key has to be
/// there. `origin` is the file's name, for the errors. Ranges are not looked at: [`build`](super::build) does.
///
/// # Errors
///
/// [`Error::Syntax`] for text that is not TOML; [`Error::Invalid`] for a key that does not exist (with
/// the nearest one), and for a value of the wrong type (with key, found and expected).
pub fn read_toml(text: &str, origin: &str) -> Result<UserFile> {
    tidy(&parse(text, origin)?, origin)
}

/// Text to table; a syntax error names line and column.
pub(super) fn parse(text: &str, origin: &str) -> Result<Table> {
    text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let start = (0..=start).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let before = &text.as_bytes()[..start];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        let content = text[line_start..].lines().next().unwrap_or_default();
        Error::Syntax {
            what: format!("{origin}, line {line}, column {column}"),
            problem: format!("this is no TOML ({})", error.message().lines().collect::<Vec<_>>().join(", ")),
            excerpt: Excerpt::of(content, start - line_start),
        }
    })
}

/// The table with every key known, in snake case, and every value of its key's type.
pub(crate) fn tidy(table: &Table, origin: &str) -> Result<UserFile> {
    let mut file = UserFile { preset: None, table: Table::new(), respelt: Vec::new() };
    for (name, value) in table {
        match (Section::named(name), value) {
            (Some(section), Value::Table(inner)) => {
                file.table.entry(section.name()).or_insert_with(|| Value::Table(Table::new()));
                for (name, value) in inner {
                    file.respelt.extend(Key::find(section, name).filter(|key| key.of.is_some()));
                    match (section, value) {
                        (Section::Search, Value::Table(method)) if name == "method" => {
                            insert_all(&mut file.table, "", method, origin)?;
                        }
                        _ => insert(&mut file.table, section, name, value, origin)?,
                    }
                }
            }
            (Some(section), value) => {
                return Err(Error::invalid(
                    format!("{origin}, key `{name}`"),
                    describe(value),
                    "a table",
                    format!("write [{}] on a line of its own and its settings below it", section.name()),
                ));
            }
            (None, Value::String(text)) if name == "preset" => file.preset = Some(text.parse()?),
            (None, value) if name == "preset" => {
                let names = Preset::ALL.map(Preset::name).join(", ");
                return Err(Error::invalid(
                    format!("{origin}, key `preset`"),
                    describe(value),
                    format!("a text, one of {names}"),
                    "write it like `preset = \"auto\"`",
                ));
            }
            (None, Value::Table(inner)) if Key::find(Section::Root, name).is_none() => {
                return Err(unknown_section(origin, name, inner));
            }
            (None, value) => insert(&mut file.table, Section::Root, name, value, origin)?,
        }
    }
    Ok(file)
}

/// The settings of `[search.method]`, and of its tables below the name `before`.
fn insert_all(table: &mut Table, before: &str, settings: &Table, origin: &str) -> Result<()> {
    for (name, value) in settings {
        let name = format!("{before}{name}");
        let inside = |key: &&Key| {
            let rest = key.name.strip_prefix(&name);
            key.section == Section::Method && rest.is_some_and(|rest| rest.starts_with('.'))
        };
        match value {
            Value::Table(inner) if KEYS.iter().any(|key| inside(&key)) => {
                insert_all(table, &format!("{name}."), inner, origin)?;
            }
            value => insert(table, Section::Method, &name, value, origin)?,
        }
    }
    Ok(())
}

fn insert(table: &mut Table, section: Section, name: &str, value: &Value, origin: &str) -> Result<()> {
    let key = Key::find(section, name).ok_or_else(|| unknown(origin, section.name(), name))?;
    let value = coerce(key, value).map_err(|wrong| {
        Error::invalid(
            format!("{origin}, key `{}`", key.dotted()),
            wrong.found,
            wrong.expected,
            format!("write it like `{}`", example(key)),
        )
    })?;
    if key.put(table, value)?.is_some() {
        return Err(Error::invalid(
            origin,
            format!("the key `{}` twice, in two spellings", key.dotted()),
            "each key once",
            "remove one of the two",
        ));
    }
    Ok(())
}

/// The error for a key that no section has, or another section has.
pub(super) fn unknown(origin: &str, section: &str, name: &str) -> Error {
    let typed = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
    let below = format!("{typed}.");
    if KEYS.iter().any(|key| key.dotted().starts_with(&below)) {
        let remedy = match typed == Section::Method.name() {
            true => format!("it is a section: write `{typed}.name` for a method's name"),
            false => "it is a section: give one of the keys in it".to_owned(),
        };
        return Error::invalid(origin, format!("unknown key `{typed}`"), "one of the settings", remedy);
    }
    let elsewhere: Vec<&Key> = Section::ALL.into_iter().filter_map(|s| Key::find(s, name)).collect();
    let remedy = match elsewhere.as_slice() {
        [] => {
            let near = nearest_key(section, name);
            let names = near.map(|key| key.name).into_iter().chain(["preset"]);
            let preset = section.is_empty() && nearest(name, names) == Some("preset");
            nearest_in_words(if preset { Some("preset".to_owned()) } else { near.map(Key::dotted) })
        }
        keys => {
            let full: Vec<String> = keys.iter().map(|key| format!("`{}`", key.dotted())).collect();
            format!("there is {}", full.join(" and ")).into()
        }
    };
    Error::invalid(origin, format!("unknown key `{typed}`"), "one of the settings", remedy)
}

/// The error for a table that is no section: its first key with the nearest one, or the nearest section.
fn unknown_section(origin: &str, name: &str, inner: &Table) -> Error {
    if let Some(key) = inner.keys().next() {
        let found = format!("unknown key `{name}.{key}`");
        return Error::invalid(
            origin,
            found,
            "one of the settings",
            nearest_in_words(nearest_key(name, key).map(Key::dotted)),
        );
    }
    let sections = [Section::Data, Section::Search, Section::Select, Section::Train].map(Section::name);
    let remedy = match nearest(name, sections) {
        Some(near) => format!("nearest is [{near}]"),
        None => "none of them is like it".to_owned(),
    };
    Error::invalid(origin, format!("unknown table [{name}]"), "[data], [search], [select] or [train]", remedy)
}

fn nearest_in_words(key: Option<String>) -> Advice {
    match key {
        Some(key) => format!("nearest is `{key}`").into(),
        None => Remedy::ListOfSettings + " lists them",
    }
}

/// How the key is written in the file.
fn example(key: &Key) -> String {
    let value = match (key.kind, key.choices) {
        (Kind::Bool, _) => "true".to_owned(),
        (Kind::Integer, _) => "10".to_owned(),
        (Kind::Count, _) => "3_300_000".to_owned(),
        (Kind::Float, _) => "0.1".to_owned(),
        (Kind::Seconds, _) => "\"5ms\"".to_owned(),
        (Kind::Text, [first, ..]) => format!("\"{first}\""),
        (Kind::Text, []) => "\"auto\"".to_owned(),
        (Kind::List, choices) => format!("{:?}", &choices[..choices.len().min(2)]),
    };
    format!("{} = {value}", key.name.rsplit('.').next().unwrap_or(key.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        read_toml(text, "my.toml").unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_named_with_the_nearest() {
        for (text, expected) in [
            (
                "[serach]\nepoch = 3",
                "unknown key `serach.epoch`, expected one of the settings; nearest is `search.epochs`",
            ),
            (
                "[search]\nepoch = 3",
                "unknown key `search.epoch`, expected one of the settings; nearest is `search.epochs`",
            ),
            ("[train]\ndrop-path-probe = 0.1", "nearest is `train.drop_path_prob`"),
            (
                "[search]\nschedule = \"cosine\"",
                "unknown key `search.schedule`, expected one of the settings; there is `train.schedule`",
            ),
            (
                "epochs = 3",
                "unknown key `epochs`, expected one of the settings; there is `search.epochs` and `select.epochs` and `train.epochs`",
            ),
            ("[data]\nseed = 3", "there is `seed`"),
            ("[search.foo]\nx = 1", "unknown key `search.foo`"),
            ("presett = \"auto\"", "nearest is `preset`"),
            ("sede = 1", "nearest is `seed`"),
            (
                "[data]\nbogus_op = 1",
                "`data.bogus_op`, expected one of the settings; `config::KEYS` lists them",
            ),
            (
                "[zzz]",
                "unknown table [zzz], expected [data], [search], [select] or [train]; none of them is like it",
            ),
            (
                "[trian]",
                "unknown table [trian], expected [data], [search], [select] or [train]; nearest is [train]",
            ),
        ] {
            let found = complaint(text);
            assert!(found.starts_with("my.toml") && found.contains(expected), "{text:?}: {found}");
        }
    }

    #[test]
    fn wrong_types_name_key_found_and_expected() {
        for (text, key, found) in [
            (
                "[search]\nepochs = \"fifty\"",
                "`search.epochs`",
                "found the text \"fifty\", expected a whole number",
            ),
            ("[search]\nepochs = 5.0", "`search.epochs`", "found the number 5.0, expected a whole number"),
            (
                "[search]\nepochs = -1",
                "`search.epochs`",
                "found the whole number -1, expected a whole number, 0",
            ),
            (
                "[search]\nunrolled = 1",
                "`search.unrolled`",
                "found the whole number 1, expected true or false",
            ),
            ("[train]\ngamma = \"x\"", "`train.gamma`", "found the text \"x\", expected a number"),
            (
                "[train]\nstem = \"cifr\"",
                "`train.stem`",
                "found `cifr`, expected one of auto, cifar, imagenet (nearest: cifar)",
            ),
            ("[train]\nstem = 3", "`train.stem`", "found the whole number 3, expected a text"),
            ("[data]\npath = true", "`data.path`", "found the boolean true, expected a text"),
            ("[search]\ncandidates = \"none\"", "`search.candidates`", "expected a list"),
            ("[search]\ncandidates = [3]", "`search.candidates`", "expected a list"),
            ("[search]\ncandidates = [\"sep_conv\"]", "`search.candidates`", "found `sep_conv`"),
            ("[seed]\nx = 1", "`seed`", "found a table, expected a whole number"),
            ("search = 3", "`search`", "found the whole number 3, expected a table"),
        ] {
            let complaint = complaint(text);
            assert!(complaint.contains(key) && complaint.contains(found), "{text:?}: {complaint}");
        }
    }

    #[test]
    fn syntax_errors_give_line_and_column() {
        let found = complaint("seed = 1\n[search]\n  epochs = = 3\n");
        assert!(found.starts_with("my.toml, line 3, column 12: this is no TOML ("), "{found}");
        assert!(found.ends_with("; mend this line\n  epochs = = 3\n           ^"), "{found}");
        let found = complaint(&format!("x = \"{}\" y {}", "a".repeat(200_000), "b".repeat(200_000)));
        assert!(found.len() < 400 && found.contains("line 1, column 200008"), "{found}");
        let found = complaint("[data]\npath = \"ü\" x");
        assert!(found.starts_with("my.toml, line 2, column 12"), "{found}");
        let found = complaint("[data");
        assert!(found.starts_with("my.toml, line 1, column 6"), "{found}");
    }
}
