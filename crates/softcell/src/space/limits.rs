//! Width and depth that honour limits on size and work.

mod lightest;
#[cfg(test)]
mod tests;
mod unreachable;

use serde::{Deserialize, Serialize};

use super::cost::{NetworkShape, derived_cost};
use super::genotype::Genotype;
use super::latency::LatencyTable;
use super::plan::NetworkPlan;
use crate::error::Result;

pub use lightest::lightest_genotype;
pub(crate) use unreachable::milliseconds;
use unreachable::unreachable_limit;

/// Widths that are tried, and the least of them: multiples of a quarter of the 16 channels that the fast
/// kernels take at once, down to half of them.
const WIDTH_STEP: usize = 4;
const LEAST_WIDTH: usize = 8;
/// The least depth that is tried: one normal cell and two reductions.
const LEAST_DEPTH: usize = 3;

/// Longest that a network's answer for one image may take, by estimate.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct LatencyLimit<'a> {
    /// Seconds.
    pub seconds: f64,
    /// What the estimate is made of.
    pub times: &'a LatencyTable,
}

/// Most that a network may cost; 0 is no limit.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Limits<'a> {
    /// Trainable numbers, the auxiliary head left out.
    pub max_params: u64,
    /// Multiply-adds for one image.
    pub max_macs: u64,
    /// Time of an answer.
    pub latency: Option<LatencyLimit<'a>>,
}

impl Limits<'_> {
    /// Whether there is a limit at all.
    pub fn is_none(&self) -> bool {
        *self == Limits::default()
    }

    /// Whether a network is within the limits.
    ///
    /// # Errors
    /// When its time cannot be estimated.
    pub fn hold(&self, genotype: &Genotype, shape: &NetworkShape) -> Result<bool> {
        let holds = |limit: u64, found: u64| limit == 0 || found <= limit;
        let cost = derived_cost(genotype, shape);
        if !(holds(self.max_params, cost.parameters) && holds(self.max_macs, cost.macs)) {
            return Ok(false);
        }
        match self.latency {
            None => Ok(true),
            Some(LatencyLimit { seconds, times }) => Ok(latency(genotype, shape, times)? <= seconds),
        }
    }
}

/// The estimate of the seconds of an answer.
fn latency(genotype: &Genotype, shape: &NetworkShape, times: &LatencyTable) -> Result<f64> {
    times.of_network(&NetworkPlan::derived(genotype, &shape.into()))
}

/// What limits may make smaller.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shrink {
    /// The width first, then the depth.
    Both,
    /// The channels of the first cell.
    Width,
    /// The number of cells.
    Depth,
    /// Nothing: a network above the limits is an error.
    None,
}

impl Shrink {
    /// All of them.
    pub const ALL: [Shrink; 4] = [Shrink::Both, Shrink::Width, Shrink::Depth, Shrink::None];

    /// As it is written in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Shrink::Both => "both",
            Shrink::Width => "width",
            Shrink::Depth => "depth",
            Shrink::None => "none",
        }
    }

    /// The same without the width.
    pub const fn keeping_width(self) -> Shrink {
        match self {
            Shrink::Both | Shrink::Depth => Shrink::Depth,
            Shrink::Width | Shrink::None => Shrink::None,
        }
    }

    /// The same without the depth.
    pub const fn keeping_depth(self) -> Shrink {
        match self {
            Shrink::Both | Shrink::Width => Shrink::Width,
            Shrink::Depth | Shrink::None => Shrink::None,
        }
    }

    /// The widths and depths that are tried in the place of a network's, falling.
    pub fn sizes(self, asked: &NetworkShape) -> (Vec<usize>, Vec<usize>) {
        (self.widths(asked.init_channels), self.depths(asked.n_cells))
    }

    /// The widths that are tried, falling.
    fn widths(self, asked: usize) -> Vec<usize> {
        match self {
            Shrink::Both | Shrink::Width => {
                let below = (LEAST_WIDTH..asked).rev().filter(|width| width.is_multiple_of(WIDTH_STEP));
                std::iter::once(asked).chain(below).collect()
            }
            Shrink::Depth | Shrink::None => vec![asked],
        }
    }

    /// The depths that are tried, falling.
    fn depths(self, asked: usize) -> Vec<usize> {
        match self {
            Shrink::Both | Shrink::Depth => (LEAST_DEPTH.min(asked)..=asked).rev().collect(),
            Shrink::Width | Shrink::None => vec![asked],
        }
    }
}

/// The largest network within the limits that is not larger than `asked`.
///
/// The depth is kept for as long as possible: with it, and then with one cell less each time down to 3,
/// the width that was asked for is tried and then the multiples of 4 below it, down to 8 channels; the
/// first network within the limits is taken. A network is never made larger.
///
/// # Errors
/// [`crate::Error::Setting`] where there is none; it names the least that can be reached.
///
/// # Panics
/// If the genotype does not pass [`Genotype::check`].
pub fn largest_within(
    genotype: &Genotype,
    asked: &NetworkShape,
    limits: &Limits<'_>,
    shrink: Shrink,
) -> Result<NetworkShape> {
    let widths = shrink.widths(asked.init_channels);
    for n_cells in shrink.depths(asked.n_cells) {
        let with = |&init_channels: &usize| NetworkShape { init_channels, n_cells, ..*asked };
        // Costs rise with the width, so the first width within the limits can be found by halving. Times rise almost
        // always: the widest is looked at first, so that what was chosen is chosen again.
        let (mut above, mut within) = (0, widths.len());
        while above < within {
            let at = if above == 0 && within == widths.len() { 0 } else { above + (within - above) / 2 };
            match limits.hold(genotype, &with(&widths[at]))? {
                true => within = at,
                false => above = at + 1,
            }
        }
        if let Some(width) = widths.get(within) {
            return Ok(with(width));
        }
    }
    Err(unreachable_limit(genotype, asked, limits, shrink)?)
}
