//! The binary versions of CIFAR-10 and CIFAR-100: records of labels and 3x32x32 bytes.

use std::path::Path;
use std::sync::Arc;

use super::set::ImageSet;
use super::source::Source;
use crate::config::DataFormat;
use crate::error::{Error, Result};
use crate::reading::{self, MOST_OF_A_TEXT};

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const IMAGE: usize = CHANNELS * SIDE * SIDE;
/// Most bytes of a file of records: six times those of the training images of CIFAR-100.
const MOST_OF_A_FILE: u64 = 1 << 30;

/// The classes of CIFAR-10, used where `batches.meta.txt` is missing.
const CLASSES_10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Reads `data_batch_1.bin` to `data_batch_5.bin` as far as they are there, and `test_batch.bin`.
///
/// At most `most` training images of each class are kept; all where it is 0.
pub(super) fn read_10(folder: &Path, most: usize) -> Result<Source> {
    let mut notes = Vec::new();
    let names = names(&folder.join("batches.meta.txt"), 10)?
        .unwrap_or_else(|| CLASSES_10.iter().map(ToString::to_string).collect());
    let layout = Layout { labels: 1, label: 0, classes: Arc::new(names) };
    let mut train = Records::new(&layout, most);
    let mut batches = 0;
    for number in 1..=5 {
        let file = folder.join(format!("data_batch_{number}.bin"));
        if file.is_file() {
            train.append(&file)?;
            batches += 1;
        }
    }
    if batches == 0 {
        return Err(Error::data(
            folder,
            "found no data_batch_1.bin, as the binary version of CIFAR-10 has it",
            "name the folder cifar-10-batches-bin, or another format",
        ));
    }
    if batches < 5 {
        notes.push(format!("{batches} of the 5 training files of CIFAR-10 are there"));
    }
    let test = layout.test(&folder.join("test_batch.bin"), &mut notes)?;
    Ok(source(DataFormat::Cifar10, train.finish(), test, notes))
}

/// Reads `train.bin` and `test.bin` with the fine labels.
/// At most `most` training images of each class, as [`read_10`].
pub(super) fn read_100(folder: &Path, most: usize) -> Result<Source> {
    let mut notes = Vec::new();
    let names = match names(&folder.join("fine_label_names.txt"), 100)? {
        Some(names) => names,
        None => {
            notes.push("fine_label_names.txt is missing: classes are named by their numbers".into());
            (0..100).map(|label| label.to_string()).collect()
        }
    };
    let layout = Layout { labels: 2, label: 1, classes: Arc::new(names) };
    let mut train = Records::new(&layout, most);
    train.append(&folder.join("train.bin"))?;
    let test = layout.test(&folder.join("test.bin"), &mut notes)?;
    Ok(source(DataFormat::Cifar100, train.finish(), test, notes))
}

/// Both parts with what their images are called.
fn source(
    format: DataFormat,
    (train, train_names): (ImageSet, Vec<String>),
    test: Option<(ImageSet, Vec<String>)>,
    notes: Vec<String>,
) -> Source {
    let (test, test_names) = test.map_or((None, Vec::new()), |(set, names)| (Some(set), names));
    Source { train_names, test_names, ..Source::new(format, train, test, notes) }
}

/// The class names in `file`, one a line; none if there is no such file.
fn names(file: &Path, expected: usize) -> Result<Option<Vec<String>>> {
    if !file.is_file() {
        return Ok(None);
    }
    let text = reading::read_text(file, MOST_OF_A_TEXT, reading::Source::File)?;
    let names: Vec<String> =
        text.lines().map(|line| line.trim().to_string()).filter(|line| !line.is_empty()).collect();
    if names.len() != expected {
        return Err(Error::data(
            file,
            format!("found {} class names, expected {expected}, one a line", names.len()),
            "download the file again, or remove it",
        ));
    }
    Ok(Some(names))
}

/// A record: `labels` bytes of labels, of which number `label` counts, then an image.
struct Layout {
    labels: usize,
    label: usize,
    classes: Arc<Vec<String>>,
}

impl Layout {
    /// The test part and what its images are called, if its file is there.
    fn test(&self, file: &Path, notes: &mut Vec<String>) -> Result<Option<(ImageSet, Vec<String>)>> {
        if !file.is_file() {
            notes.push(format!("there is no {}", file.file_name().unwrap_or_default().display()));
            return Ok(None);
        }
        let mut records = Records::new(self, 0);
        records.append(file)?;
        Ok(Some(records.finish()))
    }
}

/// Images as they are read.
struct Records<'a> {
    layout: &'a Layout,
    /// Most images of each class; 0 for all.
    most: usize,
    taken: Vec<usize>,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    names: Vec<String>,
}

impl<'a> Records<'a> {
    fn new(layout: &'a Layout, most: usize) -> Self {
        let taken = vec![0; layout.classes.len()];
        Self { layout, most, taken, pixels: Vec::new(), labels: Vec::new(), names: Vec::new() }
    }

    /// Appends the records of `file`.
    fn append(&mut self, file: &Path) -> Result<()> {
        let Layout { labels, label, classes } = self.layout;
        let bytes = reading::read(file, MOST_OF_A_FILE, reading::Source::File)?;
        let record = labels + IMAGE;
        if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
            return Err(Error::data(
                file,
                format!(
                    "found {} bytes, expected a multiple of {record} (an image is {labels} of label and \
                     {IMAGE} of pixels)",
                    bytes.len(),
                ),
                "the file is cut short or of another format: download it again",
            ));
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        for (number, record) in bytes.chunks_exact(record).enumerate() {
            let class = record[*label];
            if usize::from(class) >= classes.len() {
                return Err(Error::data(
                    file,
                    format!("image {number} has label {class}, expected less than {}", classes.len()),
                    "the file is damaged or of another format: download it again",
                ));
            }
            let taken = &mut self.taken[usize::from(class)];
            if self.most == 0 || *taken < self.most {
                *taken += 1;
                self.labels.push(u32::from(class));
                self.names.push(format!("{name}[{number}]"));
                self.pixels.extend_from_slice(&record[*labels..]);
            }
        }
        Ok(())
    }

    /// The images, and what they are called: file and place in it, from 0.
    fn finish(self) -> (ImageSet, Vec<String>) {
        let Records { layout, pixels, labels, names, .. } = self;
        (ImageSet::new(Arc::clone(&layout.classes), [CHANNELS, SIDE, SIDE], pixels, labels), names)
    }
}
