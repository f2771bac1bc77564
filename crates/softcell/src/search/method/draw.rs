//! Cells drawn by the rules of a space.

use rand::Rng;
use rand::seq::{IndexedRandom, index};

use crate::space::{EdgeWeights, Primitive, SearchSpace};

/// Edge weights of a cell that is drawn: 1 for the operations that it has, 0 for all others, so that the strongest are
/// these.
///
/// Every node reads as many of its edges as the space keeps, each set of them as likely as any other, and each of its
/// operations but `none` is as likely on them. Where all edges are kept, `none` may be drawn as well.
pub fn draw_weights(space: &SearchSpace, random: &mut impl Rng) -> EdgeWeights {
    let all_kept = space.edges_per_node == 0;
    let cell = |(name, edges): (&str, &Vec<Vec<Primitive>>)| {
        let mut rows: Vec<Vec<f64>> = edges.iter().map(|edge| vec![0.0; edge.len()]).collect();
        for node in 0..space.n_nodes {
            let there = |edge: &usize| all_kept || edges[*edge].iter().any(|&p| p != Primitive::None);
            let incoming: Vec<usize> = space.topology().incoming(node).filter(there).collect();
            let kept = if all_kept { incoming.len() } else { space.edges_per_node.min(incoming.len()) };
            let mut drawn = index::sample(random, incoming.len(), kept).into_vec();
            drawn.sort_unstable();
            for edge in drawn.into_iter().map(|at| incoming[at]) {
                let possible = |at: &usize| all_kept || edges[edge][*at] != Primitive::None;
                let possible: Vec<usize> = (0..edges[edge].len()).filter(possible).collect();
                let &chosen = possible.choose(random).expect("an edge that is there has an operation");
                rows[edge][chosen] = 1.0;
            }
        }
        (name.to_owned(), rows)
    };
    space.cells.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use crate::space::derive_genotype;

    /// Every pair of edges of a node and every operation are as likely as any other: χ² of the counts.
    #[test]
    fn draws_are_uniform() {
        let space = SearchSpace::darts();
        let draws = 4000;
        let mut edges = [[0u32; 14]; 2];
        let mut operations = [0u32; 8];
        for draw in 0..draws {
            let weights = draw_weights(&space, &mut stream(5, "test", &[draw]));
            for (edges, rows) in edges.iter_mut().zip(weights.cells()) {
                for (count, row) in edges.iter_mut().zip(rows) {
                    let chosen: Vec<usize> = (0..8).filter(|&at| row[at] == 1.0).collect();
                    assert!(chosen.len() <= 1 && row.iter().sum::<f64>() == chosen.len() as f64);
                    *count += chosen.len() as u32;
                    chosen.iter().for_each(|&at| operations[at] += 1);
                }
            }
            derive_genotype(&weights, &space).unwrap().check().unwrap();
        }
        assert_eq!(operations[0], 0, "none is not drawn");
        let n = draws as f64;
        for counts in edges {
            for node in 0..4 {
                let incoming = space.topology().incoming(node);
                let expected = n * 2.0 / incoming.len() as f64;
                for edge in incoming {
                    let deviation = (expected * (1.0 - expected / n)).sqrt().max(1e-9);
                    assert!((f64::from(counts[edge]) - expected).abs() <= 4.5 * deviation, "{counts:?}");
                }
            }
        }
        let expected = n * 16.0 / 7.0;
        let chi: f64 = operations[1..].iter().map(|&o| (f64::from(o) - expected).powi(2) / expected).sum();
        // The 99.9th percentile with 6 degrees of freedom.
        assert!(chi < 22.5, "{chi} {operations:?}");
    }
}
