//! Stages of a search: networks with fewer candidates, of other depths or with wider operations, one after another.

use burn::tensor::Device;
use rand::Rng;

use super::bilevel::Bilevel;
use super::method::{AlphaSchedule, StageStart};
use super::widen::carried;
use crate::config::SearchConfig;
use crate::error::{Error, Result};
use crate::network::{HostTensor, NamedTensors, load_named, named_tensors, weight_names};
use crate::random::stream;
use crate::records::{Kept, Position, SearchState};
use crate::resume::remedy;
use crate::space::{Alphas, ByCell, EdgeWeights, NetworkPlan, Primitive, Rows, SearchSpace, supernet_cost};

/// The stage that a search is in.
#[derive(Debug, Clone)]
pub(super) struct SearchStage {
    /// Its number, from 0.
    pub index: usize,
    /// What is left of the space.
    pub kept: Kept,
}

impl SearchStage {
    /// The first stage, which has all candidates.
    pub fn first() -> SearchStage {
        SearchStage { index: 0, kept: Kept::default() }
    }

    /// The stage that a state is of.
    pub fn of_state(state: &SearchState, config: &SearchConfig) -> SearchStage {
        let Position { epoch, step } = state.position;
        let index = SearchStage::index_at(&config.method.schedule, config.epochs, epoch, step);
        SearchStage { index, kept: state.kept.clone() }
    }

    /// The stage of a search that stands at the beginning of an epoch or within it: what comes with a new stage is done in
    /// its first epoch, before the first step.
    fn index_at(schedule: &AlphaSchedule, epochs: usize, epoch: usize, step: usize) -> usize {
        schedule.stage_of(if step == 0 { epoch.saturating_sub(1) } else { epoch }, epochs).0
    }

    /// The space of the stage.
    pub fn space(&self, config: &SearchConfig, whole: &SearchSpace) -> SearchSpace {
        let schedule = &config.method.schedule;
        SearchSpace {
            cells: cut(&self.kept, &whole.cells),
            n_cells: schedule.stage_layers.get(self.index).unwrap_or(whole.n_cells),
            share: schedule.stage_share.get(self.index).unwrap_or(whole.share),
            ..whole.clone()
        }
    }

    /// The next stage: on each edge the candidates with the largest weights are left, of equals the later ones.
    ///
    /// The last that is left is no `none` where there is another.
    pub fn next(&self, config: &SearchConfig, whole: &SearchSpace, weights: &EdgeWeights) -> SearchStage {
        let index = self.index + 1;
        let Some(most) = config.method.schedule.stage_operations.get(index) else {
            return SearchStage { index, kept: self.kept.clone() };
        };
        let cell = |(name, edges): (&str, &Vec<Vec<Primitive>>)| {
            let rows = weights.get(name).map_or(&[][..], Vec::as_slice);
            let edge = |(edge, candidates): (usize, &Vec<Primitive>)| {
                let places = match self.kept.get(name) {
                    Some(kept) => kept[edge].clone(),
                    None => (0..candidates.len()).collect(),
                };
                strongest(&places, &rows[edge], candidates, most)
            };
            (name.to_owned(), edges.iter().enumerate().map(edge).collect())
        };
        SearchStage { index, kept: whole.cells.iter().map(cell).collect() }
    }

    /// Whether these can be what is left of a space in this stage.
    ///
    /// # Errors
    /// When they cannot.
    pub fn check(&self, origin: &str, config: &SearchConfig, whole: &SearchSpace) -> Result<()> {
        let most = config.method.schedule.stage_operations.get(self.index).filter(|_| self.index > 0);
        let fits =
            match most {
                None => self.kept.is_empty(),
                Some(most) => {
                    let edge = |(kept, candidates): (&Vec<usize>, &Vec<Primitive>)| {
                        kept.len() == most.min(candidates.len())
                            && kept.windows(2).all(|pair| pair[0] < pair[1])
                            && kept.last().is_some_and(|last| *last < candidates.len())
                    };
                    self.kept.names().eq(whole.cells.names())
                        && self.kept.cells().zip(whole.cells.cells()).all(|(kept, edges)| {
                            kept.len() == edges.len() && kept.iter().zip(edges).all(edge)
                        })
                }
            };
        if fits {
            return Ok(());
        }
        let found = format!("candidates {:?} in stage {}", self.kept, self.index + 1);
        let expected =
            most.map_or("all candidates".to_owned(), |most| format!("{most} of each edge's, in order"));
        Err(Error::invalid(origin, found, expected, remedy()))
    }

    /// Rows of the whole space, with `absent` for what is not there any more.
    pub fn expanded<N: Copy>(&self, rows: &Rows<N>, whole: &SearchSpace, absent: N) -> Rows<N> {
        let group = |(name, rows): (&str, &Vec<Vec<N>>)| {
            let (Some(kept), Some(edges)) = (self.kept.get(name), whole.cells.get(name)) else {
                return (name.to_owned(), rows.clone());
            };
            let expand = |((row, kept), edge): ((&Vec<N>, &Vec<usize>), &Vec<Primitive>)| {
                let mut all = vec![absent; edge.len()];
                kept.iter().zip(row).for_each(|(&at, &value)| all[at] = value);
                all
            };
            (name.to_owned(), rows.iter().zip(kept).zip(edges).map(expand).collect())
        };
        rows.iter().map(group).collect()
    }
}

/// The `most` of the places with the largest weights, in order.
fn strongest(places: &[usize], weights: &[f64], candidates: &[Primitive], most: usize) -> Vec<usize> {
    let mut ranked: Vec<(f64, usize)> = weights.iter().copied().zip(places.iter().copied()).collect();
    // Stable: the smallest go first, of equals the first (P-DARTS).
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let is_operation = |place: usize| candidates[place] != Primitive::None;
    if most == 1
        && let Some(best) = ranked.iter().rposition(|&(_, place)| is_operation(place))
    {
        return vec![ranked[best].1];
    }
    let mut left: Vec<usize> = ranked.iter().rev().take(most).map(|&(_, place)| place).collect();
    left.sort_unstable();
    left
}

/// The entries at these places of the rows; all where a group has none.
fn cut<N: Clone>(kept: &Kept, rows: &ByCell<Vec<Vec<N>>>) -> ByCell<Vec<Vec<N>>> {
    let group = |(name, rows): (&str, &Vec<Vec<N>>)| {
        let Some(kept) = kept.get(name) else { return (name.to_owned(), rows.clone()) };
        let row = |(row, kept): (&Vec<N>, &Vec<usize>)| kept.iter().map(|&at| row[at].clone()).collect();
        (name.to_owned(), rows.iter().zip(kept).map(row).collect())
    };
    rows.iter().map(group).collect()
}

/// Where the candidates of `after` stand among those of `before`.
fn places(before: &Kept, after: &Kept) -> Kept {
    let group = |(name, after): (&str, &Vec<Vec<usize>>)| {
        let row = |(edge, row): (usize, &Vec<usize>)| match before.get(name) {
            None => row.clone(),
            Some(before) => {
                let place = |at: &usize| before[edge].iter().position(|b| b == at).expect("none comes back");
                row.iter().map(place).collect()
            }
        };
        (name.to_owned(), after.iter().enumerate().map(row).collect())
    };
    after.iter().map(group).collect()
}

impl Bilevel {
    /// Where the stage `after` begins, in its space, `before` being the present one.
    ///
    /// # Errors
    /// When the space of the stage cannot be searched.
    pub(super) fn next_stage(
        self,
        config: &SearchConfig,
        (image, classes): ([usize; 3], usize),
        space: &SearchSpace,
        [before, after]: [&SearchStage; 2],
        device: &Device,
    ) -> Result<Bilevel> {
        let index = after.index as u64;
        let next = match config.method.schedule.stage_start {
            StageStart::Fresh => {
                let seed = stream(self.seed, "search/stage", &[index]).next_u64();
                Bilevel::in_space(config, space, (image, classes), seed, device)?
            }
            StageStart::Continued => {
                let mut next = Bilevel::in_space(config, space, (image, classes), self.seed, device)?;
                let places = places(&before.kept, &after.kept);
                let plans: [&NetworkPlan; 2] = [self.net.plan(), next.net.plan()];
                let carry = |tensors: &NamedTensors| carried(tensors, plans, &places, self.seed, index);
                let net = carry(&named_tensors(&self.net));
                let velocity = carry(&self.sgd.to_named(&weight_names(&self.net)));
                next.net = load_named(next.net.clone(), &net, "network of the next stage")?;
                next.sgd.restore(
                    &weight_names(&next.net),
                    &flat(velocity),
                    &device.clone().without_autodiff(),
                );
                let (steps, moments) = self.optimizer.to_named();
                next.alphas = Alphas(cut(&places, &self.alphas));
                let count = next.alphas.values().count();
                next.optimizer.restore(steps, &moments_of(&moments, &self.alphas, &places), count)?;
                next
            }
        };
        Ok(Bilevel { seed: self.seed, class_weights: self.class_weights, latencies: self.latencies, ..next })
    }
}

/// What an optimiser keeps of the alphas that are left.
fn moments_of(moments: &NamedTensors, alphas: &Alphas, places: &Kept) -> NamedTensors {
    let count = alphas.values().count();
    let one = |(name, tensor): (&String, &HostTensor)| {
        if tensor.values.len() != count {
            return (name.clone(), tensor.clone());
        }
        let mut values = tensor.values.iter().copied();
        let rows = alphas.map(|rows| -> Vec<Vec<f32>> {
            rows.iter().map(|row| values.by_ref().take(row.len()).collect()).collect()
        });
        let values: Vec<f32> = cut(places, &rows).cells().flatten().flatten().copied().collect();
        (name.clone(), HostTensor { shape: vec![values.len()], values })
    };
    moments.iter().map(one).collect()
}

/// The tensors as velocities are kept: without a shape.
fn flat(tensors: NamedTensors) -> NamedTensors {
    let one = |(name, HostTensor { values, .. })| (name, HostTensor { shape: vec![values.len()], values });
    tensors.into_iter().map(one).collect()
}

impl SearchConfig {
    /// These settings with the stage in which a step costs most as the only one: for forecasts of time and memory. Which
    /// candidates an edge will keep is not known yet: here it is the last ones, which cost most as operations are usually
    /// listed.
    pub fn costliest_stage(&self) -> SearchConfig {
        let stages = self.method.schedule.stages();
        if stages == 1 {
            return self.clone();
        }
        let of_stage = |stage: usize| {
            let schedule = &self.method.schedule;
            let mut config = self.clone();
            config.layers = schedule.stage_layers.get(stage).unwrap_or(self.layers);
            let most = schedule.stage_operations.get(stage).filter(|_| stage > 0).unwrap_or(usize::MAX);
            let last = |all: &mut Vec<Primitive>| {
                // `none` alone is no candidate.
                if most == 1 && all.len() > 1 {
                    all.retain(|&primitive| primitive != Primitive::None);
                }
                drop(all.drain(..all.len().saturating_sub(most)));
            };
            last(&mut config.candidates);
            for edges in [&mut config.normal_edges, &mut config.reduction_edges] {
                edges.iter_mut().for_each(|edge| last(&mut edge.0));
            }
            config.method.schedule =
                AlphaSchedule { first_epoch: schedule.first_epoch, ..AlphaSchedule::default() };
            if let Some(share) = schedule.stage_share.get(stage) {
                config.method.schedule.stage_share.0 = vec![share];
            }
            config
        };
        let cost = |config: &SearchConfig| supernet_cost(&config.space([32, 32]), 3, 10, 32, 32).macs;
        (0..stages).map(of_stage).max_by_key(cost).expect("there is a stage")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, preset};
    use crate::space::supernet_parameters;

    fn p_darts() -> SearchConfig {
        let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0.search;
        config.epochs = 75;
        let schedule = &mut config.method.schedule;
        schedule.stage_layers.0 = vec![5, 11, 17];
        schedule.stage_operations.0 = vec![8, 5, 3];
        (schedule.stage_start, schedule.first_epoch) = (StageStart::Fresh, 10);
        config
    }

    /// Weights of the first network of P-DARTS, of 5 cells, as its official code has them.
    #[test]
    fn the_first_stage_of_p_darts() {
        assert_eq!(supernet_parameters(&p_darts().space([32, 32]), 3, 10), 1_275_834);
    }

    /// 17 cells with the last three candidates cost more than 11 with five or 5 with all.
    #[test]
    fn forecasts_are_of_the_costliest_stage() {
        let config = p_darts().costliest_stage();
        assert_eq!((config.layers, config.candidates.len(), config.method.schedule.stages()), (17, 3, 1));
        let mut plain = p_darts();
        plain.method.schedule = AlphaSchedule::default();
        assert_eq!(plain.costliest_stage(), plain);
    }

    #[test]
    fn rows_are_cut_and_expanded() {
        let whole = p_darts().space([32, 32]);
        let weights = |seed: f64| {
            let row = |(edge, candidates): (usize, &Vec<Primitive>)| -> Vec<f64> {
                (0..candidates.len()).map(|at| ((edge * 7 + at * 3) as f64 * seed).sin().abs()).collect()
            };
            EdgeWeights(whole.cells.map(|edges| edges.iter().enumerate().map(row).collect()))
        };
        let config = p_darts();
        let second = SearchStage::first().next(&config, &whole, &weights(1.0));
        second.check("a state", &config, &whole).unwrap();
        let kept = EdgeWeights(cut(&second.kept, &weights(2.0)));
        assert!(kept.cells().flatten().all(|row| row.len() == 5));
        let third = second.next(&config, &whole, &kept);
        third.check("a state", &config, &whole).unwrap();
        let places = places(&second.kept, &third.kept);
        let direct = cut(&third.kept, &weights(2.0));
        assert_eq!(cut(&places, &kept), direct);
        let expanded = third.expanded(&direct, &whole, -1.0);
        assert_eq!(cut(&third.kept, &expanded), direct);
        assert_eq!(expanded.values().filter(|&&value| value == -1.0).count(), 28 * 5);
        // The three largest of the second stage's five.
        for ((row, all), kept) in
            direct.cells().flatten().zip(kept.cells().flatten()).zip(places.cells().flatten())
        {
            let least = row.iter().copied().fold(1.0, f64::min);
            assert_eq!(all.iter().filter(|&&weight| weight >= least).count(), 3, "{all:?} {kept:?}");
        }
    }

    #[test]
    fn the_last_that_is_left_is_an_operation() {
        let candidates = [Primitive::None, Primitive::SkipConnect, Primitive::SepConv3x3];
        assert_eq!(strongest(&[0, 1, 2], &[0.5, 0.3, 0.2], &candidates, 1), [1]);
        assert_eq!(strongest(&[0, 1, 2], &[0.5, 0.2, 0.3], &candidates, 2), [0, 2]);
        assert_eq!(strongest(&[0], &[1.0], &candidates, 1), [0]);
        // Of equals the first goes.
        assert_eq!(strongest(&[0, 1, 2], &[0.3, 0.3, 0.4], &candidates, 2), [1, 2]);
    }
}
