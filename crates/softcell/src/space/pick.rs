//! Which operations of a node's edges are kept.

use super::genotype::EdgeGene;
use super::primitive::Primitive;

/// Which operations of a node's edges are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pick {
    /// The strongest edges, each with its strongest operation; `none` is no operation.
    Strongest,
    /// Of these, those that are at least so strong (FairDARTS, Chu et al. 2020).
    Threshold(f64),
    /// Each edge with its strongest operation; one whose strongest is `none` is not there (SNAS, Xie et al. 2019).
    AllEdges,
    /// The strongest pairs of operation and source, `none` left out; two may have the same source (GDAS, Dong and Yang
    /// 2019, in the space of DARTS).
    Pairs,
}

impl Pick {
    /// The genes of a node whose edges have these weights and candidates, a row for each source in their order. As many are
    /// kept as `keep` says, strongest first, of equals the lower source and the earlier candidate; 0 keeps every edge in
    /// order of sources, and then `none` takes part.
    pub(super) fn genes(
        self,
        rows: &[Vec<f64>],
        candidates: &[Vec<Primitive>],
        keep: usize,
    ) -> Vec<EdgeGene> {
        let edges = || rows.iter().zip(candidates).enumerate();
        let least = match self {
            Pick::Threshold(least) => least,
            Pick::Strongest | Pick::AllEdges | Pick::Pairs => f64::NEG_INFINITY,
        };
        if keep == 0 || self == Pick::AllEdges {
            let all = edges().filter_map(|(source, (row, candidates))| {
                let (weight, primitive) = strongest(row, candidates, |_| true)?;
                let stays = primitive != Primitive::None && weight >= least;
                stays.then_some(EdgeGene { primitive, source })
            });
            return all.collect();
        }
        let is_operation = |primitive: Primitive| primitive != Primitive::None;
        let mut ranked: Vec<(f64, EdgeGene)> = Vec::new();
        for (source, (row, candidates)) in edges() {
            if self == Pick::Pairs {
                let pairs = row.iter().zip(candidates).filter(|(_, primitive)| is_operation(**primitive));
                ranked.extend(pairs.map(|(&weight, &primitive)| (weight, EdgeGene { primitive, source })));
            } else if let Some((weight, primitive)) = strongest(row, candidates, is_operation) {
                ranked.push((weight, EdgeGene { primitive, source }));
            }
        }
        // Stable, and weights are finite: equals stay in their order.
        ranked.sort_by(|(a, _), (b, _)| b.partial_cmp(a).expect("weights are finite"));
        let strong = ranked.into_iter().take(keep).filter(|(weight, _)| *weight >= least);
        strong.map(|(_, gene)| gene).collect()
    }

    /// Whether nodes may be left without edges, which then are no part of the cell.
    pub(super) fn may_leave_nodes_out(self) -> bool {
        matches!(self, Pick::Threshold(_) | Pick::AllEdges)
    }
}

/// The largest weight of the candidates that take part, and the first that has it.
fn strongest(
    row: &[f64],
    candidates: &[Primitive],
    takes_part: impl Fn(Primitive) -> bool,
) -> Option<(f64, Primitive)> {
    let mut best: Option<(f64, Primitive)> = None;
    for (&weight, &primitive) in row.iter().zip(candidates) {
        if takes_part(primitive) && best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, primitive));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use Primitive::{MaxPool3x3, None as Nothing, SepConv3x3, SkipConnect};

    const CANDIDATES: [Primitive; 4] = [Nothing, SkipConnect, SepConv3x3, MaxPool3x3];

    fn genes(pick: Pick, keep: usize, rows: &[[f64; 4]]) -> Vec<(Primitive, usize)> {
        let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
        let candidates = vec![CANDIDATES.to_vec(); rows.len()];
        pick.genes(&rows, &candidates, keep).iter().map(|gene| (gene.primitive, gene.source)).collect()
    }

    #[test]
    fn strong_edges_pass_the_threshold() {
        let rows = [[0.0, 0.86, 0.2, 0.85], [0.9, 0.1, 0.3, 0.2], [0.1, 0.2, 0.95, 0.0]];
        assert_eq!(genes(Pick::Strongest, 2, &rows), [(SepConv3x3, 2), (SkipConnect, 0)]);
        assert_eq!(genes(Pick::Threshold(0.85), 2, &rows), [(SepConv3x3, 2), (SkipConnect, 0)]);
        assert_eq!(genes(Pick::Threshold(0.86), 2, &rows), [(SepConv3x3, 2), (SkipConnect, 0)]);
        assert_eq!(genes(Pick::Threshold(0.9), 2, &rows), [(SepConv3x3, 2)]);
        assert_eq!(genes(Pick::Threshold(0.96), 2, &rows), []);
        // Two edges at most, however many pass.
        assert_eq!(genes(Pick::Threshold(0.3), 2, &rows).len(), 2);
        // Where all edges are kept, all that are strong enough; the strongest of one is `none`.
        assert_eq!(genes(Pick::Threshold(0.86), 0, &rows), [(SkipConnect, 0), (SepConv3x3, 2)]);
    }

    #[test]
    fn all_edges_with_what_is_strongest() {
        let rows = [[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.2, 0.4, 0.4, 0.0]];
        let expected = [(MaxPool3x3, 1), (SkipConnect, 2)];
        assert_eq!(genes(Pick::AllEdges, 2, &rows), expected);
        assert_eq!(genes(Pick::Strongest, 0, &rows), expected);
    }

    #[test]
    fn pairs_may_share_a_source() {
        let rows = [[0.4, 0.1, 0.3, 0.2], [0.1, 0.05, 0.45, 0.4], [0.7, 0.1, 0.1, 0.1]];
        assert_eq!(genes(Pick::Pairs, 2, &rows), [(SepConv3x3, 1), (MaxPool3x3, 1)]);
        assert_eq!(genes(Pick::Strongest, 2, &rows), [(SepConv3x3, 1), (SepConv3x3, 0)]);
        // Of equals the lower source and the earlier candidate.
        let even = [[0.25; 4]; 3];
        assert_eq!(genes(Pick::Pairs, 2, &even), [(SkipConnect, 0), (SepConv3x3, 0)]);
    }
}
