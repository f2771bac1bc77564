//! What is to be done, and within which time and memory.

use std::str::FromStr;
use std::time::Duration;

use crate::config::{CheckedConfig, Config, SearchConfig};
use crate::data::ImageSet;
use crate::error::{Error, Result};
use crate::forecast::{MemoryModel, allowed_bytes, stand_in};
use crate::search::method::Selection;
use crate::sizing::sized;
use crate::space::Genotype;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stages {
    /// Search only.
    Search,
    /// Search, then train what is found.
    Fit,
    /// Train this.
    Train(Genotype),
}

impl Stages {
    /// Whether there is a search.
    pub fn search(&self) -> bool {
        matches!(self, Stages::Search | Stages::Fit)
    }

    /// Whether there is one with these settings: a selection may be among given cells alone.
    pub fn searches(&self, config: &Config) -> bool {
        self.search() && (*self == Stages::Search || config.select.seeds > 0)
    }

    /// The genotype that is trained, or one that stands for it.
    pub fn trained(&self, search: &SearchConfig) -> Option<Genotype> {
        match self {
            Stages::Search => None,
            Stages::Fit => Some(stand_in(search)),
            Stages::Train(genotype) => Some(genotype.clone()),
        }
    }
}

/// The time that a whole run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TimeLimit {
    /// Nobody said: an hour with [`Preset::Auto`](crate::config::Preset::Auto), any time with others.
    #[default]
    Usual,
    /// Any.
    Unlimited,
    /// This, which settings are chosen for.
    Within(Duration),
}

impl TimeLimit {
    /// The time of [`TimeLimit::Usual`].
    pub const USUAL: Duration = Duration::from_secs(3600);

    /// The time, if there is one.
    pub fn time(self) -> Option<Duration> {
        match self {
            TimeLimit::Usual => Some(Self::USUAL),
            TimeLimit::Unlimited => None,
            TimeLimit::Within(time) => Some(time),
        }
    }
}

impl FromStr for TimeLimit {
    type Err = Error;

    /// Reads `none`, `90s`, `45m`, `1h30m`, `2d`; a number without a unit is in seconds.
    ///
    /// # Errors
    /// [`Error::Setting`] for any other text, and for less than a second or more than a year.
    fn from_str(text: &str) -> Result<TimeLimit> {
        if text.trim() == "none" {
            return Ok(TimeLimit::Unlimited);
        }
        let expected = "a time such as 90s, 45m, 1h30m or 2d, at least 1s, or none";
        let time = seconds(text.trim()).filter(|seconds| TIMES.contains(seconds));
        let time = time.ok_or_else(|| Error::setting("budget", text, expected))?;
        Ok(TimeLimit::Within(Duration::from_secs_f64(time)))
    }
}

/// Shortest and longest time that makes sense, in seconds.
const TIMES: std::ops::RangeInclusive<f64> = 1.0..=365.0 * 86_400.0;

/// The seconds of a time such as `1h30m`.
fn seconds(text: &str) -> Option<f64> {
    let (mut seconds, mut rest, mut last_unit) = (0.0, text, f64::INFINITY);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().ok()?;
        let mut after = rest[end..].chars();
        let unit = match after.next() {
            None | Some('s') => 1.0,
            Some('m') => 60.0,
            Some('h') => 3600.0,
            Some('d') => 86_400.0,
            Some(_) => return None,
        };
        // 30m1h is more likely a slip than a time.
        if unit >= last_unit {
            return None;
        }
        (seconds, last_unit, rest) = (seconds + number * unit, unit, after.as_str());
    }
    Some(seconds)
}

/// Whether a stage is refused for which there is too little memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryCheck {
    /// It is.
    #[default]
    On,
    /// Nobody looks. So it is on devices whose memory is not the machine's.
    Off,
}

impl MemoryCheck {
    /// Refuses batches for which there is too little memory.
    ///
    /// # Errors
    /// When there is too little, with the largest batch that fits.
    pub(super) fn check(self, stages: &Stages, config: &CheckedConfig, images: &ImageSet) -> Result<()> {
        if self == MemoryCheck::Off { Ok(()) } else { check_memory(stages, config, images) }
    }

    /// Bytes that a stage may take where nobody asked for more; none for any.
    pub(super) fn room(self) -> Option<u64> {
        allowed_bytes().filter(|_| self == MemoryCheck::On)
    }
}

/// Refuses stages for which there is too little memory, whoever asked for them.
///
/// # Errors
/// As [`MemoryCheck::check`].
pub(super) fn check_memory(stages: &Stages, config: &CheckedConfig, images: &ImageSet) -> Result<()> {
    if stages.searches(config) && config.search.method.selection != Selection::Random {
        MemoryModel::of_search(&config.search, images)?.check(config.search.batch_size)?;
    }
    if let Some(genotype) = stages.trained(&config.search) {
        let sized = sized(&genotype, config, images)?;
        MemoryModel::of_training(&genotype, &sized.train, images)?.check(sized.train.batch_size)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90", 90.0),
            ("90.5", 90.5),
            ("90s", 90.0),
            (" 45m ", 2700.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            ("2d1s", 172_801.0),
        ] {
            let time = TimeLimit::Within(Duration::from_secs_f64(seconds));
            assert_eq!(text.parse::<TimeLimit>().unwrap(), time, "{text}");
        }
        assert_eq!("none".parse::<TimeLimit>().unwrap(), TimeLimit::Unlimited);
        assert_eq!(TimeLimit::default().time(), Some(TimeLimit::USUAL));
        for text in [
            "", "m", "0", "0.5s", "-3m", "3 m", "5x", "30m1h", "1m1m", "1e3", "999999d", "3ms", "inf",
            "never",
        ] {
            let error = text.parse::<TimeLimit>().unwrap_err().to_string();
            assert!(
                error.starts_with("setting budget = ") && error.ends_with(", or none"),
                "{text}: {error}"
            );
        }
    }
}
