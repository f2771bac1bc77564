//! A folder of images: sizes looked at, then all decoded in parallel.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::decode::{Head, Shape, decode, head};
use super::layout::{Layout, scan};
use super::set::ImageSet;
use super::source::{Source, listed};
use crate::config::{DataConfig, DataFormat, ImageSize};
use crate::error::{Error, Result};

/// Images whose heads decide size and channels.
const SAMPLE: usize = 500;
/// Longest side that is chosen without being asked for.
const MAX_AUTO_SIDE: usize = 224;
/// Images decoded between two reports of progress.
const CHUNK: usize = 512;

/// Reads the images of `root`, at most `images_per_class` training images of each class.
pub(super) fn read(
    root: &Path,
    config: &DataConfig,
    size: ImageSize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Source> {
    let Layout { classes, mut train, test, mut notes } = scan(root)?;
    if config.images_per_class > 0 {
        train.iter_mut().for_each(|files| files.truncate(config.images_per_class));
    }
    let (train, test) = (labelled(train), test.map(labelled));
    let shape = choose_shape(root, &train, size, &mut notes)?;
    let mut reader = Reader {
        root,
        shape,
        classes: Arc::new(classes),
        max_bad: config.max_bad_images,
        total: train.len() + test.as_ref().map_or(0, Vec::len),
        done: 0,
        tally: Tally::default(),
        skipped: Vec::new(),
        progress,
    };
    let train = reader.read(&train)?;
    let test = test.map(|files| reader.read(&files)).transpose()?;
    notes.extend(reader.tally.notes(shape));
    let skipped = reader.skipped;
    Ok(Source { train, test, format: DataFormat::Folder, skipped, notes })
}

/// The files class after class, each with its label.
fn labelled(files: Vec<Vec<PathBuf>>) -> Vec<(PathBuf, u32)> {
    files
        .into_iter()
        .enumerate()
        .flat_map(|(label, files)| files.into_iter().map(move |file| (file, label as u32)))
        .collect()
}

/// Size and channels of all images: as asked for, else from the heads of a sample.
fn choose_shape(
    root: &Path,
    files: &[(PathBuf, u32)],
    size: ImageSize,
    notes: &mut Vec<String>,
) -> Result<Shape> {
    let sampled = files.len().min(SAMPLE);
    let heads: Vec<Head> =
        (0..sampled).into_par_iter().filter_map(|k| head(&files[k * files.len() / sampled].0).ok()).collect();
    let Some(first) = heads.first() else {
        let reason = files.first().and_then(|(file, _)| head(file).err()).unwrap_or_default();
        return Err(Error::data(
            root,
            format!("none of {sampled} images that were tried can be read ({reason})"),
            "check that they are PNG, JPEG, BMP, GIF, WebP, TIFF or PNM files",
        ));
    };
    let channels = if heads.iter().any(|head| head.color) { 3 } else { 1 };
    if let ImageSize::Fixed { height, width } = size {
        return Ok(Shape { channels, height, width });
    }
    let heights = Sides::of(heads.iter().map(|head| head.height));
    let widths = Sides::of(heads.iter().map(|head| head.width));
    let (height, width) = capped(heights.median, widths.median);
    let equal = heads.iter().all(|head| (head.height, head.width) == (first.height, first.width));
    if !equal {
        notes.push(format!(
            "images differ in size ({}x{} to {}x{} in a sample of {}): all were brought to {height}x{width}, \
             from the median height and width; image_size sets another size",
            heights.least,
            widths.least,
            heights.most,
            widths.most,
            heads.len()
        ));
    } else if (height, width) != (first.height, first.width) {
        notes.push(format!(
            "images of {}x{} were brought to {height}x{width}, the longest side at most {MAX_AUTO_SIDE}; \
             image_size sets another size",
            first.height, first.width
        ));
    }
    Ok(Shape { channels, height, width })
}

/// Lengths in a sample.
struct Sides {
    least: usize,
    median: usize,
    most: usize,
}

impl Sides {
    /// Of at least one length. The median of an even number is the mean of the middle two, rounded up.
    fn of(lengths: impl Iterator<Item = usize>) -> Sides {
        let mut sorted: Vec<usize> = lengths.collect();
        sorted.sort_unstable();
        let last = sorted.len() - 1;
        let median = (sorted[last / 2] + sorted[sorted.len() / 2]).div_ceil(2);
        Sides { least: sorted[0], median, most: sorted[last] }
    }
}

/// Scaled down, if need be, so that the longest side is [`MAX_AUTO_SIDE`].
fn capped(height: usize, width: usize) -> (usize, usize) {
    let longest = height.max(width);
    if longest <= MAX_AUTO_SIDE {
        return (height, width);
    }
    let scaled = |side: usize| ((side * MAX_AUTO_SIDE + longest / 2) / longest).max(1);
    (scaled(height), scaled(width))
}

/// Counts of what was done to images.
#[derive(Debug, Default)]
struct Tally {
    resized: usize,
    grayed: usize,
    colored: usize,
    transparent: usize,
}

impl Tally {
    fn notes(&self, shape: Shape) -> Vec<String> {
        let Shape { height, width, .. } = shape;
        [
            (
                self.resized,
                format!("images were resized to {height}x{width}, whatever the ratio of their sides"),
            ),
            (self.grayed, "images with colours were turned gray, as the sampled images are".into()),
            (self.colored, "gray images got three equal channels, as others have colours".into()),
            (self.transparent, "images with transparent pixels were laid on white".into()),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
    }
}

/// Decodes parts one after the other.
struct Reader<'a> {
    root: &'a Path,
    shape: Shape,
    classes: Arc<Vec<String>>,
    max_bad: usize,
    total: usize,
    done: usize,
    tally: Tally,
    skipped: Vec<(PathBuf, String)>,
    progress: &'a mut dyn FnMut(usize, usize),
}

impl Reader<'_> {
    /// Decodes `files` in parallel, in order; unreadable ones are left out.
    fn read(&mut self, files: &[(PathBuf, u32)]) -> Result<ImageSet> {
        let Shape { channels, height, width } = self.shape;
        let mut pixels = self.reserve(files.len())?;
        let mut labels = Vec::with_capacity(files.len());
        for chunk in files.chunks(CHUNK) {
            let decoded: Vec<_> = chunk.par_iter().map(|(file, _)| decode(file, self.shape)).collect();
            for ((file, label), result) in chunk.iter().zip(decoded) {
                match result {
                    Ok(image) => {
                        pixels.extend_from_slice(&image.pixels);
                        labels.push(*label);
                        self.tally.resized += usize::from(image.resized);
                        self.tally.grayed += usize::from(image.color && channels == 1);
                        self.tally.colored += usize::from(!image.color && channels == 3);
                        self.tally.transparent += usize::from(image.transparent);
                    }
                    Err(reason) => self.skipped.push((file.clone(), reason)),
                }
            }
            self.check_skipped()?;
            self.done += chunk.len();
            (self.progress)(self.done, self.total);
        }
        Ok(ImageSet { classes: Arc::clone(&self.classes), channels, height, width, pixels, labels })
    }

    /// Room for `images` images.
    fn reserve(&self, images: usize) -> Result<Vec<u8>> {
        let Shape { channels, height, width } = self.shape;
        let bytes = images * channels * height * width;
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(bytes).map_err(|_| {
            Error::data(
                self.root,
                format!("{images} images of {channels}x{height}x{width} need {} MiB of memory", bytes >> 20),
                "set a smaller image_size, or images_per_class",
            )
        })?;
        Ok(pixels)
    }

    /// Refuses more unreadable images than allowed.
    fn check_skipped(&self) -> Result<()> {
        if self.skipped.len() <= self.max_bad {
            return Ok(());
        }
        let bad: Vec<String> =
            self.skipped.iter().map(|(file, reason)| format!("{} ({reason})", file.display())).collect();
        Err(Error::data(
            self.root,
            format!("found {} images that cannot be read: {}", bad.len(), listed(&bad)),
            format!("mend or remove them, or raise max_bad_images (now {})", self.max_bad),
        ))
    }
}
