//! What is to be done, and within which time and memory.

use std::time::Duration;

use crate::config::{CheckedConfig, Config, SearchConfig};
use crate::data::ImageSet;
use crate::error::Result;
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
