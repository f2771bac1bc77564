//! Settings that may run.

use std::ops::Deref;

use super::types::Config;
use crate::error::Result;

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
pub struct CheckedConfig(Config);

impl CheckedConfig {
    /// These settings with a change, checked again.
    ///
    /// # Errors
    /// As [`Config::check`].
    pub fn with(&self, change: impl FnOnce(&mut Config)) -> Result<CheckedConfig> {
        let mut config = self.0.clone();
        change(&mut config);
        config.check()
    }

    /// The settings, to be changed at will and checked again.
    pub fn into_config(self) -> Config {
        self.0
    }
}

impl Deref for CheckedConfig {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.0
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
        Ok(CheckedConfig(self))
    }
}
