//! Where the bytes of images lie: in memory, or in a file without a name that the system deletes by itself.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use super::positioned::read_at;
use crate::error::{Error, Result};

/// Bytes of images of one length, one after the other; clones share them.
#[derive(Clone)]
pub struct Pixels {
    place: Place,
    /// Bytes of an image.
    len: usize,
    /// Which stored images these are, in order; all where there is none.
    chosen: Option<Arc<Vec<u32>>>,
}

#[derive(Clone)]
enum Place {
    Memory(Arc<Vec<u8>>),
    File(Arc<File>, u64),
}

impl Pixels {
    /// Images of `len` bytes in memory.
    pub fn in_memory(bytes: Vec<u8>, len: usize) -> Pixels {
        Pixels { place: Place::Memory(Arc::new(bytes)), len, chosen: None }
    }

    /// Bytes of memory that they take; those in a file take none.
    pub fn resident_bytes(&self) -> u64 {
        match &self.place {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::File(..) => 0,
        }
    }

    /// Image `i`.
    ///
    /// # Panics
    ///
    /// If there is no image `i`, or the file with it can no longer be read.
    pub fn image(&self, i: usize) -> Cow<'_, [u8]> {
        let at = self.chosen.as_ref().map_or(i, |chosen| chosen[i] as usize) * self.len;
        match &self.place {
            Place::Memory(bytes) => Cow::Borrowed(&bytes[at..at + self.len]),
            Place::File(file, size) => {
                assert!((at + self.len) as u64 <= *size, "there is an image {i}");
                let mut image = vec![0; self.len];
                read_at(file, &mut image, at as u64).expect("the cache of the images can be read");
                Cow::Owned(image)
            }
        }
    }

    /// The images at `indices`, in that order, without a copy.
    pub(super) fn chosen(&self, indices: impl Iterator<Item = usize>) -> Pixels {
        let stored = |i: usize| self.chosen.as_ref().map_or(i as u32, |chosen| chosen[i]);
        let chosen = indices.map(stored).collect();
        Pixels { place: self.place.clone(), len: self.len, chosen: Some(Arc::new(chosen)) }
    }
}

/// The bytes are left out.
impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Place::Memory(_) => "memory",
            Place::File(..) => "file",
        };
        f.debug_struct("Pixels").field("place", &place).field("len", &self.len).finish_non_exhaustive()
    }
}

/// Where images are put that come one after the other.
pub(super) enum PixelSink {
    /// Memory.
    Memory(Vec<u8>),
    /// A file without a name, in the system's folder of temporary files.
    File(BufWriter<File>, u64),
}

impl PixelSink {
    /// Room for so many bytes in memory; none where the system refuses.
    pub fn in_memory(bytes: usize) -> Option<PixelSink> {
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(bytes).ok()?;
        Some(PixelSink::Memory(pixels))
    }

    /// A new file.
    ///
    /// # Errors
    ///
    /// When the system's folder of temporary files cannot be written to.
    pub fn in_file() -> Result<PixelSink> {
        let file = tempfile::tempfile().map_err(cache_error("create a cache of the images in"))?;
        Ok(PixelSink::File(BufWriter::with_capacity(1 << 20, file), 0))
    }

    /// Appends an image.
    ///
    /// # Errors
    ///
    /// When the disk is full.
    pub fn push(&mut self, image: &[u8]) -> Result<()> {
        match self {
            PixelSink::Memory(pixels) => pixels.extend_from_slice(image),
            PixelSink::File(file, size) => {
                file.write_all(image).map_err(cache_error("write the cache of the images in"))?;
                *size += image.len() as u64;
            }
        }
        Ok(())
    }

    /// All of them.
    ///
    /// # Errors
    ///
    /// When the disk is full.
    pub fn finish(self, len: usize) -> Result<Pixels> {
        match self {
            PixelSink::Memory(pixels) => Ok(Pixels::in_memory(pixels, len)),
            PixelSink::File(file, size) => {
                let file = file.into_inner().map_err(|e| e.into_error());
                let file = file.map_err(cache_error("write the cache of the images in"))?;
                Ok(Pixels { place: Place::File(Arc::new(file), size), len, chosen: None })
            }
        }
    }
}

/// The error of the folder that TMPDIR names.
fn cache_error(action: &'static str) -> impl FnOnce(io::Error) -> Error {
    Error::io(action, std::env::temp_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_the_bytes_that_memory_gives() {
        let images: Vec<Vec<u8>> = (0..7u8).map(|i| (0..5).map(|k| i * 10 + k).collect()).collect();
        let fill = |mut sink: PixelSink| {
            images.iter().for_each(|image| sink.push(image).unwrap());
            sink.finish(5).unwrap()
        };
        let (memory, file) = (fill(PixelSink::in_memory(35).unwrap()), fill(PixelSink::in_file().unwrap()));
        assert_eq!((memory.resident_bytes(), file.resident_bytes()), (35, 0));
        for pixels in [memory, file] {
            assert!((0..7).all(|i| *pixels.image(i) == images[i]));
            let some = pixels.chosen([5, 0, 5].into_iter());
            assert_eq!([0, 1, 2].map(|i| some.image(i).into_owned()), [5, 0, 5].map(|i| images[i].clone()));
            assert_eq!(*some.chosen([2, 1].into_iter()).image(1), images[0]);
        }
    }
}
