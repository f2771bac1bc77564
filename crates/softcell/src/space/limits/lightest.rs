//! The genotype of a space that costs the least.

use crate::space::genotype::{CellGene, EdgeGene, Genotype};
use crate::space::primitive::Primitive;
use crate::space::search_space::SearchSpace;
use crate::space::topology::Layout;

/// A genotype of `space` that no other one undercuts, whatever the width; `None` where the candidates are
/// such that this depends on the width.
///
/// Pooling, noise and identities cost nothing, a halving skip connection less than any convolution, and of those
/// the 1×1, then the dilated 3×3 the least. Of edges alike a node reads the latest, from which none is strided. Where
/// all edges are kept, those that may have `none` are left out, as far as something is left of a cell among others.
pub fn lightest_genotype(space: &SearchSpace) -> Option<Genotype> {
    let by_cost = [
        Primitive::MaxPool3x3,
        Primitive::AvgPool3x3,
        Primitive::Noise,
        Primitive::SkipConnect,
        Primitive::NorConv1x1,
        Primitive::DilConv3x3,
    ];
    let rank = |edge: &[Primitive]| by_cost.iter().position(|primitive| edge.contains(primitive));
    let topology = space.topology();
    let node = |edges: &[Vec<Primitive>], node_index: usize, most: Option<usize>| {
        let incoming = &edges[topology.incoming(node_index)];
        let real = |edge: &[Primitive]| edge.iter().any(|&primitive| primitive != Primitive::None);
        let mut ranked: Vec<(usize, usize)> = match most {
            Some(_) => (0..incoming.len())
                .filter(|&source| real(&incoming[source]))
                .map(|source| (source, rank(&incoming[source]).unwrap_or(by_cost.len())))
                .collect(),
            None => (0..incoming.len())
                .filter(|&source| !incoming[source].contains(&Primitive::None))
                .map(|source| (source, rank(&incoming[source]).unwrap_or(by_cost.len())))
                .collect(),
        };
        if let Some(most) = most {
            ranked.sort_by_key(|&(source, rank)| (rank, std::cmp::Reverse(source)));
            ranked.truncate(most);
            ranked.sort_unstable();
        }
        let gene = |(source, rank): (usize, usize)| Some(EdgeGene { primitive: *by_cost.get(rank)?, source });
        ranked.into_iter().map(gene).collect::<Option<Vec<EdgeGene>>>()
    };
    let concat = space.concat();
    let cell = |(name, edges): (&str, &Vec<Vec<Primitive>>)| {
        let nodes = |most| (0..space.n_nodes).map(|at| node(edges, at, most)).collect::<Option<Vec<_>>>();
        let found = |nodes| CellGene { inputs: space.inputs, nodes, concat: concat.clone() };
        if space.edges_per_node > 0 {
            return Some((name.to_owned(), found(nodes(Some(space.edges_per_node))?)));
        }
        let all = found(nodes(None)?);
        if space.layout == Layout::Stacked && all.is_dead() {
            return Some((name.to_owned(), found(nodes(Some(1))?)));
        }
        Some((name.to_owned(), all))
    };
    Some(Genotype { cells: space.cells.iter().map(cell).collect::<Option<_>>()? })
}
