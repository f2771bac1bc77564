//! Files that are either the old one or the new one, never half of either.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes `bytes` to a temporary sibling, syncs it and renames it to `path`.
///
/// # Errors
/// What the file system says; `path` is then as it was.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = prepare(path, bytes)?;
    temporary.persist(path).map_err(|e| Error::io("replace", path)(e.error))?;
    sync_folder(path)
}

/// As [`write`], and keeps what was there under [`previous`]'s name.
///
/// A kill between the two renames leaves only the previous file, which is whole.
pub(super) fn write_keeping_previous(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = prepare(path, bytes)?;
    if path.exists() {
        fs::rename(path, previous(path)).map_err(Error::io("keep the previous", path))?;
    }
    temporary.persist(path).map_err(|e| Error::io("replace", path)(e.error))?;
    sync_folder(path)
}

/// `search.safetensors` → `search.previous.safetensors`.
pub(super) fn previous(path: &Path) -> PathBuf {
    let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    path.with_extension(format!("previous.{extension}"))
}

fn prepare(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile> {
    let folder = parent(path);
    fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".writing-")
        .tempfile_in(folder)
        .map_err(Error::io("write in", folder))?;
    temporary.write_all(bytes).map_err(Error::io("write", path))?;
    temporary.as_file().sync_all().map_err(Error::io("write", path))?;
    readable(temporary.as_file(), path)?;
    Ok(temporary)
}

/// Temporary files are private to the user; results are as readable as any other file.
#[cfg(unix)]
fn readable(file: &File, path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644)).map_err(Error::io("set the permissions of", path))
}

#[cfg(not(unix))]
fn readable(_file: &File, _path: &Path) -> Result<()> {
    Ok(())
}

/// The rename itself survives a power cut only when the folder is synced.
fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        let folder = parent(path);
        File::open(folder).and_then(|f| f.sync_all()).map_err(Error::io("sync", folder))?;
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes what killed writers left behind.
pub(super) fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".writing-") {
            // A leftover that cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_keeps_the_previous() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.bin");
        write_keeping_previous(&path, b"one").unwrap();
        assert!(!previous(&path).exists());
        write_keeping_previous(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read(previous(&path)).unwrap(), b"one");
        write(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
    }

    #[test]
    fn leftovers_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".writing-x"), b"half").unwrap();
        fs::write(folder.path().join("kept"), b"whole").unwrap();
        remove_leftovers(folder.path());
        assert!(!folder.path().join(".writing-x").exists());
        assert!(folder.path().join("kept").exists());
    }
}
