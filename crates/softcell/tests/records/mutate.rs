//! Files changed as no program would change them: by their structure where they have one, else byte by byte.

use std::path::Path;

use rand::RngExt;
use serde_json::{Map, Value, json};

use crate::fixture::Files;

/// A source of chance.
pub struct Chance<R>(pub R);

impl<R: rand::Rng> Chance<R> {
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n.max(1))
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Changes one file of a run, and says how.
pub fn mutate(files: &mut Files, chance: &mut Chance<impl rand::Rng>) -> String {
    let names: Vec<_> = files.keys().cloned().collect();
    let name = chance.pick(&names).clone();
    let before = files[&name].clone();
    let (how, after) = match chance.below(12) {
        0 => ("removed", None),
        1 => {
            let other = chance.pick(&names).clone();
            ("swapped", Some(files[&other].clone()))
        }
        2 => ("bytes", Some(bytes(before, chance))),
        _ => ("structure", Some(structure(&name, before, chance))),
    };
    match after {
        Some(bytes) => files.insert(name.clone(), bytes),
        None => files.remove(&name),
    };
    format!("{}: {how}", name.display())
}

/// Flips, cuts, noise.
fn bytes(mut bytes: Vec<u8>, chance: &mut Chance<impl rand::Rng>) -> Vec<u8> {
    let at = chance.below(bytes.len());
    match chance.below(7) {
        0 => bytes.truncate(at),
        1 => bytes.clear(),
        2 => bytes = (0..chance.below(300)).map(|_| chance.below(256) as u8).collect(),
        3 => bytes.fill(0),
        4 => {
            let noise: Vec<u8> = (0..1 + chance.below(8)).map(|_| chance.below(256) as u8).collect();
            bytes.splice(at..at, noise);
        }
        5 => {
            let end = (at + 1 + chance.below(20)).min(bytes.len());
            bytes.drain(at.min(end)..end);
        }
        _ => {
            for _ in 0..1 + chance.below(4) {
                let at = chance.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
            }
        }
    }
    bytes
}

fn structure(name: &Path, before: Vec<u8>, chance: &mut Chance<impl rand::Rng>) -> Vec<u8> {
    let kind = name.extension().and_then(|e| e.to_str()).unwrap_or_default();
    match kind {
        "json" => match serde_json::from_slice(&before) {
            Ok(value) => json_text(value, chance).into_bytes(),
            Err(_) => bytes(before, chance),
        },
        "jsonl" => lines(&before, chance),
        "toml" => settings(&before, chance).unwrap_or_else(|| bytes(before, chance)),
        "safetensors" => tensors(&before, chance).unwrap_or_else(|| bytes(before, chance)),
        _ => bytes(before, chance),
    }
}

/// A value with one to three changes, as text; some are none that a value can hold.
fn json_text(mut value: Value, chance: &mut Chance<impl rand::Rng>) -> String {
    for _ in 0..1 + chance.below(3) {
        change(&mut value, chance);
    }
    let text = value.to_string();
    if !chance.once_in(10) {
        return text;
    }
    let strange =
        *chance.pick(&["NaN", "Infinity", "-0", "1e999", "0x10", "1e-999", "\"\u{1b}[31m\"", "[", "{}"]);
    let numbers: Vec<usize> = text.match_indices(|c: char| c.is_ascii_digit()).map(|(i, _)| i).collect();
    match numbers.is_empty() {
        true => strange.to_owned(),
        false => {
            let at = *chance.pick(&numbers);
            let end =
                text[at..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(text.len(), |n| at + n);
            format!("{}{strange}{}", &text[..at], &text[end..])
        }
    }
}

/// Places of all values, the whole among them.
fn places(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(inner, format!("{place}/{key}"), found);
            }
        }
        Value::Array(list) => {
            // Long lists count as a few of their entries.
            for (i, inner) in list.iter().enumerate().take(4) {
                places(inner, format!("{place}/{i}"), found);
            }
        }
        _ => {}
    }
    found.push(place);
}

/// Changes a value somewhere.
fn change(value: &mut Value, chance: &mut Chance<impl rand::Rng>) {
    let mut all = Vec::new();
    places(value, String::new(), &mut all);
    let place = chance.pick(&all).clone();
    let other: &String = chance.pick(&all);
    let other = value.pointer(other).cloned().unwrap_or_default();
    match chance.below(9) {
        0 => remove(value, &place),
        1 => {
            if let Some(inner) = value.pointer_mut(&place) {
                *inner = other;
            }
        }
        2 => {
            if let Some(inner) = value.pointer_mut(&place) {
                *inner = any_value(chance);
            }
        }
        _ => {
            if let Some(inner) = value.pointer_mut(&place) {
                *inner = altered(inner.take(), chance);
            }
        }
    }
}

fn remove(value: &mut Value, place: &str) {
    let Some((parent, last)) = place.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(&last.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(list)) => {
            if let Ok(i) = last.parse::<usize>() {
                list.remove(i);
            }
        }
        _ => {}
    }
}

fn number(chance: &mut Chance<impl rand::Rng>) -> Value {
    let whole: [i64; 20] = [
        0,
        1,
        -1,
        2,
        3,
        7,
        11,
        16,
        255,
        256,
        4096,
        4097,
        65_536,
        1_000_000,
        1 << 31,
        (1 << 31) - 1,
        1 << 32,
        1 << 53,
        i64::MAX,
        i64::MIN,
    ];
    let broken = [0.5, -0.5, 1.0000001, 1e-300, 1e39, 1e308, -1e308, 1e16, 3.5e38];
    match chance.below(5) {
        0 => json!(chance.pick(&broken)),
        1 => json!(u64::MAX),
        _ => json!(chance.pick(&whole)),
    }
}

fn any_value(chance: &mut Chance<impl rand::Rng>) -> Value {
    match chance.below(8) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!([]),
        3 => json!({}),
        4 => json!(*chance.pick(&[
            "",
            "a",
            "best",
            "none",
            "auto",
            "\u{1b}]0;x\u{7}",
            "../..",
            "/dev/zero",
            "NaN",
            "-1"
        ])),
        5 => json!("\u{202e}long ".repeat(5000)),
        _ => number(chance),
    }
}

/// The same kind of value, but another.
fn altered(value: Value, chance: &mut Chance<impl rand::Rng>) -> Value {
    match value {
        Value::Number(n) => match chance.below(6) {
            0 => n.as_f64().map_or(json!(0), |n| json!(-n)),
            1 => n.as_f64().map_or(json!(0), |n| json!(n * 1e6)),
            2 => n.as_u64().map_or(json!(0), |n| json!(n.wrapping_add(1))),
            3 => n.as_u64().map_or(json!(1.5), |n| json!(n.wrapping_sub(1))),
            _ => number(chance),
        },
        Value::Array(list) => Value::Array(altered_list(list, chance)),
        Value::Object(mut map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            if keys.is_empty() || chance.once_in(3) {
                map.insert("more".to_owned(), any_value(chance));
                return Value::Object(map);
            }
            // Two values change places, or one gets another name.
            let (one, two) = (chance.pick(&keys).clone(), chance.pick(&keys).clone());
            let value = map.remove(&one).unwrap_or_default();
            match chance.below(2) {
                0 => drop(map.insert(format!("{one}_"), value)),
                _ => {
                    if let Some(second) = map.insert(two, value) {
                        map.insert(one, second);
                    }
                }
            }
            Value::Object(map)
        }
        Value::String(text) => match chance.below(5) {
            0 => json!(text.chars().rev().collect::<String>()),
            1 => json!(text.chars().take(text.len() / 2).collect::<String>()),
            2 => json!(text.repeat(3)),
            3 => json!(text.replace(['0', '1'], "9")),
            _ => any_value(chance),
        },
        Value::Bool(is) => json!(!is),
        Value::Null => any_value(chance),
    }
}

fn altered_list(mut list: Vec<Value>, chance: &mut Chance<impl rand::Rng>) -> Vec<Value> {
    let at = chance.below(list.len());
    match chance.below(6) {
        0 => list.truncate(at),
        1 => list.reverse(),
        2 => list.push(any_value(chance)),
        3 if !list.is_empty() => list.push(list[at].clone()),
        4 if !list.is_empty() => list = vec![list[at].clone(); 1 + chance.below(2000)],
        _ if !list.is_empty() => drop(list.remove(at)),
        _ => list.push(json!(0)),
    }
    list
}

/// Lines of JSON.
fn lines(before: &[u8], chance: &mut Chance<impl rand::Rng>) -> Vec<u8> {
    let text = String::from_utf8_lossy(before);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = chance.below(lines.len());
    let to = chance.below(lines.len());
    match chance.below(8) {
        _ if lines.is_empty() => lines.push("{}".to_owned()),
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at].clone()),
        2 => lines.swap(at, to),
        3 => {
            let mut torn = before[..chance.below(before.len())].to_vec();
            torn.push(chance.below(256) as u8);
            return torn;
        }
        _ => {
            if let Ok(value) = serde_json::from_str(&lines[at]) {
                lines[at] = json_text(value, chance);
            }
        }
    }
    (lines.join("\n") + "\n").into_bytes()
}

/// Settings, which are TOML.
fn settings(before: &[u8], chance: &mut Chance<impl rand::Rng>) -> Option<Vec<u8>> {
    let table: toml::Table = toml::from_str(std::str::from_utf8(before).ok()?).ok()?;
    let mut value = serde_json::to_value(table).ok()?;
    for _ in 0..1 + chance.below(2) {
        change(&mut value, chance);
    }
    Some(toml::to_string(&value).ok()?.into_bytes())
}

/// A file of tensors: its header, what stands in the metadata, values. The checksum mostly goes, so that it is not what
/// finds the change out.
fn tensors(before: &[u8], chance: &mut Chance<impl rand::Rng>) -> Option<Vec<u8>> {
    let (length, rest) = before.split_first_chunk::<8>()?;
    let (header, body) = rest.split_at_checked(u64::from_le_bytes(*length) as usize)?;
    let mut header: Map<String, Value> = serde_json::from_slice(header).ok()?;
    let mut body = body.to_vec();
    if !chance.once_in(10)
        && let Some(Value::Object(metadata)) = header.get_mut("__metadata__")
    {
        metadata.remove("softcell_checksum");
    }
    match chance.below(8) {
        0 => body.truncate(chance.below(body.len())),
        1 => body.extend([0; 8]),
        2 | 3 => {
            let strange = [f32::NAN, f32::INFINITY, -1.0, 3e38, -3e38, 1e-40, 0.0];
            let value = chance.pick(&strange).to_le_bytes();
            let at = chance.below(body.len() / 4) * 4;
            let end = if chance.once_in(3) { body.len() } else { at + 4 };
            body[at..end].chunks_exact_mut(4).for_each(|old| old.copy_from_slice(&value));
        }
        4 => {
            // What a checkpoint says beside its tensors is JSON within JSON.
            let inner = header.get_mut("__metadata__")?.get_mut("softcell")?;
            let value = serde_json::from_str(inner.as_str()?).ok()?;
            *inner = json!(json_text(value, chance));
        }
        5 => {
            // A tensor of as many values in another shape.
            let names: Vec<String> = header.keys().filter(|name| *name != "__metadata__").cloned().collect();
            let name = chance.pick(&names).clone();
            let shape = header.get_mut(&name)?.get_mut("shape")?;
            let n: u64 = shape.as_array()?.iter().filter_map(Value::as_u64).product();
            let shapes = [json!([n]), json!([1, n]), json!([n, 1]), json!([1, 1, n]), json!([n, 1, 1, 1])];
            *shape = chance.pick(&shapes).clone();
        }
        6 => {
            // Two tensors of other names.
            let names: Vec<String> = header.keys().filter(|name| *name != "__metadata__").cloned().collect();
            let (one, two) = (chance.pick(&names).clone(), chance.pick(&names).clone());
            let value = header.remove(&one)?;
            if let Some(second) = header.insert(two, value) {
                header.insert(one, second);
            }
        }
        _ => {
            let mut value = Value::Object(header);
            change(&mut value, chance);
            header = match value {
                Value::Object(map) => map,
                _ => Map::new(),
            };
        }
    }
    let header = Value::Object(header).to_string().into_bytes();
    Some([&(header.len() as u64).to_le_bytes(), header.as_slice(), &body].concat())
}
