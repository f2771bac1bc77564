//! Settings that may run.

use std::ops::Deref;
use std::sync::Arc;

use super::types::Config;
use crate::error::Result;
use crate::latency::LatencyFile;
use crate::space::{LatencyLimit, Limits};

/// Settings that passed [`Config::check`], which alone makes them: what a search and a training take.
///
/// They are read like a [`Config`] and changed by [`with`](Self::with), which checks them again.
///
/// ```
/// use softcell::config::Config;
///
/// let mut config = Config::default();
/// config.search.epochs = 3;
/// let checked = config.check()?;
/// assert_eq!(checked.search.epochs, 3);
/// let error = checked.with(|config| config.search.grad_clip = -1.0).unwrap_err();
/// assert!(error.to_string().contains("search.grad_clip = -1"));
/// # Ok::<(), softcell::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedConfig {
    config: Config,
    /// What a limit on latency is counted with.
    times: Option<Arc<LatencyFile>>,
}

impl CheckedConfig {
    /// These settings with a change, checked again.
    ///
    /// # Errors
    /// As [`Config::check`].
    pub fn with(&self, change: impl FnOnce(&mut Config)) -> Result<CheckedConfig> {
        let mut config = self.config.clone();
        change(&mut config);
        self.of_same_times(config)
    }

    /// Others, with the times that these have.
    ///
    /// # Errors
    /// As [`Config::check`].
    pub(crate) fn of_same_times(&self, config: Config) -> Result<CheckedConfig> {
        Ok(config.check()?.with_times(self.times.clone()))
    }

    /// These settings with times of layers, by which a limit on latency is counted.
    pub(crate) fn with_times(self, times: Option<Arc<LatencyFile>>) -> CheckedConfig {
        CheckedConfig { times, ..self }
    }

    /// The times of layers, where the settings ask for them and they have been read or measured.
    pub fn times(&self) -> Option<&LatencyFile> {
        self.times.as_deref()
    }

    /// The limits on the trained network. The one on latency is left out as long as there are no times.
    pub fn limits(&self) -> Limits<'_> {
        let train = &self.config.train;
        let times = self.times().filter(|_| train.max_latency > 0.0);
        Limits {
            max_params: train.max_params as u64,
            max_macs: train.max_macs as u64,
            latency: times.map(|file| LatencyLimit { seconds: train.max_latency, times: &file.times }),
        }
    }

    /// The settings, to be changed at will and checked again.
    pub fn into_config(self) -> Config {
        self.config
    }
}

impl Deref for CheckedConfig {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

impl Config {
    /// The settings as such that may run, as far as that can be said without the data.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) for the first setting that is outside its range, that is not a finite
    /// number, or that contradicts another.
    pub fn check(self) -> Result<CheckedConfig> {
        self.verify()?;
        Ok(CheckedConfig { config: self, times: None })
    }
}
