//! Sizes and epochs for a given time.
//!
//! The search gets the share of the time that it would have with the settings as they are, within bounds;
//! the training, whose network is known only after the search, gets what is left then. Both are chosen in the
//! same way: the largest network, of a list of sizes, for which there is time for enough epochs, and as many
//! epochs as there is time for. The time of an epoch is measured on the network that is chosen; the
//! multiply-adds only say which one to measure next.

use std::time::{Duration, Instant};

use super::memory::MemoryModel;
use super::time::{TimeForecast, time_search, time_training};
use crate::config::{
    CheckedConfig, Config, SearchConfig, SelectConfig, arch_learning_rate, drop_path, own_rate,
};
use crate::data::Dataset;
use crate::device::Device;
use crate::error::{Advice, Error, Remedy, Result};
use crate::event::{Event, Observer, Signal};
use crate::run::FixedSettings;
use crate::search::method::{AlphaSchedule, Selection};
use crate::search::scaled_for_search;
use crate::sizing::{asked_shape, sized};
use crate::space::{Genotype, Layout, derived_cost, known_genotype, supernet_cost};

/// Share of the time that the searches get where there is a selection, and that the trainings of the selection get.
const SELECTION: [f64; 2] = [0.2, 0.35];
/// Epochs of the first trainings of a selection, at least and at most, and how much longer the finalists are trained.
const RUNG_EPOCHS: (usize, usize) = (6, 40);
const LONGER: usize = 2;
/// Share of the time that a search gets.
const SHARE: (f64, f64) = (0.15, 0.4);
/// Epochs of a search and of a training, at least and at most.
const SEARCH_EPOCHS: (usize, usize) = (8, 50);
const TRAIN_EPOCHS: (usize, usize) = (12, 600);
/// A network that is smaller than asked for wants this part of the epochs that are asked for, but not more than
/// `ENOUGH_EPOCHS`: after these a larger network is worth more than further epochs. Of 10,000 test images of CIFAR-10, with
/// 1,500 images to train on and five minutes, DARTS_V2 knew 60.8 % in 5 cells from 16 channels (68 epochs) and 58.4 % in 8 from
/// 24 (29), which 30 epochs would have chosen; in shorter trainings 57.6 % in 5 from 8 (48) and 54.0 % in 5 from 16 (19).
const ENOUGH: f64 = 0.35;
const ENOUGH_EPOCHS: usize = 45;
/// Sizes that are measured at most, and the part of the time that each measurement may take.
const TRIES: usize = 5;
const MEASURING: f64 = 0.015;
/// Part of the time that is kept for what cannot be foreseen, and seconds for the last files.
const RESERVE: f64 = 0.02;
const FINISHING: f64 = 0.3;

/// Cells and channels, beside those that the settings ask for.
const SEARCH_SIZES: [[usize; 2]; 6] = [[3, 4], [3, 8], [5, 8], [5, 12], [8, 12], [8, 16]];
/// The same of the trainings of a selection, from small to large.
const RUNG_SIZES: [[usize; 2]; 4] = [[3, 8], [5, 8], [5, 12], [5, 16]];
/// The same of the training. A network of 4 channels takes six sevenths of the time of one of 8, and learns too
/// little: of 10,000 test images of CIFAR-10, after the epochs that two minutes hold with 800 training images, 3
/// cells from 8 channels knew 47.7 %, from 4 channels 43.5 %; 5 cells from 8 channels knew 46.4 %, from 16 channels
/// 45.5 %, and 8 cells from 16 channels 41.8 %.
const TRAIN_SIZES: [[usize; 2]; 9] =
    [[3, 8], [5, 8], [5, 12], [5, 16], [5, 24], [8, 24], [14, 24], [14, 36], [20, 36]];

/// What there is to choose from, where, and with what.
pub struct Budgeting<'a> {
    /// The images.
    pub dataset: &'a Dataset,
    /// Where it is computed.
    pub device: &'a Device,
    /// What the user has chosen and is left alone.
    pub fixed: FixedSettings,
    /// The time of the whole run.
    pub whole: Duration,
    /// When it ends.
    pub end: Instant,
    /// Bytes that a stage may take; sizes that take more are not chosen.
    pub room: Option<u64>,
}

/// Lets nothing through but the wish to stop.
struct Quietly<'a>(&'a mut dyn Observer);

impl Observer for Quietly<'_> {
    fn on(&mut self, _event: Event<'_>) -> Result<()> {
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        self.0.signal()
    }
}

/// A size that may be taken.
struct Size {
    layers: usize,
    channels: usize,
    macs: f64,
    /// Epochs that it should have at least.
    wanted: usize,
}

/// The size that was taken and how long its epochs are.
struct Choice {
    layers: usize,
    channels: usize,
    epochs: usize,
    time: TimeForecast,
}

impl Budgeting<'_> {
    /// The settings with a search that leaves enough time for the training, and a sentence on it.
    ///
    /// # Errors
    /// When there is too little time even for the smallest search, and as [`time_search`].
    pub fn choose_search(
        &self,
        config: &CheckedConfig,
        observer: &mut dyn Observer,
    ) -> Result<(CheckedConfig, String)> {
        let (small, with) = scaled_for_search(self.dataset, config);
        let measured = |config: &CheckedConfig, observer: &mut dyn Observer| {
            let config = config.with(|config| {
                config.data = with.data.clone();
                config.search.stem = with.search.stem;
            })?;
            time_search(&small, &config, self.device, self.patience(), observer)
        };
        if config.select.seeds == 0 {
            return Ok((config.clone(), "nothing is searched".to_owned()));
        }
        if config.search.method.selection == Selection::Random {
            return Ok((
                config.clone(),
                "the cell is drawn at random: all the time is the training's".to_owned(),
            ));
        }
        let observer = &mut Quietly(observer);
        let mut chosen = config.clone().into_config();
        let time = measured(config, observer)?;
        let select = &config.select;
        // Where cells are compared, all searches together have a share of their own.
        let available = match select.is_on() {
            true => self.left() * SELECTION[0] / select.seeds as f64,
            false => self.left() * self.share(config, &time, observer)?,
        };
        let settings = &config.search;
        let asked = [settings.layers, settings.init_channels];
        let images = &self.dataset.train;
        let [_, height, width] = settings.image_shape(images);
        let macs = |[layers, channels]: [usize; 2]| {
            let mut settings = settings.clone();
            (settings.layers, settings.init_channels) = (layers, channels);
            let space = settings.space([images.height, images.width]);
            supernet_cost(&space, images.channels, images.classes.len(), height, width).macs as f64
        };
        // What partial channels do not divide does not run.
        let runs = |&[layers, channels]: &[usize; 2]| {
            let sized = |config: &mut Config| {
                (config.search.layers, config.search.init_channels) = (layers, channels);
            };
            config.with(sized).is_ok()
        };
        // Never larger than asked for: what is left is the training's.
        let smaller = SEARCH_SIZES.iter().copied().filter(|size| macs(*size) < macs(asked)).filter(runs);
        let sizes: Vec<[usize; 2]> = match self.fixed.search_size {
            true => vec![asked],
            false => smaller.chain([asked]).collect(),
        };
        // What was not given follows the epochs.
        let schedule = &settings.method.schedule;
        let least = match self.fixed.schedule {
            true => schedule.least_epochs(),
            false => AlphaSchedule { first_epoch: 0, ..schedule.clone() }.least_epochs(),
        };
        let fewest = if self.fixed.search_epochs { settings.epochs } else { SEARCH_EPOCHS.0.max(least) };
        let sizes: Vec<Size> = sizes
            .into_iter()
            .map(|size| Size { layers: size[0], channels: size[1], macs: macs(size), wanted: fewest })
            .collect();
        let choice = self.choose(
            sizes,
            available,
            &mut |layers, channels, observer| {
                let config = config.with(|config| {
                    (config.search.layers, config.search.init_channels) = (layers, channels)
                })?;
                measured(&config, observer)
            },
            (asked, Some(time), settings.epochs),
            observer,
        )?;
        let search = &mut chosen.search;
        (search.layers, search.init_channels) = (choice.layers, choice.channels);
        if !self.fixed.search_epochs {
            // At least one in which the alphas move.
            search.epochs = choice.epochs.min(SEARCH_EPOCHS.1).max(least);
            if !self.fixed.schedule {
                let share = schedule.first_epoch as f64 / settings.epochs as f64;
                let first = (share * search.epochs as f64).round() as usize;
                search.method.schedule.first_epoch =
                    first.min(schedule.shortest(search.epochs).saturating_sub(1));
            }
        }
        if !self.fixed.arch_learning_rate {
            let steps = search.epochs * self.dataset.split.weights.len().div_ceil(search.batch_size);
            let own = own_rate(&search.method);
            *search.method.alphas.learning_rate_mut() = arch_learning_rate(own, steps);
        }
        let size = [search.layers, search.init_channels];
        let note = self.sentence("search", size, search.all_epochs(), &choice.time)?;
        let note = match select.is_on() {
            true => format!("{note}, for each of {}", select.seeds),
            false => format!("{note}; the training gets what is left"),
        };
        Ok((config.of_same_times(chosen)?, note))
    }

    /// The settings with trainings of a selection that leave enough time for the training of the cell that is taken, and a
    /// sentence on them: the largest network for which there is time for enough epochs of all cells; where there is too
    /// little for the smallest, one training of each cell, and then fewer random cells.
    ///
    /// # Errors
    /// When there is too little time even for the smallest selection, and as [`time_training`].
    pub fn choose_selection(
        &self,
        config: &CheckedConfig,
        observer: &mut dyn Observer,
    ) -> Result<(CheckedConfig, String)> {
        let observer = &mut Quietly(observer);
        let genotype = stand_in(&config.search);
        let images = &self.dataset.train;
        let mut chosen = config.clone().into_config();
        let asked = [config.train.layers, config.train.init_channels];
        let with = |[layers, channels]: [usize; 2]| {
            config.with(|config| {
                (config.train.layers, config.train.init_channels) = (layers, channels);
                config.train.lift_limits();
            })
        };
        let macs = |size: [usize; 2]| -> Result<f64> {
            Ok(derived_cost(&genotype, &asked_shape(&genotype, &*with(size)?, images)).macs as f64)
        };
        let select = &mut chosen.select;
        let fixed = &self.fixed;
        let asked = if fixed.select_size { select.size(&config.train) } else { asked };
        // Epochs of all trainings if the first ones have one each.
        let units = |select: &SelectConfig| {
            let longer = if select.longer_epochs == 0 { 0 } else { LONGER * select.finalists() };
            select.trainings * (select.candidates() + longer)
        };
        let fewest = if fixed.select_epochs { select.epochs } else { RUNG_EPOCHS.0 };
        let of_asked = macs(asked)?;
        let mut sizes = Vec::new();
        for size in RUNG_SIZES.into_iter().filter(|_| !fixed.select_size).chain([asked]) {
            let macs = macs(size)?;
            if size == asked || macs < of_asked {
                // A larger network is worth it where there is time for twice the fewest epochs.
                let wanted = 2 * fewest * units(select);
                sizes.push(Size { layers: size[0], channels: size[1], macs, wanted });
            }
        }
        let choice = self.choose(
            sizes,
            self.left() * SELECTION[1],
            &mut |layers, channels, observer| {
                let config = with([layers, channels])?;
                time_training(self.dataset, &genotype, &config, self.device, self.patience(), observer)
            },
            (asked, None, config.train.epochs),
            observer,
        )?;
        let epochs = |select: &SelectConfig| choice.epochs / units(select);
        if !fixed.select_trainings && epochs(select) < fewest {
            select.trainings = 1;
        }
        while !fixed.select_random && epochs(select) < fewest && select.random > 2 {
            select.random = (select.random / 2).max(2);
        }
        let per_cell = epochs(select).clamp(1, RUNG_EPOCHS.1);
        if !fixed.select_epochs {
            select.epochs = per_cell;
            if select.longer_epochs > 0 {
                select.longer_epochs = LONGER * per_cell;
            }
        }
        let size = [choice.layers, choice.channels];
        [select.layers, select.init_channels] = size;
        let (cells, trainings, own) = (select.candidates(), select.trainings, select.epochs);
        let mut note = self.sentence("selection", size, select.all_epochs(), &choice.time)?;
        note.push_str(&format!(
            ": {cells} cells, {} of {} each",
            if trainings == 1 { "one training".to_owned() } else { format!("{trainings} trainings") },
            counted(own)
        ));
        if select.finalists() > 0 {
            note.push_str(&format!(
                ", and {} of the best {}",
                counted(select.longer_epochs),
                select.finalists()
            ));
        }
        note.push_str("; the training of the cell that is taken gets what is left");
        Ok((config.of_same_times(chosen)?, note))
    }

    /// The settings with a training that takes the time that is left, and a sentence on it.
    ///
    /// # Errors
    /// When there is too little time even for the smallest training, and as [`time_training`].
    pub fn choose_training(
        &self,
        genotype: &Genotype,
        config: &CheckedConfig,
        observer: &mut dyn Observer,
    ) -> Result<(CheckedConfig, String)> {
        let observer = &mut Quietly(observer);
        let mut chosen = config.clone().into_config();
        let settings = &config.train;
        let asked = [settings.layers, settings.init_channels];
        let images = &self.dataset.train;
        let with = |layers: usize, channels: usize| {
            let config = config
                .with(|config| (config.train.layers, config.train.init_channels) = (layers, channels))?;
            sized(genotype, &config, images)
        };
        let macs = |size: [usize; 2]| -> Result<f64> {
            let config = with(size[0], size[1])?;
            Ok(derived_cost(genotype, &asked_shape(genotype, &config, images)).macs as f64)
        };
        let of_asked = macs(asked)?;
        let list: Vec<[usize; 2]> = match self.fixed.train_size {
            true => vec![asked],
            false => TRAIN_SIZES.into_iter().filter(|size| *size != asked).chain([asked]).collect(),
        };
        let fewest = ((settings.epochs as f64 * ENOUGH) as usize).min(ENOUGH_EPOCHS);
        let mut sizes = Vec::with_capacity(list.len());
        for size in list {
            if size != asked && !self.fits(genotype, &with, size)? {
                continue;
            }
            // Limits may forbid another size than the one that is asked for.
            let macs = match macs(size) {
                Err(_) if size != asked => continue,
                macs => macs?,
            };
            let wanted = match (self.fixed.train_epochs, macs > of_asked) {
                (true, _) | (_, true) => settings.epochs,
                (false, false) => fewest.max(TRAIN_EPOCHS.0),
            };
            sizes.push(Size { layers: size[0], channels: size[1], macs, wanted });
        }
        let choice = self.choose(
            sizes,
            self.left(),
            &mut |layers, channels, observer| {
                let config = with(layers, channels)?;
                time_training(self.dataset, genotype, &config, self.device, self.patience(), observer)
            },
            (asked, None, settings.epochs),
            observer,
        )?;
        let train = &mut chosen.train;
        (train.layers, train.init_channels) = (choice.layers, choice.channels);
        if !self.fixed.train_epochs {
            let test = choice.time.answer_seconds * self.dataset.test.len() as f64 + FINISHING;
            let epochs = ((self.left() - test) / choice.time.epoch_seconds).round() as usize;
            train.epochs = epochs.clamp(1, TRAIN_EPOCHS.1);
        }
        let before = train.drop_path_prob;
        if !self.fixed.drop_path {
            train.drop_path_prob = drop_path(train.epochs);
        }
        let size = [train.layers, train.init_channels];
        let mut note = self.sentence("training", size, train.epochs, &choice.time)?;
        if train.drop_path_prob != before {
            note.push_str(&format!("; drop path {} for these epochs, it was {before}", train.drop_path_prob));
        }
        Ok((config.of_same_times(chosen)?, note))
    }

    /// The search's share of the time with the settings as they are, within bounds, where it takes so long. The
    /// training is measured with a cell that stands for the one that will be found.
    fn share(&self, config: &CheckedConfig, time: &TimeForecast, observer: &mut dyn Observer) -> Result<f64> {
        let search = time.seconds();
        let genotype = stand_in(&config.search);
        let config = sized(&genotype, config, &self.dataset.train)?;
        let train = time_training(self.dataset, &genotype, &config, self.device, self.patience(), observer)?
            .seconds();
        Ok((search / (search + train)).clamp(SHARE.0, SHARE.1))
    }

    /// Whether there is memory for a training of this size, as far as that is known.
    fn fits(
        &self,
        genotype: &Genotype,
        with: &dyn Fn(usize, usize) -> Result<CheckedConfig>,
        [layers, channels]: [usize; 2],
    ) -> Result<bool> {
        let Some(room) = self.room else { return Ok(true) };
        // Another size than the one that is asked for may be beyond limits.
        let Ok(config) = with(layers, channels) else { return Ok(false) };
        let model = MemoryModel::of_training(genotype, &config.train, &self.dataset.train)?;
        Ok(model.bytes(config.train.batch_size).is_none_or(|needed| needed <= room))
    }

    /// The largest size for which there is time for the epochs that it should have, and what comes after them; else the
    /// smallest. Begins with the size that is asked for, whose time may be known; forecasts are of so many epochs, and what
    /// comes after does not depend on their number.
    fn choose(
        &self,
        mut sizes: Vec<Size>,
        available: f64,
        measure: &mut dyn FnMut(usize, usize, &mut dyn Observer) -> Result<TimeForecast>,
        (asked, known, epochs): ([usize; 2], Option<TimeForecast>, usize),
        observer: &mut dyn Observer,
    ) -> Result<Choice> {
        sizes.sort_by(|a, b| a.macs.total_cmp(&b.macs));
        let begun = self.left();
        let mut at = sizes.iter().position(|size| [size.layers, size.channels] == asked).unwrap_or(0);
        let mut measured: Vec<(usize, TimeForecast)> = Vec::new();
        let after = |time: &TimeForecast| (time.seconds() - epochs as f64 * time.epoch_seconds).max(0.0);
        for _ in 0..TRIES {
            let size = &sizes[at];
            let time = match known.filter(|_| measured.is_empty()) {
                Some(time) => time,
                None => measure(size.layers, size.channels, observer)?,
            };
            measured.push((at, time));
            let left = available - (begun - self.left());
            let seconds = |i: usize| {
                // From the measurement of the nearest size.
                let near = measured.iter().min_by_key(|(j, _)| j.abs_diff(i)).expect("one is measured");
                let of_near = near.1.epoch_seconds * sizes[i].wanted as f64 + after(&near.1);
                of_near * sizes[i].macs / sizes[near.0].macs
            };
            let fits = |i: &usize| seconds(*i) <= left;
            let best = (0..sizes.len()).rev().find(fits).unwrap_or(0);
            if measured.iter().any(|(i, _)| *i == best) {
                at = best;
                break;
            }
            at = best;
        }
        let nearest = measured.iter().min_by_key(|(i, _)| i.abs_diff(at)).expect("one is measured");
        let (at, time) = *nearest;
        let left = available - (begun - self.left()) - after(&time);
        let epochs = (left / time.epoch_seconds).max(0.0) as usize;
        Ok(Choice { layers: sizes[at].layers, channels: sizes[at].channels, epochs, time })
    }

    /// Seconds that are left.
    fn left(&self) -> f64 {
        let reserve = self.whole.as_secs_f64() * RESERVE;
        self.end.saturating_duration_since(Instant::now()).as_secs_f64() - reserve
    }

    fn patience(&self) -> Duration {
        self.whole.mul_f64(MEASURING)
    }

    /// What was chosen, in a sentence.
    ///
    /// # Errors
    /// When there is not enough time for it.
    fn sentence(
        &self,
        stage: &str,
        [layers, channels]: [usize; 2],
        epochs: usize,
        time: &TimeForecast,
    ) -> Result<String> {
        let (needed, left) = (epochs as f64 * time.epoch_seconds + time.trials_seconds, self.left());
        if needed <= left.max(0.0) * 1.05 {
            return Ok(format!(
                "time: {} for the {stage} of {layers} cells from {channels} channels, {} of {:.1} s",
                seconds(needed),
                counted(epochs),
                time.epoch_seconds
            ));
        }
        let whole = self.whole.as_secs_f64();
        Err(Error::setting(
            "budget",
            format!("{whole:.0}s"),
            Advice::from(format!(
                "more time: {} of the {stage} would take {}, {} are left; allow more, take fewer images (",
                counted(epochs),
                seconds(needed),
                seconds(left.max(0.0))
            )) + Remedy::Setting("data.images_per_class")
                + ") or leave out settings of size",
        ))
    }
}

/// `1 epoch`, `2 epochs`.
fn counted(epochs: usize) -> String {
    format!("{epochs} epoch{}", if epochs == 1 { "" } else { "s" })
}

/// The genotype that stands for those that a search may find: some cost more, some less.
pub fn stand_in(config: &SearchConfig) -> Genotype {
    match config.layout {
        Layout::Stacked => known_genotype("DARTS_V2").expect("it is a published one"),
        Layout::Residual => config.space([1, 1]).biggest(),
    }
}

/// What [`stand_in`] is, in words.
pub fn stand_in_words(config: &SearchConfig) -> &'static str {
    match config.layout {
        Layout::Stacked => "a cell such as DARTS_V2",
        Layout::Residual => "the biggest cell of the space",
    }
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.0} s")
}
