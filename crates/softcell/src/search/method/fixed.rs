//! Rows of edge weights that no alpha moves any more.

use super::relaxation::Relaxed;
use crate::space::{ByCell, EdgeGradient, EdgeWeights};

/// The edges that are decided: what the weights of their candidates are, whatever the alphas say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FixedRows(ByCell<Vec<Option<Vec<f64>>>>);

impl FixedRows {
    /// Of cells with so many edges, none decided.
    pub(super) fn none<'a>(cells: impl Iterator<Item = (&'a str, usize)>) -> FixedRows {
        FixedRows(cells.map(|(name, edges)| (name, vec![None; edges])).collect())
    }

    /// The edge has one operation.
    pub(super) fn choose(&mut self, cell: &str, edge: usize, candidate: usize, candidates: usize) {
        let row = (0..candidates).map(|at| if at == candidate { 1.0 } else { 0.0 }).collect();
        self.set(cell, edge, row);
    }

    /// There is no such edge any more.
    pub(super) fn remove(&mut self, cell: &str, edge: usize, candidates: usize) {
        self.set(cell, edge, vec![0.0; candidates]);
    }

    fn set(&mut self, cell: &str, edge: usize, row: Vec<f64>) {
        let mut cells = self.0.iter_mut();
        let (_, rows) = cells.find(|(name, _)| *name == cell).expect("a kind of cell of the space");
        rows[edge] = Some(row);
    }

    /// How many edges are decided.
    pub fn count(&self) -> usize {
        self.0.cells().flatten().flatten().count()
    }

    /// The weights with these rows in the place of theirs.
    pub fn apply(&self, weights: &mut EdgeWeights) {
        self.each(weights.iter_mut(), |row, fixed| {
            // What stands behind the candidates, an auxiliary skip, is gone with the choice.
            row.fill(0.0);
            row[..fixed.len()].copy_from_slice(fixed);
        });
    }

    /// The same weights with these rows in the place of theirs, whose alphas have a gradient of 0.
    pub fn over(&self, relaxed: Relaxed) -> Relaxed {
        if self.count() == 0 {
            return relaxed;
        }
        let mut weights = relaxed.weights.clone();
        self.apply(&mut weights);
        let fixed = self.clone();
        relaxed.wrapped(weights, move |gradient| {
            let mut gradient: EdgeGradient = gradient.clone();
            fixed.each(gradient.iter_mut(), |row, _| row.fill(0.0));
            gradient
        })
    }

    fn each<'a>(
        &self,
        groups: impl Iterator<Item = (&'a str, &'a mut Vec<Vec<f64>>)>,
        mut change: impl FnMut(&mut Vec<f64>, &Vec<f64>),
    ) {
        for (name, rows) in groups {
            let fixed = self.0.get(name).into_iter().flatten();
            for (row, fixed) in rows.iter_mut().zip(fixed) {
                if let Some(fixed) = fixed {
                    change(row, fixed);
                }
            }
        }
    }
}
