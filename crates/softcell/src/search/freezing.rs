//! Operations whose weights stop learning, after the idea of OLES (Jiang et al. 2023).
//!
//! Of each operation of each cell the cosine between the gradient of the training loss and that of the validation loss in
//! its weights is averaged over some steps; where it falls below a threshold, the weights freeze for good: no gradient, no
//! momentum, no decay. The alphas go on. The cosine is the true one, over all weights of the operation together: it is not
//! the official score.

use super::method::Freeze;
use crate::error::{Error, Result};
use crate::network::{Network, WeightList, host, weight_names};
use crate::records::Freezing;
use crate::resume::remedy;
use crate::space::plan::Body;

/// What watches the gradients, and what is frozen.
#[derive(Debug, Clone)]
pub struct Freezer {
    settings: Freeze,
    /// The weights of each operation that has any, by their places.
    operations: Vec<Vec<usize>>,
    state: Freezing,
    /// Gradients of this step, before clipping.
    training: Option<WeightList>,
    validation: Option<WeightList>,
}

impl Freezer {
    /// Of a supernet's operations; none where nothing may freeze.
    pub(super) fn new(settings: Freeze, net: &Network) -> Option<Freezer> {
        if !settings.is_on() {
            return None;
        }
        let operations = operations(net);
        let state = Freezing { cosines: vec![0.0; operations.len()], ..Freezing::default() };
        Some(Freezer { settings, operations, state, training: None, validation: None })
    }

    /// Operations with weights.
    pub fn n_operations(&self) -> usize {
        self.operations.len()
    }

    /// Those that are frozen.
    pub fn n_frozen(&self) -> usize {
        self.state.frozen.len()
    }

    /// Gradients without those of frozen weights.
    pub(super) fn moving(&self, mut gradients: WeightList) -> WeightList {
        for &operation in &self.state.frozen {
            self.operations[operation].iter().for_each(|&weight| gradients[weight] = None);
        }
        gradients
    }

    /// Takes the gradient of the training loss.
    pub(super) fn training(&mut self, gradients: &WeightList) {
        self.training = Some(gradients.clone());
    }

    /// Takes the gradient of the validation loss.
    pub(super) fn validation(&mut self, gradients: WeightList) {
        self.validation = Some(gradients);
    }

    /// Ends a step: its cosines are added, and after the last step of a mean operations freeze.
    ///
    /// A step in which the alphas stayed has no validation gradient and does not count. An operation without a gradient,
    /// which did not run, adds 0.
    pub(super) fn end_step(&mut self) {
        let (Some(training), Some(validation)) = (self.training.take(), self.validation.take()) else {
            return;
        };
        let pairs = self.operations.iter().zip(&mut self.state.cosines);
        pairs.for_each(|(weights, sum)| *sum += cosine(&training, &validation, weights));
        self.state.steps += 1;
        if self.state.steps < self.settings.every {
            return;
        }
        let steps = self.state.steps as f64;
        for (operation, sum) in self.state.cosines.iter_mut().enumerate() {
            if *sum / steps < self.settings.below && !self.state.frozen.contains(&operation) {
                self.state.frozen.push(operation);
            }
            *sum = 0.0;
        }
        self.state.frozen.sort_unstable();
        self.state.steps = 0;
    }

    /// What goes into a checkpoint.
    pub(super) fn to_state(&self) -> Freezing {
        self.state.clone()
    }

    /// The inverse.
    ///
    /// # Errors
    /// A state of other operations.
    pub(super) fn restore(&mut self, state: &Freezing, origin: &str) -> Result<()> {
        let n = self.operations.len();
        let follow = state.frozen.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = state.cosines.len() == n
            && state.cosines.iter().all(|sum| sum.is_finite())
            && state.frozen.last().is_none_or(|last| *last < n)
            && follow;
        if !fits {
            let found =
                format!("{} operations that may freeze, {} frozen", state.cosines.len(), state.frozen.len());
            return Err(Error::invalid(origin, found, format!("{n} operations"), remedy()));
        }
        self.state = state.clone();
        Ok(())
    }
}

/// Cosine of two gradients over some weights; 0 where one of them is zero or not there.
fn cosine(a: &WeightList, b: &WeightList, weights: &[usize]) -> f64 {
    let (mut product, mut squares) = (0.0, [0.0f64; 2]);
    for &weight in weights {
        let (Some(a), Some(b)) = (&a[weight], &b[weight]) else { continue };
        for (a, b) in host(a.clone()).into_iter().zip(host(b.clone())) {
            let (a, b) = (f64::from(a), f64::from(b));
            product += a * b;
            squares[0] += a * a;
            squares[1] += b * b;
        }
    }
    let lengths = squares[0].sqrt() * squares[1].sqrt();
    if lengths > 0.0 { product / lengths } else { 0.0 }
}

/// The weights of each operation of each cell, by their places among the network's.
fn operations(net: &Network) -> Vec<Vec<usize>> {
    let (plan, names) = (net.plan(), weight_names(net));
    let mut operations = Vec::new();
    for block in &plan.blocks {
        let Body::Cell(cell) = &block.body else { continue };
        let kind = plan.cell_type(cell);
        for (edge, candidate) in kind.operations() {
            let prefix = format!("{}.{}.", block.name, kind.candidate_name(edge, candidate));
            let of_it = names.iter().enumerate().filter(|(_, name)| name.starts_with(&prefix));
            let weights: Vec<usize> = of_it.map(|(place, _)| place).collect();
            if !weights.is_empty() {
                operations.push(weights);
            }
        }
    }
    operations
}
