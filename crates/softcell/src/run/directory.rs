//! A folder held by its handle.
//!
//! Names are looked up below the handle and nowhere else: a link that leads out of the folder is not followed, and a
//! folder that was renamed is not made anew under its old name. Files are written so that they are the old one or the
//! new one, never half of either.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::files::WRITING;
use crate::error::{Error, Remedy, Result};
use crate::reading::ordinary;

/// The folder.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    dir: Dir,
}

impl Directory {
    /// An existing folder.
    pub fn open(path: &Path) -> Result<Self> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(Error::io("open", path))?;
        Ok(Self { path: path.to_path_buf(), dir })
    }

    /// Where it was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The error of something that failed on `name`.
    fn fault<'a>(&'a self, action: &'static str, name: &'a str) -> impl FnOnce(std::io::Error) -> Error + 'a {
        move |error| {
            let path = self.path.join(name);
            // The error of a lookup that would have left the folder; the system itself gives a number. A folder cannot
            // be made where such a link is.
            let leads_out = error.kind() == ErrorKind::PermissionDenied && error.raw_os_error().is_none();
            let is_link = |name: &str| self.dir.symlink_metadata(name).is_ok_and(|data| data.is_symlink());
            match leads_out || (error.kind() == ErrorKind::AlreadyExists && is_link(parts(name).0)) {
                true => Error::run(
                    path,
                    "a link leads out of the folder of the run",
                    "put what it leads to in its place, or remove it",
                ),
                false => Error::io(action, path)(error),
            }
        }
    }

    /// Checks that the folder still is where it was.
    ///
    /// # Errors
    /// When it was renamed, removed or replaced.
    pub fn check_in_place(&self) -> Result<()> {
        if self.is_in_place() {
            return Ok(());
        }
        Err(Error::run(
            &self.path,
            "the folder was renamed, removed or replaced while the run was at work",
            "what was saved is in it, wherever it is now: go on there with " + Remedy::Resume,
        ))
    }

    #[cfg(unix)]
    fn is_in_place(&self) -> bool {
        use cap_std::fs::MetadataExt as _;
        use std::os::unix::fs::MetadataExt as _;
        match (self.dir.dir_metadata(), std::fs::metadata(&self.path)) {
            (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }

    /// Elsewhere the system keeps folders in their place that are open.
    #[cfg(not(unix))]
    fn is_in_place(&self) -> bool {
        self.path.is_dir()
    }

    /// Whether something has this name, be it a link that leads nowhere.
    pub fn exists(&self, name: &str) -> bool {
        self.dir.symlink_metadata(name).is_ok()
    }

    /// Whether a folder has this name.
    pub fn is_folder(&self, name: &str) -> bool {
        self.dir.symlink_metadata(name).is_ok_and(|data| data.is_dir())
    }

    /// Opens an ordinary file; `None` where there is none. A pipe is not waited for.
    pub fn open_file(&self, name: &str) -> Result<Option<File>> {
        match self.dir.open_with(name, &at_once(OpenOptions::new().read(true))) {
            Ok(file) => ordinary(file.into_std()).map(Some).map_err(self.fault("read", name)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.fault("read", name)(error)),
        }
    }

    /// Opens a file to write to, which is created where there is none.
    fn open_to_write(&self, name: &str, options: &mut OpenOptions) -> Result<File> {
        if self.dir.metadata(name).is_ok_and(|data| !data.is_file()) {
            return Err(Error::run(self.path.join(name), "it is no file", "remove it, and it is made anew"));
        }
        self.dir
            .open_with(name, &at_once(options.create(true)))
            .and_then(|file| ordinary(file.into_std()))
            .map_err(self.fault("write", name))
    }

    /// Opens the file that is locked.
    pub fn open_lock(&self, name: &str) -> Result<File> {
        self.open_to_write(name, OpenOptions::new().write(true))
    }

    /// Opens a file that grows at its end.
    pub fn open_to_append(&self, name: &str) -> Result<File> {
        self.check_in_place()?;
        self.open_to_write(name, OpenOptions::new().append(true))
    }

    /// Reads a file of at most so many bytes; `None` where there is none.
    pub fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(name)? else { return Ok(None) };
        crate::reading::whole(file, &self.path.join(name), most).map(Some)
    }

    /// Reads a text of at most so many bytes; `None` where there is none.
    pub fn read_text(&self, name: &str, most: u64) -> Result<Option<String>> {
        let bytes = self.read(name, most)?;
        bytes.map(|bytes| crate::reading::text(bytes, &self.path.join(name))).transpose()
    }

    /// Writes a temporary file beside `name`, syncs it and renames it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_after(name, bytes, || Ok(()))
    }

    /// Writes a file as [`Self::write`] does, and keeps the file that is there under another name.
    ///
    /// A kill between the two renames leaves only that one, which is whole.
    pub fn write_keeping(&self, name: &str, bytes: &[u8], kept: &str) -> Result<()> {
        self.write_after(name, bytes, || self.dir.rename(name, &self.dir, kept))
    }

    fn write_after(
        &self,
        name: &str,
        bytes: &[u8],
        before: impl FnOnce() -> std::io::Result<()>,
    ) -> Result<()> {
        self.check_in_place()?;
        let (folder, file_name) = parts(name);
        if !folder.is_empty() {
            self.dir.create_dir_all(folder).map_err(self.fault("create the folder of", name))?;
        }
        let temporary = format!("{WRITING}{file_name}.{}", std::process::id());
        let temporary = if folder.is_empty() { temporary } else { format!("{folder}/{temporary}") };
        let written = self
            .write_new(&temporary, bytes)
            .and_then(|()| before())
            .and_then(|()| self.dir.rename(&temporary, &self.dir, name));
        if let Err(error) = written {
            // What is left of it is removed when the run is opened again.
            let _ = self.dir.remove_file(&temporary);
            return Err(self.fault("write", name)(error));
        }
        self.sync(folder)
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        // An earlier process of the same number can have left one.
        let _ = self.dir.remove_file(name);
        let mut file = self.dir.open_with(name, OpenOptions::new().write(true).create_new(true))?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// A rename survives a power cut only when the folder is synced.
    pub fn sync(&self, folder: &str) -> Result<()> {
        if cfg!(unix) {
            let name = if folder.is_empty() { "." } else { folder };
            // Opened as a file: a handle to look names up by cannot be synced.
            self.dir.open(name).and_then(|folder| folder.sync_all()).map_err(self.fault("sync", folder))?;
        }
        Ok(())
    }

    /// Renames a file within the folder; the folder it goes to is made where it is missing.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (folder, _) = parts(to);
        if !folder.is_empty() {
            self.dir.create_dir_all(folder).map_err(self.fault("create the folder of", to))?;
        }
        self.dir.rename(from, &self.dir, to).map_err(self.fault("rename", from))
    }

    /// Makes a folder, if it is not there.
    pub fn create_folder(&self, name: &str) -> Result<()> {
        self.check_in_place()?;
        self.dir.create_dir_all(name).map_err(self.fault("create the folder", name))
    }

    /// Removes a file or link, if it is there.
    pub fn remove(&self, name: &str) -> Result<()> {
        match self.dir.remove_file(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.fault("remove", name)(error)),
            _ => Ok(()),
        }
    }

    /// Removes a folder if it is empty.
    pub fn remove_if_empty(&self, name: &str) {
        let _ = self.dir.remove_dir(name);
    }

    /// Removes a folder and all that is in it, if it is there; links in it are not followed.
    pub fn remove_folder(&self, name: &str) -> Result<()> {
        match self.dir.remove_dir_all(name) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.fault("remove", name)(error)),
            _ => Ok(()),
        }
    }

    /// The names of what lies in a folder below (the folder itself for an empty name), in order, but for other folders;
    /// nothing where it is missing or leads elsewhere. Names that are not UTF-8 are none of ours.
    pub fn names(&self, folder: &str) -> Result<Vec<String>> {
        if !folder.is_empty() && !self.is_folder(folder) {
            return Ok(Vec::new());
        }
        let entries = self.dir.read_dir(if folder.is_empty() { "." } else { folder });
        let mut names: Vec<String> = entries
            .map_err(self.fault("read", folder))?
            .flatten()
            .filter(|entry| !entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The names of the folders in a folder below, in order; none where it is missing or leads elsewhere.
    pub fn folders(&self, folder: &str) -> Vec<String> {
        if !self.is_folder(folder) {
            return Vec::new();
        }
        let entries = self.dir.read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Size of a file; 0 where there is none.
    pub fn size(&self, name: &str) -> u64 {
        self.dir.symlink_metadata(name).map_or(0, |data| data.len())
    }
}

/// `weights/best.safetensors` → `weights` and `best.safetensors`.
fn parts(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

/// With what keeps an open from waiting for the other end of a pipe.
#[cfg(unix)]
fn at_once(options: &mut OpenOptions) -> OpenOptions {
    use cap_std::fs::OpenOptionsExt;
    options.custom_flags(crate::reading::AT_ONCE).clone()
}

#[cfg(not(unix))]
fn at_once(options: &mut OpenOptions) -> OpenOptions {
    options.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, Directory) {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        std::fs::create_dir(&path).unwrap();
        let directory = Directory::open(&path).unwrap();
        (base, directory)
    }

    #[test]
    fn files_are_written_whole_and_read_back() {
        let (_base, directory) = directory();
        assert_eq!(directory.read("a/b.bin", 10).unwrap(), None);
        for text in ["one", "two"] {
            directory.write("a/b.bin", text.as_bytes()).unwrap();
            assert_eq!(directory.read_text("a/b.bin", 3).unwrap().as_deref(), Some(text));
        }
        assert!(directory.read("a/b.bin", 2).is_err());
        directory.rename("a/b.bin", "c/d.bin").unwrap();
        assert_eq!(directory.names("a").unwrap(), [] as [&str; 0]);
        assert_eq!(directory.names("c").unwrap(), ["d.bin"]);
        assert_eq!(directory.names("nowhere").unwrap(), [] as [&str; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link_that_leads_out() {
        use std::os::unix::fs::symlink;
        let (base, directory) = directory();
        let outside = base.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("file"), "mine").unwrap();
        symlink(&outside, directory.path().join("weights")).unwrap();
        symlink(outside.join("file"), directory.path().join("history.jsonl")).unwrap();
        let refused = |result: Result<()>| {
            let text = result.unwrap_err().to_string();
            assert!(text.contains("a link leads out"), "{text}");
        };
        refused(directory.write("weights/last.safetensors", b"x"));
        refused(directory.open_to_append("history.jsonl").map(|_| ()));
        refused(directory.open_lock("history.jsonl").map(|_| ()));
        refused(directory.read("history.jsonl", 10).map(|_| ()));
        // A file of that name is put in the place of the link.
        directory.write("history.jsonl", b"ours").unwrap();
        assert_eq!(std::fs::read(outside.join("file")).unwrap(), b"mine");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_has_gone_is_not_made_anew() {
        let (base, directory) = directory();
        let (old, new) = (directory.path().to_path_buf(), base.path().join("renamed"));
        directory.write("a", b"1").unwrap();
        std::fs::rename(&old, &new).unwrap();
        let gone = |result: Result<()>| {
            let text = result.unwrap_err().to_string();
            assert!(text.contains("renamed, removed or replaced"), "{text}");
        };
        gone(directory.write("a", b"2"));
        // Another folder has the name now.
        std::fs::create_dir(&old).unwrap();
        gone(directory.write("a", b"2"));
        gone(directory.open_to_append("a").map(|_| ()));
        assert_eq!(std::fs::read_dir(&old).unwrap().count(), 0);
        assert_eq!(std::fs::read(new.join("a")).unwrap(), b"1");
        std::fs::remove_dir_all(&new).unwrap();
        gone(directory.create_folder("b"));
        assert!(!new.exists());
    }

    #[cfg(unix)]
    #[test]
    fn pipes_are_not_waited_for() {
        let (_base, directory) = directory();
        let pipe = directory.path().join("history.jsonl");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for result in [
            directory.read("history.jsonl", 10).map(|_| ()),
            directory.open_to_append("history.jsonl").map(|_| ()),
            directory.open_lock("history.jsonl").map(|_| ()),
        ] {
            assert!(result.is_err());
        }
    }
}
