//! Normal cells made to agree in their gradients: Λ-DARTS.

use super::{Bilevel, Draw, WeightReport};
use crate::evaluate::DeviceBatch;
use crate::network::{EdgeTensors, WeightList, gradients};
use crate::search::method::{Moment, directions};
use crate::space::{CellKind, EdgeWeights, Paths};

impl Bilevel {
    /// Steps the weights by a gradient that makes normal cells agree: `∇_w L − λ_t ∇_w Λ`; `alignment` is λ_t.
    pub(super) fn aligned_step(
        &mut self,
        weights: &EdgeWeights,
        paths: Paths,
        train: &DeviceBatch,
        moment: Moment,
        alignment: f64,
        lr: f64,
    ) -> WeightReport {
        let leaf = self.apart(weights, paths, None, train).require_grad();
        let pass = self.differentiate(&self.net, &leaf, train, self.training(moment, Draw::Weights));
        self.absorb(pass.statistics);
        let mut raw = gradients(&self.net, &pass.gradients);
        let by_cell = leaf.gradients(&pass.gradients);
        if let Some(term) = self.alignment(weights, paths, by_cell, train, moment) {
            raw = added(raw, term, -alignment);
        }
        self.move_weights(pass.loss, pass.logits, raw, lr)
    }

    /// Edge weights for each cell by itself, `more` of each added times a factor.
    pub(super) fn apart(
        &self,
        weights: &EdgeWeights,
        paths: Paths,
        more: Option<(f64, &[Vec<f64>])>,
        batch: &DeviceBatch,
    ) -> EdgeTensors {
        let types: Vec<usize> = self.net.plan().cell_blocks().map(|cell| cell.cell).collect();
        EdgeTensors::apart(weights, paths, &types, more, (&batch.images.device(), batch.images.dtype()))
    }

    /// `∇_w Λ`, Λ being how well the normal cells agree in their gradients of the edge weights, the mean cosine of all
    /// pairs (Λ-DARTS, Movahedi et al. 2023): with `δ = ∂Λ/∂g` for the gradients g it is the derivative of `∇_w L`
    /// along δ, here a central difference, `ε = ε₀/‖δ‖₂` over all cells. None where Λ is not defined: with fewer than
    /// two normal cells, or where a gradient is 0.
    pub(super) fn alignment(
        &mut self,
        weights: &EdgeWeights,
        paths: Paths,
        gradients_by_cell: Vec<Vec<f64>>,
        train: &DeviceBatch,
        moment: Moment,
    ) -> Option<WeightList> {
        let plan = self.net.plan();
        let normal: Vec<bool> =
            plan.cell_blocks().map(|cell| plan.cell_type(cell).kind == CellKind::Normal).collect();
        let of_normal = gradients_by_cell.iter().zip(&normal).filter(|(_, normal)| **normal);
        let directions = directions(&of_normal.map(|(gradient, _)| gradient.clone()).collect::<Vec<_>>())?;
        let length = directions.iter().flatten().map(|d| d * d).sum::<f64>().sqrt();
        if length == 0.0 {
            return None;
        }
        let epsilon = self.method.alignment_epsilon / length;
        let mut directions = directions.into_iter();
        let direction = |(gradient, normal): (Vec<f64>, bool)| match normal {
            true => directions.next().expect("one for each normal cell"),
            false => vec![0.0; gradient.len()],
        };
        let along: Vec<Vec<f64>> = gradients_by_cell.into_iter().zip(normal).map(direction).collect();
        let [plus, minus] = [epsilon, -epsilon].map(|step| {
            let moved = self.apart(weights, paths, Some((step, &along)), train);
            let pass = self.differentiate(&self.net, &moved, train, self.training(moment, Draw::Weights));
            // As in the original these passes move the running statistics.
            self.absorb(pass.statistics);
            gradients(&self.net, &pass.gradients)
        });
        let scale = 1.0 / (2.0 * epsilon);
        let scaled = added(plus, minus, -1.0).into_iter().map(|g| g.map(|g| g * scale));
        Some(scaled.collect())
    }
}

/// `a + factor · b`, of the weights that both have.
fn added(a: WeightList, b: WeightList, factor: f64) -> WeightList {
    let sum = |(a, b)| match (a, b) {
        (Some(a), Some(b)) => Some(a + b * factor),
        (a, _) => a,
    };
    a.into_iter().zip(b).map(sum).collect()
}
