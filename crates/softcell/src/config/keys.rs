//! What is known of each setting: section, name, type, help; and how a setting is found by its name.

mod names;
mod table;

pub use self::names::{Name, Reach, names};
pub use self::table::KEYS;
use crate::space::wording::{ALIKE, first_best, likeness, nearest};

/// Where a key stands in the TOML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// Before the first table.
    Root,
    /// `[data]`.
    Data,
    /// `[search]`.
    Search,
    /// `[search.method]`.
    Method,
    /// `[select]`.
    Select,
    /// `[train]`.
    Train,
}

impl Section {
    /// All of them, in the order of the file.
    pub const ALL: [Section; 6] =
        [Section::Root, Section::Data, Section::Search, Section::Method, Section::Select, Section::Train];

    /// What a search and a training of what it finds have settings in.
    pub const OF_FIT: &[Section] =
        &[Section::Root, Section::Data, Section::Search, Section::Method, Section::Select, Section::Train];
    /// What a search has settings in.
    pub const OF_SEARCH: &[Section] = &[Section::Root, Section::Data, Section::Search, Section::Method];
    /// What a training has settings in.
    pub const OF_TRAIN: &[Section] = &[Section::Root, Section::Data, Section::Train];

    /// The table's name; empty for the root.
    pub fn name(self) -> &'static str {
        match self {
            Section::Root => "",
            Section::Data => "data",
            Section::Search => "search",
            Section::Method => "search.method",
            Section::Select => "select",
            Section::Train => "train",
        }
    }

    /// One line on what the section holds.
    pub fn help(self) -> &'static str {
        match self {
            Section::Root => "The whole run.",
            Section::Data => "Images: reading, division, augmentation.",
            Section::Search => {
                "The search for a cell: space, images, epochs. How it is done stands in search.method."
            }
            Section::Method => "How the search is done: a choice along each axis, and both optimisers.",
            Section::Select => "The selection among cells that were searched, drawn at random or given.",
            Section::Train => "The training of the derived network from scratch.",
        }
    }

    /// The outer section whose table has this name.
    pub fn named(name: &str) -> Option<Section> {
        let outer = [Section::Data, Section::Search, Section::Select, Section::Train];
        outer.into_iter().find(|section| section.name() == name)
    }

    /// The section and the name within it of a key that is written in full, the inverse of [`Section::dotted`]: the
    /// longest section that it begins with counts. None where it begins with no section and is not of the root.
    pub fn of_dotted(key: &str) -> Option<(Section, &str)> {
        if !key.contains('.') {
            return Some((Section::Root, key));
        }
        let within = |section: Section| Some((section, key.strip_prefix(section.name())?.strip_prefix('.')?));
        let named = Section::ALL.into_iter().filter(|section| *section != Section::Root);
        named.filter_map(within).min_by_key(|(_, name)| name.len())
    }

    /// `name` as it is written in full: `search.epochs`, or `seed` at the root.
    pub fn dotted(self, name: &str) -> String {
        match self {
            Section::Root => name.to_owned(),
            _ => format!("{}.{name}", self.name()),
        }
    }
}

/// The type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number, 0 or more.
    Integer,
    /// A whole number, 0 or more, that may be written with k, M or G for 10³, 10⁶ or 10⁹: `3.3M`.
    Count,
    /// A number.
    Float,
    /// A number of seconds, that may be written with its unit: `5ms`, `800us`, `0.02s`.
    Seconds,
    /// A text.
    Text,
    /// Texts; on the command line separated by commas.
    List,
}

impl Kind {
    /// The type in words, as errors name it.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Bool => "true or false",
            Kind::Integer => "a whole number, 0 or more",
            Kind::Count => "a whole number, 0 or more, such as 600000, \"600k\" or \"3.3M\"",
            Kind::Float => "a number",
            Kind::Seconds => "a number of seconds, or a time with its unit such as \"5ms\"",
            Kind::Text => "a text in quotes",
            Kind::List => "a list of texts such as [\"a\", \"b\"]",
        }
    }
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub section: Section,
    /// The field's name, in snake case.
    pub name: &'static str,
    /// One line of help, with the unit where there is one.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The texts that are possible, of a text or of a list's members; empty where the text is free.
    pub choices: &'static [&'static str],
    /// The setting of `search.method` that it is another spelling of, known from before there were methods.
    pub of: Option<&'static str>,
    /// The values of `kind` in its table with which it is there; empty where it is there with any.
    pub kinds: &'static [&'static str],
}

impl Key {
    /// The key of that section and name, in snake or kebab case.
    pub fn find(section: Section, name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.section == section && same_name(key.name, name))
    }

    /// `search.epochs`, as errors and the TOML file name it.
    pub fn dotted(&self) -> String {
        self.section.dotted(self.name)
    }

    /// `batch-size`: the name of its flag, without the dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Whether search and training both have a key of this name, so that one flag can mean either.
    pub fn is_common(&self) -> bool {
        match self.section {
            Section::Search => Key::find(Section::Train, self.name).is_some(),
            Section::Train => Key::find(Section::Search, self.name).is_some(),
            Section::Root | Section::Data | Section::Method | Section::Select => false,
        }
    }
}

/// Whether a typed name means the key `snake`.
fn same_name(snake: &str, typed: &str) -> bool {
    snake.len() == typed.len()
        && snake.bytes().zip(typed.bytes()).all(|(key, byte)| key == byte || (key == b'_' && byte == b'-'))
}

/// ` (nearest: paper-cifar10)`; nothing where no option is near.
pub(super) fn nearest_in_brackets<'a>(word: &str, options: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, options).map_or(String::new(), |near| format!(" (nearest: {near})"))
}

/// The key that is most like what was typed; the name counts more than the section. None where no
/// name is like it.
pub(super) fn nearest_key(section: &str, name: &str) -> Option<&'static Key> {
    let snake = name.replace('-', "_");
    first_best(KEYS, |key| likeness(section, key.section.name()) + 4.0 * likeness(&snake, key.name))
        .filter(|key| likeness(&snake, key.name) >= ALIKE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_either_case() {
        let snake = Key::find(Section::Search, "batch_size").unwrap();
        assert_eq!(Key::find(Section::Search, "batch-size"), Some(snake));
        assert_eq!(snake.flag(), "batch-size");
        assert_eq!(snake.dotted(), "search.batch_size");
        assert_eq!(Key::find(Section::Search, "batch size"), None);
        assert_eq!(Key::find(Section::Data, "batch_size"), None);
        assert_eq!(Section::named(""), None);
        assert_eq!(Section::named("train"), Some(Section::Train));
    }

    #[test]
    fn the_nearest_key_minds_name_and_section() {
        let near = |section, name| nearest_key(section, name).unwrap().dotted();
        assert_eq!(near("serach", "epoch"), "search.epochs");
        assert_eq!(near("train", "epoch"), "train.epochs");
        assert_eq!(near("search", "drop-path-prop"), "train.drop_path_prob");
        assert_eq!(near("", "sede"), "seed");
    }

    #[test]
    fn a_dotted_name_belongs_to_the_longest_section() {
        for key in KEYS {
            let name = key.dotted();
            assert_eq!(Section::of_dotted(&name), Some((key.section, key.name)), "{name}");
        }
        assert_eq!(Section::of_dotted("search.method"), Some((Section::Search, "method")));
        assert_eq!(Section::of_dotted("searching.epochs"), None);
    }
}
