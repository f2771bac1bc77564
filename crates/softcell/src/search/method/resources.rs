//! Terms for what the network will cost: expected weights, multiply-adds and time of the cell that the edge weights
//! stand for.
//!
//! With edge weights `w` and the cost `c` of each candidate, summed over all cells of its kind in the supernet,
//!
//! `R(w) = Σ_e Σ_k w_{e,k} c_{e,k} / Σ_e max_k c_{e,k}`:
//!
//! the expected cost as a part of that of the largest cell, 1 where each edge has its most expensive candidate alone.
//! What depends on no edge weight (stem, preparations, classifier) is left out. A term adds `λR` to the loss of the
//! alphas, or `λ ln(R + ε)` ([`ResourcePenalty`]). The search of SNAS has such terms (Xie et al. 2019), there of the
//! drawn cell; here too where the edge weights are drawn.

use serde::{Deserialize, Serialize};

use super::relaxation::dot;
use super::{Method, Selection, StepOrder, number};
use crate::error::{Error, Result};
use crate::space::{EdgeGradient, EdgeWeights, PlacedOperation, Rows};

/// In the logarithm: below a hundredth of the largest cell it presses no harder.
const LEAST: f64 = 0.01;

/// How the expected cost enters the loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ResourcePenalty {
    /// `λR`: each multiply-add counts the same.
    #[default]
    Linear,
    /// `λ ln(R + 0.01)`: each percent of the cost that is left counts about the same.
    Log,
}

impl ResourcePenalty {
    /// Both.
    pub const ALL: [ResourcePenalty; 2] = [ResourcePenalty::Linear, ResourcePenalty::Log];

    /// The term without its factor, and its derivative in R.
    fn of(self, share: f64) -> (f64, f64) {
        match self {
            ResourcePenalty::Linear => (share, 1.0),
            ResourcePenalty::Log => ((share + LEAST).ln(), 1.0 / (share + LEAST)),
        }
    }
}

/// A number for each resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources<T> {
    /// Weights.
    pub params: T,
    /// Multiply-adds for one image.
    pub macs: T,
    /// Time for one image, measured.
    pub latency: T,
}

impl<T> Resources<T> {
    /// One after the other.
    pub fn each(&self) -> [&T; 3] {
        [&self.params, &self.macs, &self.latency]
    }

    /// Another value for each.
    pub fn map<U>(&self, mut value: impl FnMut(&T) -> U) -> Resources<U> {
        let Resources { params, macs, latency } = self;
        Resources { params: value(params), macs: value(macs), latency: value(latency) }
    }
}

/// The time of an operation in its place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The operation and its place.
    #[serde(flatten)]
    pub place: PlacedOperation,
    /// Median seconds of its answers for one image.
    pub seconds: f64,
}

/// The cost of each candidate, `[edge][candidate]`, all cells of its kind together.
pub type CandidateCosts = Rows<f64>;

impl Method {
    /// The factors of the terms.
    pub fn resource_factors(&self) -> Resources<f64> {
        let Method { resource_params: params, resource_macs: macs, resource_latency: latency, .. } = *self;
        Resources { params, macs, latency }
    }

    /// Whether any resource counts.
    pub fn minds_resources(&self) -> bool {
        self.resource_factors().each().into_iter().any(|factor| *factor > 0.0)
    }

    /// The part of [`Method::check`] on the terms.
    pub(super) fn check_resources(&self) -> Result<()> {
        let Resources { params, macs, latency } = self.resource_factors();
        for (name, factor) in
            [("resource_params", params), ("resource_macs", macs), ("resource_latency", latency)]
        {
            number("search.method", name, factor, factor >= 0.0, "a finite number, 0 or more")?;
        }
        let why = match (self.order, self.selection) {
            _ if !self.minds_resources() => return Ok(()),
            (StepOrder::WeightsOnly, _) => "order = weights-only moves no alphas",
            (_, Selection::Random) => "selection = random looks at none",
            _ if self.alphas.learning_rate() == 0.0 => "alphas.learning_rate = 0 keeps them where they are",
            _ => return Ok(()),
        };
        let named = [("resource_params", params), ("resource_macs", macs), ("resource_latency", latency)];
        let (name, factor) = named.into_iter().find(|(_, factor)| *factor > 0.0).expect("one of them counts");
        let expected = format!("0, because resource terms press on the alphas, and {why}");
        Err(Error::setting(format!("search.method.{name}"), factor, expected))
    }

    /// All terms together at these edge weights: value and gradient in the edge weights; none where none counts.
    ///
    /// # Panics
    /// When the costs are of another space than the weights.
    pub fn resource_term(
        &self,
        costs: &Resources<CandidateCosts>,
        weights: &EdgeWeights,
    ) -> Option<(f64, EdgeGradient)> {
        if !self.minds_resources() {
            return None;
        }
        let (mut value, mut gradient) = (0.0, EdgeGradient(weights.map_values(|_| 0.0)));
        for (factor, costs) in self.resource_factors().each().into_iter().zip(costs.each()) {
            let largest = largest(costs);
            if *factor == 0.0 || largest == 0.0 {
                continue;
            }
            let (term, slope) = self.resource_penalty.of(share(costs, weights));
            value += factor * term;
            for ((name, sums), rows) in
                weights.names().zip(gradient.0.cells_mut()).zip(costs_of(costs, weights))
            {
                assert_eq!(sums.len(), rows.len(), "costs of the edges of {name}");
                for (sums, costs) in sums.iter_mut().zip(rows) {
                    sums.iter_mut()
                        .zip(costs)
                        .for_each(|(sum, cost)| *sum += factor * slope * cost / largest);
                }
            }
        }
        Some((value, gradient))
    }
}

/// R: the expected cost as a part of that of the largest cell, 0 where nothing costs anything.
///
/// # Panics
/// When the costs are of another space than the weights.
pub fn share(costs: &CandidateCosts, weights: &EdgeWeights) -> f64 {
    let largest = largest(costs);
    if largest == 0.0 {
        return 0.0;
    }
    let mut sum = 0.0;
    for (weights, costs) in weights.cells().zip(costs_of(costs, weights)) {
        sum += weights.iter().zip(costs).map(|(weights, costs)| dot(weights, costs)).sum::<f64>();
    }
    sum / largest
}

/// The costs in the order of the weights' cells.
fn costs_of<'a>(
    costs: &'a CandidateCosts,
    weights: &'a EdgeWeights,
) -> impl Iterator<Item = &'a Vec<Vec<f64>>> {
    weights.iter().map(|(name, rows)| {
        let costs = costs.get(name).expect("costs for each kind of cell");
        // An auxiliary skip connection stands last, and may have no weight where nothing is drawn or trained.
        let fits =
            rows.len() == costs.len() && rows.iter().zip(costs).all(|(w, c)| w.len().abs_diff(c.len()) <= 1);
        assert!(fits, "costs of the candidates of {name}");
        costs
    })
}

/// `Σ_e max_k c_{e,k}`.
fn largest(costs: &CandidateCosts) -> f64 {
    costs.cells().flatten().map(|row| row.iter().copied().fold(0.0, f64::max)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::method::{EdgeNormalization, Half, Moment, Relaxation};
    use crate::space::{Primitive, SearchSpace};

    fn rows(rows: &[&[f64]]) -> Vec<Vec<f64>> {
        rows.iter().map(|row| row.to_vec()).collect()
    }

    fn method(penalty: ResourcePenalty) -> Method {
        Method {
            resource_params: 0.5,
            resource_macs: 2.0,
            resource_latency: 0.25,
            resource_penalty: penalty,
            ..Method::default()
        }
    }

    fn costs() -> Resources<CandidateCosts> {
        let of = |a: &[&[f64]], b: &[&[f64]]| [("a", rows(a)), ("b", rows(b))].into_iter().collect();
        Resources {
            params: of(&[&[0.0, 3.0], &[1.0, 0.0]], &[&[5.0, 1.0, 2.0]]),
            macs: of(&[&[0.0, 7.0], &[2.0, 0.5]], &[&[1.0, 0.0, 9.0]]),
            latency: of(&[&[0.1, 0.2], &[0.3, 0.0]], &[&[0.0, 0.4, 0.1]]),
        }
    }

    #[test]
    fn the_share_is_of_the_largest_cell() {
        let costs = costs().params;
        let weights = |a: &[&[f64]], b: &[&[f64]]| -> EdgeWeights {
            [("a", rows(a)), ("b", rows(b))].into_iter().collect()
        };
        assert_eq!(share(&costs, &weights(&[&[0.0, 1.0], &[1.0, 0.0]], &[&[1.0, 0.0, 0.0]])), 1.0);
        assert_eq!(share(&costs, &weights(&[&[1.0, 0.0], &[0.0, 1.0]], &[&[0.0, 0.0, 0.0]])), 0.0);
        let half = weights(&[&[0.5, 0.5], &[0.0, 1.0]], &[&[0.0, 1.0, 0.0]]);
        assert_eq!(share(&costs, &half), (1.5 + 1.0) / 9.0);
        let free = costs.map_values(|_| 0.0);
        assert_eq!(share(&free, &half), 0.0);
    }

    /// A cell with two edges and three candidates in each kind.
    fn space() -> SearchSpace {
        let candidates = [Primitive::None, Primitive::SkipConnect, Primitive::SepConv3x3];
        SearchSpace { n_nodes: 1, ..SearchSpace::darts() }.with_candidates(&candidates)
    }

    /// In the edge weights, and by the relaxations whose samples can be held fast to the alphas, those of edges too.
    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let of = |numbers: [f64; 12]| -> CandidateCosts {
            let rows =
                |from: usize| numbers[from..from + 6].chunks(3).map(<[f64]>::to_vec).collect::<Vec<_>>();
            [("normal", rows(0)), ("reduction", rows(6))].into_iter().collect()
        };
        let costs = Resources {
            params: of([0.0, 3.0, 1.0, 0.0, 5.0, 1.0, 2.0, 0.0, 7.0, 0.0, 2.0, 0.5]),
            macs: of([1.0, 0.0, 9.0, 0.0, 0.4, 0.2, 3.0, 1.0, 0.0, 6.0, 1.0, 2.0]),
            latency: of([0.1, 0.2, 0.3, 0.0, 0.0, 0.4, 0.1, 0.3, 0.0, 0.2, 0.2, 0.1]),
        };
        let moment = Moment { seed: 1, epoch: 0, epochs: 2, step: 0, half: Half::Alphas };
        for penalty in ResourcePenalty::ALL {
            for (relaxation, edge_weights) in [
                (Relaxation::Softmax, EdgeNormalization::None),
                (Relaxation::Softmax, EdgeNormalization::Softmax),
                (Relaxation::Gumbel, EdgeNormalization::None),
                (Relaxation::Sigmoid, EdgeNormalization::None),
                (Relaxation::Simplex, EdgeNormalization::None),
            ] {
                let method = Method { relaxation, edge_weights, ..method(penalty) };
                let relaxer = method.relaxer(&space());
                let mut alphas = relaxer.initial(3);
                if relaxation != Relaxation::Simplex {
                    alphas.values_mut().enumerate().for_each(|(i, alpha)| *alpha += 0.3 * (i as f32).sin());
                }
                let value = |weights: &EdgeWeights| method.resource_term(&costs, weights).unwrap().0;
                let relaxed = relaxer.relax(&alphas, moment);
                let gradient = method.resource_term(&costs, &relaxed.weights).unwrap().1;
                let step = 1e-6;
                for (i, found) in gradient.values().enumerate() {
                    let at = |by: f64| {
                        let mut weights = relaxed.weights.clone();
                        *weights.values_mut().nth(i).unwrap() += by;
                        value(&weights)
                    };
                    let expected = (at(step) - at(-step)) / (2.0 * step);
                    assert!((found - expected).abs() < 1e-8, "{method:?} {i}: {found} {expected}");
                }
                // The alphas are f32.
                let step = 1e-2f32;
                for (i, found) in relaxed.pull_back(&gradient).values().enumerate() {
                    let at = |by: f32| {
                        let mut alphas = alphas.clone();
                        *alphas.values_mut().nth(i).unwrap() += by;
                        value(&relaxer.relax(&alphas, moment).weights)
                    };
                    let expected = (at(step) - at(-step)) / f64::from(2.0 * step);
                    assert!((found - expected).abs() < 1e-3, "{relaxation:?} {i}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn what_counts_nothing_adds_nothing() {
        let weights: EdgeWeights =
            [("a", rows(&[&[0.5, 0.5], &[0.5, 0.5]])), ("b", rows(&[&[0.2, 0.3, 0.5]]))]
                .into_iter()
                .collect();
        assert_eq!(Method::default().resource_term(&costs(), &weights), None);
        let macs = Method { resource_macs: 1.0, ..Method::default() };
        let (value, gradient) = macs.resource_term(&costs(), &weights).unwrap();
        assert_eq!(value, share(&costs().macs, &weights));
        assert_eq!(gradient.get("b").unwrap()[0], [1.0 / 18.0, 0.0, 0.5]);
    }

    #[test]
    fn factors_have_ranges_and_need_alphas_that_move() {
        let negative = Method { resource_latency: -1.0, ..Method::default() };
        assert!(negative.check().unwrap_err().to_string().contains("search.method.resource_latency = -1"));
        let mut still = Method { resource_macs: 1.0, ..Method::default() };
        still.check().unwrap();
        *still.alphas.learning_rate_mut() = 0.0;
        assert!(still.check().unwrap_err().to_string().contains("resource terms press on the alphas"));
    }

    #[test]
    fn a_space_has_costs_for_its_weights() {
        let space = SearchSpace::darts();
        let plan = crate::space::NetworkPlan::supernet(&space, [3, 32, 32], 10);
        let costs = plan.candidates().map(|edges| {
            let row = |row: &Vec<Vec<_>>| row.iter().map(|places| places.len() as f64).collect();
            edges.iter().map(row).collect()
        });
        let relaxer = Method::default().relaxer(&space);
        let weights = relaxer.expected(&relaxer.initial(1));
        // Seven of eight candidates stand in each place.
        assert!((share(&costs, &weights) - 7.0 / 8.0).abs() < 1e-3);
    }
}
