//! Which image files are meant by what a user names: files, folders, patterns.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use walkdir::{DirEntry, WalkDir};

use super::kinds::{FileKind, file_kind};
use crate::error::{Error, Result};

/// Something that was named and stands for no image.
#[derive(Debug)]
pub struct NotFound {
    /// The path as it was named.
    pub path: PathBuf,
    /// Why.
    pub error: Error,
}

/// What stands for what was named.
#[derive(Debug, Default)]
pub struct Found {
    /// The images, and what stands for none in its place.
    pub images: Vec<Result<PathBuf, NotFound>>,
    /// Images in folders and behind patterns that are of kinds which cannot be read: how many of each, by the end of
    /// their name in capitals, such as `AVIF`.
    pub left_out: BTreeMap<String, usize>,
}

impl Found {
    /// `2 AVIF, 1 ICO`; nothing where nothing was left out.
    pub fn left_out_in_words(&self) -> Option<String> {
        let words: Vec<String> = self.left_out.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// The images that `named` stand for, in its order.
///
/// A folder stands for the images in it and below it, by name; hidden entries and files that are not named
/// like images are left out, links to folders are not followed. What is not there but has `*`, `?` or `[`
/// in it is a pattern (`**` for any folders), which a shell has not expanded: it stands for the images and
/// folders that match, each once. Anything else is taken for an image, whatever it is called and whether
/// it is there or not: reading it says so.
pub fn find_images(named: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in named {
        let mut search = Search::default();
        match search.find(path) {
            Ok(()) => found.images.extend(search.images),
            Err(error) => found.images.push(Err(NotFound { path: path.clone(), error })),
        }
        for (kind, n) in search.left_out {
            *found.left_out.entry(kind).or_default() += n;
        }
    }
    found
}

/// What one of the named stands for.
#[derive(Default)]
struct Search {
    images: Vec<Result<PathBuf, NotFound>>,
    left_out: BTreeMap<String, usize>,
    seen: HashSet<PathBuf>,
}

impl Search {
    fn find(&mut self, path: &Path) -> Result<()> {
        if path.is_dir() {
            self.below(path)?;
            return self.not_empty(path, "there is no image in the folder");
        }
        if path.to_string_lossy().contains(['*', '?', '[']) && !path.exists() {
            self.matches_of(path)?;
            return self.not_empty(path, "no image matches the pattern");
        }
        self.images.push(Ok(path.to_path_buf()));
        Ok(())
    }

    /// An error where nothing was found.
    fn not_empty(&mut self, path: &Path, problem: &str) -> Result<()> {
        if !self.images.is_empty() {
            return Ok(());
        }
        let left_out = std::mem::take(&mut self.left_out);
        let found = Found { left_out, ..Found::default() };
        let (problem, remedy) = match found.left_out_in_words() {
            None => (problem.to_owned(), "name images, or a folder of them"),
            Some(words) => (format!("{problem} that can be read ({words})"), "convert them to PNG or JPEG"),
        };
        Err(Error::data(path, problem, remedy))
    }

    /// Takes the images that match a pattern, or lie in folders that do.
    fn matches_of(&mut self, path: &Path) -> Result<()> {
        let parts = pattern_of(path)?;
        for entry in expanded(&parts) {
            if entry.is_dir() {
                self.below(&entry)?;
            } else {
                self.take(entry);
            }
        }
        Ok(())
    }

    /// Takes the images in a folder and below it, by name.
    fn below(&mut self, folder: &Path) -> Result<()> {
        // Links to folders are not followed: they may lead in a circle.
        for entry in walk(folder) {
            let entry = entry.map_err(|error| {
                let place = error.path().unwrap_or(folder).to_path_buf();
                Error::io("read the folder", place)(error.into())
            })?;
            if !entry.file_type().is_dir() && !entry.path().is_dir() {
                self.take(entry.into_path());
            }
        }
        Ok(())
    }

    fn take(&mut self, path: PathBuf) {
        let kind = file_kind(&path);
        if kind == FileKind::NoImage || !self.seen.insert(path.clone()) {
            return;
        }
        if kind == FileKind::Image {
            // Reading a pipe that nobody named could wait for ever.
            let is_other = path.metadata().is_ok_and(|data| !data.is_file());
            self.images.push(if is_other { Err(no_file(path)) } else { Ok(path) });
        } else {
            let extension = path.extension().unwrap_or_default().to_string_lossy().to_uppercase();
            *self.left_out.entry(extension).or_default() += 1;
        }
    }
}

fn no_file(path: PathBuf) -> NotFound {
    let problem = "is a pipe, socket or device, not a file";
    NotFound { error: Error::data(&path, problem, "name images, or a folder of them"), path }
}

/// A folder and what is in it and below it, by name, hidden entries left out.
fn walk(folder: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    let shown = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(entry.file_name());
    WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(shown)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// A part of a pattern, between two separators.
enum Part {
    /// Exactly this.
    Plain(PathBuf),
    /// Names of this form.
    Form(Pattern),
    /// Any folders, or none.
    Folders,
}

/// The parts of a pattern.
fn pattern_of(path: &Path) -> Result<Vec<Part>> {
    let no_pattern = |why: &str| {
        let problem = format!("is neither a file nor a pattern ({why})");
        Error::data(path, problem, "mend the pattern, or the name")
    };
    let mut parts = Vec::new();
    for component in path.components() {
        let Component::Normal(name) = component else {
            parts.push(Part::Plain(PathBuf::from(component.as_os_str())));
            continue;
        };
        let text = name.to_string_lossy();
        parts.push(match &*text {
            "**" => Part::Folders,
            text if !text.contains(['*', '?', '[']) => Part::Plain(PathBuf::from(name)),
            text => Part::Form(Pattern::new(text).map_err(|error| no_pattern(error.msg))?),
        });
    }
    if let Some(Part::Folders) = parts.last() {
        // As a shell has it: folders, which stand for the images in them.
        parts.push(Part::Plain(PathBuf::new()));
    }
    Ok(parts)
}

/// What there is that matches, by name. Folders that cannot be read match nothing.
fn expanded(parts: &[Part]) -> Vec<PathBuf> {
    // A folder cannot match an empty name: the working folder is none of its entries.
    let mut found = vec![PathBuf::new()];
    for part in parts {
        let mut next = Vec::new();
        for place in found {
            let folder = if place.as_os_str().is_empty() { Path::new(".") } else { &place };
            match part {
                Part::Plain(name) => next.extend(Some(place.join(name)).filter(|path| path.exists())),
                Part::Form(form) => next.extend(entries(folder, form).map(|name| place.join(name))),
                Part::Folders => {
                    let below = walk(folder).flatten().filter(|entry| entry.file_type().is_dir());
                    let inside =
                        below.filter_map(|e| Some(e.path().strip_prefix(folder).ok()?.to_path_buf()));
                    // An empty path joined would end the place with a separator.
                    next.extend(inside.map(|path| {
                        if path.as_os_str().is_empty() { place.clone() } else { place.join(path) }
                    }));
                }
            }
        }
        found = next;
    }
    found
}

/// The names of a folder's entries that are of a form; a name with a dot in front only if the form has it too.
fn entries(folder: &Path, form: &Pattern) -> impl Iterator<Item = PathBuf> {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    // Names that are not UTF-8 are matched as they are shown.
    let is_match = move |name: &Path| form.matches_with(&name.to_string_lossy(), options);
    let level = WalkDir::new(folder).min_depth(1).max_depth(1).sort_by_file_name();
    level
        .into_iter()
        .flatten()
        .map(|entry| PathBuf::from(entry.file_name()))
        .filter(move |name| is_match(name))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.JPG", "note.txt", ".hidden.png", "in/c.png", "in/deep/d.gif", "[x].png"] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::create_dir(root.path().join("empty")).unwrap();
        root
    }

    /// What is found, relative to the folder; errors as their text.
    fn found(root: &Path, named: &[&str]) -> Vec<String> {
        let named: Vec<PathBuf> = named.iter().map(|name| root.join(name)).collect();
        let words = |found: Result<PathBuf, NotFound>| match found {
            Ok(path) => path.strip_prefix(root).unwrap().display().to_string(),
            Err(NotFound { path, error }) => {
                assert!(named.contains(&path));
                error.to_string()
            }
        };
        find_images(&named).images.into_iter().map(words).collect()
    }

    #[test]
    fn files_folders_and_patterns() {
        let folder = folder();
        let root = folder.path();
        let all = ["[x].png", "a.JPG", "b.png", "in/c.png", "in/deep/d.gif"];
        assert_eq!(found(root, &["."]).iter().map(|p| p.trim_start_matches("./")).collect::<Vec<_>>(), all);
        assert_eq!(found(root, &["b.png", "note.txt", "gone.png"]), ["b.png", "note.txt", "gone.png"]);
        assert_eq!(found(root, &["*.png", "in"]), ["[x].png", "b.png", "in/c.png", "in/deep/d.gif"]);
        assert_eq!(found(root, &["**/*"]), all);
        assert_eq!(found(root, &["**"]), all);
        assert_eq!(found(root, &["**/*.gif", "*/deep/?.gif"]), ["in/deep/d.gif", "in/deep/d.gif"]);
        assert_eq!(found(root, &["*/*.png"]), ["in/c.png"], "a star does not cross a separator");
        assert!(found(root, &["*idden.png"])[0].contains("no image matches"), "a dot must be typed");
        assert_eq!(found(root, &[".*.png"]), [".hidden.png"]);
        assert!(found(root, &["A.*"])[0].contains("no image matches"), "letters are not folded");
        assert_eq!(found(root, &["*"]), all);
        assert_eq!(found(root, &["[ab].*"]), ["a.JPG", "b.png"]);
        assert_eq!(found(root, &["?.png"]), ["b.png"]);
        assert_eq!(found(root, &["[x].png"]), ["[x].png"], "a file of that name comes first");
    }

    #[test]
    fn what_stands_for_no_image_is_told_in_its_place() {
        let folder = folder();
        let root = folder.path();
        let found = found(root, &["*.bmp", "b.png", "empty", "note.*", "[", "***"]);
        assert!(found[0].contains("*.bmp: no image matches the pattern; name images"), "{}", found[0]);
        assert_eq!(found[1], "b.png");
        assert!(found[2].contains("empty: there is no image in the folder"), "{}", found[2]);
        assert!(found[3].contains("no image matches"), "{}", found[3]);
        assert!(found[4].contains("neither a file nor a pattern"), "{}", found[4]);
        assert!(found[5].contains("neither a file nor a pattern"), "{}", found[5]);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_end() {
        let folder = folder();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("in/circle")).unwrap();
        assert_eq!(found(folder.path(), &["in"]), ["in/c.png", "in/deep/d.gif"]);
    }

    #[test]
    fn images_of_other_kinds_are_counted() {
        let folder = folder();
        let root = folder.path();
        for name in ["a.avif", "in/b.AVIF", "in/c.ico", "only/d.heic"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "").unwrap();
        }
        let all = find_images(&[root.to_path_buf()]);
        assert_eq!(all.left_out_in_words().unwrap(), "2 AVIF, 1 HEIC, 1 ICO");
        assert_eq!(find_images(&[root.join("in/*")]).left_out_in_words().unwrap(), "1 AVIF, 1 ICO");
        assert_eq!(find_images(&[root.join("b.png")]).left_out_in_words(), None);
        let only = found(root, &["only"]);
        assert!(only[0].contains("no image in the folder that can be read (1 HEIC); convert"), "{only:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_utf_8_match() {
        use std::os::unix::ffi::OsStrExt;
        let folder = folder();
        let odd = folder.path().join("in").join(OsStr::from_bytes(b"caf\xe9.png"));
        fs::write(&odd, "").unwrap();
        fs::create_dir(folder.path().join(OsStr::from_bytes(b"\xff"))).unwrap();
        for pattern in ["**/*.png", "in/caf?.png", "in", "*/caf*"] {
            let found = find_images(&[folder.path().join(pattern)]);
            let images: Vec<PathBuf> = found.images.into_iter().map(Result::unwrap).collect();
            assert!(images.contains(&odd), "{pattern}: {images:?}");
        }
    }
}
