//! What watches a search for collapse, and what ends it early.
//!
//! Plain DARTS often ends in cells of skip connections alone, in the space S4 of noise. Two signs are watched: these
//! operations of the derived normal cell (as P-DARTS and DARTS+ count them), and the largest eigenvalue of the alphas' Hessian (Zela et al. 2020),
//! which often rises when the cell has collapsed already. Accuracies of the supernet are none: they rise through collapse.

mod alarm;
mod judge;
mod trail;
mod words;

use serde::{Deserialize, Serialize};

pub use alarm::{Alarm, EigenvalueRule};
pub(in crate::search) use judge::PASSES;
pub use judge::{Course, Judgement, Rules, Verdict};
pub use trail::{End, Rollback, Trail, Watch, Watched};

use super::number;
use crate::error::{Error, Result};

/// What becomes of a search that collapses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Guard {
    /// Nobody looks: the last epoch's genotype is the result.
    Off,
    /// It goes on to its end; the last healthy epoch's genotype is the result.
    #[default]
    Warn,
    /// It ends; the last healthy epoch's genotype is the result.
    Stop,
}

impl Guard {
    /// All of them.
    pub const ALL: [Guard; 3] = [Guard::Off, Guard::Warn, Guard::Stop];
}

/// What ends a search before its last epoch, as part of a method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StopRule {
    /// Nothing.
    #[default]
    None,
    /// DARTS+ (Liang et al. 2019), first criterion: so many skip connections in the derived normal cell.
    Skips,
    /// DARTS+, second criterion: the ranking of the learnable operations of every edge has stayed the same for so many
    /// epochs.
    Ranking,
    /// RobustDARTS-ES (Zela et al. 2020): the eigenvalue's windowed ratio; the genotype is that of the epoch before the
    /// rise.
    Eigenvalue,
    /// RobustDARTS-ADA: on the same sign the search goes back to the state before the rise, with ten times the weight
    /// decay of the weights, up to 3e-2 and at most twice.
    Adapt,
}

impl StopRule {
    /// All of them.
    pub const ALL: [StopRule; 5] =
        [StopRule::None, StopRule::Skips, StopRule::Ranking, StopRule::Eigenvalue, StopRule::Adapt];

    /// The name, as settings have it.
    pub const fn name(self) -> &'static str {
        match self {
            StopRule::None => "none",
            StopRule::Skips => "skips",
            StopRule::Ranking => "ranking",
            StopRule::Eigenvalue => "eigenvalue",
            StopRule::Adapt => "adapt",
        }
    }

    /// Whether it needs the eigenvalue.
    pub const fn is_of_eigenvalue(self) -> bool {
        matches!(self, StopRule::Eigenvalue | StopRule::Adapt)
    }
}

/// The numbers of the guards: `[search.method.guards]`. The eigenvalue's are those of RobustDARTS' code.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guards {
    /// Most skip connections, noise among them, of a healthy normal cell; 0: by the space, see [`Rules::most_skips`].
    pub skips: usize,
    /// Epochs between two measurements of the eigenvalue; 0: as often as it costs less than 5 % of the search, and where a
    /// stop rule needs it 25 times over the search whatever it costs.
    pub interval: usize,
    /// How many times its earlier mean the eigenvalue's mean is when the alarm goes off.
    pub ratio: f64,
    /// Measurements of a mean.
    pub window: usize,
    /// Measurements between the two means.
    pub distance: usize,
}

/// The numbers of the stop rules: `[search.method.stops]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stops {
    /// Skip connections of the normal cell that end a search of the rule `skips`.
    pub skips: usize,
    /// Epochs of one ranking that end a search of the rule `ranking`.
    pub epochs: usize,
}

/// When operations freeze: `[search.method.freeze]`, the idea of OLES (Jiang et al. 2023).
///
/// Measured is the true cosine of an operation's gradients of training and validation loss: not the official score,
/// which adds the training gradient to the validation's first (for equal lengths its 0.4 is a cosine of −0.68).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Freeze {
    /// Mean cosine below which an operation's weights freeze for good; −1: never.
    pub below: f64,
    /// Steps of a mean.
    pub every: usize,
}

impl Default for Guards {
    fn default() -> Self {
        Guards { skips: 0, interval: 0, ratio: 1.3, window: 5, distance: 4 }
    }
}

impl Default for Stops {
    fn default() -> Self {
        Stops { skips: 2, epochs: 10 }
    }
}

impl Default for Freeze {
    fn default() -> Self {
        Freeze { below: -1.0, every: 20 }
    }
}

/// Most epochs, measurements and steps that a rule looks back on.
const MOST: usize = 1_000_000;

impl Guards {
    pub(super) fn check(&self, place: &str) -> Result<()> {
        number(place, "ratio", self.ratio, self.ratio >= 1.0, "a finite number, 1 or more")?;
        whole(place, "interval", self.interval, 0)?;
        whole(place, "window", self.window, 1)?;
        whole(place, "distance", self.distance, 1)
    }
}

impl Stops {
    pub(super) fn check(&self, place: &str) -> Result<()> {
        whole(place, "skips", self.skips, 1)?;
        whole(place, "epochs", self.epochs, 1)
    }
}

impl Freeze {
    /// Whether anything may freeze.
    pub fn is_on(self) -> bool {
        self.below > -1.0
    }

    pub(super) fn check(&self, place: &str) -> Result<()> {
        let fits = (-1.0..=1.0).contains(&self.below);
        number(place, "below", self.below, fits, "a cosine from -1 (never) to 1")?;
        whole(place, "every", self.every, 1)
    }
}

fn whole(place: &str, name: &str, value: usize, least: usize) -> Result<()> {
    if (least..=MOST).contains(&value) {
        return Ok(());
    }
    Err(Error::setting(format!("{place}.{name}"), value, format!("a whole number from {least} to {MOST}")))
}

#[cfg(test)]
mod tests;
