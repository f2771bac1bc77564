//! The list that every kind of image files comes down to.

use std::path::Path;

use super::super::fault::{Problem, Problems};
use super::store::{Place, Store};
use crate::error::{Error, Result};
use crate::shown::listed;

/// The part of the data that an image was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in super::super) enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    /// By the name of a folder, of a file or in a table.
    pub fn named(name: &str) -> Option<Part> {
        match name.trim().to_lowercase().as_str() {
            "train" | "training" => Some(Part::Train),
            "val" | "valid" | "validation" => Some(Part::Validation),
            "test" | "testing" => Some(Part::Test),
            _ => None,
        }
    }

    /// Whether its images are training images, those for validation included.
    pub fn is_training(self) -> bool {
        self != Part::Test
    }

    pub fn noun(self) -> &'static str {
        match self {
            Part::Train => "training",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// An image with the names that it was given.
pub(super) struct Named {
    pub name: String,
    pub place: Place,
    pub class: String,
    pub part: Part,
    pub group: Option<String>,
}

/// An image that has not been decoded.
#[derive(Debug, Clone)]
pub(in super::super) struct Entry {
    /// What messages call it.
    pub name: String,
    pub place: Place,
    pub label: u32,
    pub part: Part,
    /// Images of one group stay in one part; 0 for an image on its own.
    pub group: u32,
}

/// The images that there are.
#[derive(Debug)]
pub(in super::super) struct Catalogue {
    /// Names, in order.
    pub classes: Vec<String>,
    /// Training images class after class, then those of validation and test.
    pub entries: Vec<Entry>,
    pub store: Store,
    /// What was decided, in sentences.
    pub notes: Vec<String>,
    /// What does not keep a run from beginning.
    pub problems: Vec<Problem>,
    /// What does.
    pub obstacles: Vec<Obstacle>,
}

/// Why a run cannot begin with these images.
#[derive(Debug, Clone)]
pub(in super::super) struct Obstacle {
    pub problem: Problem,
    pub remedy: String,
}

impl Catalogue {
    /// The images of one class and part, named and labelled, that were found as `found`.
    pub(super) fn assemble(
        found: Vec<Named>,
        store: Store,
        mut notes: Vec<String>,
        problems: Problems,
        root: &Path,
    ) -> Result<Catalogue> {
        let has = |part| found.iter().any(|image| image.part == part);
        // With a validation part alone, that is the one that no choice may see.
        let val_is_test = has(Part::Validation) && !has(Part::Test);
        if val_is_test {
            notes.push(
                "there is no test part: the validation part is the test part, and validation is split off from \
                 training"
                    .into(),
            );
        }
        let mut classes: Vec<String> =
            found.iter().filter(|image| image.part == Part::Train).map(|image| image.class.clone()).collect();
        classes.sort();
        classes.dedup();
        let mut unknown = Vec::new();
        let mut groups = std::collections::HashMap::new();
        let mut entries = Vec::with_capacity(found.len());
        for image in found {
            let Ok(label) = classes.binary_search(&image.class) else {
                unknown.push((image.part, image.class, image.name));
                continue;
            };
            let part = if val_is_test && image.part == Part::Validation { Part::Test } else { image.part };
            let next = groups.len() as u32 + 1;
            let group = image.group.map_or(0, |name| *groups.entry(name).or_insert(next));
            entries.push(Entry { name: image.name, place: image.place, label: label as u32, part, group });
        }
        let mut obstacles = Vec::new();
        if entries.is_empty() && unknown.is_empty() {
            return Err(Error::data(
                root,
                "found no image",
                "name a folder with a folder of images per class",
            ));
        }
        let mut strangers = Problems::default();
        let known = listed(&classes);
        for (part, class, name) in unknown {
            let what = format!(
                "found class {class} in the {} part, which the training part has not (it has {known})",
                part.noun()
            );
            strangers.add(what, name);
        }
        for problem in strangers.into_vec() {
            let remedy = "name the classes alike in all parts, or remove it".to_owned();
            obstacles.push(Obstacle { problem, remedy });
        }
        for part in [Part::Validation, Part::Test] {
            let of = |label: u32| entries.iter().any(|e| e.part == part && e.label == label);
            if entries.iter().any(|e| e.part == part) {
                let without: Vec<String> =
                    (0..).zip(&classes).filter(|(l, _)| !of(*l)).map(|(_, class)| class.clone()).collect();
                if !without.is_empty() {
                    notes.push(format!("no {} images of class {}", part.noun(), listed(&without)));
                }
            }
        }
        entries.sort_by_key(|entry| (entry.part, entry.label));
        Ok(Catalogue { classes, entries, store, notes, problems: problems.into_vec(), obstacles })
    }
}
