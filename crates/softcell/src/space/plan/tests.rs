//! Plans against sizes that are published, and against one another.

use super::*;
use crate::space::{CellKind, Primitive, SearchSpace, StemKind, supernet_parameters};

use Primitive::{AvgPool3x3, DilConv3x3, DilConv5x5, MaxPool3x3, SepConv3x3, SkipConnect};

/// The candidates of the edges of S1 (Zela et al. 2020), in the order of alpha's columns.
pub(crate) fn s1(kind: CellKind) -> Vec<Vec<Primitive>> {
    let (mp, ap, sk, s3, d3, d5) = (MaxPool3x3, AvgPool3x3, SkipConnect, SepConv3x3, DilConv3x3, DilConv5x5);
    let pairs = match kind {
        CellKind::Normal => [
            [sk, d3],
            [sk, d5],
            [sk, d5],
            [sk, s3],
            [sk, d3],
            [mp, sk],
            [sk, s3],
            [sk, s3],
            [sk, d3],
            [sk, s3],
            [mp, sk],
            [sk, d3],
            [d3, d5],
            [d3, d5],
        ],
        CellKind::Reduction => [
            [mp, ap],
            [mp, d3],
            [mp, ap],
            [mp, ap],
            [sk, d5],
            [mp, ap],
            [mp, s3],
            [sk, d3],
            [sk, d5],
            [mp, ap],
            [mp, ap],
            [sk, d5],
            [sk, d5],
            [sk, d5],
        ],
    };
    pairs.map(|pair| pair.to_vec()).to_vec()
}

fn skeleton() -> Skeleton {
    Skeleton {
        image: [3, 32, 32],
        classes: 10,
        init_channels: 16,
        n_cells: 8,
        stem: StemKind::Cifar,
        stem_multiplier: 3,
        auxiliary: false,
    }
}

#[test]
fn candidates_per_edge_count_the_weights_of_s1() {
    let cells = CellKind::ALL.map(|kind| CellType::searched(kind, 4, |edge| s1(kind)[edge].clone()));
    let plan = NetworkPlan::stacked(cells, &skeleton(), Norms::SEARCH);
    assert_eq!(plan.cost().parameters, 405_146);
    assert_eq!(plan.cells[0].n_weights(), 28);
}

#[test]
fn a_quarter_of_the_channels_counts_the_weights_of_pc_darts() {
    let space = SearchSpace::darts();
    let cells = CellKind::ALL.map(|kind| CellType::of_space(&space, kind).partial(4));
    let plan = NetworkPlan::stacked(cells, &skeleton(), Norms::SEARCH);
    assert_eq!(plan.cost().parameters, 299_578);
}

/// Both supernets of NAS-Bench-201 have 1,686,106 weights where convolutions have no bias.
#[test]
fn residual_stacks_count_the_weights_of_nas_bench_201() {
    let cell = CellType::nas_bench_201(Role::Search, |_| Primitive::NAS_BENCH_201.to_vec());
    let shape = ResidualSkeleton { image: [3, 32, 32], classes: 10, init_channels: 16, cells_per_stage: 5 };
    let norms = Norms { affine: false, behind_pools: false };
    let plan = NetworkPlan::residual(cell, &shape, norms);
    assert_eq!(plan.cost().parameters, 1_686_106);
    assert_eq!(plan.blocks.last().unwrap().output.channels, 10);
}

#[test]
fn names_are_those_of_the_original() {
    let space = SearchSpace { n_cells: 3, ..SearchSpace::darts() };
    let (tensors, ranges) = NetworkPlan::supernet(&space, [3, 32, 32], 10).tensors();
    let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    for name in [
        "stem.0.weight",
        "stem.1.running_var",
        "cells.1.preprocess0.op.1.weight",
        "cells.2.preprocess0.conv_2.weight",
        "cells.2.preprocess0.bn.running_mean",
        "cells.0._ops.3._ops.1.1.running_mean",
        "cells.1._ops.0._ops.3.conv_1.weight",
        "cells.0._ops.13._ops.5.op.5.weight",
        "cells.0._ops.13._ops.7.op.3.running_var",
        "classifier.bias",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    assert_eq!(ranges.first().unwrap().start, 0);
    assert_eq!(ranges.last().unwrap().end, tensors.len());
    let trained = tensors.iter().filter(|tensor| !tensor.role.is_buffer());
    let counted: u64 = trained.map(|tensor| tensor.count() as u64).sum();
    assert_eq!(counted, supernet_parameters(&space, 3, 10));
}

/// A pooling's shape, and that of a kernel of even side.
#[test]
fn shapes_follow_the_steps() {
    let map = MapShape { channels: 4, size: [7, 8] };
    let pool = |window, stride| Step::Pool(PoolStep { kind: PoolKind::Max, window, stride });
    assert_eq!(pool(3, 1).output(map).size, [7, 8]);
    assert_eq!(pool(3, 2).output(map).size, [4, 4]);
    assert_eq!(pool(2, 2).output(map).size, [4, 4]);
    let conv = |kernel| Convolution {
        name: "",
        label: "",
        inputs: 4,
        outputs: 6,
        kernel: [kernel; 2],
        stride: [1; 2],
        dilation: 1,
        mixing: Mixing::All,
    };
    assert_eq!(Step::Convolution(conv(2)).output(map), MapShape { channels: 6, size: [6, 7] });
    assert_eq!(Step::Convolution(Convolution { dilation: 2, ..conv(5) }).output(map).size, [7, 8]);
    assert_eq!(
        Step::AverageWindows { stride: 3 }.output(MapShape { channels: 4, size: [8, 2] }).size,
        [2, 2]
    );
}
