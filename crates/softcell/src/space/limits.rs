//! Width and depth that honour limits on size and work.

use serde::{Deserialize, Serialize};

use super::cost::{Cost, NetworkShape, derived_cost};
use super::genotype::{CellGene, EdgeGene, Genotype};
use super::primitive::Primitive;
use super::search_space::SearchSpace;
use super::topology::Layout;
use crate::error::{Error, Result};

/// Widths that are tried, and the least of them: multiples of a quarter of the 16 channels that the fast
/// kernels take at once, down to half of them.
const WIDTH_STEP: usize = 4;
const LEAST_WIDTH: usize = 8;
/// The least depth that is tried: one normal cell and two reductions.
const LEAST_DEPTH: usize = 3;

/// Most that a network may cost; 0 is no limit.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Trainable numbers, the auxiliary head left out.
    pub max_params: u64,
    /// Multiply-adds for one image.
    pub max_macs: u64,
}

impl Limits {
    /// Whether there is a limit at all.
    pub fn is_none(&self) -> bool {
        *self == Limits::default()
    }

    /// Whether the cost is within the limits.
    pub fn hold(&self, cost: Cost) -> bool {
        let holds = |limit: u64, found: u64| limit == 0 || found <= limit;
        holds(self.max_params, cost.parameters) && holds(self.max_macs, cost.macs)
    }
}

/// What limits may make smaller.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shrink {
    /// The width first, then the depth.
    Both,
    /// The channels of the first cell.
    Width,
    /// The number of cells.
    Depth,
    /// Nothing: a network above the limits is an error.
    None,
}

impl Shrink {
    /// All of them.
    pub const ALL: [Shrink; 4] = [Shrink::Both, Shrink::Width, Shrink::Depth, Shrink::None];

    /// As it is written in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Shrink::Both => "both",
            Shrink::Width => "width",
            Shrink::Depth => "depth",
            Shrink::None => "none",
        }
    }

    /// The same without the width.
    pub const fn keeping_width(self) -> Shrink {
        match self {
            Shrink::Both | Shrink::Depth => Shrink::Depth,
            Shrink::Width | Shrink::None => Shrink::None,
        }
    }

    /// The same without the depth.
    pub const fn keeping_depth(self) -> Shrink {
        match self {
            Shrink::Both | Shrink::Width => Shrink::Width,
            Shrink::Depth | Shrink::None => Shrink::None,
        }
    }

    /// The widths that are tried, falling.
    fn widths(self, asked: usize) -> Vec<usize> {
        match self {
            Shrink::Both | Shrink::Width => {
                let below = (LEAST_WIDTH..asked).rev().filter(|width| width.is_multiple_of(WIDTH_STEP));
                std::iter::once(asked).chain(below).collect()
            }
            Shrink::Depth | Shrink::None => vec![asked],
        }
    }

    /// The depths that are tried, falling.
    fn depths(self, asked: usize) -> Vec<usize> {
        match self {
            Shrink::Both | Shrink::Depth => (LEAST_DEPTH.min(asked)..=asked).rev().collect(),
            Shrink::Width | Shrink::None => vec![asked],
        }
    }
}

/// The largest network within the limits that is not larger than `asked`.
///
/// The depth is kept for as long as possible: with it, and then with one cell less each time down to 3,
/// the width that was asked for is tried and then the multiples of 4 below it, down to 8 channels; the
/// first network within the limits is taken. A network is never made larger.
///
/// # Errors
/// [`Error::Setting`] where there is none; it names the least that can be reached.
///
/// # Panics
/// If the genotype does not pass [`Genotype::check`].
pub fn largest_within(
    genotype: &Genotype,
    asked: &NetworkShape,
    limits: &Limits,
    shrink: Shrink,
) -> Result<NetworkShape> {
    let widths = shrink.widths(asked.init_channels);
    let cost = |shape: &NetworkShape| derived_cost(genotype, shape);
    for n_cells in shrink.depths(asked.n_cells) {
        // Costs rise with the width, so the first width within the limits can be found by halving.
        let with = |&init_channels: &usize| NetworkShape { init_channels, n_cells, ..*asked };
        let first = widths.partition_point(|width| !limits.hold(cost(&with(width))));
        if let Some(width) = widths.get(first) {
            return Ok(with(width));
        }
    }
    Err(unreachable_limit(genotype, asked, limits, shrink))
}

/// What is limited.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Quantity {
    Parameters,
    Macs,
}

impl Quantity {
    fn of(self, cost: &Cost) -> u64 {
        match self {
            Quantity::Parameters => cost.parameters,
            Quantity::Macs => cost.macs,
        }
    }

    fn limit(self, limits: &Limits) -> u64 {
        match self {
            Quantity::Parameters => limits.max_params,
            Quantity::Macs => limits.max_macs,
        }
    }

    /// The setting, and what it counts.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Quantity::Parameters => ("train.max_params", "parameters"),
            Quantity::Macs => ("train.max_macs", "multiply-adds"),
        }
    }
}

/// The network with the least of `quantity` among those that may be chosen and are within `limits`.
fn smallest(
    genotype: &Genotype,
    asked: &NetworkShape,
    shrink: Shrink,
    quantity: Quantity,
    limits: &Limits,
) -> Option<(u64, NetworkShape)> {
    let init_channels = *shrink.widths(asked.init_channels).last()?;
    let narrow = |n_cells| NetworkShape { init_channels, n_cells, ..*asked };
    let costs = shrink.depths(asked.n_cells).into_iter().map(|n_cells| {
        let shape = narrow(n_cells);
        (derived_cost(genotype, &shape), shape)
    });
    let within = costs.filter(|(cost, _)| limits.hold(*cost));
    within.map(|(cost, shape)| (quantity.of(&cost), shape)).min_by_key(|(amount, _)| *amount)
}

/// Says which limit cannot be met, and what could be.
fn unreachable_limit(genotype: &Genotype, asked: &NetworkShape, limits: &Limits, shrink: Shrink) -> Error {
    let free = Limits::default();
    let is_out_of_reach = |quantity: &Quantity| {
        let limit = quantity.limit(limits);
        let least = smallest(genotype, asked, shrink, *quantity, &free);
        limit != 0 && least.is_some_and(|(amount, _)| amount > limit)
    };
    // Where each can be met but not both, the question is how few parameters the limit on work leaves.
    let (quantity, others) = match [Quantity::Parameters, Quantity::Macs].into_iter().find(is_out_of_reach) {
        Some(quantity) => (quantity, free),
        None => (Quantity::Parameters, Limits { max_params: 0, ..*limits }),
    };
    let (name, what) = quantity.words();
    let words = |shrink| {
        let (amount, shape) = smallest(genotype, asked, shrink, quantity, &others)?;
        Some(format!("{amount} {what} with {} cells from {} channels", shape.n_cells, shape.init_channels))
    };
    let least = words(shrink).unwrap_or_default();
    let beside = if others.is_none() { "" } else { " within the other limit" };
    let mut expected = format!("no less than the smallest network{beside}, which has {least}");
    match words(Shrink::Both).filter(|_| shrink != Shrink::Both) {
        Some(smaller) => expected
            .push_str(&format!("; train.shrink is {}: with both, the smallest has {smaller}", shrink.name())),
        None => expected.push_str("; a still narrower one is taken where train.init_channels is given"),
    }
    Error::setting(name, quantity.limit(limits), expected)
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::testing::genotypes;
    use crate::space::{Reductions, StemKind, known_genotype};

    const PAPER: NetworkShape = NetworkShape {
        reductions: Reductions::THIRDS,
        init_channels: 36,
        n_cells: 20,
        stem: StemKind::Cifar,
        classes: 10,
        image_shape: [3, 32, 32],
    };

    fn darts() -> Genotype {
        known_genotype("DARTS_V2").unwrap()
    }

    fn within(max_params: u64, max_macs: u64, shrink: Shrink) -> Result<(usize, usize)> {
        let limits = Limits { max_params, max_macs };
        largest_within(&darts(), &PAPER, &limits, shrink).map(|shape| (shape.init_channels, shape.n_cells))
    }

    fn cost(init_channels: usize, n_cells: usize) -> Cost {
        derived_cost(&darts(), &NetworkShape { init_channels, n_cells, ..PAPER })
    }

    #[test]
    fn the_width_shrinks_before_the_depth() {
        let Cost { parameters, macs } = cost(36, 20);
        assert_eq!(within(0, 0, Shrink::Both).unwrap(), (36, 20));
        assert_eq!(within(parameters, macs, Shrink::Both).unwrap(), (36, 20));
        assert_eq!(within(parameters - 1, 0, Shrink::Both).unwrap(), (32, 20));
        assert_eq!(within(0, macs - 1, Shrink::Both).unwrap(), (32, 20));
        assert_eq!(within(cost(8, 20).parameters, 0, Shrink::Both).unwrap(), (8, 20));
        // One cell less, and then as wide as possible.
        let (width, cells) = within(cost(8, 20).parameters - 1, 0, Shrink::Both).unwrap();
        assert_eq!((width, cells), (8, 19));
        let few = cost(8, 3);
        assert_eq!(within(few.parameters, 0, Shrink::Both).unwrap(), (8, 3));
    }

    #[test]
    fn what_was_fixed_stays() {
        assert_eq!(within(cost(36, 20).parameters - 1, 0, Shrink::Depth).unwrap(), (36, 19));
        assert_eq!(within(cost(8, 20).parameters, 0, Shrink::Width).unwrap(), (8, 20));
        assert!(within(cost(8, 20).parameters - 1, 0, Shrink::Width).is_err());
        assert!(within(cost(36, 20).parameters - 1, 0, Shrink::None).is_err());
    }

    #[test]
    fn limits_out_of_reach_are_errors_with_the_least() {
        let complaint = |params, macs, shrink| within(params, macs, shrink).unwrap_err().to_string();
        let few = cost(8, 3);
        let text = complaint(1000, 0, Shrink::Both);
        assert!(text.starts_with("setting train.max_params = 1000: expected"), "{text}");
        let least = format!("which has {} parameters with 3 cells from 8 channels", few.parameters);
        assert!(text.contains(&least), "{text}");
        let text = complaint(0, 1000, Shrink::Both);
        let least = (3..=20).map(|cells| cost(8, cells).macs).min().unwrap();
        assert!(text.starts_with("setting train.max_macs = 1000"), "{text}");
        assert!(text.contains(&format!("which has {least} multiply-adds")), "{text}");
        let text = complaint(1000, 0, Shrink::Depth);
        assert!(text.contains(&format!("which has {} parameters", cost(36, 3).parameters)), "{text}");
        assert!(
            text.contains(&format!("with both, the smallest has {} parameters", few.parameters)),
            "{text}"
        );
        assert!(complaint(1000, 1000, Shrink::None).contains(&cost(36, 20).parameters.to_string()));
        assert!(complaint(cost(36, 20).parameters, 1000, Shrink::None).contains("train.max_macs"));
    }

    #[test]
    fn small_networks_are_left_alone() {
        let small = NetworkShape { init_channels: 2, n_cells: 2, ..PAPER };
        let found =
            largest_within(&darts(), &small, &Limits { max_params: 1 << 40, max_macs: 0 }, Shrink::Both);
        assert_eq!(found.unwrap(), small);
        assert!(
            largest_within(&darts(), &small, &Limits { max_params: 1, max_macs: 0 }, Shrink::Both).is_err()
        );
    }

    #[test]
    fn the_lightest_genotype_is_the_first_of_the_light_operations() {
        let with = |candidates: &[Primitive]| SearchSpace::darts().with_candidates(candidates);
        let lightest =
            lightest_genotype(&with(&[Primitive::None, Primitive::SepConv3x3, Primitive::SkipConnect]));
        let lightest = lightest.unwrap();
        lightest.check().unwrap();
        assert_eq!((lightest["normal"].n_skips(), lightest["reduction"].n_skips()), (8, 8));
        assert_eq!(lightest["normal"].nodes[3].iter().map(|gene| gene.source).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(lightest_genotype(&with(&[Primitive::SepConv3x3, Primitive::DilConv5x5])), None);
    }

    #[test]
    fn the_lightest_of_other_spaces() {
        let lightest = lightest_genotype(&SearchSpace::nas_bench_201()).unwrap();
        assert_eq!(lightest.to_text(), "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|");
        let mut space = SearchSpace::darts().with_candidates(&[Primitive::SepConv3x3, Primitive::MaxPool3x3]);
        for edges in space.cells.cells_mut() {
            edges[4] = vec![Primitive::SepConv3x3];
        }
        let lightest = lightest_genotype(&space).unwrap();
        let sources =
            |node: usize| lightest["normal"].nodes[node].iter().map(|gene| gene.source).collect::<Vec<_>>();
        assert_eq!((sources(1), sources(2)), (vec![0, 1], vec![2, 3]));
        space.cells.cells_mut().for_each(|edges| edges[3] = vec![Primitive::SepConv3x3]);
        assert_eq!(lightest_genotype(&space), None);
    }

    /// The genotype as a search gives it: nodes as many in both cells and all joined, sources distinct.
    fn as_derived(mut genotype: Genotype) -> Genotype {
        let n_nodes = genotype["normal"].nodes.len().min(genotype["reduction"].nodes.len());
        for cell in genotype.cells.cells_mut() {
            cell.nodes.truncate(n_nodes);
            cell.concat = (2..2 + n_nodes).collect();
            for (i, genes) in cell.nodes.iter_mut().enumerate() {
                if genes[0].source == genes[1].source {
                    genes[1].source = (genes[0].source + 1) % (i + 2);
                }
            }
        }
        genotype
    }

    proptest! {
        #[test]
        fn the_choice_honours_the_limits_and_is_chosen_again(
            genotype in genotypes(1..=2),
            width in 1..64usize,
            n_cells in 1..12usize,
            share in 0.0..1.2f64,
            shrink in prop::sample::select(Shrink::ALL.to_vec()),
        ) {
            let asked = NetworkShape { init_channels: width, n_cells, ..PAPER };
            let full = derived_cost(&genotype, &asked);
            let of = |full: u64| (full as f64 * share) as u64 + 1;
            for limits in [
                Limits { max_params: of(full.parameters), max_macs: 0 },
                Limits { max_params: 0, max_macs: of(full.macs) },
                Limits { max_params: of(full.parameters), max_macs: of(full.macs) },
            ] {
                match largest_within(&genotype, &asked, &limits, shrink) {
                    Ok(shape) => {
                        prop_assert!(limits.hold(derived_cost(&genotype, &shape)));
                        prop_assert!(shape.init_channels <= width && shape.n_cells <= n_cells);
                        prop_assert_eq!(largest_within(&genotype, &shape, &limits, shrink).unwrap(), shape);
                    }
                    Err(Error::Setting { name, .. }) => {
                        let set = if name == "train.max_params" { limits.max_params } else { limits.max_macs };
                        prop_assert!(set != 0, "{}", name);
                    }
                    Err(other) => prop_assert!(false, "{other}"),
                }
            }
        }

        #[test]
        fn no_genotype_is_lighter_than_the_lightest(genotype in genotypes(2..=2), width in 1..40usize) {
            let genotype = as_derived(genotype);
            let n_nodes = genotype["normal"].nodes.len();
            let genes = genotype.cells.cells().flat_map(|cell| cell.nodes.iter().flatten());
            let mut candidates: Vec<Primitive> = genes.map(|gene| gene.primitive).collect();
            candidates.sort_unstable();
            candidates.dedup();
            let space = SearchSpace::darts().with_candidates(&candidates).with_nodes(n_nodes);
            if let Some(lightest) = lightest_genotype(&space) {
                let shape = NetworkShape { init_channels: width, n_cells: 5, ..PAPER };
                let (least, other) = (derived_cost(&lightest, &shape), derived_cost(&genotype, &shape));
                prop_assert!(least.parameters <= other.parameters && least.macs <= other.macs);
            }
        }
    }
}
