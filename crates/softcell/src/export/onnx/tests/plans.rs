//! Networks of other shapes than DARTS', run by an ONNX runtime.

use rten::{Model, ModelOptions, op_registry};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::super::{BatchNorms, INPUT, plan_to_bytes};
use crate::network::{Network, Pass, initialize, named_tensors};
use crate::space::plan::{CellType, NetworkPlan, Norms, Role, Skeleton};
use crate::space::{Genotype, Layout, Nb201Architecture, Primitive, Reductions, StemKind};
use burn::tensor::{Device, Tensor, TensorData};

fn run(bytes: Vec<u8>, shape: [usize; 4], values: Vec<f32>) -> Vec<f32> {
    let registry = op_registry!(
        Add,
        AveragePool,
        BatchNormalization,
        Concat,
        Conv,
        Flatten,
        Gemm,
        GlobalAveragePool,
        MaxPool,
        Mul,
        Relu,
        Slice
    );
    let model: Model = ModelOptions::with_ops(registry).load(bytes).unwrap();
    let input = NdTensor::from_data(shape, values);
    let node = |name: &str| model.node_id(name).unwrap();
    let found = model.run(vec![(node(INPUT), input.view().into())], &[node("logits")], None).unwrap();
    NdTensor::<f32, 2>::try_from(found.into_iter().next().unwrap()).unwrap().to_vec()
}

/// Three cells from four channels, with residual blocks between.
const SMALL: Skeleton = Skeleton {
    image: [3, 8, 8],
    classes: 4,
    init_channels: 4,
    n_cells: 3,
    layout: Layout::Residual,
    reductions: Reductions::THIRDS,
    stem: StemKind::Cifar,
    stem_multiplier: 1,
    auxiliary: false,
};

/// Residual blocks, one input without preparation, a node as output, a node that reads nothing.
#[test]
fn a_network_of_nas_bench_201_answers_as_it_does_here() {
    use Primitive::{AvgPool3x3, None, NorConv1x1, NorConv3x3, SkipConnect};
    let device = Device::flex();
    let (shape, classes) = ([3, 3, 8, 12], 4);
    let skeleton = Skeleton { image: [3, 8, 12], classes, ..SMALL };
    let n: usize = shape.iter().product();
    let values: Vec<f32> = (0..n).map(|i| ((i * i % 7919) as f32 / 7919.0 - 0.5) * 3.0).collect();
    for kept in [
        [NorConv3x3, SkipConnect, NorConv1x1, AvgPool3x3, SkipConnect, NorConv3x3],
        [None, None, None, NorConv1x1, SkipConnect, AvgPool3x3],
    ] {
        let plan = NetworkPlan::derived(&Genotype::from(&Nb201Architecture { operations: kept }), &skeleton);
        let net = initialize(Network::new(plan.clone(), &device), 3);
        let x = Tensor::<4>::from_data(TensorData::new(values.clone(), shape), &device);
        let expected = net.forward(x, &mut Pass::eval()).logits.into_data().try_to_vec::<f32>().unwrap();
        for norms in [BatchNorms::Folded, BatchNorms::Kept] {
            let bytes = plan_to_bytes(&plan, &named_tensors(&net), norms).unwrap();
            let found = run(bytes, shape, values.clone());
            assert_eq!(found.len(), shape[0] * classes);
            let largest = expected.iter().fold(0f32, |a, b| a.max(b.abs()));
            assert!(largest > 1e-3, "{expected:?}");
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-5 * largest.max(1.0), "{found} {expected} {kept:?}");
            }
        }
    }
}

#[test]
fn what_has_no_graph_of_its_own_is_refused() {
    let skeleton = SMALL;
    let genotype = Genotype::from(&Nb201Architecture { operations: [Primitive::NorConv3x3; 6] });
    let cell = |role| CellType { role, ..CellType::derived("cell", &genotype["cell"]) };
    let refused = |cell: CellType, norms| {
        let plan = NetworkPlan::around(vec![cell], &skeleton, norms);
        let net = Network::new(plan.clone(), &Device::flex());
        plan_to_bytes(&plan, &named_tensors(&net), BatchNorms::Kept).unwrap_err().to_string()
    };
    let error = refused(cell(Role::Search), Norms::DERIVED);
    assert!(error.contains("mix their candidates"), "{error}");
    let error = refused(CellType { share: 2, ..cell(Role::Derived) }, Norms::DERIVED);
    assert!(error.contains("1/2 of the channels"), "{error}");
    let error = refused(cell(Role::Derived), Norms::SEARCH);
    assert!(error.contains("do not scale"), "{error}");
}
