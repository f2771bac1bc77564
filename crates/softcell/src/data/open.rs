//! Reading images of any supported format.

use std::path::Path;

use super::fault::Problem;
use super::files::{self, Catalogue};
use super::set::ImageSet;
use super::shape::{Survey, survey_of};
use super::source::{Source, Strictness, TestImages, Wanted};
use super::split::Shares;
use super::{cifar, detect, digits, duplicates, folder, idx, npz};
use crate::config::{DataConfig, DataFormat, Duplicates, ImageSize};
use crate::error::{Error, Result};
use crate::shown::{self, listed};

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
/// | a folder with `*.parquet`, or with `data/*.parquet`, or such a file | Parquet with the bytes of image files |
/// | `*.zip`, `*.tar`, `*.tar.gz`, `*.tgz` | an archive of a folder of images |
/// | `*.csv`, `*.tsv` | a table of paths, classes and, where they are there, parts and groups |
/// | `*.npz` | NumPy arrays |
/// | any other folder | a folder of images |
///
/// A folder of images holds one folder per class, or `train`, `val` (`valid`, `validation`) and `test` with one
/// folder per class in each. PNG, JPEG, BMP, GIF (first frame), WebP, TIFF and PNM files are read, from
/// sub-folders of a class too; orientation tags are heeded, transparent pixels become white. Classes are
/// ordered by name. With `train` and `val` only, `val` is the test part.
///
/// Unless `config.duplicates` says otherwise, copies of an image stay in one part, and those of test images are left out
/// of training.
///
/// # Errors
///
/// A path that is not there or not of the format; files that are cut short or contradict one another;
/// fewer than two classes; a class without training images; more unreadable images than are allowed.
pub fn open(config: &DataConfig, progress: &mut dyn FnMut(usize, usize)) -> Result<Source> {
    let mut source = read(config, Strictness::Run, progress)?;
    check_classes(&source.train, &config.location())?;
    if config.duplicates == Duplicates::Separate {
        duplicates::separate(&mut source);
        check_classes(&source.train, &config.location())?;
    }
    Ok(source)
}

/// Share of the training images that trains the weights where nobody says another.
const USUAL_PORTION: f64 = 0.5;

/// Reads the images as [`open`] does, but goes on whatever is wrong, and tells it: for looking at data.
///
/// # Errors
///
/// A path that is not there or not of the format; no readable image at all.
pub fn inspect(config: &DataConfig, progress: &mut dyn FnMut(usize, usize)) -> Result<Source> {
    let mut source = read(config, Strictness::Look, progress)?;
    if source.train.classes.len() < 2 {
        source.problems.push(Problem {
            what: "there is only one class, and a run needs two".into(),
            count: 1,
            examples: source.train.classes.to_vec(),
        });
    }
    duplicates::separate(&mut source);
    let shares = Shares {
        test: source.test.is_none().then_some(config.test_fraction),
        validation: config.validation_fraction,
        train_portion: USUAL_PORTION,
    };
    let shortage = shares.shortage(&source);
    source.problems.extend(shortage);
    Ok(source)
}

/// Reads the images of `config.path` to test a network on, which takes images of `shape` (channels, rows, columns). One
/// class is enough.
///
/// # Errors
///
/// Those of [`open`].
pub fn open_for_test(
    config: &DataConfig,
    shape: [usize; 3],
    wanted: Wanted,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TestImages> {
    let [_, height, width] = shape;
    let size = ImageSize::Fixed { height, width };
    let config = DataConfig { images_per_class: 0, image_size: size.to_string(), ..config.clone() };
    let (format, path) = detect::detect(&config)?;
    if format.is_files() {
        let catalogue = files::list(format, &path)?;
        return folder::read_test(format, &path, catalogue, &config, shape, wanted, progress);
    }
    let source = read(&config, Strictness::Run, progress)?;
    let in_all = source.train.len() + source.test.as_ref().map_or(0, ImageSet::len);
    let Source { train, test, train_names, test_names, format, skipped, notes, .. } = source;
    let (set, names) = match (wanted, test) {
        (_, None) => (train, train_names),
        (Wanted::TestOrAll, Some(test)) => (test, test_names),
        (Wanted::All, Some(test)) => (train.joined(&test), [train_names, test_names].concat()),
    };
    Ok(TestImages { set, in_all, names, format, skipped, notes })
}

/// What a path holds, as far as that can be told without decoding the images.
///
/// # Errors
///
/// Those of [`open`], without what only decoding finds.
pub fn survey(config: &DataConfig) -> Result<Survey> {
    let (format, path) = detect::detect(config)?;
    if format.is_files() {
        let catalogue = files::list(format, &path)?;
        refuse_obstacles(&catalogue, &path)?;
        let entries = folder::limited(catalogue.entries, config.images_per_class);
        return survey_of(
            format,
            &path,
            &catalogue.classes,
            &entries,
            &catalogue.store,
            config.max_image_pixels as u64,
        );
    }
    let source = read(config, Strictness::Run, &mut |_, _| {})?;
    Ok(Survey::of_source(&source))
}

fn read(
    config: &DataConfig,
    strictness: Strictness,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Source> {
    let size: ImageSize = config.image_size.parse()?;
    let (format, path) = detect::detect(config)?;
    if format.is_files() {
        let catalogue = files::list(format, &path)?;
        if strictness == Strictness::Run {
            refuse_obstacles(&catalogue, &path)?;
        }
        return folder::read(format, &path, catalogue, config, strictness, progress);
    }
    let most = config.images_per_class;
    let mut source = match format {
        DataFormat::Cifar10 => cifar::read_10(&path, most)?,
        DataFormat::Cifar100 => cifar::read_100(&path, most)?,
        DataFormat::Idx => idx::read(&path)?,
        DataFormat::Npz => npz::read(&path)?,
        _ => digits::read(),
    };
    if source.validation.is_empty() {
        source.keep_first_of_each_class(most);
    }
    bring_to(&mut source, size);
    let images = source.train.len() + source.test.as_ref().map_or(0, ImageSet::len);
    progress(images, images);
    Ok(source)
}

/// What keeps a run from beginning, as an error.
fn refuse_obstacles(catalogue: &Catalogue, path: &Path) -> Result<()> {
    let Some(first) = catalogue.obstacles.first() else { return Ok(()) };
    let told: Vec<String> = catalogue.obstacles.iter().map(|o| o.problem.what.clone()).collect();
    Err(Error::data(path, told.join("; "), first.remedy.clone()))
}

/// Resizes both parts if another size is asked for.
fn bring_to(source: &mut Source, size: ImageSize) {
    let (from_height, from_width) = (source.train.height, source.train.width);
    let ImageSize::Fixed { height, width } = size else { return };
    if (from_height, from_width) == (height, width) {
        return;
    }
    for set in [Some(&mut source.train), source.test.as_mut()].into_iter().flatten() {
        *set = set.resized(height, width);
    }
    source
        .notes
        .push(format!("images of {from_height}x{from_width} were resized to {height}x{width} (image_size)"));
}

/// Whether a folder holds several others.
fn holds_folders(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_dir()).nth(1).is_some()
}

/// Refuses fewer than two classes, and classes without training images.
fn check_classes(train: &ImageSet, path: &Path) -> Result<()> {
    if train.classes.len() < 2 {
        return Err(Error::data(
            path,
            format!("found only one class, {}", listed(&train.classes)),
            match train.classes.first().map(|class| path.join(class)).filter(|inner| holds_folders(inner)) {
                Some(inner) => format!("name {} if the classes are the folders in it", shown::path(&inner)),
                None => "give images of at least two classes, one folder per class".to_owned(),
            },
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
        format!("no training image of class {} is left", listed(&empty)),
        "add images of it, or take the class out (copies of test images do not count: duplicates = \"ignore\" keeps \
         them)",
    ))
}
