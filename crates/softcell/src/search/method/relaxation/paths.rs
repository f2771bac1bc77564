//! Architectures drawn uniformly: random search with weight sharing (Li & Talwalkar 2019).

use std::ops::Range;

use rand::seq::index;
use rand::{Rng, RngExt};

use super::form::{CellForm, Kept};
use super::rows::Mixed;
use crate::space::Primitive;

/// One architecture of the kind of cell: where a node keeps some of its edges, so many distinct ones with one operation
/// each, uniformly over those that are not `none`; where it keeps all, any candidate of each edge.
///
/// What is drawn has the weight 1, everything else 0.
pub fn sample(form: &CellForm, random: &mut impl Rng) -> Mixed {
    let mut weights = form.rows(|candidates| vec![0.0; candidates.len()]);
    for edges in &form.nodes {
        let edges = edges_of(form, edges);
        let kept: Vec<usize> = match form.kept {
            Kept::All => edges,
            Kept::Some(most) => {
                let drawn = index::sample(random, edges.len(), most.min(edges.len()));
                drawn.into_iter().map(|at| edges[at]).collect()
            }
        };
        for edge in kept {
            let possible = possible(&form.candidates[edge], form.kept);
            weights[edge][possible[random.random_range(0..possible.len())]] = 1.0;
        }
    }
    Mixed::constant(weights)
}

/// How often each candidate is drawn.
pub fn probabilities(form: &CellForm) -> Mixed {
    let mut weights = form.rows(|candidates| vec![0.0; candidates.len()]);
    for edges in &form.nodes {
        let edges = edges_of(form, edges);
        let share = match form.kept {
            Kept::All => 1.0,
            Kept::Some(most) => most.min(edges.len()) as f64 / edges.len() as f64,
        };
        for edge in edges {
            let possible = possible(&form.candidates[edge], form.kept);
            for &candidate in &possible {
                weights[edge][candidate] = share / possible.len() as f64;
            }
        }
    }
    Mixed::constant(weights)
}

/// Of a node's incoming edges those that have something to draw: one with `none` alone is not there.
fn edges_of(form: &CellForm, incoming: &Range<usize>) -> Vec<usize> {
    incoming.clone().filter(|&edge| !possible(&form.candidates[edge], form.kept).is_empty()).collect()
}

/// The candidates that may be drawn on an edge.
fn possible(candidates: &[Primitive], kept: Kept) -> Vec<usize> {
    let fits = |at: &usize| kept == Kept::All || candidates[*at] != Primitive::None;
    (0..candidates.len()).filter(fits).collect()
}
