//! The files of an earlier run, or of an earlier training, set aside until those that replace them have proved
//! themselves.
//!
//! They are moved to [`REPLACED`]. Once the new ones have a checkpoint, that folder gets another name in one step
//! ([`settle`]) and is removed. Until then a failure, or whoever opens the folder after a kill, puts everything back
//! ([`restore`]). A kill between any two of the steps leaves either run whole.

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::files::{DISCARDED, FOLDERS, LOCK, MARKER, PARTS, REPLACED, is_made};
use crate::error::{Error, Result};
use crate::reading::MOST_OF_A_RECORD;

/// What of a run is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The files, by their paths in the run.
    pub files: Vec<String>,
    /// Their size.
    pub bytes: u64,
}

/// `list.json`.
#[derive(Debug, Serialize, Deserialize)]
struct List {
    /// What is, or is about to be, set aside.
    files: Vec<String>,
    /// What stays where it is.
    kept: Vec<String>,
}

fn list_name() -> String {
    format!("{REPLACED}/list.json")
}

fn aside(file: &str) -> String {
    format!("{REPLACED}/files/{file}")
}

/// The files that the program made, by their paths in the run; but for those that stay whatever is replaced.
pub(super) fn made_files(directory: &Directory) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for folder in [""].into_iter().chain(FOLDERS) {
        for name in directory.names(folder)?.into_iter().filter(|name| is_made(folder, name)) {
            files.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
        }
    }
    files.retain(|file| ![MARKER, LOCK].contains(&file.as_str()));
    // A folder of folders that are all the program's.
    files.extend(directory.is_folder(PARTS).then(|| PARTS.to_owned()));
    Ok(files)
}

/// Sets these files aside.
///
/// # Errors
/// What the file system says; they can then be put back by [`restore`].
pub(super) fn set_aside(directory: &Directory, files: Vec<String>) -> Result<SetAside> {
    let bytes = files.iter().map(|file| directory.size(file)).sum();
    let kept = made_files(directory)?.into_iter().filter(|file| !files.contains(file)).collect();
    let list = List { files, kept };
    directory.write(&list_name(), serde_json::to_string(&list).expect("names serialise").as_bytes())?;
    for file in &list.files {
        directory.rename(file, &aside(file))?;
    }
    for folder in FOLDERS {
        directory.remove_if_empty(folder);
    }
    directory.sync("")?;
    Ok(SetAside { files: list.files, bytes })
}

/// Lets go of what was set aside: the new files count from now on.
///
/// # Errors
/// What the file system says.
pub(super) fn settle(directory: &Directory) -> Result<()> {
    if directory.is_folder(REPLACED) {
        directory.remove_folder(DISCARDED)?;
        directory.rename(REPLACED, DISCARDED)?;
        directory.sync("")?;
    }
    directory.remove_folder(DISCARDED)
}

/// Puts back what was set aside, in the place of whatever the new run has written.
///
/// # Errors
/// What the file system says, and a list that is damaged.
pub(super) fn restore(directory: &Directory) -> Result<()> {
    if !directory.is_folder(REPLACED) {
        return Ok(());
    }
    if let Some(text) = directory.read_text(&list_name(), MOST_OF_A_RECORD)? {
        let list: List = serde_json::from_str(&text).map_err(|error| {
            Error::run(
                directory.path().join(list_name()),
                format!("it cannot be read: {error}"),
                format!("move what is in {REPLACED}/files back by hand, and remove {REPLACED}"),
            )
        })?;
        for file in made_files(directory)? {
            // A file to be set aside that is not there is still, or again, in its place.
            let in_place = list.files.contains(&file) && !directory.exists(&aside(&file));
            if !in_place && !list.kept.contains(&file) {
                match file.as_str() {
                    PARTS => directory.remove_folder(PARTS)?,
                    file => directory.remove(file)?,
                }
            }
        }
        for file in list.files.iter().filter(|file| directory.exists(&aside(file))) {
            directory.rename(&aside(file), file)?;
        }
        for folder in FOLDERS {
            directory.remove_if_empty(folder);
        }
        directory.sync("")?;
    }
    directory.remove_folder(REPLACED)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn contents(path: &Path) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut pending = vec![path.to_path_buf()];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap().path();
                if entry.is_dir() {
                    pending.push(entry);
                } else {
                    let name = entry.strip_prefix(path).unwrap().display().to_string();
                    found.insert(name, std::fs::read_to_string(&entry).unwrap());
                }
            }
        }
        found
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir(to).unwrap();
        for (name, text) in contents(from) {
            let file = to.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
    }

    fn old(path: &Path) -> Directory {
        std::fs::create_dir(path).unwrap();
        let directory = Directory::open(path).unwrap();
        for file in ["config.toml", "history.jsonl", "weights/last.safetensors", "genotypes/epoch-000.txt"] {
            directory.write(file, b"old").unwrap();
        }
        for file in ["weights/mine.pt", "notes.txt"] {
            directory.write(file, b"mine").unwrap();
        }
        directory
    }

    #[test]
    fn what_is_set_aside_goes_or_comes_back() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        let directory = old(&path);
        let before = contents(&path);
        let set = set_aside(&directory, made_files(&directory).unwrap()).unwrap();
        assert_eq!((set.files.len(), set.bytes), (4, 12));
        for file in ["config.toml", "result.json", "checkpoints/search.safetensors"] {
            directory.write(file, b"new").unwrap();
        }
        restore(&directory).unwrap();
        assert_eq!(contents(&path), before);
        set_aside(&directory, made_files(&directory).unwrap()).unwrap();
        directory.write("config.toml", b"new").unwrap();
        settle(&directory).unwrap();
        restore(&directory).unwrap();
        let after = contents(&path);
        let names: Vec<&str> = after.keys().map(String::as_str).collect();
        assert_eq!(names, ["config.toml", "notes.txt", "weights/mine.pt"]);
        assert_eq!(after["config.toml"], "new");
    }

    #[test]
    fn what_is_kept_is_not_touched() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        let directory = old(&path);
        let before = contents(&path);
        set_aside(&directory, vec!["weights/last.safetensors".to_owned()]).unwrap();
        directory.write("weights/last.safetensors", b"new").unwrap();
        directory.write("result.json", b"new").unwrap();
        restore(&directory).unwrap();
        assert_eq!(contents(&path), before);
    }

    /// Every state between two steps of moving away, of the new run's writes, and of moving back.
    #[test]
    fn a_kill_after_any_step_leaves_either_run_whole() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        let directory = old(&path);
        let before = contents(&path);
        let files = made_files(&directory).unwrap();
        let new = ["config.toml", "manifest.json", "history.jsonl"];
        for moved in 0..=files.len() {
            for written in 0..=if moved == files.len() { new.len() } else { 0 } {
                for put_back in 0..=moved {
                    let path = base.path().join(format!("{moved}-{written}-{put_back}"));
                    copy(&base.path().join("run"), &path);
                    let directory = Directory::open(&path).unwrap();
                    let list = List { files: files.clone(), kept: Vec::new() };
                    let list = serde_json::to_string(&list).unwrap();
                    directory.write(&list_name(), list.as_bytes()).unwrap();
                    for file in &files[..moved] {
                        directory.rename(file, &aside(file)).unwrap();
                    }
                    for file in &new[..written] {
                        directory.write(file, b"new").unwrap();
                    }
                    // A kill in the middle of putting back, which begins by removing what is new.
                    if put_back > 0 {
                        for file in &new[..written] {
                            directory.remove(file).unwrap();
                        }
                        for file in &files[..put_back] {
                            directory.rename(&aside(file), file).unwrap();
                        }
                    }
                    restore(&directory).unwrap();
                    assert_eq!(contents(&path), before, "{moved} {written} {put_back}");
                }
            }
        }
        // Before the list is whole, nothing has been moved.
        directory.create_folder(REPLACED).unwrap();
        restore(&directory).unwrap();
        assert_eq!(contents(&path), before);
    }
}
