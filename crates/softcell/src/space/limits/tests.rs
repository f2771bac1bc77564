use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::space::testing::genotypes;
use crate::space::{
    Cost, LayerTime, PlacedLayer, Primitive, Reductions, SearchSpace, StemKind, known_genotype,
};

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
    let limits = Limits { max_params, max_macs, latency: None };
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
    assert!(text.contains(&format!("with both, the smallest has {} parameters", few.parameters)), "{text}");
    assert!(complaint(1000, 1000, Shrink::None).contains(&cost(36, 20).parameters.to_string()));
    assert!(complaint(cost(36, 20).parameters, 1000, Shrink::None).contains("train.max_macs"));
}

/// Times of all layers of these networks, as if they were as the channels in and out and the pixels.
fn times() -> LatencyTable {
    let mut layers: std::collections::BTreeMap<PlacedLayer, f64> = std::collections::BTreeMap::new();
    for n_cells in [3, 5, 8] {
        for init_channels in [8, 12, 16] {
            let shape = NetworkShape { init_channels, n_cells, ..PAPER };
            for layer in NetworkPlan::derived(&darts(), &(&shape).into()).runnable_layers() {
                let place = layer.place;
                let pixels = place.size.iter().product::<usize>();
                let seconds = (place.inputs * place.outputs * pixels) as f64 * 1e-9;
                layers.insert(place, seconds);
            }
        }
    }
    let layers = layers.into_iter().map(|(place, seconds)| LayerTime { place, seconds });
    LatencyTable { layers: layers.collect(), networks: Vec::new() }
}

#[test]
fn time_is_a_limit_as_others() {
    let times = times();
    let asked = NetworkShape { init_channels: 16, n_cells: 8, ..PAPER };
    let seconds = |init_channels, n_cells| {
        let shape = NetworkShape { init_channels, n_cells, ..asked };
        latency(&darts(), &shape, &times).unwrap()
    };
    let limits = |seconds, max_params| Limits {
        max_params,
        latency: Some(LatencyLimit { seconds, times: &times }),
        ..Limits::default()
    };
    let within = |seconds, shrink| {
        largest_within(&darts(), &asked, &limits(seconds, 0), shrink)
            .map(|shape| (shape.init_channels, shape.n_cells))
    };
    assert_eq!(within(seconds(16, 8), Shrink::Both).unwrap(), (16, 8));
    assert_eq!(within(seconds(16, 8) * 0.99, Shrink::Both).unwrap(), (12, 8));
    assert_eq!(within(seconds(8, 8), Shrink::Both).unwrap(), (8, 8));
    let (width, cells) = within(seconds(8, 8) * 0.99, Shrink::Both).unwrap();
    assert!(cells < 8 && seconds(width, cells) <= seconds(8, 8) * 0.99, "{width}, {cells}");
    assert_eq!(within(seconds(16, 8) * 0.99, Shrink::Depth).unwrap().0, 16);

    let text = within(1e-9, Shrink::Both).unwrap_err().to_string();
    let least = (3..=8).map(|cells| seconds(8, cells)).fold(f64::INFINITY, f64::min);
    assert!(text.starts_with("setting train.max_latency = 0.000001ms: expected"), "{text}");
    assert!(
        text.contains(&format!("which takes {} for an image by estimate", milliseconds(least))),
        "{text}"
    );
    // The tighter one of two decides.
    let parameters =
        |init_channels| derived_cost(&darts(), &NetworkShape { init_channels, ..asked }).parameters;
    for (seconds, max_params, width) in
        [(seconds(12, 8), parameters(16), 12), (seconds(16, 8), parameters(8), 8)]
    {
        let shape = largest_within(&darts(), &asked, &limits(seconds, max_params), Shrink::Both).unwrap();
        assert_eq!((shape.init_channels, shape.n_cells), (width, 8));
    }
    // A table of other images says so.
    let other = NetworkShape { image_shape: [3, 40, 40], ..asked };
    let error = largest_within(&darts(), &other, &limits(1.0, 0), Shrink::Both).unwrap_err().to_string();
    assert!(error.contains("no time of") && error.contains("40x40"), "{error}");
}

#[test]
fn small_networks_are_left_alone() {
    let small = NetworkShape { init_channels: 2, n_cells: 2, ..PAPER };
    let found =
        largest_within(&darts(), &small, &Limits { max_params: 1 << 40, ..Limits::default() }, Shrink::Both);
    assert_eq!(found.unwrap(), small);
    assert!(
        largest_within(&darts(), &small, &Limits { max_params: 1, ..Limits::default() }, Shrink::Both)
            .is_err()
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
            Limits { max_params: of(full.parameters), ..Limits::default() },
            Limits { max_macs: of(full.macs), ..Limits::default() },
            Limits { max_params: of(full.parameters), max_macs: of(full.macs), latency: None },
        ] {
            match largest_within(&genotype, &asked, &limits, shrink) {
                Ok(shape) => {
                    prop_assert!(limits.hold(&genotype, &shape).unwrap());
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

#[test]
fn what_is_told_as_the_least_can_be_asked_for() {
    let told = [0.005, 0.0047, 0.0047249, 1.23456e-6, 0.0].map(milliseconds);
    assert_eq!(told, ["5.00ms", "4.70ms", "4.73ms", "0.00124ms", "0ms"]);
}
