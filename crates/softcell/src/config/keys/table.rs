//! Every setting in one table, a file for each section.

mod data;
mod method;
mod search;
mod select;
mod train;

use super::{Key, Kind, Section};

/// Every setting of [`Config`](crate::config::Config), in the order of its fields.
pub static KEYS: &[Key] = &{
    let mut keys = [data::KEYS[0]; COUNT];
    let (mut part, mut at) = (0, 0);
    while part < PARTS.len() {
        let mut of_part = 0;
        while of_part < PARTS[part].len() {
            keys[at] = PARTS[part][of_part];
            (at, of_part) = (at + 1, of_part + 1);
        }
        part += 1;
    }
    keys
};

const PARTS: [&[Key]; 5] = [data::KEYS, search::KEYS, method::KEYS, select::KEYS, train::KEYS];

const COUNT: usize =
    data::KEYS.len() + search::KEYS.len() + method::KEYS.len() + select::KEYS.len() + train::KEYS.len();

const fn key(section: Section, name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { section, name, help, kind, choices: &[], of: None, kinds: &[] }
}

/// Another spelling of a setting of `search.method`.
const fn spells(of: &'static str, key: Key) -> Key {
    Key { of: Some(of), ..key }
}

/// A setting of these kinds of its table alone.
const fn with(kinds: &'static [&'static str], key: Key) -> Key {
    Key { kinds, ..key }
}

const fn chosen(key: Key, choices: &'static [&'static str]) -> Key {
    Key { choices, ..key }
}

#[cfg(test)]
mod tests;
