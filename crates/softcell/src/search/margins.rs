//! What is read off edge weights: how clearly operations are chosen, and how they rank.

use std::cmp::Ordering;

use crate::space::{ByCell, EdgeWeights, Genotype, Primitive, SearchSpace};

/// For each type of cell the mean, over the edges that the genotype keeps, of the weight of the best operation less that of
/// the second best, `none` left out; of an edge with one operation its weight. Of no edges 0.
pub(super) fn margins(genotype: &Genotype, weights: &EdgeWeights, space: &SearchSpace) -> ByCell<f64> {
    let of_cell = |(name, rows): (&str, &Vec<Vec<f64>>)| {
        let kept = kept_edges(genotype, name, space);
        let edges = space.cells.get(name).map_or(&[][..], Vec::as_slice);
        let margins = kept.iter().filter_map(|&edge| Some(margin(rows.get(edge)?, edges.get(edge)?)));
        let margins: Vec<f64> = margins.collect();
        (name.to_owned(), margins.iter().sum::<f64>() / margins.len().max(1) as f64)
    };
    weights.iter().map(of_cell).collect()
}

/// The edges of a type of cell that the genotype keeps, by their rows.
fn kept_edges(genotype: &Genotype, name: &str, space: &SearchSpace) -> Vec<usize> {
    let Some(cell) = genotype.cells.get(name) else { return Vec::new() };
    let nodes = cell.nodes.iter().enumerate().take(space.n_nodes);
    nodes
        .flat_map(|(node, genes)| {
            let first = space.topology().incoming(node).start;
            genes.iter().map(move |gene| first + gene.source)
        })
        .collect()
}

fn margin(row: &[f64], candidates: &[Primitive]) -> f64 {
    let real = row.iter().zip(candidates).filter(|(_, candidate)| **candidate != Primitive::None);
    let (mut best, mut second) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (&weight, _) in real {
        second = second.max(weight.min(best));
        best = best.max(weight);
    }
    if second.is_finite() { best - second } else { best }
}

/// Of each edge of each type of cell the learnable candidates, the strongest first; of equals the earlier.
pub(super) fn ranking(weights: &EdgeWeights, space: &SearchSpace) -> Vec<Vec<usize>> {
    let rank = |(row, candidates): (&Vec<f64>, &Vec<Primitive>)| {
        let learnable = |column: &usize| candidates.get(*column).is_some_and(|c| c.is_learnable());
        let mut columns: Vec<usize> = (0..row.len()).filter(learnable).collect();
        columns.sort_by(|&a, &b| row[b].partial_cmp(&row[a]).unwrap_or(Ordering::Equal));
        columns
    };
    let of_cell = |(name, rows): (&str, &Vec<Vec<f64>>)| {
        let edges = space.cells.get(name).cloned().unwrap_or_default();
        rows.iter().zip(&edges).map(rank).collect::<Vec<_>>()
    };
    weights.iter().flat_map(of_cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::derive_genotype;

    use Primitive::{DilConv3x3, None as Nothing, SepConv3x3, SkipConnect};

    fn space() -> SearchSpace {
        let candidates = [Nothing, SkipConnect, SepConv3x3, DilConv3x3];
        SearchSpace::darts().with_nodes(2).with_candidates(&candidates)
    }

    fn weights() -> EdgeWeights {
        let normal = vec![
            vec![0.7, 0.1, 0.15, 0.05],
            vec![0.0, 0.5, 0.3, 0.2],
            // Not kept: the weakest of its node.
            vec![0.9, 0.04, 0.03, 0.03],
            vec![0.1, 0.2, 0.3, 0.4],
            vec![0.25, 0.25, 0.25, 0.25],
        ];
        let reduction = vec![vec![0.0, 0.0, 1.0, 0.0]; 5];
        [("normal", normal), ("reduction", reduction)].into_iter().collect()
    }

    #[test]
    fn margins_are_of_kept_edges_and_leave_none_out() {
        let genotype = derive_genotype(&weights(), &space()).unwrap();
        let found = margins(&genotype, &weights(), &space());
        let expected = (0.05 + 0.2 + 0.1 + 0.0) / 4.0;
        assert!((found.get("normal").unwrap() - expected).abs() < 1e-12, "{found:?}");
        assert_eq!(found.get("reduction"), Some(&1.0));
        assert_eq!(margin(&[0.3, 0.7], &[Nothing, SkipConnect]), 0.7);
    }

    #[test]
    fn rankings_are_of_convolutions() {
        let found = ranking(&weights(), &space());
        assert_eq!(found.len(), 10);
        assert_eq!(found[..5], [vec![2, 3], vec![2, 3], vec![2, 3], vec![3, 2], vec![2, 3]]);
    }
}
