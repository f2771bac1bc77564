//! The side that images of many sizes are brought to, before they are read.

use super::budget::stand_in;
use super::fitting::{Kept, fit_memory};
use super::memory::MemoryModel;
use crate::config::CheckedConfig;
use crate::data::{ImageSet, Survey};
use crate::error::{Advice, Remedy, Result};
use crate::sizing::{asked_shape, sized};
use crate::space::{derived_cost, supernet_cost};

/// The longest side that is chosen.
const LONGEST: usize = 128;
/// Part of the time that the networks of the wanted size may be forecast to take with `ENOUGH` of their epochs, because
/// what is known before anything is measured is rough.
const SHARE: f64 = 0.6;
/// Part of the wanted epochs that is enough where time is short.
const ENOUGH: f64 = 0.35;
/// Multiply-adds that a thread does in a second, counting those of the backward pass.
const SPEED: f64 = 6e9;
/// Passes' worth of multiply-adds of a training step; of a search step, which is one of weights and one of alphas.
const TRAIN_PASSES: f64 = 3.0;
const SEARCH_PASSES: f64 = 6.0;

/// What the side may cost.
#[derive(Debug, Clone, Copy)]
pub struct SideRoom {
    /// Seconds of the whole run; none for any time.
    pub seconds: Option<f64>,
    /// Bytes of a stage; none for any memory.
    pub bytes: Option<u64>,
    /// Threads that compute.
    pub threads: usize,
    /// What was given, and stays.
    pub kept: Kept,
    /// Whether there is a search.
    pub searched: bool,
    /// Whether there is a training.
    pub trained: bool,
}

/// The side of a square, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenSide {
    /// In pixels.
    pub side: usize,
    /// In a sentence.
    pub why: Advice,
}

/// The longest of [`Survey::sides`], up to 128 pixels, for which there are time and memory; else the one that takes the
/// least time of those for which there is memory; else the shortest.
///
/// `settings` are those for images of a side; the time is from their multiply-adds with a cell that stands for the one
/// that will be found.
///
/// # Errors
/// Settings that cannot run.
pub fn choose_side(
    survey: &Survey,
    room: &SideRoom,
    settings: &dyn Fn(usize) -> Result<CheckedConfig>,
) -> Result<ChosenSide> {
    let sides = survey.sides();
    let possible: Vec<usize> = sides.iter().copied().filter(|&side| side <= LONGEST).collect();
    let possible = if possible.is_empty() { vec![sides[0]] } else { possible };
    let mut refused = None;
    let mut quickest: Option<(usize, f64)> = None;
    for &side in possible.iter().rev() {
        let config = settings(side)?;
        let images = images(survey, side);
        if !fits(survey, room, &config, &images)? {
            refused.get_or_insert((side, "memory"));
            continue;
        }
        let seconds = seconds_of(survey, &config, &images, room)?;
        if room.seconds.is_none_or(|most| seconds * ENOUGH <= most * SHARE) {
            return Ok(ChosenSide { side, why: sentence(survey, side, &possible, refused) });
        }
        refused.get_or_insert((side, "time"));
        if quickest.is_none_or(|(_, least)| seconds < least) {
            quickest = Some((side, seconds));
        }
    }
    // A stem for large images makes them quicker than somewhat smaller ones.
    let side = quickest.map_or(possible[0], |(side, _)| side);
    Ok(ChosenSide { side, why: sentence(survey, side, &possible, refused) })
}

fn sentence(survey: &Survey, side: usize, possible: &[usize], refused: Option<(usize, &str)>) -> Advice {
    let why: Advice = match refused {
        Some((larger, reason)) if larger == side => {
            format!("there is little {reason}, and other sides need more").into()
        }
        Some((larger, reason)) => format!("at {larger} pixels there would be too little {reason}").into(),
        None if possible.last() == Some(&side) && side == LONGEST => {
            "larger ones take long and seldom help; " + Remedy::Setting("data.image_size") + " sets another"
        }
        None => format!("their shorter sides are {} pixels, in the middle", survey.short_sides.median).into(),
    };
    Advice::from(format!(
        "images brought to squares of {side} pixels, from {}x{} to {}x{} in a sample of {}: ",
        survey.heights.least, survey.widths.least, survey.heights.most, survey.widths.most, survey.sampled
    )) + why
}

/// No images, of this side.
fn images(survey: &Survey, side: usize) -> ImageSet {
    let classes: Vec<String> = (0..survey.classes.max(1)).map(|class| class.to_string()).collect();
    ImageSet::empty(classes.into(), [survey.channels, side, side])
}

/// Whether there is memory for images and training of this side.
fn fits(survey: &Survey, room: &SideRoom, config: &CheckedConfig, images: &ImageSet) -> Result<bool> {
    let Some(bytes) = room.bytes else { return Ok(true) };
    let genotype = stand_in(&config.search);
    let count = survey.train_images + survey.validation_images.unwrap_or(0) + survey.test_images.unwrap_or(0);
    // More is streamed from a file.
    let bytes = bytes - ((count * images.image_len()) as u64).min(bytes / 2);
    let config = fit_memory(config, images, (false, Some(&genotype)), room.kept, bytes)?.0;
    let train = &sized(&genotype, &config, images)?.train;
    let needed = MemoryModel::of_training(&genotype, train, images)?.bytes(train.batch_size);
    Ok(needed.is_none_or(|needed| needed <= bytes))
}

/// A rough forecast of search and training.
fn seconds_of(survey: &Survey, config: &CheckedConfig, images: &ImageSet, room: &SideRoom) -> Result<f64> {
    let genotype = stand_in(&config.search);
    let tested = if survey.test_images.is_some() { 0.0 } else { config.data.test_fraction };
    let trained = survey.train_images as f64 * (1.0 - tested) * (1.0 - config.data.validation_fraction);
    let sized = sized(&genotype, config, images)?;
    let train = derived_cost(&genotype, &asked_shape(&genotype, &sized, images)).macs as f64;
    let [channels, height, width] = config.search.image_shape(images);
    let search = supernet_cost(
        &config.search.space([images.height, images.width]),
        channels,
        images.classes.len(),
        height,
        width,
    )
    .macs as f64;
    let epochs = |has: bool, epochs: usize| if has { epochs as f64 } else { 0.0 };
    let search_epochs = epochs(room.searched, config.search.epochs);
    let search = search * SEARCH_PASSES * search_epochs * config.search.train_portion;
    let train = train * TRAIN_PASSES * epochs(room.trained, config.train.epochs);
    Ok((search + train) * trained / (SPEED * room.threads.max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataFormat, DataShape, Preset, preset};
    use crate::data::Extent;

    fn survey(train_images: usize, shorter: usize) -> Survey {
        let extent = Extent { least: 20, median: shorter, most: 400 };
        Survey {
            format: DataFormat::Folder,
            classes: 4,
            channels: 3,
            train_images,
            validation_images: None,
            test_images: None,
            heights: extent,
            widths: extent,
            short_sides: extent,
            sampled: 176,
            equal: false,
        }
    }

    fn chosen(train_images: usize, shorter: usize, seconds: Option<f64>, bytes: Option<u64>) -> ChosenSide {
        let survey = survey(train_images, shorter);
        let room =
            SideRoom { seconds, bytes, threads: 2, kept: Kept::default(), searched: true, trained: true };
        let settings = |side: usize| {
            let data = DataShape {
                train_images: train_images * 8 / 10,
                classes: 4,
                channels: 3,
                height: side,
                width: side,
                ..DataShape::default()
            };
            preset(Preset::Auto, &data).0.check()
        };
        choose_side(&survey, &room, &settings).unwrap()
    }

    #[test]
    fn the_images_the_time_and_the_memory_bound_the_side() {
        assert_eq!(chosen(176, 200, None, None).side, 128);
        assert!(
            chosen(176, 200, None, None).why.to_string().contains("from 20x20 to 400x400 in a sample of 176")
        );
        assert_eq!(chosen(176, 100, None, None).side, 96);
        assert!(chosen(176, 100, None, None).why.to_string().contains("their shorter sides are 100 pixels"));
        assert_eq!(chosen(176, 20, None, None).side, 20);
        assert_eq!(chosen(176, 200, Some(3600.0), Some(4_000_000_000)).side, 128);
        let hasty = chosen(100_000, 200, Some(60.0), None);
        // The stem for large images makes these quicker than smaller ones.
        assert_eq!(hasty.side, 96);
        assert!(hasty.why.to_string().contains("too little time"), "{hasty:?}");
        let tight = chosen(176, 200, None, Some(1_000_000));
        assert_eq!(tight.side, 32);
        assert!(tight.why.to_string().contains("too little memory"), "{tight:?}");
    }
}
