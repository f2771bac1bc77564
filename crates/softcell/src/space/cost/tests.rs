//! Costs by hand, as published, and as sums of their parts.

use proptest::prelude::*;

use super::*;
use crate::space::testing::genotypes;
use crate::space::{
    CellGene, EdgeGene, Genotype, Primitive, Reductions, SearchSpace, StemKind, known_genotype,
};

const CIFAR: NetworkShape = NetworkShape {
    reductions: Reductions::THIRDS,
    init_channels: 36,
    n_cells: 20,
    stem: StemKind::Cifar,
    classes: 10,
    image_shape: [3, 32, 32],
};

const IMAGENET: NetworkShape = NetworkShape {
    reductions: Reductions::THIRDS,
    init_channels: 48,
    n_cells: 14,
    stem: StemKind::Imagenet,
    classes: 1000,
    image_shape: [3, 224, 224],
};

/// One cell, one channel, five classes, one-channel images of 5x7.
const TINY: NetworkShape = NetworkShape {
    init_channels: 1,
    reductions: Reductions::THIRDS,
    n_cells: 1,
    stem: StemKind::Cifar,
    classes: 5,
    image_shape: [1, 5, 7],
};

fn cifar(name: &str) -> Cost {
    derived_cost(&known_genotype(name).unwrap(), &CIFAR)
}

fn imagenet(name: &str) -> Cost {
    derived_cost(&known_genotype(name).unwrap(), &IMAGENET)
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
    assert_eq!(
        derived_cost(&nasnet, &NetworkShape { init_channels: 4, n_cells: 3, classes: 7, ..CIFAR }).parameters,
        13_931
    );
}

#[test]
fn the_supernet_of_the_original() {
    assert_eq!(supernet_parameters(&SearchSpace::darts(), 3, 10), 1_930_618);
    // 300.25 million in the convolutions, as the original has it, and the classifier.
    assert_eq!(supernet_cost(&SearchSpace::darts(), 3, 10, 32, 32).macs, 300_253_184 + 256 * 10);
}

#[test]
fn supernet_of_one_skip_by_hand() {
    let space = SearchSpace { n_cells: 1, init_channels: 2, ..SearchSpace::darts() };
    let space = space.with_candidates(&[Primitive::SkipConnect]).with_nodes(1);
    // One reduction cell of 4 channels: stem, two preprocessings, two factorized reduces, classifier.
    let expected = (9 * 6 + 2 * 6) + 2 * 6 * 4 + 2 * 4 * 4 + (4 + 1) * 5;
    assert_eq!(supernet_parameters(&space, 1, 5), expected);
    // On 5x7 pixels, of which the reduction leaves 3x4.
    let macs = (9 * 6 + 2 * 6 * 4) * 35 + 2 * 4 * 4 * 12 + 4 * 5;
    assert_eq!(supernet_cost(&space, 1, 5, 5, 7), Cost { parameters: expected, macs });
}

fn one_gene(primitive: Primitive) -> Genotype {
    let gene = |source| vec![vec![EdgeGene { primitive, source }]];
    Genotype::darts(
        CellGene { inputs: 2, nodes: gene(0), concat: vec![2] },
        CellGene { inputs: 2, nodes: gene(1), concat: vec![2] },
    )
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
        let found = derived_cost(&one_gene(primitive), &TINY);
        assert_eq!(found, around(5, 7) + Cost { parameters, macs }, "{primitive}");
    }
}

#[test]
fn later_nodes_of_a_reduction_cell_are_small() {
    let mut genotype = one_gene(Primitive::MaxPool3x3);
    genotype["reduction"].nodes.push(vec![EdgeGene { primitive: Primitive::DilConv3x3, source: 2 }]);
    let found = derived_cost(&genotype, &TINY);
    let (c, small) = (2, 3 * 4);
    let edge = Cost { parameters: 9 * c + c * c + 2 * c, macs: (9 * c + c * c) * small };
    assert_eq!(found, around(5, 7) + edge);
}

#[test]
fn imagenet_stem_by_hand() {
    // 17×9 pixels → 9×5 → 5×3 → 3×2; one reduction cell of 8 channels whose edge costs nothing.
    let shape = NetworkShape { init_channels: 4, stem: StemKind::Imagenet, image_shape: [3, 17, 9], ..TINY };
    let found = derived_cost(&one_gene(Primitive::MaxPool3x3), &shape);
    let macs = 9 * 3 * 2 * 45 + 9 * 2 * 4 * 15 + 9 * 4 * 4 * 6 + 2 * (4 * 8 * 6) + 8 * 5;
    let parameters = (9 * 3 * 2 + 4) + (9 * 2 * 4 + 8) + (9 * 4 * 4 + 8) + 2 * (4 * 8 + 16) + 9 * 5;
    assert_eq!(found, Cost { parameters, macs });
}

/// A cell of two nodes by hand, after a stem 1 → 6 channels on 4x4 (f32: 64 bytes a channel).
#[test]
fn memory_by_hand() {
    let gene = |primitive, source| EdgeGene { primitive, source };
    let cell = CellGene {
        inputs: 2,
        nodes: vec![
            vec![gene(Primitive::SkipConnect, 0), gene(Primitive::MaxPool3x3, 1)],
            vec![gene(Primitive::DilConv3x3, 2)],
        ],
        concat: vec![2, 3],
    };
    let genotype = Genotype::darts(cell.clone(), cell);
    let shape = NetworkShape { init_channels: 2, n_cells: 3, image_shape: [1, 4, 4], ..TINY };
    let table = derived_layers(&genotype, &shape);

    let peaks: Vec<u64> = table.blocks.iter().map(|block| block.peak_activation_bytes).collect();
    let stem = 64 * (6 + 6); // convolution read and normalisation written
    // preprocess1, its convolution: the stem's output, which the next cell reads; preprocess0; the rectified
    // input; the result.
    let normal = 64 * (6 + 2 + 6 + 2);
    // preprocess0 rectifies the stem's output beside that of the first cell. Three more times 16 channels
    // stand together: in the convolution and normalisation of preprocess1 and as node 2 begins.
    let reduction = 64 * (6 + 4 + 6);
    assert_eq!(peaks[..3], [stem, normal, reduction]);
    assert_eq!(table.peak_activation_bytes, normal);
    assert_eq!(table.peak_block, "cells.0");

    let names: Vec<&str> = table.blocks.iter().map(|block| block.name.as_str()).collect();
    assert_eq!(names, ["stem", "cells.0", "cells.1", "cells.2", "global_pooling", "classifier"]);
    let outputs: Vec<[u64; 3]> = table.blocks.iter().map(|block| block.output).collect();
    assert_eq!(outputs, [[6, 4, 4], [4, 4, 4], [8, 2, 2], [16, 1, 1], [16, 1, 1], [5, 1, 1]]);
    let layers: Vec<(&str, &str)> =
        table.blocks[2].layers.iter().map(|layer| (layer.name.as_str(), layer.operation.as_str())).collect();
    let expected = [
        ("cells.1.preprocess0", "relu_conv_1x1"),
        ("cells.1.preprocess1", "relu_conv_1x1"),
        ("cells.1._ops.0", "skip_connect"),
        ("cells.1._ops.1", "max_pool_3x3"),
        ("cells.1._ops.2", "dil_conv_3x3"),
    ];
    assert_eq!(layers, expected);
    assert_eq!(table.blocks[3].layers[0].operation, "factorized_reduce");
}

#[test]
fn memory_of_the_published_network() {
    let table = derived_layers(&known_genotype("DARTS_V2").unwrap(), &CIFAR);
    let pixels = 32 * 32 * 4;
    // The first cell joins its nodes: the stem's output is kept beside the nodes and the result.
    assert_eq!(table.blocks[1].peak_activation_bytes, (108 + 4 * 36 + 144) * pixels);
    // The second does so beside the 144 channels of the first; as large again: preprocess0 of the third
    // cell, with both inputs and the rectified one.
    let peak = 3 * 144 * pixels;
    assert_eq!(table.blocks[2].peak_activation_bytes, peak);
    assert_eq!(table.blocks[3].peak_activation_bytes, peak);
    assert_eq!((table.peak_activation_bytes, table.peak_block.as_str()), (peak, "cells.1"));
    assert_eq!(table.blocks.len(), 20 + 3);
}

fn shapes() -> impl Strategy<Value = NetworkShape> {
    let stems = prop::sample::select(vec![StemKind::Cifar, StemKind::Imagenet]);
    (1..20usize, 1..9usize, stems, 2..12usize, 1..4usize, 1..40usize, 1..40usize).prop_map(
        |(init_channels, n_cells, stem, classes, channels, height, width)| NetworkShape {
            reductions: Reductions::THIRDS,
            init_channels,
            n_cells,
            stem,
            classes,
            image_shape: [channels, height, width],
        },
    )
}

proptest! {
    #[test]
    fn the_whole_is_the_sum_of_its_parts(genotype in genotypes(1..=3), shape in shapes()) {
        let table = derived_layers(&genotype, &shape);
        prop_assert_eq!(table.cost, derived_cost(&genotype, &shape));
        prop_assert_eq!(table.blocks.iter().map(|block| block.cost).sum::<Cost>(), table.cost);
        for block in &table.blocks {
            prop_assert_eq!(block.layers.iter().map(|layer| layer.cost).sum::<Cost>(), block.cost);
            prop_assert!(block.peak_activation_bytes >= block.output_bytes);
            let [channels, height, width] = block.output;
            prop_assert_eq!(block.output_bytes, 4 * channels * height * width);
        }
        let peak = table.blocks.iter().map(|block| block.peak_activation_bytes).max().unwrap();
        prop_assert_eq!(table.peak_activation_bytes, peak);
    }

    #[test]
    fn wider_networks_cost_more(genotype in genotypes(1..=3), shape in shapes()) {
        let wider = NetworkShape { init_channels: shape.init_channels + 2, ..shape };
        let (narrow, wide) = (derived_layers(&genotype, &shape), derived_layers(&genotype, &wider));
        prop_assert!(narrow.cost.parameters < wide.cost.parameters);
        prop_assert!(narrow.cost.macs < wide.cost.macs);
        prop_assert!(narrow.peak_activation_bytes <= wide.peak_activation_bytes);
    }
}
