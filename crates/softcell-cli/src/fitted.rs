//! What the preset `auto` brings down to the memory and time of this machine, and to the epochs that were given.

use anyhow::Result;
use softcell::config::{Config, DataShape, ImageSize, Preset, Section, follow_epochs};
use softcell::data::{ImageSet, survey};
use softcell::forecast::{ChosenSide, Kept, SideRoom, allowed_bytes, choose_side as choose, fit_memory};

use crate::args::TimeLimit;
use crate::plan::{MemoryCheck, Stages};
use crate::settings::Given;

/// Chooses the side of the images where that is left to the program and they have many sizes, or one that is large;
/// before they are read.
///
/// # Errors
/// Images that cannot be used.
pub fn choose_side(
    given: &Given,
    reading: &Config,
    stages: Stages<'_>,
    time: TimeLimit,
    memory: MemoryCheck,
) -> Result<Option<ChosenSide>> {
    let open = reading.data.image_size.parse::<ImageSize>()? == ImageSize::Auto;
    if given.preset() != Preset::Auto || !open || reading.data.path == crate::plan::DIGITS {
        return Ok(None);
    }
    let survey = survey(&reading.data)?;
    if survey.stays() {
        return Ok(None);
    }
    let train_images = match survey.test_images {
        Some(_) => survey.train_images,
        None => survey.train_images - (survey.train_images as f64 * reading.data.test_fraction) as usize,
    };
    let settings = |side: usize| {
        let (classes, channels) = (survey.classes, survey.channels);
        let shape =
            DataShape { train_images, classes, channels, height: side, width: side, ..DataShape::default() };
        let mut config = given.build_plainly(&shape)?;
        if !stages.search() {
            config.search.epochs = 0;
        }
        if stages.trained().is_none() {
            config.train.epochs = 0;
        }
        Ok(config)
    };
    let room = SideRoom {
        seconds: time.time().map(|time| time.as_secs_f64()),
        bytes: if memory == MemoryCheck::On { allowed_bytes() } else { None },
        threads: rayon::current_num_threads(),
        kept: kept(given),
    };
    Ok(Some(choose(&survey, &room, &settings)?))
}

/// The settings with what was not given brought to memory and epochs, and what was changed and why. Other presets than
/// `auto` stay as they are.
///
/// # Errors
/// Networks that cannot be built.
pub fn fit(
    given: &Given,
    config: &Config,
    shape: &DataShape,
    stages: Stages<'_>,
    images: &ImageSet,
    memory: MemoryCheck,
) -> Result<(Config, Vec<String>)> {
    if given.preset() != Preset::Auto {
        return Ok((config.clone(), Vec::new()));
    }
    let (mut fitted, mut notes) = match allowed_bytes().filter(|_| memory == MemoryCheck::On) {
        Some(room) => {
            let genotype = stages.trained();
            fit_memory(config, images, (stages.search(), genotype.as_ref()), kept(given), room)?
        }
        None => (config.clone(), Vec::new()),
    };
    let base = given.of_preset(shape);
    notes.extend(follow_epochs(&base, &mut fitted, shape, |section, name| given.has(section, name)));
    Ok((fitted, notes))
}

/// What was given of the settings that memory decides.
fn kept(given: &Given) -> Kept {
    let has = |section, name| given.has(section, name);
    Kept {
        search_batch: has(Section::Search, "batch_size"),
        search_width: has(Section::Search, "init_channels"),
        search_side: has(Section::Search, "max_side"),
        train_batch: has(Section::Train, "batch_size"),
        train_width: has(Section::Train, "init_channels"),
    }
}
