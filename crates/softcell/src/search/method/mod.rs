//! How a search is done, as plain data: a choice along each axis, the same loop whatever is chosen.
//!
//! A file for each axis: how alphas become edge weights ([`Relaxation`]), which half of a step comes first ([`StepOrder`]),
//! how the alphas' gradient sees the weights ([`ArchStep`]), what disturbs edge weights while weights learn
//! ([`Perturbation`]), what is added to the alphas' loss ([`Regularizer`]), in which epochs and
//! stages alphas move ([`AlphaSchedule`]), what is made of the supernet in the end ([`Selection`]), what watches for
//! collapse and what ends a search early ([`Guard`], [`StopRule`]), and both optimisers.
//!
//! What the network will take counts too where it is asked for ([`Resources`]), and whole methods have names ([`presets`]).
//! Nothing here knows a network: numbers come in as plain rows, and the loop (`search::Bilevel`) asks for what it needs.

mod alignment;
mod arch_step;
mod combinations;
mod draw;
mod fixed;
mod guard;
mod optimizer;
mod order;
mod perturb;
mod perturbation;
pub mod presets;
mod random_cell;
mod regularizer;
mod relaxation;
mod resources;
mod samples;
mod schedule;
mod selection;

use serde::{Deserialize, Serialize};

pub(crate) use alignment::directions;
#[cfg(test)]
pub(crate) use alignment::mean_cosine;
pub use arch_step::ArchStep;
pub use draw::draw_weights;
pub use fixed::FixedRows;
pub(in crate::search) use guard::PASSES;
pub use guard::{
    Alarm, Course, EigenvalueRule, End, Freeze, Guard, Guards, Judgement, Rollback, Rules, StopRule, Stops,
    Trail, Verdict, Watch, Watched,
};
pub use optimizer::{Adam, AlphaOptimizer, AlphaSgd, ExponentiatedGradient, Sgd, WeightOptimizer};
pub use order::{Half, StepOrder};
pub use perturb::{Choices, Removal, Rounds, Tally};
pub use perturbation::{Perturbation, Probe};
pub use presets::{KnownMethod, MethodName};
pub use random_cell::random_genotype;
pub use regularizer::{Penalty, Ramp, Regularizer};
pub(in crate::search) use relaxation::dot;
pub use relaxation::{
    EdgeNormalization, Moment, Relaxation, Relaxed, Relaxer, Temperature, TemperatureCurve,
};
pub use resources::{CandidateCosts, Latency, ResourcePenalty, Resources, share};
pub use samples::{Next, Samples};
pub use schedule::{AlphaSchedule, PerStage, StageStart};
pub use selection::Selection;

use crate::error::{Error, Result};
use crate::space::{EdgeWeights, Genotype, Pick, SearchSpace, derive, derive_with_few_skips};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Method {
    /// The known method whose settings were laid first; those here count.
    pub name: MethodName,
    /// How the alphas of an edge become the weights of its candidates.
    pub relaxation: Relaxation,
    /// τ of concrete samples in the first epoch.
    pub temperature: f64,
    /// τ in the last epoch.
    pub temperature_end: f64,
    /// Its way from one to the other.
    pub temperature_curve: TemperatureCurve,
    /// Whether edges have weights of their own.
    pub edge_weights: EdgeNormalization,
    /// Which half of a step comes first.
    pub order: StepOrder,
    /// How the alphas' gradient sees the weights.
    pub arch_step: ArchStep,
    /// What disturbs the edge weights while the weights learn.
    pub perturbation: Perturbation,
    /// How much it does in the first epoch, in shares of a row (ε).
    pub perturbation_start: f64,
    /// How much after the last.
    pub perturbation_end: f64,
    /// What is added to the loss of the alphas.
    pub regularizer: Regularizer,
    /// What it is multiplied by (λ). There is no default: it differs from term to term, and from space to space.
    pub regularizer_weight: f64,
    /// How that changes over the epochs.
    pub regularizer_ramp: Ramp,
    /// Operations of the supernet see one of so many parts of their source's channels, the others pass by (PC-DARTS, Xu
    /// et al. 2020); 1 is all. A divisor of `search.init_channels`.
    pub share: usize,
    /// Whether each edge of the supernet has a skip connection beside its candidates, whose weight falls linearly from 1
    /// over the epochs and is no alpha's (DARTS−, Chu et al. 2021).
    pub auxiliary_skip: bool,
    /// Probability in the last epoch that what an edge adds is left out, image by image, wherever batches of training
    /// run; it rises linearly from 0: see [`Self::drop_path_at`].
    pub drop_path: f64,
    /// How often `search.cutout` cuts.
    pub cutout: CutoutRamp,
    /// λ of Λ-DARTS in the last epoch: how much the weights' gradient is to make normal cells agree in what they want
    /// of their edge weights; 0 is not at all. It rises linearly from 0: see [`Self::alignment_at`].
    pub alignment: f64,
    /// Length of the step in the edge weights by which that gradient is measured.
    pub alignment_epsilon: f64,
    /// λ of the expected weights, as a share of those of the largest cell.
    pub resource_params: f64,
    /// λ of the expected multiply-adds.
    pub resource_macs: f64,
    /// λ of the expected time, measured operation by operation when the search begins.
    pub resource_latency: f64,
    /// How these enter the loss of the alphas.
    pub resource_penalty: ResourcePenalty,
    /// What is made of the supernet in the end.
    pub selection: Selection,
    /// Least weight of an edge that [`Selection::Threshold`] keeps.
    pub selection_threshold: f64,
    /// Most skip connections of a normal cell that [`Selection::LimitedSkips`] keeps.
    pub selection_skips: usize,
    /// Epochs from one choice of [`Selection::Perturb`] to the next.
    pub selection_interval: usize,
    /// Share of the search's first learning rate with which the epochs between these choices begin.
    pub selection_rate: f64,
    /// Cells that [`Selection::ScoredSamples`] draws.
    pub selection_samples: usize,
    /// Batches by which each of them is measured.
    pub selection_batches: usize,
    /// How many of the best are measured once more, by all images of the alphas' part.
    pub selection_finalists: usize,
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
    /// In which epochs the alphas move, and in which stages.
    pub schedule: AlphaSchedule,
    /// What moves the weights.
    pub weights: WeightOptimizer,
    /// What moves the alphas.
    pub alphas: AlphaOptimizer,
}

impl Default for Method {
    /// DARTS. What it does not use is as in the method that it comes from: temperatures of GDAS, ε of SmoothDARTS.
    fn default() -> Self {
        Method {
            name: MethodName::default(),
            relaxation: Relaxation::default(),
            temperature: 10.0,
            temperature_end: 0.1,
            temperature_curve: TemperatureCurve::default(),
            edge_weights: EdgeNormalization::default(),
            order: StepOrder::default(),
            arch_step: ArchStep::default(),
            perturbation: Perturbation::default(),
            perturbation_start: 0.03,
            perturbation_end: 0.3,
            regularizer: Regularizer::default(),
            regularizer_weight: 0.0,
            regularizer_ramp: Ramp::default(),
            share: 1,
            auxiliary_skip: false,
            drop_path: 0.0,
            cutout: CutoutRamp::default(),
            alignment: 0.0,
            alignment_epsilon: 1e-3,
            resource_params: 0.0,
            resource_macs: 0.0,
            resource_latency: 0.0,
            resource_penalty: ResourcePenalty::default(),
            selection: Selection::default(),
            selection_threshold: 0.85,
            selection_skips: 2,
            selection_interval: 5,
            selection_rate: 0.1,
            selection_samples: 1000,
            selection_batches: 10,
            selection_finalists: 10,
            guard: Guard::default(),
            stop: StopRule::default(),
            guards: Guards::default(),
            stops: Stops::default(),
            freeze: Freeze::default(),
            schedule: AlphaSchedule::default(),
            weights: WeightOptimizer::default(),
            alphas: AlphaOptimizer::default(),
        }
    }
}

/// How often the search's cutout cuts its square from an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CutoutRamp {
    /// Always.
    #[default]
    Constant,
    /// With a probability that rises linearly from 0 to 1: RobustDARTS (Zela et al. 2020).
    Rising,
}

impl CutoutRamp {
    /// Both.
    pub const ALL: [CutoutRamp; 2] = [CutoutRamp::Constant, CutoutRamp::Rising];

    /// The probability in an epoch, counted from 0.
    pub fn at(self, epoch: usize, epochs: usize) -> f64 {
        match self {
            CutoutRamp::Constant => 1.0,
            CutoutRamp::Rising => rising(epoch, epochs),
        }
    }
}

/// `e/(E − 1)`: 0 in the first epoch, 1 in the last, 0 where there is but one.
fn rising(epoch: usize, epochs: usize) -> f64 {
    if epochs < 2 { 0.0 } else { (epoch as f64 / (epochs - 1) as f64).min(1.0) }
}

impl Method {
    /// The genotype that these weights stand for. Where the selection measures what it chooses, the weights are what its
    /// choices have made of them.
    ///
    /// # Errors
    /// As [`derive_genotype`](crate::space::derive_genotype).
    pub fn select(&self, weights: &EdgeWeights, space: &SearchSpace) -> Result<Genotype> {
        match self.selection {
            Selection::Strongest | Selection::Perturb | Selection::ScoredSamples | Selection::Random => {
                derive(weights, space, Pick::Strongest)
            }
            Selection::Threshold => derive(weights, space, Pick::Threshold(self.selection_threshold)),
            Selection::AllEdges => derive(weights, space, Pick::AllEdges),
            Selection::Pairs => derive(weights, space, Pick::Pairs),
            Selection::LimitedSkips => derive_with_few_skips(weights, space, self.selection_skips),
        }
    }

    /// The relaxation of the alphas of a space.
    pub fn relaxer(&self, space: &SearchSpace) -> Relaxer {
        Relaxer::new(self, space)
    }

    /// τ over the epochs.
    pub fn temperature(&self) -> Temperature {
        Temperature { start: self.temperature, end: self.temperature_end, curve: self.temperature_curve }
    }

    /// `ε_e = ε₀ + (ε₁ − ε₀)·e/E`, how much is disturbed in an epoch, from 0, of so many.
    pub fn perturbation_at(&self, epoch: usize, epochs: usize) -> f64 {
        let (start, end) = (self.perturbation_start, self.perturbation_end);
        start + (end - start) * epoch as f64 / epochs as f64
    }

    /// What the regulariser is multiplied by in an epoch, from 0, of so many.
    pub fn regularizer_at(&self, epoch: usize, epochs: usize) -> f64 {
        self.regularizer_ramp.at(self.regularizer_weight, epoch, epochs)
    }

    /// Whether the alphas move in an epoch, from 0, of so many.
    pub fn alphas_move_in(&self, epoch: usize, epochs: usize) -> bool {
        self.order != StepOrder::WeightsOnly && self.schedule.steps_in(epoch, epochs)
    }

    /// Whether an epoch, from 0, of so many needs batches of the alphas' images.
    pub fn needs_alphas_images_in(&self, epoch: usize, epochs: usize) -> bool {
        self.order.has_alphas_images() && self.schedule.steps_in(epoch, epochs)
    }

    /// `p · e/(E − 1)`, as RobustDARTS has it (Zela et al. 2020): the probability of drop path in an epoch.
    pub fn drop_path_at(&self, epoch: usize, epochs: usize) -> f64 {
        self.drop_path * rising(epoch, epochs)
    }

    /// `λ · e/(E − 1)` (Λ-DARTS, Movahedi et al. 2023).
    pub fn alignment_at(&self, epoch: usize, epochs: usize) -> f64 {
        self.alignment * rising(epoch, epochs)
    }

    /// Whether the choices can run, and with one another.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first number outside its range, and for the first choice that no method defines beside
    /// the others, with the reason.
    pub fn check(&self) -> Result<()> {
        const PLACE: &str = "search.method";
        let above_zero =
            |name: &str, value: f64| number(PLACE, name, value, value > 0.0, "a finite number above 0");
        let share = |name: &str, value: f64| {
            number(PLACE, name, value, (0.0..=1.0).contains(&value), "a number from 0 to 1")
        };
        above_zero("temperature", self.temperature)?;
        above_zero("temperature_end", self.temperature_end)?;
        share("perturbation_start", self.perturbation_start)?;
        share("perturbation_end", self.perturbation_end)?;
        let weight = self.regularizer_weight;
        number(PLACE, "regularizer_weight", weight, weight >= 0.0, "a finite number, 0 or more")?;
        let drop_path = self.drop_path;
        number(PLACE, "drop_path", drop_path, (0.0..1.0).contains(&drop_path), "a number from 0 to below 1")?;
        let (alignment, epsilon) = (self.alignment, self.alignment_epsilon);
        number(PLACE, "alignment", alignment, alignment >= 0.0, "a finite number, 0 or more")?;
        number(PLACE, "alignment_epsilon", epsilon, epsilon > 0.0, "a finite number greater than 0")?;
        self.check_selection()?;
        self.schedule.check()?;
        self.guards.check("search.method.guards")?;
        self.stops.check("search.method.stops")?;
        self.freeze.check("search.method.freeze")?;
        self.weights.check("search.method.weights")?;
        self.alphas.check("search.method.alphas")?;
        self.check_resources()?;
        self.check_combinations()
    }
}

impl Method {
    /// Ranges of the numbers of the selection.
    fn check_selection(&self) -> Result<()> {
        if self.selection == Selection::Perturb && self.schedule.stages() > 1 {
            let expected =
                "another selection, or a search of one stage: choices by trials are of one network";
            return Err(Error::setting("search.method.selection", self.selection.name(), expected));
        }
        let ends_early = self.stop != StopRule::None || self.guard == Guard::Stop;
        if self.selection.has_trials() && ends_early {
            let expected = "a selection without trials, or stop = \"none\" and a guard that only warns: trials come after all \
                            epochs of the search";
            return Err(Error::setting("search.method.selection", self.selection.name(), expected));
        }
        if self.stop == StopRule::Adapt && self.schedule.stages() > 1 {
            let expected = "another rule in a search of several stages: it would go back to another network";
            return Err(Error::setting("search.method.stop", "adapt", expected));
        }
        if self.freeze.is_on()
            && self.schedule.stages() > 1
            && self.schedule.stage_start == StageStart::Continued
        {
            let expected = "-1 where stages go on with one network: what is frozen would learn again";
            return Err(Error::setting("search.method.freeze.below", self.freeze.below, expected));
        }
        if self.resource_latency > 0.0 && self.schedule.stages() > 1 {
            let expected = "0 in a search of several stages: times that are measured as a later stage begins would differ \
                            after a search went on";
            return Err(Error::setting("search.method.resource_latency", self.resource_latency, expected));
        }
        let place = "search.method";
        let (threshold, rate) = (self.selection_threshold, self.selection_rate);
        let share = "a number from 0 to 1";
        number(place, "selection_threshold", threshold, (0.0..=1.0).contains(&threshold), share)?;
        number(place, "selection_rate", rate, rate > 0.0 && rate <= 1.0, "a number above 0, at most 1")?;
        for (name, found, least, most) in [
            ("selection_skips", self.selection_skips, 0, 1000),
            ("selection_interval", self.selection_interval, 1, 1000),
            ("selection_samples", self.selection_samples, 1, 1_000_000),
            ("selection_batches", self.selection_batches, 1, 1_000_000),
            ("selection_finalists", self.selection_finalists, 1, 1_000_000),
        ] {
            if !(least..=most).contains(&found) {
                let expected = format!("a whole number from {least} to {most}");
                return Err(Error::setting(format!("{place}.{name}"), found, expected));
            }
        }
        Ok(())
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
