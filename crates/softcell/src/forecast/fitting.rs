//! Settings brought down to the memory that there is, before they are used.

use super::memory::MemoryModel;
use crate::config::{CheckedConfig, Config};
use crate::data::ImageSet;
use crate::error::Result;
use crate::memory::{available_bytes, resident_bytes};
use crate::sizing::sized;
use crate::space::Genotype;

/// Part of the available memory that a stage may take where nobody asked for more.
const SHARE: f64 = 0.8;
/// Bytes that the program may take in all where nobody asked for more: other programs want some, too.
const MOST: u64 = 4_000_000_000;
/// Where images fill most of that, a stage may still take this.
const LEAST: u64 = 1_500_000_000;
/// Batches are halved down to this size.
const FEWEST: usize = 8;
/// Channels of the first cell that are tried, falling.
const WIDTHS: [usize; 4] = [16, 12, 8, 4];
/// Longest sides in the search that are tried, falling.
const SIDES: [usize; 9] = [112, 96, 80, 64, 48, 40, 32, 24, 16];

/// Bytes that a stage may take where nobody asked for more, beside what the program has taken already; none where the
/// system does not tell.
pub fn allowed_bytes() -> Option<u64> {
    let left = MOST.saturating_sub(resident_bytes().unwrap_or(0)).max(LEAST);
    available_bytes().map(|available| left.min((available as f64 * SHARE) as u64))
}

/// What was given, and stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Images per batch of the search.
    pub search_batch: bool,
    /// Width of the search's network.
    pub search_width: bool,
    /// Longest side in the search.
    pub search_side: bool,
    /// Images per batch of the training.
    pub train_batch: bool,
    /// Width of the trained network.
    pub train_width: bool,
}

/// The settings with stages that take at most `room` bytes each, as far as `kept` allows: first smaller batches, then a
/// narrower network, then, in the search, smaller images. And what was changed and why, a sentence each.
///
/// Settings that fit are left as they are; where nothing helps, the last that was tried is returned.
///
/// # Errors
/// Networks that cannot be built.
pub fn fit_memory(
    config: &CheckedConfig,
    images: &ImageSet,
    stages: (bool, Option<&Genotype>),
    kept: Kept,
    room: u64,
) -> Result<(CheckedConfig, Vec<String>)> {
    let mut fitted = config.clone().into_config();
    let mut notes = Vec::new();
    let (search, trained) = stages;
    if search {
        fit_search(&mut fitted, images, kept, room, &mut notes)?;
    }
    if let Some(genotype) = trained {
        fit_training((&mut fitted, config), images, genotype, kept, room, &mut notes)?;
    }
    Ok((config.of_same_times(fitted)?, notes))
}

fn fit_search(
    config: &mut Config,
    images: &ImageSet,
    kept: Kept,
    room: u64,
    notes: &mut Vec<String>,
) -> Result<()> {
    let before = config.search.clone();
    let mut first = None;
    loop {
        let search = &mut config.search;
        let model = MemoryModel::of_search(search, images)?;
        let batch = fitting_batch(&model, &mut search.batch_size, kept.search_batch, room, &mut first);
        let longest = search.image_shape(images)[1..].iter().copied().max().unwrap_or(0);
        if batch
            || !(narrower(&mut search.init_channels, kept.search_width)
                || !kept.search_side && smaller(search, longest))
        {
            break;
        }
    }
    let search = &config.search;
    let mut changes = changes(&[
        ("batches of", before.batch_size, search.batch_size),
        ("channels", before.init_channels, search.init_channels),
    ]);
    if search.max_side != before.max_side {
        changes.push(format!("a side of {} pixels", search.max_side));
    }
    tell("search", changes, first, room, notes);
    Ok(())
}

fn fit_training(
    (config, times): (&mut Config, &CheckedConfig),
    images: &ImageSet,
    genotype: &Genotype,
    kept: Kept,
    room: u64,
    notes: &mut Vec<String>,
) -> Result<()> {
    let before = config.train.clone();
    let mut first = None;
    loop {
        let asked = sized(genotype, &times.of_same_times(config.clone())?, images)?.into_config().train;
        let model = MemoryModel::of_training(genotype, &asked, images)?;
        let train = &mut config.train;
        let batch = fitting_batch(&model, &mut train.batch_size, kept.train_batch, room, &mut first);
        if batch || !narrower(&mut train.init_channels, kept.train_width) {
            break;
        }
    }
    let train = &config.train;
    let changes = changes(&[
        ("batches of", before.batch_size, train.batch_size),
        ("channels", before.init_channels, train.init_channels),
    ]);
    tell("training", changes, first, room, notes);
    Ok(())
}

/// Halves the batch until it fits; whether it does in the end. Memory that is not known fits. `first` keeps what the
/// settings as they were would have taken.
fn fitting_batch(
    model: &MemoryModel,
    batch: &mut usize,
    kept: bool,
    room: u64,
    first: &mut Option<u64>,
) -> bool {
    loop {
        let Some(needed) = model.bytes(*batch) else { return true };
        first.get_or_insert(needed);
        if needed <= room {
            return true;
        }
        if kept || *batch <= FEWEST {
            return false;
        }
        *batch = (*batch / 2).max(FEWEST);
    }
}

/// Takes the next smaller width, if there is one.
fn narrower(channels: &mut usize, kept: bool) -> bool {
    let next = WIDTHS.into_iter().find(|width| width < channels).filter(|_| !kept);
    next.inspect(|next| *channels = *next).is_some()
}

/// Takes the next smaller side, if there is one.
fn smaller(search: &mut crate::config::SearchConfig, longest: usize) -> bool {
    let next = SIDES.into_iter().find(|&side| side < longest);
    next.inspect(|next| search.max_side = *next).is_some()
}

fn changes(settings: &[(&str, usize, usize)]) -> Vec<String> {
    let changed = settings.iter().filter(|(_, before, after)| before != after);
    changed.map(|(what, before, after)| format!("{what} {after} instead of {before}")).collect()
}

fn tell(stage: &str, changes: Vec<String>, first: Option<u64>, room: u64, notes: &mut Vec<String>) {
    if let (false, Some(first)) = (changes.is_empty(), first) {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        notes.push(format!(
            "{stage} with {}: it would take {:.1} GB of memory otherwise, and is allowed {:.1} GB ({:.0} percent of what is \
             available, {:.0} GB in all at most)",
            changes.join(", "),
            gigabytes(first),
            gigabytes(room),
            SHARE * 100.0,
            gigabytes(MOST)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in;
    use super::*;
    use crate::config::{DataShape, Preset, preset};

    fn images(side: usize) -> ImageSet {
        ImageSet::empty(["a", "b"].map(String::from).to_vec().into(), [3, side, side])
    }

    fn config() -> CheckedConfig {
        let data = DataShape {
            train_images: 140,
            classes: 2,
            channels: 3,
            height: 128,
            width: 128,
            ..DataShape::default()
        };
        preset(Preset::Auto, &data).0.check().unwrap()
    }

    fn needs(config: &Config, batch: usize) -> u64 {
        let model = MemoryModel::of_search(&config.search, &images(128)).unwrap();
        model.bytes(batch).unwrap()
    }

    #[test]
    fn batch_then_width_then_side() {
        let fit = |kept, room| {
            let (fitted, notes) = fit_memory(&config(), &images(128), (true, None), kept, room).unwrap();
            let search = &fitted.search;
            (search.batch_size, search.init_channels, search.max_side, notes)
        };
        let [whole, half, least] = [32, 16, 8].map(|batch| needs(&config(), batch));
        assert_eq!(fit(Kept::default(), whole), (32, 16, 0, vec![]));
        let (batch, width, side, notes) = fit(Kept::default(), half);
        assert_eq!((batch, width, side), (16, 16, 0));
        assert!(notes[0].starts_with("search with batches of 16 instead of 32: it would take"), "{notes:?}");
        let (batch, width, side, _) = fit(Kept::default(), least - 1);
        assert_eq!((batch, side), (8, 0));
        assert!(width < 16, "{width}");
        let (batch, width, side, _) = fit(Kept::default(), least / 5);
        assert_eq!((batch, width), (8, 4));
        assert!((1..128).contains(&side), "{side}");
        // What was given stays.
        let kept = Kept { search_batch: true, ..Kept::default() };
        let (batch, width, _, notes) = fit(kept, half);
        assert_eq!(batch, 32);
        assert!(width < 16 && notes[0].contains("channels"), "{width} {notes:?}");
        let all = Kept { search_batch: true, search_width: true, search_side: true, ..Kept::default() };
        assert_eq!(fit(all, 1000), (32, 16, 0, vec![]));
    }

    #[test]
    fn the_training_is_fitted_too() {
        let (config, genotype) = (config(), stand_in(&config().search));
        let images = images(128);
        let model = MemoryModel::of_training(&genotype, &config.train, &images).unwrap();
        let room = model.bytes(16).unwrap();
        let (fitted, notes) =
            fit_memory(&config, &images, (false, Some(&genotype)), Kept::default(), room).unwrap();
        assert_eq!((fitted.train.batch_size, fitted.train.init_channels), (16, 24));
        assert!(notes[0].starts_with("training with batches of 16 instead of 32"), "{notes:?}");
        assert_eq!(fitted.search, config.search);
        let tight =
            fit_memory(&config, &images, (false, Some(&genotype)), Kept::default(), room / 4).unwrap().0;
        assert_eq!(tight.train.batch_size, 8);
        assert!(tight.train.init_channels < 24);
    }
}
