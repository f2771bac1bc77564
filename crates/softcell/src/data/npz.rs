//! Arrays of NumPy: `.npz` archives with images and labels.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use zip::ZipArchive;

use super::arrays::{check_room, places};
use super::npy::{Array, Numbers};
use super::set::ImageSet;
use super::source::Source;
use crate::config::DataFormat;
use crate::error::{Error, Result};
use crate::reading::open_file;
use crate::shown::listed;

/// What the arrays may be called: images and labels of a part.
const TRAIN: [[&str; 2]; 4] =
    [["x_train", "y_train"], ["train_images", "train_labels"], ["images", "labels"], ["x", "y"]];
const VALIDATION: [[&str; 2]; 2] = [["x_val", "y_val"], ["val_images", "val_labels"]];
const TEST: [[&str; 2]; 2] = [["x_test", "y_test"], ["test_images", "test_labels"]];
/// The names of the classes, if they have any: the label 0 means the first.
const NAMES: &str = "class_names";

/// Images of one part.
struct Stored {
    /// What the images are called.
    names: Vec<String>,
    /// Channels, rows, columns.
    shape: [usize; 3],
    pixels: Vec<u8>,
    labels: Vec<i64>,
}

/// Reads an archive. Images are `[n, h, w]`, `[n, h, w, 1|3]` or `[n, 1|3, h, w]`, of bytes or of floats from 0 to 1 or
/// to 255; labels whole numbers, `[n]` or `[n, 1]`. Where there is an array `class_names` of texts, label `i` is its entry `i`.
///
/// # Errors
///
/// An archive without such arrays, or whose arrays contradict one another.
pub(super) fn read(path: &Path) -> Result<Source> {
    let mut archive = Archive::open(path)?;
    let Some(train) = archive.part(&TRAIN)? else {
        return Err(Error::data(
            path,
            format!("found the arrays {}", listed(&archive.names)),
            "expected x_train and y_train (and x_test, y_test), train_images and train_labels, or images and labels",
        ));
    };
    let (validation, test) = (archive.part(&VALIDATION)?, archive.part(&TEST)?);
    let mut notes = Vec::new();
    let (validation, test) = match (validation, test) {
        (Some(part), None) => {
            notes.push("there is no test part: the validation part is the test part".to_owned());
            (None, Some(part))
        }
        parts => parts,
    };
    let numbers: Vec<i64> = train.labels.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let classes = Arc::new(match archive.class_names()? {
        None => numbers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        Some(names) => named(path, &numbers, &names)?,
    });
    let labelled = |part: &Stored| -> Result<Vec<u32>> {
        let label = |n: &i64| numbers.binary_search(n).map(|label| label as u32);
        part.labels.iter().map(label).collect::<Result<_, _>>().map_err(|_| {
            let problem = "a label occurs in another part but not in the training part";
            Error::data(path, problem, "give arrays of one data set")
        })
    };
    for part in [&validation, &test].into_iter().flatten() {
        if part.shape != train.shape {
            let problem = format!("training images are {:?}, others {:?}", train.shape, part.shape);
            return Err(Error::data(path, problem, "give arrays of one data set"));
        }
    }
    let mut labels = labelled(&train)?;
    let Stored { shape, mut pixels, names: mut train_names, .. } = train;
    let own = labels.len();
    if let Some(part) = &validation {
        labels.extend(labelled(part)?);
        pixels.extend_from_slice(&part.pixels);
        train_names.extend_from_slice(&part.names);
    }
    let given = (own..labels.len()).collect();
    let set = ImageSet::new(Arc::clone(&classes), shape, pixels, labels);
    let (test, test_names) = match test {
        None => (None, Vec::new()),
        Some(part) => {
            let labels = labelled(&part)?;
            (Some(ImageSet::new(classes, part.shape, part.pixels, labels)), part.names)
        }
    };
    Ok(Source {
        validation: given,
        train_names,
        test_names,
        ..Source::new(DataFormat::Npz, set, test, notes)
    })
}

/// The names of these labels.
fn named(path: &Path, labels: &[i64], names: &[String]) -> Result<Vec<String>> {
    if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        let problem = format!("{NAMES} has the name {} twice", twice.1);
        return Err(Error::data(path, problem, "give each class a name of its own"));
    }
    let name = |label: &i64| usize::try_from(*label).ok().and_then(|label| names.get(label)).cloned();
    labels.iter().map(|label| name(label).ok_or(label)).collect::<Result<_, _>>().map_err(|label| {
        let problem = format!("found the label {label} and {} names in {NAMES}", names.len());
        Error::data(path, problem, "give a name for each label, from 0 on")
    })
}

struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<File>,
    /// The names of the arrays, without `.npy`.
    names: Vec<String>,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Archive<'a>> {
        let file = open_file(path).map_err(Error::io("read", path))?;
        let zip = ZipArchive::new(file).map_err(|e| bad(path, &e))?;
        let names =
            zip.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned())).collect();
        Ok(Archive { path, zip, names })
    }

    /// The first pair of arrays that is there.
    fn part(&mut self, names: &[[&str; 2]]) -> Result<Option<Stored>> {
        let found = names.iter().find(|pair| pair.iter().all(|name| self.names.iter().any(|n| n == name)));
        let Some([images, labels]) = found else { return Ok(None) };
        let (shape, pixels) = self.images(images)?;
        let (sizes, labels) = self.numbers(labels)?;
        let flat = sizes.iter().filter(|&&size| size != 1).count() <= 1;
        let [n, shape @ ..] = shape;
        if labels.len() != n || !flat {
            let problem = format!("found labels of shape {sizes:?} for {n} images");
            return Err(Error::data(self.path, problem, "give one label for each image"));
        }
        if let Some(wrong) = labels.iter().find(|label: &f64| label.fract() != 0.0) {
            let problem = format!("found the label {wrong}");
            return Err(Error::data(self.path, problem, "give whole numbers, one for each class"));
        }
        let labels = labels.iter().map(|n| n as i64).collect();
        Ok(Some(Stored { names: places(images, n), shape, pixels, labels }))
    }

    /// The names of the classes, if they have any.
    fn class_names(&mut self) -> Result<Option<Vec<String>>> {
        let path = self.path;
        if !self.names.iter().any(|name| name == NAMES) {
            return Ok(None);
        }
        let member = self.zip.by_name(&format!("{NAMES}.npy")).map_err(|e| bad(path, &e))?;
        let array = Array::open(member).map_err(|e| bad(path, &e))?;
        // Four bytes for each character as they are stored, and again as the text that is made of them.
        let bytes = array.characters_of_text().unwrap_or(0) as u64 * 8 + size_of::<String>() as u64;
        check_room(path, bytes_in_all(bytes, &array.shape))?;
        let texts = array.into_texts().ok_or_else(|| {
            Error::data(
                path,
                format!("{NAMES} holds no texts"),
                "store it as numpy.array([\"first\", \"second\"])",
            )
        })?;
        Ok(Some(texts.map_err(|e| bad(path, &e))?))
    }

    /// The array of that name as numbers, row by row.
    fn numbers(&mut self, name: &str) -> Result<(Vec<usize>, Numbers)> {
        let path = self.path;
        let member = self.zip.by_name(&format!("{name}.npy")).map_err(|e| bad(path, &e))?;
        let array = Array::open(member).map_err(|e| bad(path, &e))?;
        let sizes: Vec<usize> = array.shape.iter().map(|&size| size as usize).collect();
        if array.fortran && sizes.len() > 1 {
            let remedy = "store it with numpy.ascontiguousarray";
            return Err(Error::data(path, format!("{name} is stored column by column"), remedy));
        }
        // As they are stored, and as the bytes that are made of them.
        let bytes = array.bytes_of_number().unwrap_or(0) as u64 + 1;
        check_room(path, bytes_in_all(bytes, &array.shape))?;
        let values = array.into_numbers().ok_or_else(|| {
            Error::data(
                path,
                format!("{name} holds no numbers that are known"),
                "store uint8, whole numbers or floats",
            )
        })?;
        Ok((sizes, values.map_err(|e| bad(path, &e))?))
    }

    /// Number, channels, rows and columns of images, and their bytes channel after channel.
    fn images(&mut self, name: &str) -> Result<([usize; 4], Vec<u8>)> {
        let (sizes, values) = self.numbers(name)?;
        let wrong = |what: &str| {
            let remedy = "expected [n, h, w], [n, h, w, 1 or 3] or [n, 1 or 3, h, w], of bytes or of floats from 0 to 1";
            Error::data(self.path, format!("{name} has {what}"), remedy)
        };
        let (shape, last) = match sizes[..] {
            [n, h, w] => ([n, 1, h, w], false),
            [n, h, w, c @ (1 | 3)] => ([n, c, h, w], c > 1),
            [n, c @ (1 | 3), h, w] => ([n, c, h, w], false),
            _ => return Err(wrong(&format!("the shape {sizes:?}"))),
        };
        if shape[1..].contains(&0) {
            return Err(wrong(&format!("the shape {sizes:?}, images without a pixel")));
        }
        let bytes = as_bytes(values).map_err(|what| wrong(&what))?;
        let [_, channels, height, width] = shape;
        let plane = height * width;
        if !last {
            return Ok((shape, bytes));
        }
        let mut planes = Vec::with_capacity(bytes.len());
        for image in bytes.chunks_exact(channels * plane) {
            for channel in 0..channels {
                planes.extend(image.iter().skip(channel).step_by(channels));
            }
        }
        Ok((shape, planes))
    }
}

/// Pixels as bytes: floats from 0 to 1 are those from 0 to 255.
///
/// # Errors
/// What else is found.
fn as_bytes(values: Numbers) -> std::result::Result<Vec<u8>, String> {
    if let Numbers::Bytes(bytes) = values {
        return Ok(bytes);
    }
    let (mut least, mut most, mut fraction) = (0.0f64, 0.0f64, false);
    for value in values.iter() {
        if !value.is_finite() {
            return Err("values that are no numbers, or infinite".to_owned());
        }
        (least, most) = (least.min(value), most.max(value));
        fraction |= value.fract() != 0.0;
    }
    let scale = if fraction && most <= 1.0 { 255.0 } else { 1.0 };
    if most * scale > 255.0 || least < 0.0 {
        return Err(format!("values up to {most}, or below 0"));
    }
    Ok(values.iter().map(|value| (value * scale).round() as u8).collect())
}

fn bad(path: &Path, error: &dyn std::error::Error) -> Error {
    Error::data(
        path,
        format!("cannot be read as an archive of NumPy arrays ({error})"),
        "store it again with numpy.savez",
    )
}

/// Bytes of so many values of that many bytes each; the most there are where they cannot be counted.
fn bytes_in_all(each: u64, shape: &[u64]) -> u64 {
    shape.iter().try_fold(each, |product, &size| product.checked_mul(size)).unwrap_or(u64::MAX)
}
