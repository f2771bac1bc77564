//! One value: from a file or from a flag's text to its key's type.

use toml::Value;

use super::keys::{Key, Kind, nearest_in_brackets};
use crate::error::Result;

/// A value that is not what its key asks for.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) found: String,
    pub(super) expected: String,
}

/// The value as its key's type, where that loses nothing: 5 as 5.0, and 32 as "32" for a free text.
pub(super) fn coerce(key: &Key, value: &Value) -> Result<Value, Mismatch> {
    let wrong = || Mismatch { found: describe(value), expected: key.kind.noun().to_owned() };
    match (key.kind, value) {
        (Kind::Bool, Value::Boolean(_)) | (Kind::Float | Kind::Seconds, Value::Float(_)) => Ok(value.clone()),
        (Kind::Integer | Kind::Count, Value::Integer(number)) if *number >= 0 => Ok(value.clone()),
        (Kind::Count, Value::String(text)) => count(text).map(Value::Integer).ok_or_else(wrong),
        (Kind::Float | Kind::Seconds, Value::Integer(number)) => Ok(Value::Float(*number as f64)),
        (Kind::Seconds, Value::String(text)) => seconds(text).map(Value::Float).ok_or_else(wrong),
        (Kind::Text, Value::Integer(number)) if key.choices.is_empty() => {
            Ok(Value::String(number.to_string()))
        }
        (Kind::Text, Value::String(text)) => choose(key, text).map(|()| value.clone()),
        (Kind::List, Value::Array(members)) => {
            for member in members {
                choose(key, member.as_str().ok_or_else(wrong)?)?;
            }
            Ok(value.clone())
        }
        _ => Err(wrong()),
    }
}

/// A flag's text as the value of its kind.
pub(super) fn parse_raw(key: &Key, raw: &str) -> Result<Value, Mismatch> {
    let wrong = |expected: &str| Mismatch { found: raw.to_owned(), expected: expected.to_owned() };
    let raw = if key.kind == Kind::Text { raw } else { raw.trim() };
    let value = match key.kind {
        Kind::Bool => raw.parse().ok().map(Value::Boolean),
        Kind::Integer => digits(raw).and_then(|text| text.parse().ok()).map(Value::Integer),
        Kind::Count => count(raw).map(Value::Integer),
        Kind::Float => {
            digits(raw).and_then(|text| text.parse().ok()).filter(|x: &f64| x.is_finite()).map(Value::Float)
        }
        Kind::Seconds => seconds(raw).map(Value::Float),
        Kind::Text => Some(Value::String(raw.to_owned())),
        Kind::List => {
            // An empty text is an empty list.
            let given = Some(raw).filter(|raw| !raw.trim().is_empty());
            let members: Vec<&str> = given.iter().flat_map(|raw| raw.split(',')).map(str::trim).collect();
            let complete = members.iter().all(|member| !member.is_empty());
            complete.then(|| Value::from(members))
        }
    };
    value.ok_or_else(|| match key.kind {
        Kind::Integer if raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') && raw.len() > 18 => {
            wrong("a whole number below 2^63")
        }
        Kind::Integer => wrong("a whole number, 0 or more, such as 1_000"),
        Kind::Count => wrong("a whole number, 0 or more, such as 3.3M, 600k, 1.2G or 1_000"),
        Kind::Float => wrong("a finite number, such as 0.025 or 3e-4"),
        Kind::Seconds => wrong("a time with its unit, such as 5ms, 800us or 0.02s, or 0"),
        Kind::List => wrong("texts separated by commas, such as a,b"),
        kind => wrong(kind.noun()),
    })
}

/// The number without its underscores, each of which must be between two digits.
fn digits(raw: &str) -> Option<String> {
    let bytes = raw.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let placed = |at: usize| digit(at.checked_sub(1)) && digit(Some(at + 1));
    (0..bytes.len()).all(|at| bytes[at] != b'_' || placed(at)).then(|| raw.replace('_', ""))
}

/// A time with its unit, in seconds; 0 needs none, and another number without one could be meant in any.
fn seconds(raw: &str) -> Option<f64> {
    let units = [("us", 1e6), ("µs", 1e6), ("ms", 1e3), ("s", 1.0)];
    let number = |text: &str| digits(text.trim_end())?.parse().ok().filter(|number: &f64| *number >= 0.0);
    let raw = raw.trim();
    let with_unit =
        units.into_iter().find_map(|(unit, parts)| Some(number(raw.strip_suffix(unit)?)? / parts));
    with_unit.or_else(|| number(raw).filter(|number| *number == 0.0)).filter(|seconds| seconds.is_finite())
}

/// A whole number with an optional k, M or G (10³, 10⁶, 10⁹) behind it, and with such a unit an optional
/// decimal part: `3.3M` is 3,300,000 exactly. `None` for anything else, 1.5 or 1.2345k among it.
fn count(raw: &str) -> Option<i64> {
    let text = digits(raw.trim())?;
    let unit = text.chars().next_back()?;
    let (text, places) = match unit.to_ascii_lowercase() {
        'k' => (&text[..text.len() - 1], 3),
        'm' => (&text[..text.len() - 1], 6),
        'g' => (&text[..text.len() - 1], 9),
        _ => (text.as_str(), 0),
    };
    let text = text.trim_end();
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(decimals) {
        return None;
    }
    let decimals = decimals.trim_end_matches('0');
    let zeros = usize::checked_sub(places, decimals.len())?;
    format!("{whole}{decimals}{}", "0".repeat(zeros)).parse().ok()
}

/// Whether the text is one of the key's choices.
fn choose(key: &Key, found: &str) -> Result<(), Mismatch> {
    if key.choices.is_empty() || key.choices.contains(&found) {
        return Ok(());
    }
    let near = nearest_in_brackets(found, key.choices.iter().copied());
    Err(Mismatch {
        found: format!("`{found}`"),
        expected: format!("one of {}{near}", key.choices.join(", ")),
    })
}

/// A value in words, cut short.
pub(super) fn describe(value: &Value) -> String {
    let kind = match value {
        Value::String(_) => "the text",
        Value::Integer(_) => "the whole number",
        Value::Float(_) => "the number",
        Value::Boolean(_) => "the boolean",
        Value::Datetime(_) => "the date",
        Value::Array(_) => "the list",
        Value::Table(_) => return "a table".to_owned(),
    };
    let text = value.to_string();
    match text.char_indices().nth(40) {
        None => format!("{kind} {text}"),
        Some((end, _)) => format!("{kind} {}…", &text[..end]),
    }
}

/// Rounded to two significant digits, to be readable in the file.
pub(super) fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().expect("a number's text is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_exactly() {
        for (text, number) in [
            ("0", 0),
            ("3300000", 3_300_000),
            ("3_300_000", 3_300_000),
            ("3.3M", 3_300_000),
            ("3.30m", 3_300_000),
            ("600k", 600_000),
            ("0.5K", 500),
            ("1.2G", 1_200_000_000),
            ("1.000000001g", 1_000_000_001),
            (" 7 M ", 7_000_000),
            ("12.0", 12),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(count(text), Some(number), "{text:?}");
        }
    }

    #[test]
    fn times_have_their_unit() {
        for (text, expected) in [
            ("5ms", Some(5.0 / 1e3)),
            ("0.5 ms", Some(0.5 / 1e3)),
            ("800us", Some(800.0 / 1e6)),
            ("2s", Some(2.0)),
            ("1_000ms", Some(1.0)),
            ("0", Some(0.0)),
            ("5", None),
            ("-5ms", None),
            ("ms", None),
            ("5m", None),
            ("infs", None),
            ("NaNms", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_count() {
        for text in [
            "",
            " ",
            "M",
            "-1",
            "+1",
            "1.5",
            "1.2345k",
            ".5M",
            "5.M",
            "1e6",
            "3,3M",
            "3.3MB",
            "3.3.3M",
            "1__0",
            "1M_",
            "0x10",
            "9223372036854775808",
            "99999999999G",
            "nan",
            "٣M",
            "3µ",
        ] {
            assert_eq!(count(text), None, "{text:?}");
        }
    }
}
