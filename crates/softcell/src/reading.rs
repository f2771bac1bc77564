//! Files read whole, up to a limit, and never waited for.
//!
//! What stands where a file is expected may be a pipe that nobody writes to, a device without an end, or a sparse
//! file of terabytes. All that is read whole into memory is read through here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// Most bytes of a text that people write: settings, genotypes, names of classes.
pub const MOST_OF_A_TEXT: u64 = 16 << 20;
/// Most bytes of a record that the program keeps: history, result, the images of a report.
pub const MOST_OF_A_RECORD: u64 = 1 << 30;
/// Most bytes of a file of weights or a checkpoint.
pub const MOST_OF_WEIGHTS: u64 = 16 << 30;

/// Most bytes of a file's beginning that are looked at before the rest is read.
pub const BEGINNING: u64 = 512;

/// What may stand at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An ordinary file.
    File,
    /// Also a pipe, as shells give them for `<(command)`: it is read until its end or the limit.
    Any,
}

/// Opens an ordinary file for reading. A pipe is not waited for.
///
/// # Errors
/// What the system says; `InvalidInput` for what is no ordinary file, with its kind as the text.
pub fn open_file(path: &Path) -> io::Result<File> {
    ordinary(open_at_once(path)?)
}

/// The file, if it is an ordinary one.
///
/// # Errors
/// Those of [`open_file`].
pub(crate) fn ordinary(file: File) -> io::Result<File> {
    match kind(&file)? {
        None => Ok(file),
        Some(kind) => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}, not a file"))),
    }
}

/// Reads all bytes, if there are at most so many.
///
/// # Errors
/// What the system says; something else than a file where a file is expected; more bytes than `most`.
pub fn read(path: &Path, most: u64, source: Source) -> Result<Vec<u8>> {
    read_if(path, most, source, |_| Ok(()))
}

/// Reads a file as [`read`] does, if `looks` takes its beginning (of at most [`BEGINNING`] bytes) for that of such a file: what is large
/// and of another kind is not read.
///
/// # Errors
/// Those of [`read`], and those of `looks`.
pub fn read_if(
    path: &Path,
    most: u64,
    source: Source,
    looks: impl FnOnce(&[u8]) -> Result<()>,
) -> Result<Vec<u8>> {
    let file = match source {
        Source::File => open_file(path),
        Source::Any => File::open(path),
    };
    whole_if(file.map_err(Error::io("read", path))?, path, most, looks)
}

/// All bytes of a file, if there are at most so many; `path` is its name.
pub(crate) fn whole(file: File, path: &Path, most: u64) -> Result<Vec<u8>> {
    whole_if(file, path, most, |_| Ok(()))
}

fn whole_if(
    mut file: File,
    path: &Path,
    most: u64,
    looks: impl FnOnce(&[u8]) -> Result<()>,
) -> Result<Vec<u8>> {
    let length = file.metadata().map_or(0, |data| data.len());
    let mut bytes = Vec::new();
    file.by_ref().take(BEGINNING).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    looks(&bytes)?;
    if length <= most {
        let rest = (most + 1).saturating_sub(bytes.len() as u64);
        file.take(rest).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    }
    if length > most || bytes.len() as u64 > most {
        return Err(Error::invalid(
            crate::shown::path(path).to_string(),
            match length > most {
                true => format!("{length} bytes"),
                false => format!("more than {most} bytes"),
            },
            format!("at most {most} bytes"),
            "check that it is the file that was meant",
        ));
    }
    Ok(bytes)
}

/// Reads a text, if it has at most so many bytes.
///
/// # Errors
/// Those of `read`, and bytes that are not UTF-8.
pub fn read_text(path: &Path, most: u64, source: Source) -> Result<String> {
    text(read(path, most, source)?, path)
}

/// Bytes as text; `path` is the name of their file.
pub(crate) fn text(bytes: Vec<u8>, path: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::invalid(
            crate::shown::path(path).to_string(),
            format!("a byte that is not UTF-8 after {at} bytes"),
            "text in UTF-8",
            "save it as UTF-8, or check that it is the file that was meant",
        )
    })
}

/// What keeps an open from waiting for the other end of a pipe; it does nothing to ordinary files.
#[cfg(unix)]
pub(crate) const AT_ONCE: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(AT_ONCE).open(path)
}

#[cfg(not(unix))]
fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// What it is if it is no ordinary file.
fn kind(file: &File) -> io::Result<Option<&'static str>> {
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(None);
    }
    if kind.is_dir() {
        return Ok(Some("a folder"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Ok(Some("a pipe"));
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Ok(Some("a device"));
        }
    }
    Ok(Some("something else"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_text(&path, 4, Source::File).unwrap(), "four");
        let error = read(&path, 3, Source::File).unwrap_err().to_string();
        assert!(error.contains("4 bytes") && error.contains("at most 3"), "{error}");
        std::fs::write(&path, b"ab\xff").unwrap();
        let error = read_text(&path, 4, Source::File).unwrap_err().to_string();
        assert!(error.contains("UTF-8 after 2 bytes"), "{error}");
        let missing = read(&folder.path().join("b"), 4, Source::File).unwrap_err();
        assert!(matches!(missing, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn the_rest_of_another_kind_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, vec![7; 2000]).unwrap();
        let look = |expected: u8| {
            read_if(&path, 3000, Source::File, |start| match start.first() == Some(&expected) {
                true => Ok(()),
                false => Err(Error::invalid("a", format!("{} bytes of 7", start.len()), "others", "mend it")),
            })
        };
        assert_eq!(look(7).unwrap().len(), 2000);
        assert!(look(8).unwrap_err().to_string().contains("512 bytes of 7"));
        assert_eq!(read(&path, 2000, Source::File).unwrap().len(), 2000);
        assert!(read(&path, 300, Source::File).unwrap_err().to_string().contains("2000 bytes"));
    }

    #[cfg(unix)]
    #[test]
    fn sparse_files_devices_pipes_and_folders_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let sparse = folder.path().join("sparse");
        File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
        assert!(
            read(&sparse, 1 << 20, Source::File).unwrap_err().to_string().contains("1099511627776 bytes")
        );
        let zero = Path::new("/dev/zero");
        assert!(read(zero, 1 << 20, Source::File).unwrap_err().to_string().contains("a device"));
        assert!(read(zero, 1 << 20, Source::Any).unwrap_err().to_string().contains("more than"));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(read(&pipe, 10, Source::File).unwrap_err().to_string().contains("a pipe"));
        assert!(read(folder.path(), 10, Source::File).unwrap_err().to_string().contains("a folder"));
    }
}
