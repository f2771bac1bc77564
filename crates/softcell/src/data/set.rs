//! Labelled images of one shape, in memory as bytes.

use std::fmt;
use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Labelled images of one shape, as bytes.
#[derive(Clone, PartialEq, Eq)]
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
    pub pixels: Vec<u8>,
    /// The class of each image.
    pub labels: Vec<u32>,
}

impl ImageSet {
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
    pub fn image(&self, i: usize) -> &[u8] {
        let n = self.image_len();
        &self.pixels[i * n..(i + 1) * n]
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
        let mut pixels = Vec::with_capacity(indices.len() * self.image_len());
        for &i in indices {
            pixels.extend_from_slice(self.image(i));
        }
        let labels = indices.iter().map(|&i| self.labels[i]).collect();
        ImageSet { classes: Arc::clone(&self.classes), pixels, labels, ..*self }
    }

    /// The same images with labels that are numbers of `classes`, which have all of this set's classes.
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

    /// The first `n` images of each class, in order; all of them where `n` is 0.
    pub(super) fn first_of_each_class(self, n: usize) -> ImageSet {
        if n == 0 || self.class_counts().iter().all(|&count| count <= n) {
            return self;
        }
        let mut taken = vec![0; self.classes.len()];
        let kept: Vec<usize> = (0..self.len())
            .filter(|&i| {
                let count = &mut taken[self.labels[i] as usize];
                *count += 1;
                *count <= n
            })
            .collect();
        self.subset(&kept)
    }

    /// Brings every image to `height` x `width`, without keeping the ratio of the sides.
    pub(super) fn resize(&mut self, height: usize, width: usize) {
        self.pixels = self
            .pixels
            .par_chunks_exact(self.height * self.width)
            .flat_map_iter(|plane| resize_plane(plane, self.height, self.width, height, width))
            .collect();
        (self.height, self.width) = (height, width);
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
        hash.update(&self.pixels);
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
