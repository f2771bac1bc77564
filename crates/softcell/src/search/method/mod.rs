//! How a search is done, as plain data: a choice along each axis, the same loop whatever is chosen.
//!
//! A file for each axis: how alphas become edge weights ([`Relaxation`]), which half of a step comes first ([`StepOrder`]),
//! how the alphas' gradient sees the weights ([`ArchStep`]), what disturbs edge weights while weights learn
//! ([`Perturbation`]), what is added to the alphas' loss ([`Regularizer`]), in which epochs alphas move
//! ([`AlphaSchedule`]), what is made of them in the end ([`Selection`]), what watches for collapse and what ends a search
//! early ([`Guard`], [`StopRule`]), and both optimisers.
//!
//! Nothing here knows a network: numbers come in as plain rows, and the loop (`search::Bilevel`) asks for what it needs.

mod arch_step;
mod guard;
mod optimizer;
mod order;
mod perturbation;
mod regularizer;
mod relaxation;
mod schedule;
mod selection;

use serde::{Deserialize, Serialize};

pub use arch_step::ArchStep;
pub use guard::{
    Alarm, EigenvalueRule, End, Freeze, Guard, Guards, Judgement, Next, Rollback, Rules, StopRule, Stops,
    Trail, Verdict, Watch, Watched,
};
pub use optimizer::{Adam, AlphaOptimizer, Sgd, WeightOptimizer};
pub use order::{Half, StepOrder};
pub use perturbation::{Perturbation, Probed};
pub use regularizer::{Penalty, Regularizer};
pub use relaxation::{Moment, Relaxation, Relaxed};
pub use schedule::AlphaSchedule;
pub use selection::Selection;

use crate::error::{Error, Result};

/// How a search is done: `[search.method]` of the settings.
///
/// The default is DARTS of first order (Liu et al. 2019), as in the official code.
///
/// ```
/// use softcell::search::method::{ArchStep, Method};
/// let method: Method = toml::from_str("arch_step = \"unrolled\"")?;
/// assert_eq!(method, Method { arch_step: ArchStep::Unrolled, ..Method::default() });
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Method {
    /// How alphas become edge weights.
    pub relaxation: Relaxation,
    /// Which half of a step comes first.
    pub order: StepOrder,
    /// How the alphas' gradient sees the weights.
    pub arch_step: ArchStep,
    /// What disturbs the edge weights while the weights learn.
    pub perturbation: Perturbation,
    /// What is added to the loss of the alphas.
    pub regularizer: Regularizer,
    /// What is made of the edge weights in the end.
    pub selection: Selection,
    /// What becomes of a search that collapses.
    pub guard: Guard,
    /// What ends it early.
    pub stop: StopRule,
    /// The numbers of the guards, and of the stop rules of the eigenvalue.
    pub guards: Guards,
    /// The numbers of the other stop rules.
    pub stops: Stops,
    /// When operations freeze.
    pub freeze: Freeze,
    /// In which epochs the alphas move.
    pub schedule: AlphaSchedule,
    /// What moves the weights.
    pub weights: WeightOptimizer,
    /// What moves the alphas.
    pub alphas: AlphaOptimizer,
}

impl Method {
    /// Whether the choices can run, and with one another.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first number outside its range.
    pub fn check(&self) -> Result<()> {
        self.guards.check("search.method.guards")?;
        self.stops.check("search.method.stops")?;
        self.freeze.check("search.method.freeze")?;
        self.weights.check("search.method.weights")?;
        self.alphas.check("search.method.alphas")
    }
}

/// Refuses a number that is not in its range.
fn number(place: &str, name: &str, value: f64, fits: bool, expected: &str) -> Result<()> {
    if fits && value.is_finite() {
        return Ok(());
    }
    Err(Error::setting(format!("{place}.{name}"), value, expected))
}

#[cfg(test)]
mod tests;
