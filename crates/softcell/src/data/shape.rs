//! What images are before they are decoded: how many, of which sizes; and the size they are brought to.

use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::decode::{Head, Shape};
use super::files::{Entry, Part, Store};
use super::source::Source;
use crate::config::{DataFormat, ImageSize};
use crate::error::{Error, Result};

/// Images whose heads decide size and channels.
const SAMPLE: usize = 500;
/// Images of one size stay as they are up to this longest side.
const SMALL: usize = 64;
/// Sides that are chosen for others, unless the program finds out what there is time for.
const SIDES: [usize; 8] = [32, 48, 64, 96, 128, 160, 192, 224];
/// The longest of them that is chosen without knowing the time.
const MAX_SIDE: usize = 128;

/// Lengths in a sample, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// The shortest.
    pub least: usize,
    /// The middle one; of an even number the mean of the middle two, rounded up.
    pub median: usize,
    /// The longest.
    pub most: usize,
}

impl Extent {
    /// The extent of at least one length.
    fn of(lengths: impl Iterator<Item = usize>) -> Extent {
        let mut sorted: Vec<usize> = lengths.collect();
        sorted.sort_unstable();
        let last = sorted.len() - 1;
        let median = (sorted[last / 2] + sorted[sorted.len() / 2]).div_ceil(2);
        Extent { least: sorted[0], median, most: sorted[last] }
    }
}

/// What a path holds, before pixels are decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// How the images are stored.
    pub format: DataFormat,
    /// Classes.
    pub classes: usize,
    /// 1 (grayscale) or 3.
    pub channels: usize,
    /// Training images, without those that the data give to validation.
    pub train_images: usize,
    /// Images that the data give to validation, if they do.
    pub validation_images: Option<usize>,
    /// Test images, if the data has some.
    pub test_images: Option<usize>,
    /// Rows of the images, in a sample.
    pub heights: Extent,
    /// Columns of the images, in a sample.
    pub widths: Extent,
    /// The shorter side of each image, in a sample.
    pub short_sides: Extent,
    /// Images in the sample.
    pub sampled: usize,
    /// Whether all of them have one size.
    pub equal: bool,
}

impl Survey {
    /// The survey of images of one size that were read.
    pub(super) fn of_source(source: &Source) -> Survey {
        let Source { train, validation, test, format, .. } = source;
        let one = |side: usize| Extent { least: side, median: side, most: side };
        Survey {
            format: *format,
            classes: train.classes.len(),
            channels: train.channels,
            train_images: train.len() - validation.len(),
            validation_images: (!validation.is_empty()).then_some(validation.len()),
            test_images: test.as_ref().map(|test| test.len()),
            heights: one(train.height),
            widths: one(train.width),
            short_sides: one(train.height.min(train.width)),
            sampled: train.len(),
            equal: true,
        }
    }

    /// Whether the images stay as they are: they have one size, and that is small.
    pub fn stays(&self) -> bool {
        self.equal && self.heights.most.max(self.widths.most) <= SMALL || !self.format.is_files()
    }

    /// The sides of a square that the images can be brought to, rising; the longest is at most the median of their
    /// shorter sides.
    pub fn sides(&self) -> Vec<usize> {
        let median = self.short_sides.median;
        let sides: Vec<usize> = SIDES.into_iter().filter(|&side| side <= median).collect();
        if sides.is_empty() { vec![median.max(1)] } else { sides }
    }

    /// Rows and columns where nobody asks for a size: those the images have where they are small and alike, else
    /// those of a square.
    pub fn auto_size(&self) -> [usize; 2] {
        if self.stays() {
            return [self.heights.most, self.widths.most];
        }
        let sides = self.sides();
        let side = sides.iter().rev().find(|&&side| side <= MAX_SIDE).unwrap_or(&sides[0]);
        [*side; 2]
    }

    /// What the images are brought to, and a sentence where they have other sizes.
    pub(super) fn shape(&self, size: ImageSize) -> (Shape, Option<String>) {
        let channels = self.channels;
        if let ImageSize::Fixed { height, width } = size {
            return (Shape { channels, height, width }, None);
        }
        let [height, width] = self.auto_size();
        let shape = Shape { channels, height, width };
        if self.stays() {
            return (shape, None);
        }
        let one = (self.heights.least, self.widths.least) == (self.heights.most, self.widths.most);
        let have = if self.equal || one {
            format!("images of {}x{}", self.heights.most, self.widths.most)
        } else {
            format!(
                "images of {}x{} to {}x{} (in a sample of {})",
                self.heights.least, self.widths.least, self.heights.most, self.widths.most, self.sampled
            )
        };
        (shape, Some(format!("{have} were brought to {height}x{width}; image_size sets another size")))
    }
}

/// Looks at the heads of a sample of the training images.
pub(super) fn survey_of(
    format: DataFormat,
    root: &Path,
    classes: &[String],
    entries: &[Entry],
    store: &Store,
    most_pixels: u64,
) -> Result<Survey> {
    let count = |part: Part| entries.iter().filter(|entry| entry.part == part).count();
    let files: Vec<&Entry> = entries.iter().filter(|entry| entry.part == Part::Train).collect();
    let sampled = files.len().min(SAMPLE);
    let look = |k: usize| store.head(&files[k * files.len() / sampled].place, most_pixels);
    let heads: Vec<_> = (0..sampled).into_par_iter().map(look).collect();
    let reason = heads.iter().find_map(|head| head.as_ref().err().map(ToString::to_string));
    let heads: Vec<Head> = heads.into_iter().flatten().collect();
    let Some(first) = heads.first() else {
        return Err(Error::data(
            root,
            format!(
                "none of {sampled} images that were tried can be read ({})",
                reason.unwrap_or_else(|| "there is none".into())
            ),
            "check that they are PNG, JPEG, BMP, GIF, WebP, TIFF or PNM files",
        ));
    };
    let some = |count: usize| (count > 0).then_some(count);
    Ok(Survey {
        format,
        classes: classes.len(),
        channels: if heads.iter().any(|head| head.color) { 3 } else { 1 },
        train_images: files.len(),
        validation_images: some(count(Part::Validation)),
        test_images: some(count(Part::Test)),
        heights: Extent::of(heads.iter().map(|head| head.height)),
        widths: Extent::of(heads.iter().map(|head| head.width)),
        short_sides: Extent::of(heads.iter().map(|head| head.height.min(head.width))),
        sampled: heads.len(),
        equal: heads.iter().all(|head| (head.height, head.width) == (first.height, first.width)),
    })
}
