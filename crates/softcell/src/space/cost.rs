//! Size and work of networks in closed form, without building them.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use super::genotype::Genotype;
use super::primitive::Primitive;
use super::search_space::SearchSpace;
use super::topology::{CellKind, MacroLayout};

/// Size and work of a network.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable numbers, the auxiliary head left out.
    pub parameters: u64,
    /// Multiply-adds of the convolutions and the classifier for one image.
    pub macs: u64,
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost { parameters: self.parameters + other.parameters, macs: self.macs + other.macs }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        *self = *self + other;
    }
}

/// Cost of the network built from `genotype`, every batch normalisation affine, the auxiliary head left out.
///
/// `imagenet_stem` chooses the stem that divides the resolution by 8; otherwise the stem is one 3×3
/// convolution to 3·`init_channels`. Strides round up: an odd side of n becomes (n + 1)/2.
#[expect(clippy::too_many_arguments, reason = "plain sizes, all of them needed and none with a default")]
pub fn derived_cost(
    genotype: &Genotype,
    init_channels: usize,
    n_cells: usize,
    classes: usize,
    in_channels: usize,
    height: usize,
    width: usize,
    imagenet_stem: bool,
) -> Cost {
    let image = Grid { height: height as u64, width: width as u64 };
    let (channels, in_channels) = (init_channels as u64, in_channels as u64);
    let norm = Norm::Affine;
    let (stem, inputs) = if imagenet_stem {
        let (half, quarter) = (image.strided(2), image.strided(2).strided(2));
        let eighth = quarter.strided(2);
        let stem = convolution(9 * in_channels * (channels / 2), half)
            + norm.of(channels / 2)
            + convolution(9 * (channels / 2) * channels, quarter)
            + norm.of(channels)
            + convolution(9 * channels * channels, eighth)
            + norm.of(channels);
        (stem, Inputs { older: Map { channels, grid: quarter }, newer: Map { channels, grid: eighth } })
    } else {
        cifar_stem(in_channels, 3 * channels, image)
    };
    let edges =
        |kind| genotype.cell(kind).nodes.iter().flatten().map(|gene| (gene.primitive, gene.source)).collect();
    let multiplier = |kind| genotype.cell(kind).concat.len();
    let stack = Stack { n_cells, channels, norm, edges: &edges, multiplier: &multiplier };
    let (cells, features) = stack.cost(inputs);
    stem + cells + classifier(features, classes)
}

/// Cost of the supernet of `space`: every candidate on every edge, batch normalisation affine in the stem
/// only. Alphas, and the products of operations with their edge weights, are not counted.
pub fn supernet_cost(
    space: &SearchSpace,
    in_channels: usize,
    classes: usize,
    height: usize,
    width: usize,
) -> Cost {
    let channels = space.init_channels as u64;
    let image = Grid { height: height as u64, width: width as u64 };
    let (stem, inputs) = cifar_stem(in_channels as u64, space.stem_multiplier as u64 * channels, image);
    let edges = |_| {
        let edges = space.topology().edges();
        edges.iter().flat_map(|edge| space.candidates.iter().map(|&c| (c, edge.source))).collect()
    };
    let multiplier = |_| space.n_nodes;
    let stack =
        Stack { n_cells: space.n_cells, channels, norm: Norm::Plain, edges: &edges, multiplier: &multiplier };
    let (cells, features) = stack.cost(inputs);
    stem + cells + classifier(features, classes)
}

/// Trainable weights of the supernet of `space`, as in [`supernet_cost`].
pub fn supernet_parameters(space: &SearchSpace, in_channels: usize, classes: usize) -> u64 {
    // The size of the images has no influence on the parameters.
    supernet_cost(space, in_channels, classes, 1, 1).parameters
}

/// Height and width of a feature map.
#[derive(Copy, Clone)]
struct Grid {
    height: u64,
    width: u64,
}

impl Grid {
    fn strided(self, stride: u64) -> Grid {
        Grid { height: self.height.div_ceil(stride), width: self.width.div_ceil(stride) }
    }
}

/// Size of a feature map.
#[derive(Copy, Clone)]
struct Map {
    channels: u64,
    grid: Grid,
}

/// The two inputs of a cell: node 0 and node 1.
#[derive(Copy, Clone)]
struct Inputs {
    older: Map,
    newer: Map,
}

/// Batch normalisation with or without scale and shift.
#[derive(Copy, Clone)]
enum Norm {
    Affine,
    Plain,
}

impl Norm {
    fn of(self, channels: u64) -> Cost {
        let parameters = match self {
            Norm::Affine => 2 * channels,
            Norm::Plain => 0,
        };
        Cost { parameters, macs: 0 }
    }
}

/// Convolution without bias: each weight is used once per pixel of the output.
fn convolution(weights: u64, output: Grid) -> Cost {
    Cost { parameters: weights, macs: weights * output.height * output.width }
}

fn cifar_stem(in_channels: u64, channels: u64, image: Grid) -> (Cost, Inputs) {
    let map = Map { channels, grid: image };
    let cost = convolution(9 * in_channels * channels, image) + Norm::Affine.of(channels);
    (cost, Inputs { older: map, newer: map })
}

/// Linear layer with bias on the globally averaged features.
fn classifier(features: u64, classes: usize) -> Cost {
    let classes = classes as u64;
    Cost { parameters: (features + 1) * classes, macs: features * classes }
}

/// The cells between stem and classifier.
struct Stack<'a> {
    n_cells: usize,
    channels: u64,
    norm: Norm,
    /// Operation and source of every edge of a cell.
    edges: &'a dyn Fn(CellKind) -> Vec<(Primitive, usize)>,
    /// Nodes joined as a cell's output.
    multiplier: &'a dyn Fn(CellKind) -> usize,
}

impl Stack<'_> {
    /// Cost of all cells, and the channels that the last one gives.
    fn cost(&self, mut inputs: Inputs) -> (Cost, u64) {
        let mut total = Cost::default();
        let mut channels = self.channels;
        for kind in (MacroLayout { n_cells: self.n_cells }).kinds() {
            if kind == CellKind::Reduction {
                channels *= 2;
            }
            let Inputs { older, newer } = inputs;
            // Both preprocessings are 1×1 convolutions to `channels`, which the factorized reduce splits in
            // two halves; either way they end on the grid of the newer input.
            total += convolution((older.channels + newer.channels) * channels, newer.grid);
            total += self.norm.of(channels) + self.norm.of(channels);
            let output = newer.grid.strided(kind.stride(0) as u64);
            for (primitive, source) in (self.edges)(kind) {
                let stride = kind.stride(source) as u64;
                let input = if stride == 1 { output } else { newer.grid };
                total += operation(primitive, Map { channels, grid: input }, stride, self.norm);
            }
            let joined = Map { channels: channels * (self.multiplier)(kind) as u64, grid: output };
            inputs = Inputs { older: newer, newer: joined };
        }
        (total, inputs.newer.channels)
    }
}

/// Cost of one operation on an edge.
fn operation(primitive: Primitive, input: Map, stride: u64, norm: Norm) -> Cost {
    let channels = input.channels;
    let output = input.grid.strided(stride);
    let separable = |side: u64| {
        convolution(side * side * channels, output)
            + convolution(channels * channels, output)
            + norm.of(channels)
    };
    match primitive {
        Primitive::None | Primitive::MaxPool3x3 | Primitive::AvgPool3x3 => Cost::default(),
        Primitive::SkipConnect if stride == 1 => Cost::default(),
        Primitive::SkipConnect => convolution(channels * channels, output) + norm.of(channels),
        Primitive::SepConv3x3 => separable(3) + separable(3),
        Primitive::SepConv5x5 => separable(5) + separable(5),
        Primitive::SepConv7x7 => separable(7) + separable(7),
        Primitive::DilConv3x3 => separable(3),
        Primitive::DilConv5x5 => separable(5),
        Primitive::Conv7x1_1x7 => {
            let between = Grid { height: input.grid.height, width: output.width };
            convolution(7 * channels * channels, between)
                + convolution(7 * channels * channels, output)
                + norm.of(channels)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{CellGene, EdgeGene, known_genotype};

    fn cifar(name: &str) -> Cost {
        derived_cost(&known_genotype(name).unwrap(), 36, 20, 10, 3, 32, 32, false)
    }

    fn imagenet(name: &str) -> Cost {
        derived_cost(&known_genotype(name).unwrap(), 48, 14, 1000, 3, 224, 224, true)
    }

    /// Counted on the networks that the original code builds.
    #[test]
    fn published_genotypes_have_the_published_sizes() {
        for (name, on_cifar, on_imagenet) in [
            ("DARTS_V1", 3_169_414, None),
            ("DARTS_V2", 3_349_342, Some(4_718_752)),
            ("PDARTS", 3_433_798, Some(4_944_352)),
            ("PC_DARTS_cifar", 3_634_678, Some(5_270_560)),
            ("PC_DARTS_image", 3_721_510, Some(5_342_464)),
            ("DrNAS_cifar10", 4_099_294, Some(5_738_464)),
            ("DrNAS_imagenet", 4_048_750, Some(5_726_368)),
            ("oles_cifar10", 4_222_414, Some(5_736_544)),
            ("NASNet", 3_830_950, None),
            ("AmoebaNet", 3_145_078, None),
        ] {
            assert_eq!(cifar(name).parameters, on_cifar, "{name}, CIFAR");
            if let Some(on_imagenet) = on_imagenet {
                assert_eq!(imagenet(name).parameters, on_imagenet, "{name}, ImageNet");
            }
        }
    }

    #[test]
    fn multiply_adds_of_darts() {
        assert_eq!(cifar("DARTS_V2").macs, 528_359_040);
        assert_eq!(imagenet("DARTS_V2").macs, 529_911_552);
    }

    #[test]
    fn a_small_network_of_another_shape() {
        let nasnet = known_genotype("NASNet").unwrap();
        assert_eq!(derived_cost(&nasnet, 4, 3, 7, 3, 32, 32, false).parameters, 13_931);
    }

    #[test]
    fn the_supernet_of_the_original() {
        assert_eq!(supernet_parameters(&SearchSpace::darts(), 3, 10), 1_930_618);
        // 300.25 million in the convolutions, as the original has it, and the classifier.
        assert_eq!(supernet_cost(&SearchSpace::darts(), 3, 10, 32, 32).macs, 300_253_184 + 256 * 10);
    }

    #[test]
    fn supernet_of_one_skip_by_hand() {
        let space = SearchSpace {
            candidates: vec![Primitive::SkipConnect],
            n_nodes: 1,
            edges_per_node: 2,
            n_cells: 1,
            init_channels: 2,
            stem_multiplier: 3,
        };
        // One reduction cell of 4 channels: stem, two preprocessings, two factorized reduces, classifier.
        let expected = (9 * 6 + 2 * 6) + 2 * 6 * 4 + 2 * 4 * 4 + (4 + 1) * 5;
        assert_eq!(supernet_parameters(&space, 1, 5), expected);
        // On 5x7 pixels, of which the reduction leaves 3x4.
        let macs = (9 * 6 + 2 * 6 * 4) * 35 + 2 * 4 * 4 * 12 + 4 * 5;
        assert_eq!(supernet_cost(&space, 1, 5, 5, 7), Cost { parameters: expected, macs });
    }

    fn one_gene(primitive: Primitive) -> Genotype {
        let gene = |source| vec![vec![EdgeGene { primitive, source }]];
        Genotype {
            normal: CellGene { nodes: gene(0), concat: vec![2] },
            reduction: CellGene { nodes: gene(1), concat: vec![2] },
        }
    }

    /// All but the edge of a one-cell network: stem 1 → 3 channels, a reduction cell of 2, 5 classes.
    fn around(height: u64, width: u64) -> Cost {
        let stem = Cost { parameters: 27 + 6, macs: 27 * height * width };
        let preprocess = Cost { parameters: 2 * (3 * 2 + 4), macs: 2 * 3 * 2 * height * width };
        stem + preprocess + Cost { parameters: (2 + 1) * 5, macs: 2 * 5 }
    }

    #[test]
    fn strided_operations_on_odd_sides() {
        let (c, wide, small) = (2, 5 * 4, 3 * 4);
        for (primitive, parameters, macs) in [
            (Primitive::AvgPool3x3, 0, 0),
            (Primitive::SkipConnect, c * c + 2 * c, c * c * small),
            (Primitive::DilConv5x5, 25 * c + c * c + 2 * c, (25 * c + c * c) * small),
            (Primitive::SepConv7x7, 2 * (49 * c + c * c + 2 * c), 2 * (49 * c + c * c) * small),
            (Primitive::Conv7x1_1x7, 14 * c * c + 2 * c, 7 * c * c * (wide + small)),
        ] {
            let found = derived_cost(&one_gene(primitive), 1, 1, 5, 1, 5, 7, false);
            assert_eq!(found, around(5, 7) + Cost { parameters, macs }, "{primitive}");
        }
    }

    #[test]
    fn later_nodes_of_a_reduction_cell_are_small() {
        let mut genotype = one_gene(Primitive::MaxPool3x3);
        genotype.reduction.nodes.push(vec![EdgeGene { primitive: Primitive::DilConv3x3, source: 2 }]);
        let found = derived_cost(&genotype, 1, 1, 5, 1, 5, 7, false);
        let (c, small) = (2, 3 * 4);
        let edge = Cost { parameters: 9 * c + c * c + 2 * c, macs: (9 * c + c * c) * small };
        assert_eq!(found, around(5, 7) + edge);
    }

    #[test]
    fn imagenet_stem_by_hand() {
        // 17×9 pixels → 9×5 → 5×3 → 3×2; one reduction cell of 8 channels whose edge costs nothing.
        let found = derived_cost(&one_gene(Primitive::MaxPool3x3), 4, 1, 5, 3, 17, 9, true);
        let macs = 9 * 3 * 2 * 45 + 9 * 2 * 4 * 15 + 9 * 4 * 4 * 6 + 2 * (4 * 8 * 6) + 8 * 5;
        let parameters = (9 * 3 * 2 + 4) + (9 * 2 * 4 + 8) + (9 * 4 * 4 + 8) + 2 * (4 * 8 + 16) + 9 * 5;
        assert_eq!(found, Cost { parameters, macs });
    }
}
