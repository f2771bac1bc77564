//! Plans against sizes that are published, and against one another.

use super::*;
use crate::space::{CellKind, Primitive, SearchSpace, supernet_parameters};

use Primitive::{AvgPool3x3, DilConv3x3, DilConv5x5, MaxPool3x3, SepConv3x3, SkipConnect};

/// The candidates of the edges of S1 (Zela et al. 2020), in the order of alpha's columns.
fn s1(kind: CellKind) -> Vec<Vec<Primitive>> {
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

#[test]
fn candidates_per_edge_count_the_weights_of_s1() {
    let cells = CellKind::ALL.map(|kind| (kind.name(), s1(kind))).into_iter().collect();
    let plan = NetworkPlan::supernet(&SearchSpace { cells, ..SearchSpace::darts() }, [3, 32, 32], 10);
    assert_eq!(plan.cost().parameters, 405_146);
    assert_eq!(plan.cells[0].n_weights(), 28);
}

#[test]
fn a_quarter_of_the_channels_counts_the_weights_of_pc_darts() {
    let space = SearchSpace { share: 4, ..SearchSpace::darts() };
    assert_eq!(supernet_parameters(&space, 3, 10), 299_578);
}

#[test]
fn auxiliary_skips_count_the_weights_of_darts_minus() {
    let space = SearchSpace { auxiliary_skip: true, ..SearchSpace::darts() };
    assert_eq!(supernet_parameters(&space, 3, 10), 1_971_578);
    let cell = CellType::of_space(&space, "normal");
    assert_eq!((cell.n_weights(), cell.edges[3].candidates.last()), (14 * 9, Some(&SkipConnect)));
    let s2 = space.with_candidates(&[SkipConnect, SepConv3x3]);
    assert_eq!(supernet_parameters(&s2, 3, 10), 706_426);
}

#[test]
fn both_supernets_of_nas_bench_201_count_their_weights() {
    let space = SearchSpace::nas_bench_201();
    assert_eq!(supernet_parameters(&space, 3, 10), 1_686_106);
    let biased = SearchSpace { convolution_bias: true, ..space };
    assert_eq!(supernet_parameters(&biased, 3, 10), 1_692_826);
    let plan = NetworkPlan::supernet(&biased, [3, 32, 32], 10);
    let places: Vec<usize> = (0..plan.blocks.len())
        .filter(|&block| matches!(plan.blocks[block].body, Body::Residual { .. }))
        .collect();
    // Behind the stem: five cells, a block, five cells, a block, five cells.
    assert_eq!(places, [6, 12]);
    let (tensors, _) = plan.tensors();
    let counted: u64 = tensors.iter().filter(|t| !t.role.is_buffer()).map(|t| t.count() as u64).sum();
    assert_eq!(counted, 1_692_826);
}

/// Five cells of the space of DARTS: the first stage of P-DARTS.
#[test]
fn fewer_cells_count_the_weights_of_p_darts() {
    let space = SearchSpace { n_cells: 5, ..SearchSpace::darts() };
    assert_eq!(supernet_parameters(&space, 3, 10), 1_275_834);
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
        bias: Bias::None,
    };
    assert_eq!(Step::Convolution(conv(2)).output(map), MapShape { channels: 6, size: [6, 7] });
    assert_eq!(Step::Convolution(Convolution { dilation: 2, ..conv(5) }).output(map).size, [7, 8]);
    assert_eq!(
        Step::AverageWindows { stride: 3 }.output(MapShape { channels: 4, size: [8, 2] }).size,
        [2, 2]
    );
}
