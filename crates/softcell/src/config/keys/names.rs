//! The names by which settings are given outside of a file: flags of a program, keywords of a function.

use super::{KEYS, Key, Section};

/// A name by which settings are given, in snake case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: String,
    /// Others that are understood.
    pub aliases: Vec<String>,
    /// What it sets.
    pub keys: Vec<&'static Key>,
    /// Of how many stages it speaks.
    pub reach: Reach,
}

/// Of how many stages a name speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// There is no other setting of this name.
    Only,
    /// Of search and training: it sets both.
    Both,
    /// Of one of the two, where the plain name sets both. It lies over that.
    OneOfTwo,
}

/// The names of the settings in some sections, without those that have none ([`Key::outer_name`]). Where two set the same
/// key, the later one counts.
///
/// ```
/// use softcell::config::{Section, names};
///
/// let all = names(Section::OF_FIT);
/// let keys = |name: &str| all.iter().find(|known| known.name == name).map(|known| known.keys.len());
/// assert_eq!((keys("epochs"), keys("search_epochs"), keys("nodes"), keys("beta1")), (Some(2), Some(1), Some(1), None));
/// ```
pub fn names(sections: &[Section]) -> Vec<Name> {
    let has = |section| sections.contains(&section);
    let both = has(Section::Search) && has(Section::Train);
    let named = || {
        let keys = KEYS.iter().filter(|key| has(key.section));
        keys.filter_map(|key| Some((key, key.outer_name()?)))
    };
    let is_common = |key: &Key| both && key.is_common();
    let mut names = Vec::new();
    for (key, name) in named().filter(|(key, _)| !is_common(key)) {
        let staged = matches!(key.section, Section::Search | Section::Train);
        let short = (key.section, key.name) == (Section::Train, "max_latency");
        let aliases =
            staged.then(|| key.staged_name()).into_iter().chain(short.then(|| "latency".to_owned()));
        names.push(Name { name, aliases: aliases.collect(), keys: vec![key], reach: Reach::Only });
    }
    for (key, name) in named().filter(|(key, _)| is_common(key) && key.section == Section::Train) {
        let other = Key::find(Section::Search, key.name).expect("common keys are in both sections");
        names.push(Name { name, aliases: Vec::new(), keys: vec![key, other], reach: Reach::Both });
    }
    for (key, _) in named().filter(|(key, _)| is_common(key)) {
        let name = key.staged_name();
        names.push(Name { name, aliases: Vec::new(), keys: vec![key], reach: Reach::OneOfTwo });
    }
    names
}

impl Key {
    /// The name by which it is given outside of a file, in snake case; none where only its key reaches it: a setting of a
    /// method has one where its name is a plain one that no other setting has.
    pub fn outer_name(&self) -> Option<String> {
        let name = self.usual_name();
        let taken =
            || KEYS.iter().any(|other| other.section != Section::Method && other.usual_name() == name);
        (self.section != Section::Method || !(self.name.contains('.') || taken())).then_some(name)
    }

    /// The name that says the stage: `search_epochs`.
    fn staged_name(&self) -> String {
        format!("{}_{}", self.section.name(), self.name)
    }

    fn usual_name(&self) -> String {
        let is_elsewhere = |name| KEYS.iter().any(|key| key.section != Section::Select && key.name == name);
        match (self.section, self.name) {
            (Section::Data, "path") => "data".to_owned(),
            (Section::Data, "format") => "data_format".to_owned(),
            (Section::Method, "name") => "method".to_owned(),
            (Section::Select, name) if is_elsewhere(name) => self.staged_name(),
            (_, name) => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_with_a_name_can_be_given_alone() {
        for key in KEYS.iter().filter(|key| key.outer_name().is_some()) {
            let alone: Vec<Name> =
                names(Section::OF_FIT).into_iter().filter(|name| name.keys == [key]).collect();
            assert_eq!(alone.len(), 1, "{}: {alone:?}", key.dotted());
        }
    }

    #[test]
    fn no_name_means_two_things() {
        for sections in [Section::OF_FIT, Section::OF_SEARCH, Section::OF_TRAIN] {
            let all: Vec<Name> = names(sections);
            let mut words: Vec<&String> =
                all.iter().flat_map(|name| std::iter::once(&name.name).chain(&name.aliases)).collect();
            let count = words.len();
            words.sort();
            words.dedup();
            assert_eq!(words.len(), count);
        }
    }
}
