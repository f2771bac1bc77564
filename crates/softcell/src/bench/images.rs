//! Images that are made up.

use burn::tensor::Device;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

use crate::config::{ImageSize, whole};
use crate::data::{Batch, ImageSet};
use crate::error::Result;
use crate::evaluate::DeviceBatch;
use crate::random::stream;

/// Colour channels of an image.
const COLOURS: usize = 3;
const MAX_BATCH: usize = 65_536;
const MAX_CLASSES: usize = 1_000_000;

/// Colour images of noise with labels drawn by lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Images {
    /// Images of a batch.
    pub batch_size: usize,
    /// Height and width in pixels.
    pub image_size: [usize; 2],
    /// Number of classes.
    pub classes: usize,
    /// Key of all that is drawn: images, labels, first weights, alphas, drop path.
    pub seed: u64,
}

impl Images {
    /// Whether there can be such images.
    pub(super) fn check(&self) -> Result<()> {
        whole("batch_size", self.batch_size, 1..=MAX_BATCH)?;
        for side in self.image_size {
            whole("image_size", side, 1..=ImageSize::MAX_SIDE)?;
        }
        whole("classes", self.classes, 2..=MAX_CLASSES)
    }

    /// Their shape and classes, without pixels.
    pub(super) fn shape(&self) -> ImageSet {
        let [height, width] = self.image_size;
        let classes = (0..self.classes).map(|class| class.to_string()).collect::<Vec<_>>();
        ImageSet::empty(classes.into(), [COLOURS, height, width])
    }

    /// The batch of a name: pixels of mean 0 and deviation 1, every class as likely as any other.
    pub(super) fn batch(&self, name: &str, device: &Device) -> DeviceBatch {
        let set = self.shape();
        let mut random = stream(self.seed, &format!("bench/{name}"), &[]);
        let numbers = self.batch_size * set.image_len();
        let images = (0..numbers).map(|_| StandardNormal.sample(&mut random)).collect();
        let labels = (0..self.batch_size).map(|_| random.random_range(0..self.classes as u32)).collect();
        DeviceBatch::new(Batch { images, labels, len: self.batch_size }, &set, device)
    }
}
