//! Reading images of any supported format into memory.

use std::path::{Path, PathBuf};

use super::set::ImageSet;
use super::{cifar, detect, digits, folder, idx};
use crate::config::{DataConfig, DataFormat, ImageSize};
use crate::error::{Error, Result};

/// Images as they were read, before anything is divided.
#[derive(Debug, Clone)]
pub struct Source {
    /// The training part, or everything where there is only one part.
    pub train: ImageSet,
    /// The test part, if the data has one.
    pub test: Option<ImageSet>,
    /// How the images were stored; never [`DataFormat::Auto`].
    pub format: DataFormat,
    /// Images that could not be read, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
}

/// Reads the images that `config` names; `progress` is told (images done, images in all) now and then.
///
/// Which format a path holds is found out unless `config.format` says it:
///
/// | Path | Read as |
/// |---|---|
/// | `digits` (write `./digits` for a folder of that name) | the embedded handwritten digits |
/// | a folder with `data_batch_1.bin`, or with `cifar-10-batches-bin` in it | CIFAR-10 |
/// | a folder with `train.bin` and `test.bin`, or with `cifar-100-binary` in it | CIFAR-100, fine labels |
/// | a folder with `*-images-idx3-ubyte[.gz]`, or such a file | IDX (MNIST and its kin) |
/// | any other folder | a folder of images |
///
/// A folder of images holds one folder per class, or `train` and `test` (or `val`, `valid`) with one
/// folder per class in each. PNG, JPEG, BMP, GIF (first frame), WebP, TIFF and PNM files are read, from
/// sub-folders of a class too; orientation tags are heeded, transparent pixels become white. Classes are
/// ordered by name. With all of `train`, `val` and `test`, the validation images join the training part:
/// validation is split off by [`Dataset::new`](super::Dataset::new). With `train` and `val` only, `val` is
/// the test part.
///
/// # Errors
///
/// A path that is not there or not of the format; files that are cut short or contradict one another;
/// fewer than two classes; a class without images; more than `max_bad_images` unreadable images.
pub fn open(config: &DataConfig, progress: &mut dyn FnMut(usize, usize)) -> Result<Source> {
    let size: ImageSize = config.image_size.parse()?;
    let (format, path) = detect::detect(config)?;
    let mut source = match format {
        DataFormat::Folder => folder::read(&path, config, size, progress)?,
        DataFormat::Cifar10 => cifar::read_10(&path)?,
        DataFormat::Cifar100 => cifar::read_100(&path)?,
        DataFormat::Idx => idx::read(&path)?,
        DataFormat::Digits | DataFormat::Auto => digits::read(),
    };
    check_classes(&source.train, &path)?;
    if format != DataFormat::Folder {
        source.train = source.train.first_of_each_class(config.images_per_class);
        bring_to(&mut source, size);
        let images = source.train.len() + source.test.as_ref().map_or(0, ImageSet::len);
        progress(images, images);
    }
    Ok(source)
}

/// Resizes both parts if another size is asked for.
fn bring_to(source: &mut Source, size: ImageSize) {
    let (from_height, from_width) = (source.train.height, source.train.width);
    let ImageSize::Fixed { height, width } = size else { return };
    if (from_height, from_width) == (height, width) {
        return;
    }
    for set in [Some(&mut source.train), source.test.as_mut()].into_iter().flatten() {
        set.resize(height, width);
    }
    source
        .notes
        .push(format!("images of {from_height}x{from_width} were resized to {height}x{width} (image_size)"));
}

/// Refuses fewer than two classes, and classes without training images.
fn check_classes(train: &ImageSet, path: &Path) -> Result<()> {
    if train.classes.len() < 2 {
        return Err(Error::data(
            path,
            format!("found only one class, {}", listed(&train.classes)),
            "give images of at least two classes, one folder per class",
        ));
    }
    let empty: Vec<String> = train
        .classes
        .iter()
        .zip(train.class_counts())
        .filter(|&(_, count)| count == 0)
        .map(|(class, _)| class.clone())
        .collect();
    if empty.is_empty() {
        return Ok(());
    }
    Err(Error::data(
        path,
        format!("no training image of class {}", listed(&empty)),
        "add images of it, or take the class out",
    ))
}

/// The first few of `items`, and how many more there are.
pub(super) fn listed(items: &[String]) -> String {
    const SHOWN: usize = 5;
    match items.len().checked_sub(SHOWN) {
        None | Some(0) => items.join(", "),
        Some(more) => format!("{} and {more} more", items[..SHOWN].join(", ")),
    }
}
