//! Where the bytes of image files lie.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use zip::ZipArchive;

use super::super::decode::{Head, head};
use super::super::fault::Fault;
use super::super::positioned::{Positioned, read_at};
use super::super::room::{FILES, Taken};
use super::super::weight::most_bytes_of_file;
use crate::reading::open_file;

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

/// The bytes of an image file, in the room that all threads share for them.
#[derive(Debug)]
pub(in super::super) struct FileBytes {
    bytes: Vec<u8>,
    _room: Taken<'static>,
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Store {
    /// All bytes of an image file, whose image may have so many pixels.
    pub fn bytes(&self, place: &Place, most_pixels: u64) -> Result<FileBytes, Fault> {
        let of_io = |e: std::io::Error| Fault::of_io(&e);
        match (place, self) {
            (Place::File(path), _) => {
                let file = open_file(path).map_err(of_io)?;
                let size = file.metadata().map_err(of_io)?.len();
                whole(file, size, most_pixels, |e| Fault::of_io(&e))
            }
            (Place::Slice(from, len), Store::Blob(file)) => {
                let room = room(*len, most_pixels)?;
                let mut bytes = vec![0; *len as usize];
                read_at(file, &mut bytes, *from).map_err(of_io)?;
                Ok(FileBytes { bytes, _room: room })
            }
            (Place::Member(index), Store::Zip(archive)) => {
                let mut archive = archive.clone();
                let member = archive.by_index(*index).map_err(|e| Fault::Damaged(e.to_string()))?;
                let size = member.size();
                whole(member, size, most_pixels, |e| Fault::Damaged(e.to_string()))
            }
            _ => unreachable!("places are of their store"),
        }
    }

    /// What the head of an image file says, without reading more than that of a file. Its image may have so many
    /// pixels.
    pub fn head(&self, place: &Place, most_pixels: u64) -> Result<Head, Fault> {
        match place {
            Place::File(path) => {
                let of_io = |e: std::io::Error| Fault::of_io(&e);
                let file = open_file(path).map_err(of_io)?;
                // Some decoders read all of it.
                let _room = room(file.metadata().map_err(of_io)?.len(), most_pixels)?;
                head(BufReader::new(file), most_pixels)
            }
            place => head(Cursor::new(&*self.bytes(place, most_pixels)?), most_pixels),
        }
    }
}

/// Room for a file of so many bytes.
fn room(size: u64, most_pixels: u64) -> Result<Taken<'static>, Fault> {
    if size > most_bytes_of_file(most_pixels) {
        return Err(Fault::TooLarge { found: format!("it is a file of {size} bytes"), most: most_pixels });
    }
    Ok(FILES.take(size))
}

/// All that a reader gives, which tells so many bytes; the number may be wrong.
fn whole(
    reader: impl Read,
    size: u64,
    most_pixels: u64,
    fault: impl Fn(std::io::Error) -> Fault,
) -> Result<FileBytes, Fault> {
    let room = room(size, most_pixels)?;
    let mut bytes = Vec::with_capacity(size as usize + 1);
    reader.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(&fault)?;
    if bytes.len() as u64 > size {
        return Err(Fault::Damaged(format!("more than the {size} bytes that it should have")));
    }
    Ok(FileBytes { bytes, _room: room })
}
