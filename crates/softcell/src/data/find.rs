//! Which image files are meant by what a user names: files, folders, patterns.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, glob_with};

use super::kinds::is_image;
use crate::error::{Error, Result};

/// Something that was named and stands for no image.
#[derive(Debug)]
pub struct NotFound {
    /// As it was named.
    pub path: PathBuf,
    /// Why.
    pub error: Error,
}

/// The images that `named` stand for, in its order.
///
/// A folder stands for the images in it and below it, by name; hidden entries and files that are not named
/// like images are left out, links to folders are not followed. What is not there but has `*`, `?` or `[`
/// in it is a pattern (`**` for any folders), which a shell has not expanded: it stands for the images and
/// folders that match, each once. Anything else is taken for an image, whatever it is called and whether
/// it is there or not: reading it says so.
pub fn find_images(named: &[PathBuf]) -> Vec<Result<PathBuf, NotFound>> {
    let mut all = Vec::new();
    for path in named {
        match find(path) {
            Ok(found) => all.extend(found.into_iter().map(Ok)),
            Err(error) => all.push(Err(NotFound { path: path.clone(), error })),
        }
    }
    all
}

fn find(path: &Path) -> Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    if path.is_dir() {
        below(path, &mut images)?;
        if images.is_empty() {
            let remedy = "name images, or a folder of them";
            return Err(Error::data(path, "there is no image in the folder", remedy));
        }
        return Ok(images);
    }
    match path.to_str() {
        Some(text) if text.contains(['*', '?', '[']) && !path.exists() => matches_of(path, text),
        _ => Ok(vec![path.to_path_buf()]),
    }
}

/// The images that match a pattern, or lie in folders that do.
fn matches_of(path: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let entries = glob_with(pattern, options).map_err(|error| {
        Error::data(
            path,
            format!("is neither a file nor a pattern ({error})"),
            "mend the pattern, or the name",
        )
    })?;
    let mut images = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| {
            let place = error.path().to_path_buf();
            Error::io("read the folder", place)(error.into())
        })?;
        if entry.is_dir() {
            below(&entry, &mut images)?;
        } else if is_image(&entry) {
            images.push(entry);
        }
    }
    let mut seen = HashSet::new();
    images.retain(|image| seen.insert(image.clone()));
    if images.is_empty() {
        return Err(Error::data(path, "no image matches the pattern", "name images, or a folder of them"));
    }
    Ok(images)
}

/// Appends the images in a folder and below it, by name.
fn below(folder: &Path, images: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut entries = entries.map_err(Error::io("read the folder", folder))?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        let is_folder = entry.file_type().map_err(Error::io("look at", &path))?.is_dir();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // Links to folders are not followed: they may lead in a circle.
        if is_folder {
            below(&path, images)?;
        } else if is_image(&path) && !path.is_dir() {
            images.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        find_images(&named).into_iter().map(words).collect()
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
}
