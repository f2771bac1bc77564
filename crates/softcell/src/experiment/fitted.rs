//! What the preset `auto` brings down to the memory and time of this machine, and to the epochs that were given.

use super::settings::Settings;
use super::stages::{MemoryCheck, Stages, TimeLimit};
use crate::config::{
    CheckedConfig, Config, DataShape, ImageSize, Preset, Section, SelectConfig, follow_epochs,
};
use crate::data::{DIGITS, ImageSet, survey};
use crate::error::Result;
use crate::forecast::{ChosenSide, Kept, MemoryModel, SideRoom, choose_side as choose, fit_memory};

/// Chooses the side of the images where that is left to the program and they have many sizes, or one that is large;
/// before they are read.
///
/// # Errors
/// Images that cannot be used.
pub(super) fn choose_side(
    settings: &Settings,
    reading: &Config,
    stages: &Stages,
    time: TimeLimit,
    memory: MemoryCheck,
) -> Result<Option<ChosenSide>> {
    let open = reading.data.image_size.parse::<ImageSize>()? == ImageSize::Auto;
    if settings.preset() != Preset::Auto || !open || reading.data.path == DIGITS {
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
    let of_side = |side: usize| {
        let (classes, channels) = (survey.classes, survey.channels);
        let shape =
            DataShape { train_images, classes, channels, height: side, width: side, ..DataShape::default() };
        settings.build(&shape).map(|(config, _)| config)
    };
    let room = SideRoom {
        seconds: time.time().map(|time| time.as_secs_f64()),
        bytes: memory.room(),
        threads: rayon::current_num_threads(),
        kept: kept(settings),
        // What is left to the program need not be a search.
        searched: stages.search() && !is_open(settings, stages),
        trained: !matches!(stages, Stages::Search),
    };
    Ok(Some(choose(&survey, &room, &of_side)?))
}

/// The settings with what was not given brought to memory and epochs, and what was changed and why. Other presets than
/// `auto` stay as they are.
///
/// # Errors
/// Networks that cannot be built.
pub(super) fn fit(
    settings: &Settings,
    config: &CheckedConfig,
    shape: &DataShape,
    stages: &Stages,
    images: &ImageSet,
    memory: MemoryCheck,
) -> Result<(CheckedConfig, Vec<String>)> {
    if settings.preset() != Preset::Auto {
        return Ok((config.clone(), Vec::new()));
    }
    let (fitted, mut notes) = match memory.room() {
        Some(room) => {
            let genotype = stages.trained(&config.search);
            fit_memory(config, images, (stages.search(), genotype.as_ref()), kept(settings), room)?
        }
        None => (config.clone(), Vec::new()),
    };
    let (base, mut fitted) = (settings.of_preset(shape)?, fitted.into_config());
    notes.extend(follow_epochs(&base, &mut fitted, shape, |section, name| settings.has(section, name)));
    if is_open(settings, stages) {
        fitted.select = SelectConfig::usual(&fitted.train);
        let room = memory.room();
        let small = |needed: u64| room.is_none_or(|room| needed <= room);
        let search = MemoryModel::of_search(&fitted.search, images)?;
        if !search.bytes(fitted.search.batch_size).is_none_or(small) {
            fitted.select = SelectConfig::published();
            notes.push(format!(
                "there is too little memory for a search: the cell is {}",
                SelectConfig::PUBLISHED
            ));
        }
    }
    Ok((fitted.check()?, notes))
}

/// Whether it is left to the program which cells are searched and compared.
pub(super) fn is_open(settings: &Settings, stages: &Stages) -> bool {
    *stages == Stages::Fit && settings.leaves_cells_open()
}

/// What was given of the settings that memory decides.
fn kept(settings: &Settings) -> Kept {
    let has = |section, name| settings.has(section, name);
    Kept {
        search_batch: has(Section::Search, "batch_size"),
        search_width: has(Section::Search, "init_channels"),
        search_side: has(Section::Search, "max_side"),
        train_batch: has(Section::Train, "batch_size"),
        train_width: has(Section::Train, "init_channels"),
    }
}
