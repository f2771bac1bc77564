//! Which image files of a folder belong to which class and part.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::source::listed;
use crate::error::{Error, Result};

/// What image files are called, in lower case.
const EXTENSIONS: [&str; 10] = ["png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff", "ppm", "pgm"];

/// Deepest sub-folder of a class; deeper is taken for a circle of links.
const MAX_DEPTH: usize = 16;

/// The files of each class, in order.
type Classes = Vec<(String, Vec<PathBuf>)>;

/// A folder of images, as it lies.
#[derive(Debug)]
pub(super) struct Layout {
    /// Names, in order.
    pub classes: Vec<String>,
    /// Training files of each class, in order; no class is without.
    pub train: Vec<Vec<PathBuf>>,
    /// Test files of each class; a class may be without.
    pub test: Option<Vec<Vec<PathBuf>>>,
    /// What was decided.
    pub notes: Vec<String>,
}

/// The parts a sub-folder can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    fn of(folder: &Path) -> Option<Part> {
        match name_of(folder).to_lowercase().as_str() {
            "train" => Some(Part::Train),
            "val" | "valid" => Some(Part::Validation),
            "test" => Some(Part::Test),
            _ => None,
        }
    }
}

/// Finds classes and parts below `root`.
pub(super) fn scan(root: &Path) -> Result<Layout> {
    let mut scanner = Scanner::default();
    let top = scanner.list(root)?;
    let parts = parts(&mut scanner, &top)?;
    let mut notes = Vec::new();
    let (train, test) = match parts {
        None => (scanner.classes(root)?, None),
        Some(Parts { train, validation, test, others }) => {
            if !others.is_empty() {
                notes.push(format!("beside train/, these folders were left out: {}", listed(&others)));
            }
            let mut images = scanner.classes(&train)?;
            let test = match (validation, test) {
                (Some(validation), Some(test)) => {
                    let extra = scanner.classes(&validation)?;
                    let count: usize = extra.iter().map(|(_, files)| files.len()).sum();
                    notes.push(format!(
                        "the {count} images in {} joined the training part; validation is split off anew",
                        name_of(&validation)
                    ));
                    let joined = aligned(&images, extra, &validation)?;
                    for ((_, files), extra) in images.iter_mut().zip(joined) {
                        files.extend(extra);
                    }
                    Some(test)
                }
                (Some(validation), None) => {
                    notes.push(format!(
                        "there is no test folder: {} is the test part; validation is split off from train",
                        name_of(&validation)
                    ));
                    Some(validation)
                }
                (None, test) => test,
            };
            let test = match test {
                Some(folder) => Some(aligned(&images, scanner.classes(&folder)?, &folder)?),
                None => None,
            };
            (images, test)
        }
    };
    check_not_empty(root, &train)?;
    let (classes, train): (Vec<_>, Vec<_>) = train.into_iter().unzip();
    if let Some(test) = &test {
        let without: Vec<String> = classes
            .iter()
            .zip(test)
            .filter(|(_, files)| files.is_empty())
            .map(|(class, _)| class.clone())
            .collect();
        if !without.is_empty() {
            notes.push(format!("no test images of class {}", listed(&without)));
        }
    }
    notes.extend(scanner.note());
    Ok(Layout { classes, train, test, notes })
}

/// Refuses classes without a training image.
fn check_not_empty(root: &Path, train: &Classes) -> Result<()> {
    let empty: Vec<String> =
        train.iter().filter(|(_, files)| files.is_empty()).map(|(class, _)| class.clone()).collect();
    if empty.is_empty() {
        return Ok(());
    }
    Err(Error::data(
        root,
        format!("found no image in the class folder {}", listed(&empty)),
        format!("put images there ({}), or remove the folder", EXTENSIONS.join(", ")),
    ))
}

/// The files of `part`, in the order of the classes of `train`.
fn aligned(train: &Classes, part: Classes, folder: &Path) -> Result<Vec<Vec<PathBuf>>> {
    let mut files = vec![Vec::new(); train.len()];
    let mut unknown = Vec::new();
    for (class, of_class) in part {
        match train.iter().position(|(name, _)| *name == class) {
            Some(place) => files[place] = of_class,
            None => unknown.push(class),
        }
    }
    if unknown.is_empty() {
        return Ok(files);
    }
    let known: Vec<String> = train.iter().map(|(class, _)| class.clone()).collect();
    Err(Error::data(
        folder,
        format!(
            "found class {}, which the training part has not (it has {})",
            listed(&unknown),
            listed(&known)
        ),
        "name the classes alike in all parts, or remove it",
    ))
}

/// Folders of parts.
struct Parts {
    train: PathBuf,
    validation: Option<PathBuf>,
    test: Option<PathBuf>,
    /// Names of folders that are none of these.
    others: Vec<String>,
}

/// The parts among the folders of the root; none if these are classes.
///
/// A folder is a part if it is named so and holds folders. A class may be called "train": beside folders of
/// other names, one with images directly in it is a class.
fn parts(scanner: &mut Scanner, top: &Listing) -> Result<Option<Parts>> {
    let (mut train, mut validation, mut test, mut others) = (None, None, None, Vec::new());
    let only_parts = top.folders.iter().all(|folder| Part::of(folder).is_some());
    for folder in &top.folders {
        let slot = match Part::of(folder) {
            Some(Part::Train) => &mut train,
            Some(Part::Validation) => &mut validation,
            Some(Part::Test) => &mut test,
            None => {
                others.push(name_of(folder));
                continue;
            }
        };
        let inside = scanner.list(folder)?;
        if inside.folders.is_empty() || !(inside.images.is_empty() || only_parts) {
            others.push(name_of(folder));
        } else if let Some(first) = slot.replace(folder.clone()) {
            return Err(Error::data(
                folder,
                format!("found a second folder for the same part, beside {}", name_of(&first)),
                "keep one of them",
            ));
        }
    }
    match (train, validation.is_some() || test.is_some()) {
        (Some(train), _) => Ok(Some(Parts { train, validation, test, others })),
        (None, true) if others.is_empty() => Err(Error::data(
            top.folders[0].parent().unwrap_or(Path::new(".")),
            "found a test or validation part but no train folder with a folder per class",
            "name the folder of the training images `train`",
        )),
        _ => Ok(None),
    }
}

/// What lies directly in a folder, sorted by name, without hidden entries.
#[derive(Debug, Default)]
struct Listing {
    folders: Vec<PathBuf>,
    images: Vec<PathBuf>,
    /// Hidden entries and files that are no images.
    others: usize,
}

/// Lists folders and counts what is ignored on the way.
#[derive(Debug, Default)]
struct Scanner {
    ignored: usize,
    loose: usize,
}

impl Scanner {
    fn list(&mut self, folder: &Path) -> Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(folder).map_err(Error::io("read the folder", folder))? {
            let path = entry.map_err(Error::io("read the folder", folder))?.path();
            let name = name_of(&path);
            if name.starts_with('.') || name == "__MACOSX" {
                listing.others += 1;
            } else if path.is_dir() {
                listing.folders.push(path);
            } else if is_image(&path) {
                listing.images.push(path);
            } else {
                listing.others += 1;
            }
        }
        listing.folders.sort();
        listing.images.sort();
        Ok(listing)
    }

    /// The class folders below `folder` with all their images.
    fn classes(&mut self, folder: &Path) -> Result<Classes> {
        let listing = self.list(folder)?;
        self.ignored += listing.others;
        self.loose += listing.images.len();
        if listing.folders.is_empty() {
            return Err(Error::data(
                folder,
                format!("found {} images and no folder, expected one folder per class", listing.images.len()),
                "sort the images into <class>/ folders, or train/<class>/ and test/<class>/",
            ));
        }
        let mut classes = Vec::new();
        for class in listing.folders {
            let mut files = Vec::new();
            self.collect(&class, 0, &mut files)?;
            classes.push((name_of(&class), files));
        }
        Ok(classes)
    }

    /// Appends all images below `folder`: its own before those of its folders.
    fn collect(&mut self, folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::data(
                folder,
                format!("lies more than {MAX_DEPTH} folders deep in its class"),
                "look for a link that leads in a circle",
            ));
        }
        let listing = self.list(folder)?;
        self.ignored += listing.others;
        files.extend(listing.images);
        for inner in listing.folders {
            self.collect(&inner, depth + 1, files)?;
        }
        Ok(())
    }

    /// What was ignored, in sentences.
    fn note(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.ignored > 0 {
            notes.push(format!("{} files that are hidden or no images were ignored", self.ignored));
        }
        if self.loose > 0 {
            notes.push(format!("{} images that lie in no class folder were ignored", self.loose));
        }
        notes
    }
}

/// The last component as text.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a file is called like an image that can be read.
pub fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_lowercase);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}
