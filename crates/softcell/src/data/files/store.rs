//! Where the bytes of image files lie.

use std::fs::{self, File};
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;

use zip::ZipArchive;

use super::super::decode::{Head, head};
use super::super::fault::Fault;
use super::super::positioned::{Positioned, read_at};

/// Larger files are taken for a trap.
const MAX_FILE: u64 = 1 << 30;

/// Where an image file lies.
#[derive(Debug, Clone)]
pub(in super::super) enum Place {
    /// A file.
    File(PathBuf),
    /// A member of the ZIP archive.
    Member(usize),
    /// Bytes of the store's file, from and how many.
    Slice(u64, u64),
}

/// What the places are in.
#[derive(Clone)]
pub(in super::super) enum Store {
    /// The file system.
    Files,
    /// A ZIP archive.
    Zip(ZipArchive<Positioned>),
    /// A file that holds others, such as a tar archive, or that they were unpacked to.
    Blob(Arc<File>),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Store::Files => "Files",
            Store::Zip(_) => "Zip",
            Store::Blob(_) => "Blob",
        })
    }
}

impl Store {
    /// All bytes of an image file.
    pub fn bytes(&self, place: &Place) -> Result<Vec<u8>, Fault> {
        let of_io = |e: std::io::Error| Fault::of_io(&e);
        match (place, self) {
            (Place::File(path), _) => {
                let size = fs::metadata(path).map_err(of_io)?.len();
                if size > MAX_FILE { Err(Fault::TooLarge) } else { fs::read(path).map_err(of_io) }
            }
            (Place::Slice(from, len), Store::Blob(file)) => {
                if *len > MAX_FILE {
                    return Err(Fault::TooLarge);
                }
                let mut bytes = vec![0; *len as usize];
                read_at(file, &mut bytes, *from).map_err(of_io)?;
                Ok(bytes)
            }
            (Place::Member(index), Store::Zip(archive)) => {
                let mut archive = archive.clone();
                let member = archive.by_index(*index).map_err(|e| Fault::Damaged(e.to_string()))?;
                if member.size() > MAX_FILE {
                    return Err(Fault::TooLarge);
                }
                let mut bytes = Vec::new();
                // The size that is told may be wrong.
                member.take(MAX_FILE).read_to_end(&mut bytes).map_err(|e| Fault::Damaged(e.to_string()))?;
                Ok(bytes)
            }
            _ => unreachable!("places are of their store"),
        }
    }

    /// What the head of an image file says, without reading more than that of a file.
    pub fn head(&self, place: &Place) -> Result<Head, Fault> {
        match place {
            Place::File(path) => {
                let mut reader = BufReader::new(File::open(path).map_err(|e| Fault::of_io(&e))?);
                reader.rewind().map_err(|e| Fault::of_io(&e))?;
                head(reader)
            }
            place => head(Cursor::new(self.bytes(place)?)),
        }
    }
}
