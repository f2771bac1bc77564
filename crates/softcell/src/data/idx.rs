//! IDX files: MNIST, Fashion-MNIST, EMNIST and their kin, plain or gzip-compressed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use super::arrays::{check_room, places};
use super::set::ImageSet;
use super::source::Source;
use crate::config::DataFormat;
use crate::error::{Error, Result};
use crate::reading::{self, MOST_OF_A_TEXT, open_file, read_text};
use crate::shown::listed;

/// Which part a file belongs to, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Test,
}

/// What a file holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Images,
    Labels,
}

/// A file name such as `emnist-balanced-train-images-idx3-ubyte.gz`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    /// What comes before the part: `emnist-balanced-`, mostly nothing.
    group: String,
    part: Part,
    kind: Kind,
}

impl Name {
    /// `<group>[train|t10k|test]-(images|labels)(-|.)idx(3|1)-ubyte[.gz]`.
    ///
    /// A name without a part is of the training part.
    fn parse(path: &Path) -> Option<Name> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let (front, kind) = [
            ("images-idx3", Kind::Images),
            ("images.idx3", Kind::Images),
            ("labels-idx1", Kind::Labels),
            ("labels.idx1", Kind::Labels),
        ]
        .iter()
        .find_map(|&(middle, kind)| Some((name.strip_suffix("-ubyte")?.strip_suffix(middle)?, kind)))?;
        let front = front.trim_end_matches(['-', '_', '.']);
        let (group, part) = [("train", Part::Train), ("t10k", Part::Test), ("test", Part::Test)]
            .iter()
            .find_map(|&(end, part)| Some((front.strip_suffix(end)?, part)))
            .unwrap_or((front, Part::Train));
        Some(Name { group: group.to_string(), part, kind })
    }
}

/// Whether the file is named as IDX images are.
pub(super) fn is_images_file(path: &Path) -> bool {
    Name::parse(path).is_some_and(|name| name.kind == Kind::Images)
}

/// Reads the data set in a folder, or the one that an images file belongs to.
///
/// Labels may leave numbers out (EMNIST letters begin at 1): the labels that occur in training become the
/// classes, in order of number.
pub(super) fn read(path: &Path) -> Result<Source> {
    let mut notes = Vec::new();
    let files = Files::find(path)?;
    let train = files.part(Part::Train)?.ok_or_else(|| {
        Error::data(
            path,
            "found no images file of a training part",
            "expected <name>train-images-idx3-ubyte[.gz]",
        )
    })?;
    let numbers: Vec<u8> = train.labels.iter().copied().collect::<BTreeSet<u8>>().into_iter().collect();
    let classes = Arc::new(files.class_names(&numbers)?);
    let test = files.part(Part::Test)?;
    if let Some(test) = &test
        && test.size != train.size
    {
        let [[height, width], [test_height, test_width]] = [train.size, test.size];
        return Err(Error::data(
            path,
            format!("training images are {height}x{width}, test images {test_height}x{test_width}"),
            "give files of one data set",
        ));
    }
    let exchanged = files.group.to_lowercase().starts_with("emnist");
    let set = |part: Stored| -> Result<(ImageSet, Vec<String>)> {
        let labels = consecutive(&part.labels, &numbers).map_err(|label| {
            Error::data(
                path,
                format!("label {label} occurs in the test part but not in the training part"),
                "give files of one data set",
            )
        })?;
        let part = if exchanged { part.transposed() } else { part };
        let [height, width] = part.size;
        let names = places(&part.name, labels.len());
        Ok((ImageSet::new(Arc::clone(&classes), [1, height, width], part.pixels, labels), names))
    };
    if exchanged {
        notes.push("EMNIST stores images with rows and columns exchanged: they were exchanged back".into());
    }
    let (train, train_names) = set(train)?;
    let (test, test_names) = test.map(set).transpose()?.unzip();
    let test_names = test_names.unwrap_or_default();
    Ok(Source { train_names, test_names, ..Source::new(DataFormat::Idx, train, test, notes) })
}

/// A part as it is stored.
struct Stored {
    /// The file of the images.
    name: String,
    /// Rows and columns.
    size: [usize; 2],
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Stored {
    /// Rows and columns exchanged.
    fn transposed(mut self) -> Stored {
        let [rows, columns] = self.size;
        let mut image = vec![0; rows * columns];
        for bytes in self.pixels.chunks_exact_mut(rows * columns) {
            image.copy_from_slice(bytes);
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = image[i % rows * columns + i / rows];
            }
        }
        Stored { size: [columns, rows], ..self }
    }
}

/// The place of each label among `numbers`, or the first label that is not there.
fn consecutive(labels: &[u8], numbers: &[u8]) -> Result<Vec<u32>, u8> {
    labels.iter().map(|label| numbers.binary_search(label).map(|i| i as u32).map_err(|_| *label)).collect()
}

/// The files of one data set.
struct Files {
    folder: PathBuf,
    group: String,
    /// Path and parsed name, plain files before compressed ones of the same name.
    files: Vec<(PathBuf, Name)>,
}

impl Files {
    fn find(path: &Path) -> Result<Files> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let listing = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = fs::read_dir(listing).map_err(Error::io("read the folder", listing))?;
        let mut files: Vec<(PathBuf, Name)> = entries
            .flatten()
            .filter_map(|entry| Name::parse(&entry.path()).map(|name| (folder.join(entry.file_name()), name)))
            .collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let mut groups: Vec<String> = files.iter().map(|(_, name)| name.group.clone()).collect();
        groups.dedup();
        groups.sort();
        groups.dedup();
        let group = match (Name::parse(path), groups.as_slice()) {
            (Some(name), _) if path.is_file() => name.group,
            (_, [group]) => group.clone(),
            (_, []) => {
                return Err(Error::data(
                    path,
                    "found no file named as IDX files are",
                    "expected train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz]",
                ));
            }
            _ => {
                return Err(Error::data(
                    path,
                    format!("found several data sets: {}", listed(&groups)),
                    "give the path of the training images file of one of them",
                ));
            }
        };
        files.retain(|(_, name)| name.group == group);
        Ok(Files { folder: folder.to_path_buf(), group, files })
    }

    fn path(&self, part: Part, kind: Kind) -> Option<&Path> {
        self.files
            .iter()
            .find(|(_, name)| name.part == part && name.kind == kind)
            .map(|(path, _)| path.as_path())
    }

    /// The images and labels of a part.
    fn part(&self, part: Part) -> Result<Option<Stored>> {
        let Some(images) = self.path(part, Kind::Images) else { return Ok(None) };
        let Some(labels) = self.path(part, Kind::Labels) else {
            return Err(Error::data(
                images,
                "found no labels file that belongs to it",
                "put the file with `labels-idx1` in place of `images-idx3` beside it",
            ));
        };
        let (size, pixels) = read_file::<3>(images)?;
        let ([count], stored) = read_file::<1>(labels)?;
        if size[0] != count {
            return Err(Error::data(
                labels,
                format!("found {count} labels, expected {} as there are images", size[0]),
                "give the two files of one data set",
            ));
        }
        let [_, height, width] = size;
        let name = images.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Some(Stored { name, size: [height, width], pixels, labels: stored }))
    }

    /// `<group>mapping.txt` (EMNIST: lines of label and character code), else the numbers themselves.
    fn class_names(&self, numbers: &[u8]) -> Result<Vec<String>> {
        let file = self.folder.join(format!("{}mapping.txt", self.group));
        let mut names = BTreeMap::new();
        if file.is_file() {
            for line in read_text(&file, MOST_OF_A_TEXT, reading::Source::File)?.lines() {
                let mut fields = line.split_whitespace().map(|field| field.parse::<u32>().ok());
                if let (Some(Some(label)), Some(Some(code))) = (fields.next(), fields.next())
                    && let Some(character) = char::from_u32(code).filter(|c| c.is_alphanumeric())
                {
                    names.insert(label, character.to_string());
                }
            }
        }
        let name = |&number: &u8| names.remove(&u32::from(number)).unwrap_or_else(|| number.to_string());
        Ok(numbers.iter().map(name).collect())
    }
}

/// The sizes and bytes of an IDX file of bytes with `N` dimensions.
fn read_file<const N: usize>(path: &Path) -> Result<([usize; N], Vec<u8>)> {
    let file = open_file(path).map_err(Error::io("read", path))?;
    let mut reader = decompressed(BufReader::new(file)).map_err(Error::io("read", path))?;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::data(path, format!("the file is cut short or damaged ({error})"), "download it again")
        }
        _ => Error::io("read", path)(error),
    };
    let mut number = || {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).map(|()| u32::from_be_bytes(bytes)).map_err(failed)
    };
    let (magic, expected) = (number()?, 0x0800 | N as u32);
    if magic != expected {
        return Err(Error::data(
            path,
            format!("begins with {magic:#010x}, expected {expected:#010x} (IDX, bytes, {N} dimensions)"),
            "the file is damaged or of another format",
        ));
    }
    let mut sizes = [0; N];
    for size in &mut sizes {
        *size = number()? as usize;
    }
    let length = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let Some(length) = length.filter(|&length| length > 0) else {
        return Err(Error::data(
            path,
            format!("its sizes are {sizes:?}, expected none of 0"),
            "download it again",
        ));
    };
    check_room(path, length as u64)?;
    let mut bytes = Vec::new();
    reader.take(length as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() != length {
        let found = if bytes.len() > length { "more".into() } else { bytes.len().to_string() };
        return Err(Error::data(
            path,
            format!("found {found} bytes of values, expected {length} by its sizes {sizes:?}"),
            "the file is cut short or damaged: download it again",
        ));
    }
    Ok((sizes, bytes))
}

/// Unpacks if the first two bytes are those of gzip, whatever the name says.
fn decompressed(mut reader: BufReader<File>) -> io::Result<Box<dyn Read>> {
    let start = io::BufRead::fill_buf(&mut reader)?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(MultiGzDecoder::new(reader)));
    }
    Ok(Box::new(reader))
}
