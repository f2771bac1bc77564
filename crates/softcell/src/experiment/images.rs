//! The images of a run.

use crate::config::{CheckedConfig, ImageSize};
use crate::data::{Dataset, open};
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::run::{Manifest, RunFolder};

/// Reads and divides images, and tells of them.
///
/// # Errors
/// When they cannot be used, and whatever the observer answers.
pub fn read_images(config: &CheckedConfig, observer: &mut dyn Observer) -> Result<Dataset> {
    let mut told = Ok(());
    let opened = open(&config.data, &mut |done, total| {
        if told.is_ok() {
            told = observer.on(Event::Loading { done, total });
        }
    });
    told?;
    let dataset = Dataset::new(opened?, &config.data, config.search.train_portion, config.seed)?;
    observer.on(Event::Images { config, dataset: &dataset })?;
    Ok(dataset)
}

/// The settings by which the images of a run are read again: at the size that they had, whatever would be chosen now.
///
/// # Errors
/// When the manifest is damaged.
pub fn reading_settings(config: &CheckedConfig, folder: &RunFolder) -> Result<CheckedConfig> {
    match folder.read_manifest()? {
        // Formats of one size have it anyway.
        Some(Manifest { image_shape: [_, height, width], .. }) => {
            config.with(|config| config.data.image_size = ImageSize::Fixed { height, width }.to_string())
        }
        None => Ok(config.clone()),
    }
}
