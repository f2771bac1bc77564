//! What a setting is where its flag is not there, as the help says it: from the library's presets, never typed.

use softcell::config::{DefaultRule, Key, KeyDefault, Preset};
use toml::Value;

/// The preset whose value is told where `auto` has none of its own: the paper's.
const REFERENCE: Preset = Preset::PaperCifar10;
/// Longer lists are told by who decides about them.
const LONGEST: usize = 40;

/// What stands in square brackets behind the help of a flag for these keys; empty where there is nothing to say.
pub fn words(keys: &[&Key]) -> String {
    let said: Vec<String> = keys.iter().map(|key| of(key)).collect();
    match said.as_slice() {
        [] => String::new(),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => bracketed(first),
        _ => {
            let each: Vec<String> =
                keys.iter().zip(&said).map(|(key, said)| format!("{} {said}", key.section.name())).collect();
            bracketed(&each.join(" | "))
        }
    }
}

fn bracketed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" [{text}]") }
}

/// `default: 0.9`, `auto: from the data, paper-cifar10: 600`, `default: the space's, darts: 4`.
fn of(key: &Key) -> String {
    let KeyDefault { rule, auto, others } = KeyDefault::of(key);
    let auto = auto.as_ref().and_then(shown);
    match rule {
        DefaultRule::Data => sized("from the data", &others),
        DefaultRule::Time => sized("from the time", &others),
        DefaultRule::Method => owned("method's", "darts", auto),
        DefaultRule::Space => owned("space's", "darts", auto),
        _ => {
            let Some(auto) = auto else { return String::new() };
            let differing: Vec<String> = match groups(&others).as_slice() {
                [(value, _)] if *value != auto => vec![format!(", other presets: {value}")],
                groups => groups
                    .iter()
                    .filter(|(value, _)| *value != auto)
                    .map(|(value, presets)| format!(", {presets}: {value}"))
                    .collect(),
            };
            let name = if differing.is_empty() { "default" } else { Preset::Auto.name() };
            format!("{name}: {auto}{}", differing.concat())
        }
    }
}

fn sized(by: &str, others: &[(Preset, Value)]) -> String {
    let reference = others.iter().find(|(preset, _)| *preset == REFERENCE);
    let reference = reference.and_then(|(preset, value)| Some(format!(", {preset}: {}", shown(value)?)));
    format!("{}: {by}{}", Preset::Auto, reference.unwrap_or_default())
}

fn owned(whose: &str, name: &str, value: Option<String>) -> String {
    format!("default: the {whose}{}", value.map_or(String::new(), |value| format!(", {name}: {value}")))
}

/// The values and the presets that have each.
fn groups(others: &[(Preset, Value)]) -> Vec<(String, String)> {
    let mut groups: Vec<(String, String)> = Vec::new();
    for (preset, value) in others {
        let Some(value) = shown(value) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, presets)) => presets.push_str(&format!(" and {preset}")),
            None => groups.push((value, preset.to_string())),
        }
    }
    groups
}

/// A value as it is typed; none for an empty one and for one that is too long to be told.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Boolean(on) => (if *on { "on" } else { "off" }).to_owned(),
        Value::Integer(number) => count(*number),
        Value::Float(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(members) => members.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    (!text.is_empty() && text.len() <= LONGEST).then_some(text)
}

/// Large round numbers with the unit that the flags know: `100M`.
fn count(number: i64) -> String {
    for (unit, size) in [("G", 1_000_000_000), ("M", 1_000_000)] {
        if number >= size && number % size == 0 {
            return format!("{}{unit}", number / size);
        }
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use softcell::config::Section;

    use super::*;

    fn said(section: Section, name: &str) -> String {
        words(&[Key::find(section, name).unwrap()])
    }

    #[test]
    fn the_help_says_who_decides() {
        for (section, name, expected) in [
            (Section::Root, "seed", " [default: 2]"),
            (Section::Data, "path", " [default: digits]"),
            (Section::Data, "max_image_pixels", " [default: 100M]"),
            (Section::Data, "flip", " [auto: from the data, paper-cifar10: on]"),
            (Section::Data, "image_size", " [auto: auto, paper-imagenet: 224, small-nas-bench-201: 16]"),
            (Section::Data, "validation_fraction", " [auto: 0.1, other presets: 0]"),
            (Section::Search, "nodes", " [default: the space's, darts: 4]"),
            (Section::Search, "candidates", " [default: the space's]"),
            (Section::Search, "unrolled", " [default: the method's, darts: off]"),
            (Section::Method, "relaxation", " [default: the method's, darts: softmax]"),
            (Section::Select, "random", " [auto: from the time, paper-cifar10: 0]"),
            (Section::Train, "epochs", " [auto: from the data, paper-cifar10: 600]"),
            (Section::Train, "momentum", " [default: 0.9]"),
        ] {
            assert_eq!(said(section, name), expected, "{}.{name}", section.name());
        }
        let both = [Section::Train, Section::Search].map(|section| Key::find(section, "batch_size").unwrap());
        let told = "auto: from the data, paper-cifar10";
        assert_eq!(words(&both), format!(" [train {told}: 96 | search {told}: 64]"));
    }

    #[test]
    fn numbers_are_short_where_that_is_exact() {
        assert_eq!([count(0), count(1_500_000), count(3_000_000_000)], ["0", "1500000", "3G"]);
    }
}
