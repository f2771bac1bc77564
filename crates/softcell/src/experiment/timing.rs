//! The time of a run: forecast, and settings that are chosen for a given one, written down before they are used.

use std::time::{Duration, Instant};

use super::settings::Settings;
use super::stages::{MemoryCheck, TimeLimit};
use crate::config::{CheckedConfig, NOTHING_SEARCHED, Preset, Section, SelectConfig};
use crate::data::Dataset;
use crate::device::Device;
use crate::error::{Advice, Error, Remedy, Result};
use crate::event::{Event, Observer};
use crate::forecast::{Budgeting, TimeForecast, stand_in, stand_in_words, time_search, time_training};
use crate::pipeline::network_cost;
use crate::report::duration;
use crate::run::{FixedSettings, RunBudget};
use crate::sizing::sized;

/// Longest time that a stage's steps are timed for, where there are several.
const PATIENCE: Duration = Duration::from_secs(3);
/// The part of a given time that each of these measurements may take.
const MEASURING: f64 = 0.01;

/// A run whose time is known.
pub(super) struct Timed {
    /// Its settings; with a budget the search's are chosen.
    pub config: CheckedConfig,
    /// What was found and chosen, in sentences.
    pub notes: Vec<String>,
    /// What the run is to remember, where there is a budget.
    pub budget: Option<RunBudget>,
    /// What these settings take, where there is none.
    pub forecast: Option<Forecast>,
}

/// What the stages of a run will take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forecast {
    /// A search; none where nothing is searched.
    pub search: Option<TimeForecast>,
    /// The training.
    pub train: TimeForecast,
    /// Searches.
    searches: usize,
    /// Seconds of the trainings of a selection.
    pub selection: f64,
    /// Seconds of the answers for the test images.
    test: f64,
}

impl Forecast {
    /// Seconds of all searches.
    fn searching(&self) -> f64 {
        self.search.map_or(0.0, |search| self.searches as f64 * search.seconds())
    }

    /// Seconds of training and test.
    fn training(&self) -> f64 {
        self.train.seconds() + self.test
    }

    fn seconds(&self) -> f64 {
        self.searching() + self.selection + self.training()
    }

    /// In a sentence; `whose` cell is trained.
    fn told(&self, whose: &str) -> String {
        let parts = [
            (self.searching(), if self.searches == 1 { "the search" } else { "the searches" }),
            (self.selection, "comparing cells"),
        ];
        let mut told: Vec<String> = parts
            .into_iter()
            .filter(|(seconds, _)| *seconds > 0.0)
            .map(|(seconds, what)| format!("{} for {what}", duration(seconds)))
            .collect();
        told.push(format!("{} for the training with {whose}", duration(self.training())));
        let last = told.pop().expect("it was pushed");
        let before = if told.is_empty() { String::new() } else { format!("{} and ", told.join(", ")) };
        format!("time: about {} in all, {before}{last}", duration(self.seconds()))
    }
}

/// What settings are chosen for: when the work began, with what, and on which images.
pub(super) struct Timing<'a> {
    pub begun: Instant,
    pub settings: &'a Settings,
    pub memory: MemoryCheck,
    pub dataset: &'a Dataset,
    pub device: &'a Device,
}

impl Timing<'_> {
    /// Says how long a run will take, and chooses the search's settings where it is to end within a time: where one was
    /// given, and with the preset `auto` where it would take longer than [`TimeLimit::USUAL`]. Where it is left `open` what
    /// is searched and compared, the time decides that as well. Nothing is written: with too little time there is no run.
    ///
    /// # Errors
    /// Too little time.
    pub fn choose(
        &self,
        limit: TimeLimit,
        config: CheckedConfig,
        open: bool,
        observer: &mut dyn Observer,
    ) -> Result<Timed> {
        let mut notes = Vec::new();
        let (config, known) = match limit.time() {
            Some(time) if open => self.choose_cells(time, config, &mut notes, observer)?,
            _ => {
                if open && config.select.seeds > 0 {
                    tell(compared(&config.select).into(), &mut notes, observer)?;
                }
                (config, None)
            }
        };
        let time = match limit {
            TimeLimit::Within(time) => time,
            _ => {
                let forecast = match known {
                    Some(forecast) => forecast,
                    None => self.forecast(&config, PATIENCE, observer)?,
                };
                let whose = match config.select.only() {
                    Some(name) => name,
                    None => stand_in_words(&config.search),
                };
                tell(forecast.told(whose).into(), &mut notes, observer)?;
                let long = forecast.seconds() > TimeLimit::USUAL.as_secs_f64();
                let fixed = self.fixed();
                let free =
                    self.settings.preset() == Preset::Auto && !(fixed.search_epochs && fixed.train_epochs);
                if !(long && limit == TimeLimit::Usual && free) {
                    // Measured times are no part of a run that can be repeated, but what they decided is.
                    notes.pop();
                    return Ok(Timed { config, notes, budget: None, forecast: Some(forecast) });
                }
                let begin = format!(
                    "that is more than {}: sizes and epochs are chosen to fit into it; ",
                    duration(TimeLimit::USUAL.as_secs_f64())
                );
                tell(Advice::from(begin) + Remedy::OtherTime, &mut notes, observer)?;
                TimeLimit::USUAL
            }
        };
        let by_default = limit == TimeLimit::Usual;
        // Where there is time for all that is wanted, the training gets what search and comparison leave.
        if open {
            return Ok(self.within(time, by_default, config, notes));
        }
        let chosen = self.budgeting(time, self.begun + time).choose_search(&config, observer);
        let (config, note) = match chosen {
            Err(error) if by_default && is_too_short(&error) => {
                tell(longer(&error, observer).into(), &mut notes, observer)?;
                return Ok(Timed { config, notes, budget: None, forecast: None });
            }
            chosen => chosen?,
        };
        tell(note.into(), &mut notes, observer)?;
        let config = match config.select.candidates() > 1 {
            false => config,
            true => {
                let chosen = self.budgeting(time, self.begun + time).choose_selection(&config, observer);
                let (config, note) = match chosen {
                    Err(error) if by_default && is_too_short(&error) => (config, longer(&error, observer)),
                    chosen => chosen?,
                };
                tell(note.into(), &mut notes, observer)?;
                config
            }
        };
        Ok(self.within(time, by_default, config, notes))
    }

    /// A run within a time, whose training is chosen when its cell is known.
    fn within(&self, time: Duration, by_default: bool, config: CheckedConfig, notes: Vec<String>) -> Timed {
        let (seconds, before) = (time.as_secs_f64(), self.begun.elapsed().as_secs_f64());
        let budget = RunBudget { seconds, before, fixed: self.fixed(), by_default, training_chosen: false };
        Timed { config, notes, budget: Some(budget), forecast: None }
    }

    /// Searches and compares what the settings ask for where that leaves the training the time that it wants, and trains
    /// the published cell for all of the time where not. Answers the forecast as well, where all of it is known.
    fn choose_cells(
        &self,
        time: Duration,
        config: CheckedConfig,
        notes: &mut Vec<String>,
        observer: &mut dyn Observer,
    ) -> Result<(CheckedConfig, Option<Forecast>)> {
        let whole = time.as_secs_f64();
        let patience = PATIENCE.min(time.mul_f64(MEASURING));
        let published = config.with(|config| config.select = SelectConfig::published())?;
        let training = self.forecast(&published, patience, observer)?;
        if config.select.seeds == 0 {
            return Ok((config, Some(training)));
        }
        let mut forecast = None;
        if training.seconds() < whole {
            forecast = Some(self.forecast(&config, patience, observer)?);
        }
        let forecast = forecast.filter(|forecast| forecast.seconds() < whole);
        if let Some(forecast) = forecast {
            tell(compared(&config.select).into(), notes, observer)?;
            return Ok((config, Some(forecast)));
        }
        let begin = format!(
            "{NOTHING_SEARCHED}: the training of {}, a published cell, gets all of the {}; as it is wanted it would take {}, \
             and where that was measured a search took more from it than it brought (",
            SelectConfig::PUBLISHED,
            duration(whole),
            duration(training.seconds())
        );
        let note = Advice::from(begin) + Remedy::Setting("select.seeds") + " 1 searches all the same)";
        tell(note, notes, observer)?;
        Ok((published, Some(training)))
    }

    /// From a few steps of the search, and of a training with a cell that stands for the one that will be found.
    pub fn forecast(
        &self,
        config: &CheckedConfig,
        patience: Duration,
        observer: &mut dyn Observer,
    ) -> Result<Forecast> {
        let (dataset, device, select) = (self.dataset, self.device, &config.select);
        let search = match select.seeds {
            0 => None,
            _ => Some(time_search(dataset, config, device, patience, observer)?),
        };
        let genotype = stand_in(&config.search);
        let config = sized(&genotype, config, &dataset.train)?;
        let train = time_training(dataset, &genotype, &config, device, patience, observer)?;
        let test = train.answer_seconds * dataset.test.len() as f64;
        let searches = select.seeds;
        if select.candidates() == 1 {
            return Ok(Forecast { search, train, searches, selection: 0.0, test });
        }
        // An epoch of a smaller network takes about its share of the multiply-adds.
        let small = config.with(|config| {
            [config.train.layers, config.train.init_channels] = select.size(&config.train);
        })?;
        let macs = |config: &CheckedConfig| network_cost(&genotype, config, &dataset.train).macs as f64;
        let selection = select.all_epochs() as f64 * train.epoch_seconds * macs(&small) / macs(&config);
        Ok(Forecast { search, train, searches, selection, test })
    }

    /// The training's settings for what a search of the chosen settings leaves of the time, with a cell that stands for
    /// the one that would be found: for a run that does not begin. Tells of them.
    ///
    /// # Errors
    /// Too little time, where it was asked for.
    pub fn suppose_training(
        &self,
        budget: &RunBudget,
        config: CheckedConfig,
        observer: &mut dyn Observer,
    ) -> Result<CheckedConfig> {
        let time = Duration::from_secs_f64(budget.seconds);
        let mut suppose = || {
            let measuring = Instant::now();
            let search = self.forecast(&config, PATIENCE, observer)?;
            let search = search.searching() + search.selection;
            // A run would not measure this.
            let taken = Duration::from_secs_f64(search).saturating_sub(measuring.elapsed());
            let end = (self.begun + time).checked_sub(taken).unwrap_or(self.begun);
            self.budgeting(time, end).choose_training(&stand_in(&config.search), &config, observer)
        };
        let (config, note) = match suppose() {
            Err(error) if budget.by_default && is_too_short(&error) => (config, longer(&error, observer)),
            supposed => {
                let (trained, note) = supposed?;
                (trained, format!("{note}, with {}", stand_in_words(&config.search)))
            }
        };
        observer.on(Event::Note(note.into()))?;
        Ok(config)
    }

    fn budgeting(&self, whole: Duration, end: Instant) -> Budgeting<'_> {
        let (dataset, device) = (self.dataset, self.device);
        Budgeting { dataset, device, fixed: self.fixed(), whole, end, room: self.memory.room() }
    }

    /// What was given and is left alone.
    fn fixed(&self) -> FixedSettings {
        let has = |section, name| self.settings.has(section, name);
        FixedSettings {
            search_epochs: has(Section::Search, "epochs"),
            search_size: has(Section::Search, "layers") || has(Section::Search, "init_channels"),
            arch_learning_rate: has(Section::Search, "arch_learning_rate"),
            schedule: has(Section::Method, "schedule.first_epoch"),
            train_epochs: has(Section::Train, "epochs"),
            train_size: has(Section::Train, "layers") || has(Section::Train, "init_channels"),
            select_size: has(Section::Select, "layers") || has(Section::Select, "init_channels"),
            select_epochs: has(Section::Select, "epochs"),
            select_trainings: has(Section::Select, "trainings"),
            select_random: has(Section::Select, "random"),
            drop_path: has(Section::Train, "drop_path_prob") || self.settings.preset() != Preset::Auto,
        }
    }
}

/// What is compared where that was left to the program, in a sentence.
fn compared(select: &SelectConfig) -> String {
    let SelectConfig { seeds, random, also, incumbent, .. } = select;
    let searched =
        if *seeds == 1 { "one that is searched".to_owned() } else { format!("{seeds} that are searched") };
    format!(
        "the cell is chosen among {searched}, {random} random ones and {}, which are compared in smaller networks: {incumbent} \
         stays unless another is ahead by two standard errors",
        also.join(", ")
    )
}

/// Tells a decision and notes it.
fn tell(note: Advice, notes: &mut Vec<String>, observer: &mut dyn Observer) -> Result<()> {
    notes.push(note.worded(&|remedy| observer.wording(remedy)));
    observer.on(Event::Note(note))
}

/// Whether a time cannot be kept to.
pub(super) fn is_too_short(error: &Error) -> bool {
    matches!(error, Error::Setting { name, .. } if name == "budget")
}

/// What is said where a time that nobody asked for cannot be kept to.
pub(super) fn longer(error: &Error, observer: &dyn Observer) -> String {
    format!("it takes longer all the same: {}", error.worded(&|remedy| observer.wording(remedy)))
}

/// Refuses another time than the run began with, or one where it began without.
///
/// # Errors
/// When it was another, or none.
pub(super) fn check_limit(stored: Option<&RunBudget>, limit: TimeLimit, resumed: bool) -> Result<()> {
    let refused = |begin: String| Err(Error::Refused(Advice::from(begin) + Remedy::OtherFolder));
    const LEAVE: &str = "leave it out, or begin a new run with another ";
    match (stored, limit) {
        (Some(stored), TimeLimit::Unlimited) => refused(format!(
            "the run began with a budget of {}, none was given: {LEAVE}",
            duration(stored.seconds)
        )),
        (Some(stored), TimeLimit::Within(time)) if stored.seconds != time.as_secs_f64() => refused(format!(
            "the run began with a budget of {}, {} was given: {LEAVE}",
            duration(stored.seconds),
            duration(time.as_secs_f64())
        )),
        (None, TimeLimit::Within(_)) if resumed => refused(
            "the run began without a budget: go on without one, or begin a new run with another ".to_owned(),
        ),
        _ => Ok(()),
    }
}
