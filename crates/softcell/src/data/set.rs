//! Labelled images of one shape, as bytes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::pixels::Pixels;

/// Labelled images of one shape, as bytes; clones share the bytes.
#[derive(Clone)]
pub struct ImageSet {
    /// Names of the classes; a label is an index into them.
    pub classes: Arc<Vec<String>>,
    /// 1 (grayscale) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Image after image, each channel after channel, row by row: `[images, channels, height, width]`.
    pub pixels: Pixels,
    /// The class of each image.
    pub labels: Vec<u32>,
}

impl ImageSet {
    /// Images in memory: `pixels` is `[labels.len(), channels, height, width]`, `shape` the last three.
    ///
    /// # Panics
    ///
    /// If the number of bytes is another.
    pub fn new(classes: Arc<Vec<String>>, shape: [usize; 3], pixels: Vec<u8>, labels: Vec<u32>) -> ImageSet {
        let [channels, height, width] = shape;
        let len = channels * height * width;
        assert_eq!(pixels.len(), labels.len() * len, "every image has its bytes");
        ImageSet { classes, channels, height, width, pixels: Pixels::in_memory(pixels, len), labels }
    }

    /// No images, but a shape and classes.
    pub fn empty(classes: Arc<Vec<String>>, shape: [usize; 3]) -> ImageSet {
        ImageSet::new(classes, shape, Vec::new(), Vec::new())
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes of one image: channels x height x width.
    pub fn image_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The bytes of image `i`, `[channels, height, width]`.
    ///
    /// # Panics
    ///
    /// If there is no image `i`.
    pub fn image(&self, i: usize) -> Cow<'_, [u8]> {
        self.pixels.image(i)
    }

    /// Number of images of each class, in the order of [`ImageSet::classes`].
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.labels {
            counts[label as usize] += 1;
        }
        counts
    }

    /// The images at `indices`, in that order.
    pub(super) fn subset(&self, indices: &[usize]) -> ImageSet {
        let labels = indices.iter().map(|&i| self.labels[i]).collect();
        let pixels = self.pixels.chosen(indices.iter().copied());
        ImageSet { classes: Arc::clone(&self.classes), pixels, labels, ..*self }
    }

    /// These images with labels that are numbers of `classes`, which have all of this set's classes.
    ///
    /// # Panics
    ///
    /// If a class is not among them.
    pub(super) fn relabelled(&self, classes: &Arc<Vec<String>>) -> ImageSet {
        let number = |class: &String| {
            let found = classes.iter().position(|name| name == class);
            found.expect("the caller has seen that every class is there") as u32
        };
        let numbers: Vec<u32> = self.classes.iter().map(number).collect();
        let labels = self.labels.iter().map(|&label| numbers[label as usize]).collect();
        ImageSet { classes: Arc::clone(classes), labels, ..self.clone() }
    }

    /// The places of the first `n` images of each class, in order.
    pub(super) fn first_of_each_class(&self, n: usize) -> Vec<usize> {
        let mut taken = vec![0; self.classes.len()];
        let is_first = |&i: &usize| {
            let count = &mut taken[self.labels[i] as usize];
            *count += 1;
            *count <= n
        };
        (0..self.len()).filter(is_first).collect()
    }

    /// These images brought to `height` x `width`, in memory, without keeping the ratio of the sides.
    pub fn resized(&self, height: usize, width: usize) -> ImageSet {
        let plane = self.height * self.width;
        let image = |i: usize| {
            let planes = self.image(i);
            let planes = planes.chunks_exact(plane);
            planes.flat_map(|p| resize_plane(p, self.height, self.width, height, width)).collect::<Vec<u8>>()
        };
        let pixels = (0..self.len()).into_par_iter().flat_map_iter(image).collect();
        let shape = [self.channels, height, width];
        ImageSet::new(Arc::clone(&self.classes), shape, pixels, self.labels.clone())
    }

    /// These images and then others of the same shape and classes, in memory.
    pub(super) fn joined(&self, other: &ImageSet) -> ImageSet {
        let images =
            |set: &ImageSet| (0..set.len()).flat_map(|i| set.image(i).into_owned()).collect::<Vec<u8>>();
        let labels = [self.labels.as_slice(), &other.labels].concat();
        let shape = [self.channels, self.height, self.width];
        ImageSet::new(Arc::clone(&self.classes), shape, [images(self), images(other)].concat(), labels)
    }

    /// Feeds shape, class names, labels and pixels to `hash`.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        for n in [self.len(), self.channels, self.height, self.width, self.classes.len()] {
            hash.update((n as u64).to_le_bytes());
        }
        for class in self.classes.iter() {
            hash.update((class.len() as u64).to_le_bytes());
            hash.update(class);
        }
        for label in &self.labels {
            hash.update(label.to_le_bytes());
        }
        for i in 0..self.len() {
            hash.update(self.image(i));
        }
    }
}

/// Sets are equal that have equal classes, shapes, labels and bytes, wherever they lie.
impl PartialEq for ImageSet {
    fn eq(&self, other: &ImageSet) -> bool {
        let shape = |set: &ImageSet| (set.channels, set.height, set.width);
        self.classes == other.classes
            && shape(self) == shape(other)
            && self.labels == other.labels
            && (0..self.len()).all(|i| self.image(i) == other.image(i))
    }
}

/// The pixels are left out.
impl fmt::Debug for ImageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSet")
            .field("classes", &self.classes)
            .field("channels", &self.channels)
            .field("height", &self.height)
            .field("width", &self.width)
            .field("images", &self.labels.len())
            .finish_non_exhaustive()
    }
}

/// The filter for every change of size: a triangle as wide as the scale asks for, so that shrinking
/// averages and growing interpolates linearly.
pub(super) const FILTER: FilterType = FilterType::Triangle;

/// One channel, resized.
fn resize_plane(bytes: &[u8], from_height: usize, from_width: usize, height: usize, width: usize) -> Vec<u8> {
    let plane: ImageBuffer<Luma<u8>, &[u8]> =
        ImageBuffer::from_raw(from_width as u32, from_height as u32, bytes)
            .expect("a plane has height x width bytes");
    imageops::resize(&plane, width as u32, height as u32, FILTER).into_raw()
}
