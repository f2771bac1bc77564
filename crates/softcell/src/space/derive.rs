//! From edge weights to a genotype.

use super::edges::EdgeWeights;
use super::genotype::{CellGene, EdgeGene, Genotype};
use super::pick::Pick;
use super::primitive::Primitive;
use super::search_space::SearchSpace;
use super::topology::Layout;
use super::wording::cell_title;
use crate::error::{Error, Result};

/// Derives the genotype (Liu et al. 2019, section 2.4).
///
/// The strength of an edge is its largest weight over the candidates other than `none`; the weight that
/// `none` took is not given back. Every node keeps its `edges_per_node` strongest edges, in order of
/// decreasing strength, each with its strongest operation. Of equals, the lower source and the earlier
/// candidate win.
///
/// Where the space keeps all edges, each has its strongest candidate, and one of which that is `none` is not there
/// (NAS-Bench-201). If nothing is left between the inputs and the output of a cell among others, each of its nodes
/// keeps its strongest edge.
///
/// # Errors
///
/// [`Error::Setting`] if the space is not valid; [`Error::Invalid`] if the weights do not have its shape
/// or are not finite.
pub fn derive_genotype(weights: &EdgeWeights, space: &SearchSpace) -> Result<Genotype> {
    derive(weights, space, Pick::Strongest)
}

/// As [`derive_genotype`], with what `pick` keeps of a node's edges. Where that may be nothing, a node without edges stays,
/// and nothing reads it.
///
/// # Errors
///
/// As [`derive_genotype`].
pub fn derive(weights: &EdgeWeights, space: &SearchSpace, pick: Pick) -> Result<Genotype> {
    space.check()?;
    check_cells(weights, space)?;
    let kinds = space.cells.iter().zip(weights.cells());
    let cells = kinds.map(|((name, candidates), rows)| {
        check_rows(rows, candidates, name)?;
        Ok((name.to_owned(), derive_cell(rows, candidates, space, pick)))
    });
    Ok(Genotype { cells: cells.collect::<Result<_>>()? })
}

/// As [`derive_genotype`], with at most `most` skip connections in the normal or only cell (P-DARTS, Chen et al. 2019):
/// while there are more, the weight of the weakest that is kept becomes 0, and operations and edges are derived anew.
///
/// There remain more where no other operation can take their place.
///
/// # Errors
///
/// As [`derive_genotype`].
pub fn derive_with_few_skips(weights: &EdgeWeights, space: &SearchSpace, most: usize) -> Result<Genotype> {
    let Some(normal) = space.cells.foremost() else { return derive_genotype(weights, space) };
    let mut weights = weights.clone();
    loop {
        let genotype = derive_genotype(&weights, space)?;
        let Some(cell) = genotype.cells.get(normal).filter(|cell| cell.n_skips() > most) else {
            return Ok(genotype);
        };
        let rows = weights.iter_mut().find(|(name, _)| *name == normal);
        let (_, rows) = rows.expect("a genotype was derived of it");
        let candidates = space.cells.get(normal).expect("a genotype was derived of it");
        let mut weakest: Option<(f64, usize, usize)> = None;
        for (node, genes) in cell.nodes.iter().enumerate() {
            for gene in genes.iter().filter(|gene| gene.primitive.is_skip()) {
                let edge = space.topology().incoming(node).start + gene.source;
                let column = candidates[edge].iter().position(|&primitive| primitive.is_skip());
                let column = column.expect("it was derived");
                let found = (rows[edge][column], edge, column);
                // Of equals the first edge.
                if found.0 > 0.0 && weakest.is_none_or(|least| found < least) {
                    weakest = Some(found);
                }
            }
        }
        let Some((_, edge, column)) = weakest else { return Ok(genotype) };
        rows[edge][column] = 0.0;
    }
}

fn derive_cell(
    rows: &[Vec<f64>],
    candidates: &[Vec<Primitive>],
    space: &SearchSpace,
    pick: Pick,
) -> CellGene {
    let topology = space.topology();
    let nodes = |pick: Pick, keep: usize| -> Vec<Vec<EdgeGene>> {
        let genes = |node: usize| {
            let incoming = topology.incoming(node);
            pick.genes(&rows[incoming.clone()], &candidates[incoming], keep)
        };
        (0..space.n_nodes).map(genes).collect()
    };
    let concat = space.concat();
    let mut found = CellGene { inputs: space.inputs, nodes: nodes(pick, space.edges_per_node), concat };
    if space.layout != Layout::Stacked {
        return found;
    }
    if found.is_dead() {
        return CellGene { nodes: nodes(Pick::Strongest, 1), ..found };
    }
    if pick.may_leave_nodes_out() {
        let reached = found.reached();
        found.nodes.iter_mut().for_each(|genes| genes.retain(|gene| reached[gene.source]));
    }
    found
}

/// Refuses weights of other types of cells.
fn check_cells(weights: &EdgeWeights, space: &SearchSpace) -> Result<()> {
    let (found, expected): (Vec<&str>, Vec<&str>) =
        (weights.names().collect(), space.cells.names().collect());
    if found == expected {
        return Ok(());
    }
    let cells = |names: &[&str]| format!("cells {}", names.join(", "));
    let remedy = "use the search space of the run that the weights come from";
    Err(Error::invalid("edge weights", cells(&found), cells(&expected), remedy))
}

fn check_rows(rows: &[Vec<f64>], candidates: &[Vec<Primitive>], name: &str) -> Result<()> {
    let n_edges = candidates.len();
    let fault = |place: String, found: String, expected: String, remedy: &str| {
        Err(Error::invalid(format!("edge weights, {}{place}", cell_title(name)), found, expected, remedy))
    };
    let other_space = "use the search space of the run that the weights come from";
    if rows.len() != n_edges {
        let expected = format!("{n_edges}, one per edge");
        return fault(String::new(), format!("{} rows", rows.len()), expected, other_space);
    }
    for (edge, row) in rows.iter().enumerate() {
        let n_candidates = candidates[edge].len();
        if row.len() != n_candidates {
            let expected = format!("{n_candidates}, one per candidate");
            return fault(format!(", edge {edge}"), format!("{} weights", row.len()), expected, other_space);
        }
        if let Some(weight) = row.iter().find(|weight| !weight.is_finite()) {
            return fault(
                format!(", edge {edge}"),
                weight.to_string(),
                "finite numbers".into(),
                "go back to an earlier checkpoint and lower the architecture learning rate",
            );
        }
    }
    Ok(())
}

/// Softmax of every row: exp(αₖ − max α) / Σⱼ exp(αⱼ − max α). A row with NaN or +∞ becomes NaN.
pub fn softmax_rows(alphas: &[Vec<f32>]) -> Vec<Vec<f32>> {
    alphas
        .iter()
        .map(|row| {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exponentials: Vec<f32> = row.iter().map(|alpha| (alpha - largest).exp()).collect();
            let total: f32 = exponentials.iter().sum();
            exponentials.iter().map(|exponential| exponential / total).collect()
        })
        .collect()
}

/// `exp(x_k − max x) / Σ_j exp(x_j − max x)`. With NaN or +∞ among them all are NaN.
pub(crate) fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = logits.iter().map(|x| (x - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|exponential| exponential / sum).collect()
}

/// Mean entropy of the rows in nats, −Σₖ pₖ ln pₖ: from 0 (decided) to ln of the row length (undecided).
/// Of no rows, 0.
pub fn entropy(rows: &[Vec<f64>]) -> f32 {
    if rows.is_empty() {
        return 0.0;
    }
    let total: f64 =
        rows.iter().flatten().map(|&weight| if weight == 0.0 { 0.0 } else { -weight * weight.ln() }).sum();
    (total / rows.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::known_genotype;

    use Primitive::{DilConv3x3, MaxPool3x3, SepConv3x3, SkipConnect};

    /// Two nodes (edges 0 to 4), three candidates.
    fn small() -> SearchSpace {
        SearchSpace::darts().with_candidates(&[Primitive::None, SkipConnect, SepConv3x3]).with_nodes(2)
    }

    fn edge_weights(normal: Vec<Vec<f64>>, reduction: Vec<Vec<f64>>) -> EdgeWeights {
        [("normal", normal), ("reduction", reduction)].into_iter().collect()
    }

    fn derive(rows: [[f64; 3]; 5]) -> Vec<Vec<(Primitive, usize)>> {
        let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
        let other = vec![vec![0.0, 1.0, 0.0]; 5];
        let normal = edge_weights(rows.clone(), other.clone());
        let reduction = edge_weights(other, rows);
        let found = derive_genotype(&normal, &small()).unwrap()["normal"].clone();
        assert_eq!(found, derive_genotype(&reduction, &small()).unwrap()["reduction"]);
        assert_eq!(found.concat, [2, 3]);
        found.nodes.iter().map(|genes| genes.iter().map(|g| (g.primitive, g.source)).collect()).collect()
    }

    #[test]
    fn strongest_edges_in_order_of_strength() {
        let nodes =
            derive([[0.0, 0.3, 0.7], [0.0, 0.8, 0.2], [0.1, 0.3, 0.6], [0.4, 0.3, 0.3], [0.0, 0.9, 0.1]]);
        assert_eq!(nodes[0], [(SkipConnect, 1), (SepConv3x3, 0)]);
        assert_eq!(nodes[1], [(SkipConnect, 2), (SepConv3x3, 0)]);
    }

    #[test]
    fn none_counts_in_the_softmax_but_is_not_derived() {
        // Without `none`, edge 2 would be 0.95 sure of its operation; with it, it is the weakest.
        let nodes =
            derive([[0.9, 0.06, 0.04], [0.0, 0.5, 0.5], [0.8, 0.01, 0.19], [0.2, 0.4, 0.4], [0.3, 0.3, 0.4]]);
        assert_eq!(nodes[0], [(SkipConnect, 1), (SkipConnect, 0)]);
        assert_eq!(nodes[1], [(SkipConnect, 1), (SepConv3x3, 2)]);
    }

    #[test]
    fn of_equals_the_first_wins() {
        let even = [0.5, 0.25, 0.25];
        let nodes = derive([even; 5]);
        assert_eq!(nodes, [[(SkipConnect, 0), (SkipConnect, 1)], [(SkipConnect, 0), (SkipConnect, 1)]]);
        let nodes = derive([even, even, [0.6, 0.2, 0.2], even, even]);
        assert_eq!(nodes[1], [(SkipConnect, 1), (SkipConnect, 2)]);
    }

    #[test]
    fn nodes_with_few_edges_keep_all() {
        let space = SearchSpace { edges_per_node: 3, ..small() };
        let rows = vec![vec![0.0, 0.5, 0.5]; 5];
        let genotype = derive_genotype(&edge_weights(rows.clone(), rows), &space).unwrap();
        assert_eq!(genotype["normal"].nodes.iter().map(Vec::len).collect::<Vec<_>>(), [2, 3]);
        genotype.check().unwrap();
    }

    #[test]
    fn columns_follow_the_candidates_of_the_space() {
        let space = small().with_candidates(&[DilConv3x3, Primitive::None, MaxPool3x3]);
        let rows = vec![vec![0.1, 0.7, 0.2]; 5];
        let genotype = derive_genotype(&edge_weights(rows.clone(), rows), &space).unwrap();
        assert!(genotype["normal"].nodes.iter().flatten().all(|gene| gene.primitive == MaxPool3x3));
    }

    /// Rows of two candidates besides `none` for the 5 edges of two nodes.
    fn rows_of(edges: [[f64; 3]; 5]) -> EdgeWeights {
        let rows: Vec<Vec<f64>> = edges.iter().map(|row| row.to_vec()).collect();
        edge_weights(rows, vec![vec![0.0, 0.9, 0.1]; 5])
    }

    fn genes(cell: &CellGene) -> Vec<Vec<(Primitive, usize)>> {
        cell.nodes.iter().map(|genes| genes.iter().map(|g| (g.primitive, g.source)).collect()).collect()
    }

    #[test]
    fn weak_nodes_fall_away() {
        let weights =
            rows_of([[0.0, 0.5, 0.6], [0.0, 0.5, 0.5], [0.0, 0.1, 0.9], [0.0, 0.84, 0.1], [0.0, 0.88, 0.1]]);
        let at = |least| super::derive(&weights, &small(), Pick::Threshold(least)).unwrap();
        // Node 2 has no strong edge, and node 3 does not read it.
        let found = at(0.85);
        assert_eq!(genes(&found["normal"]), [vec![], vec![(SepConv3x3, 0)]]);
        found.check().unwrap();
        // Nothing is strong enough: the strongest edge of each node.
        assert_eq!(genes(&at(0.95)["normal"]), [[(SepConv3x3, 0)], [(SepConv3x3, 0)]]);
        assert_eq!(genes(&at(0.0)["normal"])[1], [(SepConv3x3, 0), (SkipConnect, 2)]);
    }

    #[test]
    fn all_edges_form_a_dense_cell() {
        let weights =
            rows_of([[0.6, 0.2, 0.2], [0.5, 0.4, 0.1], [0.0, 0.1, 0.9], [0.1, 0.8, 0.1], [0.0, 0.88, 0.12]]);
        let found = super::derive(&weights, &small(), Pick::AllEdges).unwrap();
        assert_eq!(genes(&found["normal"]), [vec![], vec![(SepConv3x3, 0), (SkipConnect, 1)]]);
        let dense = [
            vec![(SkipConnect, 0), (SkipConnect, 1)],
            vec![(SkipConnect, 0), (SkipConnect, 1), (SkipConnect, 2)],
        ];
        assert_eq!(genes(&found["reduction"]), dense);
        found.check().unwrap();
    }

    /// Four skips in the normal cell; the weakest goes first, and an edge that is weaker without it goes with it.
    #[test]
    fn skips_are_limited_one_by_one() {
        let weights = rows_of([
            [0.2, 0.45, 0.35],
            [0.1, 0.7, 0.2],
            [0.0, 0.6, 0.4],
            [0.0, 0.55, 0.45],
            [0.0, 0.3, 0.5],
        ]);
        let with = |most| derive_with_few_skips(&weights, &small(), most).unwrap();
        assert_eq!(
            genes(&with(4)["normal"]),
            [vec![(SkipConnect, 1), (SkipConnect, 0)], vec![(SkipConnect, 0), (SkipConnect, 1)]]
        );
        assert_eq!(with(4), derive_genotype(&weights, &small()).unwrap());
        // 0.45 of edge 0 becomes 0: its convolution takes the place.
        assert_eq!(genes(&with(3)["normal"])[0], [(SkipConnect, 1), (SepConv3x3, 0)]);
        // 0.55 of edge 3 becomes 0: edge 4 is stronger now.
        assert_eq!(genes(&with(2)["normal"])[1], [(SkipConnect, 0), (SepConv3x3, 2)]);
        assert_eq!(genes(&with(1)["normal"])[1], [(SepConv3x3, 2), (SepConv3x3, 1)]);
        assert_eq!(with(0)["normal"].n_skips(), 0);
        assert_eq!(with(0)["reduction"].n_skips(), 4);
        // Nothing but skips: they stay.
        let space = small().with_candidates(&[SkipConnect]);
        let rows = vec![vec![1.0]; 5];
        let genotype = derive_with_few_skips(&edge_weights(rows.clone(), rows), &space, 1).unwrap();
        assert_eq!(genotype["normal"].n_skips(), 4);
    }

    #[test]
    fn unusable_weights_are_refused() {
        let good = || vec![vec![0.2, 0.3, 0.5]; 5];
        let refuse = |change: fn(&mut [&mut Vec<Vec<f64>>; 2])| {
            let (mut normal, mut reduction) = (good(), good());
            derive_genotype(&edge_weights(normal.clone(), reduction.clone()), &small()).unwrap();
            change(&mut [&mut normal, &mut reduction]);
            derive_genotype(&edge_weights(normal, reduction), &small()).unwrap_err().to_string()
        };
        for (message, part) in [
            (refuse(|w| w[0].truncate(4)), "normal cell: found 4 rows, expected 5"),
            (refuse(|w| w[1].push(vec![0.2; 3])), "reduction cell: found 6 rows, expected 5"),
            (refuse(|w| w[0][3].truncate(2)), "normal cell, edge 3: found 2 weights, expected 3"),
            (refuse(|w| w[1][4][0] = f64::NAN), "reduction cell, edge 4: found NaN"),
            (refuse(|w| w[0][0][1] = f64::INFINITY), "normal cell, edge 0: found inf"),
        ] {
            assert!(message.contains(part), "{message} / {part}");
        }
        let space = small().with_candidates(&[Primitive::None]);
        let one: EdgeWeights = [("normal", good())].into_iter().collect();
        let message = derive_genotype(&one, &small()).unwrap_err().to_string();
        assert!(message.contains("found cells normal, expected cells normal, reduction"), "{message}");
        let weights = edge_weights(good(), good());
        assert!(matches!(derive_genotype(&weights, &space), Err(Error::Setting { .. })));
    }

    #[test]
    fn all_edges_may_be_none() {
        use Primitive::{NorConv1x1, NorConv3x3};
        let space = SearchSpace::nas_bench_201();
        // none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3; of equals the first.
        let rows = vec![
            vec![0.1, 0.2, 0.3, 0.4, 0.0],
            vec![0.4, 0.4, 0.0, 0.0, 0.2],
            vec![0.1, 0.0, 0.5, 0.4, 0.0],
            vec![0.3, 0.2, 0.2, 0.2, 0.1],
            vec![0.1, 0.45, 0.45, 0.0, 0.0],
            vec![0.2; 5],
        ];
        let weights = |rows| [("cell", rows)].into_iter().collect::<EdgeWeights>();
        let found = derive_genotype(&weights(rows), &space).unwrap();
        let operations =
            [NorConv3x3, Primitive::None, NorConv1x1, Primitive::None, SkipConnect, Primitive::None];
        assert_eq!(found.nas_bench_201().unwrap().operations, operations);
        let nothing = derive_genotype(&weights(vec![vec![0.2; 5]; 6]), &space).unwrap();
        nothing.check().unwrap();
        assert!(nothing["cell"].is_dead());
        // Stacked cells are not to be empty.
        let stacked = SearchSpace { edges_per_node: 0, ..small() };
        let rows = vec![vec![0.9, 0.04, 0.06]; 5];
        let found = derive_genotype(&edge_weights(rows.clone(), rows), &stacked).unwrap();
        found.check().unwrap();
        assert_eq!(found["normal"].n_edges(), 2);
    }

    #[test]
    fn softmax_of_known_values() {
        let rows = softmax_rows(&[vec![0.0, 2f32.ln(), 5f32.ln()], vec![1e4, 1e4], vec![]]);
        for (found, expected) in rows[0].iter().zip([0.125, 0.25, 0.625]) {
            assert!((found - expected).abs() < 1e-6, "{found}");
        }
        assert_eq!(rows[1], [0.5, 0.5]);
        assert_eq!(rows[2], [0f32; 0]);
        assert!(softmax_rows(&[vec![0.0, f32::NAN]])[0][0].is_nan());
        assert!(softmax_rows(&[vec![0.0, f32::INFINITY]])[0][1].is_nan());
    }

    #[test]
    fn entropy_of_known_rows() {
        assert_eq!(entropy(&[]), 0.0);
        assert_eq!(entropy(&[vec![1.0, 0.0]]), 0.0);
        assert!((entropy(&[vec![0.25; 4], vec![0.5, 0.5, 0.0, 0.0]]) - 1.5 * 2f32.ln()).abs() < 1e-6);
    }

    /// Alphas of both cells, all different: multiples of 1/128, so that adding whole numbers is exact.
    fn distinct_alphas() -> impl Strategy<Value = Vec<Vec<f32>>> {
        let all: Vec<usize> = (0..28 * 8).collect();
        Just(all).prop_shuffle().prop_map(|ranks| {
            ranks.chunks(8).map(|row| row.iter().map(|&rank| rank as f32 / 128.0).collect()).collect()
        })
    }

    fn softmax(alphas: &[Vec<f32>]) -> Vec<Vec<f64>> {
        softmax_rows(alphas).iter().map(|row| row.iter().map(|&w| f64::from(w)).collect()).collect()
    }

    fn derive_from_alphas(alphas: &[Vec<f32>]) -> Genotype {
        let (normal, reduction) = alphas.split_at(14);
        let weights = edge_weights(softmax(normal), softmax(reduction));
        derive_genotype(&weights, &SearchSpace::darts()).unwrap()
    }

    proptest! {
        #[test]
        fn a_constant_added_to_a_row_of_alphas_changes_nothing(
            mut alphas in distinct_alphas(),
            row in 0..28usize,
            constant in -8..8i32,
        ) {
            let before = derive_from_alphas(&alphas);
            alphas[row].iter_mut().for_each(|alpha| *alpha += constant as f32);
            prop_assert_eq!(derive_from_alphas(&alphas), before);
        }

        #[test]
        fn derived_genotypes_have_the_shape_of_the_space(alphas in distinct_alphas()) {
            let genotype = derive_from_alphas(&alphas);
            prop_assert!(genotype.check().is_ok());
            for genes in genotype.cells.cells().flat_map(|cell| &cell.nodes) {
                prop_assert_eq!(genes.len(), 2);
                prop_assert_ne!(genes[0].source, genes[1].source);
            }
        }
    }

    #[test]
    fn weights_made_from_a_genotype_give_it_back() {
        let genotype = known_genotype("DARTS_V2").unwrap();
        let space = SearchSpace::darts();
        let rows = |name: &str| {
            let mut rows = vec![vec![0.05f64; 8]; 14];
            for (node_index, genes) in genotype[name].nodes.iter().enumerate() {
                for (rank, gene) in genes.iter().enumerate() {
                    let column = Primitive::DARTS.iter().position(|&c| c == gene.primitive).unwrap();
                    rows[space.topology().incoming(node_index).start + gene.source][column] =
                        0.5 - 0.1 * rank as f64;
                }
            }
            rows
        };
        let weights = edge_weights(rows("normal"), rows("reduction"));
        assert_eq!(derive_genotype(&weights, &space).unwrap(), genotype);
    }
}
