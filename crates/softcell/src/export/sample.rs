//! The images that an exported file is tried on.

use rand::RngExt;
use serde::Serialize;

use crate::data::{Dataset, ImageSet, open};
use crate::error::{Error, Result};
use crate::model::TrainedModel;
use crate::random::stream;
use crate::run::RunFolder;

/// Images as bytes, channel after channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Each `[channels, height, width]`.
    pub images: Vec<Vec<u8>>,
    /// Where they come from.
    pub origin: Origin,
}

/// Where a sample comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Images of the test part.
    Test,
    /// Random pixels.
    MadeUp,
}

impl Sample {
    /// Enough images for a deviation to show.
    pub const SIZE: usize = 64;

    /// [`Self::SIZE`] images of `test`, or all if there are fewer, evenly over the set, so that every class
    /// is there where they are sorted by class. Without any, as [`Self::made_up`].
    pub fn of(test: &ImageSet) -> Sample {
        if test.is_empty() {
            return Sample::made_up([test.channels, test.height, test.width]);
        }
        let count = Sample::SIZE.min(test.len());
        let images = (0..count).map(|i| test.image(i * test.len() / count).to_vec()).collect();
        Sample { images, origin: Origin::Test }
    }

    /// As [`Self::of`] the test images of a run; `progress` is told (images read, images in all) now and then.
    ///
    /// # Errors
    /// When they cannot be read, or have changed since the run began.
    pub fn of_run(
        folder: &RunFolder,
        model: &TrainedModel,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Sample> {
        Ok(Sample::of(&images_of_run(folder, model, progress)?.test))
    }

    /// [`Self::SIZE`] images of random pixels.
    pub fn made_up(image_shape: [usize; 3]) -> Sample {
        let length = image_shape.iter().product();
        let image = |i| {
            let mut random = stream(0, "export/sample", &[i]);
            (0..length).map(|_| random.random()).collect()
        };
        Sample { images: (0..Sample::SIZE as u64).map(image).collect(), origin: Origin::MadeUp }
    }
}

/// The images of a run in its parts, as they were; `progress` is told (images read, images in all) now and then.
///
/// # Errors
/// When they cannot be read, or have changed since the run began.
pub fn images_of_run(
    folder: &RunFolder,
    model: &TrainedModel,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset> {
    let config = folder.read_config()?;
    let source = open(&config.data, progress)?;
    let dataset = Dataset::new(source, &config.data, config.search.train_portion, config.seed)?;
    if dataset.summary.fingerprint != model.manifest.data_fingerprint {
        return Err(Error::Refused("they have changed since the run began".into()));
    }
    Ok(dataset)
}
