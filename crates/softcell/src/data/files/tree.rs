//! Paths of files to classes and parts.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use super::super::fault::{Problem, Problems};
use super::super::kinds::{FileKind, file_kind};
use super::catalogue::{Catalogue, Named, Obstacle, Part};
use super::store::{Place, Store};
use crate::error::{Error, Result};
use crate::shown::listed;

/// Files and folders by name.
#[derive(Debug, Default)]
pub(super) struct Tree {
    top: Folder,
    /// Hidden files, and files that are no images.
    ignored: usize,
    /// Files that are images of a kind that is not decoded, by extension.
    unread: BTreeMap<String, (usize, String)>,
}

#[derive(Debug, Default)]
struct Folder {
    folders: BTreeMap<String, Folder>,
    images: Vec<(String, Place)>,
}

/// A name as a text; bytes that are not UTF-8 as `\xE9`, so that different names stay different.
pub(super) fn name_of(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    text
}

/// Whether the data may lie in a folder of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// Another folder may lie around the classes, as in archives: `photos.zip` holds `photos/`, and that the classes.
    Allowed,
    /// They lie where the user says.
    None,
}

/// The parts among folders, and the names of those that are none.
type Parts = (Vec<(Part, String)>, Vec<String>);

impl Tree {
    /// Counts a file that is of no interest.
    pub fn ignore(&mut self) {
        self.ignored += 1;
    }

    /// Notes a folder, which may be empty.
    pub fn folder(&mut self, path: &Path) {
        self.descend(path);
    }

    fn descend(&mut self, path: &Path) -> &mut Folder {
        let names = path.components().map(|part| name_of(part.as_os_str()));
        names.fold(&mut self.top, |folder, name| folder.folders.entry(name).or_default())
    }

    /// Notes a file.
    pub fn file(&mut self, path: &Path, place: impl FnOnce() -> Place) {
        let name = name_of(path.as_os_str());
        match file_kind(path) {
            FileKind::Image => {
                let folder = self.descend(path.parent().unwrap_or(Path::new("")));
                folder.images.push((name, place()));
            }
            FileKind::OtherImage => {
                let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
                self.unread.entry(extension).or_insert((0, name)).0 += 1;
            }
            FileKind::NoImage => self.ignored += 1,
        }
    }

    /// The images below it by class and part; `root` is for messages.
    ///
    /// # Errors
    ///
    /// When there is no folder that could be a class.
    pub fn catalogue(
        mut self,
        root: &Path,
        wrapping: Wrapping,
        store: Store,
        problems: Problems,
    ) -> Result<Catalogue> {
        let mut top = std::mem::take(&mut self.top);
        while wrapping == Wrapping::Allowed && top.images.is_empty() && top.folders.len() == 1 {
            let (name, inner) = top.folders.pop_first().expect("there is one");
            if inner.folders.is_empty() {
                top.folders.insert(name, inner);
                break;
            }
            top = inner;
        }
        let mut collected = Collected::default();
        let (parts, others) = parts(&top, root)?;
        if parts.is_empty() {
            collected.classes(&top, Part::Train, root, "")?;
        } else {
            if !others.is_empty() {
                let note = format!("beside train/, these folders were left out: {}", listed(&others));
                collected.notes.push(note);
            }
            collected.loose += top.images.len();
            for (part, name) in &parts {
                collected.classes(&top.folders[name], *part, &root.join(name), &format!("{name}/"))?;
            }
        }
        let Collected { found, mut notes, loose, empty } = collected;
        let mut obstacles = Vec::new();
        let mut left_out = Vec::new();
        for (part, class, place) in empty {
            let elsewhere = found.iter().any(|image| image.class == class);
            match part {
                Part::Train if elsewhere => obstacles.push(Obstacle {
                    problem: Problem {
                        what: format!("found no image in the training folder of class {class}"),
                        count: 1,
                        examples: vec![place],
                    },
                    remedy: "put images there, or remove the class from the other parts".into(),
                }),
                Part::Train => left_out.push(class),
                // Told with the classes that a part is without.
                _ => {}
            }
        }
        if !left_out.is_empty() {
            left_out.dedup();
            let s = if left_out.len() == 1 { "folder of class" } else { "folders of the classes" };
            notes.push(format!("no image in the {s} {}: left out", listed(&left_out)));
        }
        if self.ignored > 0 {
            notes.push(match self.ignored {
                1 => "1 file that is hidden or no image was ignored".to_owned(),
                n => format!("{n} files that are hidden or no images were ignored"),
            });
        }
        if loose > 0 {
            notes.push(match loose {
                1 => "1 image that lies in no class folder was ignored".to_owned(),
                n => format!("{n} images that lie in no class folder were ignored"),
            });
        }
        let mut problems = problems;
        for (extension, (count, example)) in self.unread {
            for _ in 0..count {
                problems.add(format!(".{extension} files are not read: convert them"), example.clone());
            }
        }
        let mut catalogue = Catalogue::assemble(found, store, notes, problems, root)?;
        catalogue.obstacles.extend(obstacles);
        Ok(catalogue)
    }
}

/// Images as they are found.
#[derive(Default)]
struct Collected {
    found: Vec<Named>,
    notes: Vec<String>,
    loose: usize,
    /// Part, class and place of folders without images.
    empty: Vec<(Part, String, String)>,
}

impl Collected {
    /// Each folder of `folder` is a class.
    fn classes(&mut self, folder: &Folder, part: Part, root: &Path, prefix: &str) -> Result<()> {
        self.loose += folder.images.len();
        if folder.folders.is_empty() {
            return Err(Error::data(
                root,
                format!(
                    "found {} image{} and no folder, expected one folder per class",
                    folder.images.len(),
                    if folder.images.len() == 1 { "" } else { "s" }
                ),
                "sort the images into <class>/ folders, or train/<class>/ and test/<class>/; a table of paths and \
                 classes is read too (CSV)",
            ));
        }
        for (class, inner) in &folder.folders {
            let before = self.found.len();
            self.collect(inner, class, part);
            if self.found.len() == before {
                self.empty.push((part, class.clone(), format!("{prefix}{class}")));
            }
        }
        Ok(())
    }

    /// All images below `folder`: its own before those of its folders.
    fn collect(&mut self, folder: &Folder, class: &str, part: Part) {
        self.found.extend(folder.images.iter().map(|(name, place)| Named {
            name: name.clone(),
            place: place.clone(),
            class: class.to_owned(),
            part,
            group: None,
        }));
        for inner in folder.folders.values() {
            self.collect(inner, class, part);
        }
    }
}

/// The parts among the folders; none if these are classes.
///
/// A folder is a part if it is named so and holds folders. A class may be called "train": beside folders of
/// other names, one with images directly in it is a class.
fn parts(top: &Folder, root: &Path) -> Result<Parts> {
    let (mut parts, mut others) = (Vec::<(Part, String)>::new(), Vec::new());
    let only_parts = top.folders.keys().all(|name| Part::named(name).is_some());
    for (name, folder) in &top.folders {
        let part = Part::named(name)
            .filter(|_| !folder.folders.is_empty() && (folder.images.is_empty() || only_parts));
        let Some(part) = part else {
            others.push(name.clone());
            continue;
        };
        if let Some((_, first)) = parts.iter().find(|(other, _)| *other == part) {
            return Err(Error::data(
                root.join(name),
                format!("found a second folder for the same part, beside {first}"),
                "keep one of them",
            ));
        }
        parts.push((part, name.clone()));
    }
    parts.sort();
    match parts.first() {
        None | Some((Part::Train, _)) => Ok((parts, others)),
        Some(_) if others.is_empty() => Err(Error::data(
            root,
            "found a test or validation part but no train folder with a folder per class",
            "name the folder of the training images `train`",
        )),
        Some(_) => Ok((Vec::new(), others)),
    }
}
