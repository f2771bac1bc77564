//! What plans say of themselves, and which cells have none.

use super::case::*;
use crate::cell::{
    CellConfig, CellPlan, ConvolutionConfig, InputChannels, Operation, Origin, Preparation, Term, Unfused,
};

#[test]
fn cells_that_the_body_cannot_run_are_refused_with_a_reason() {
    let config = every_operation(4, 1, 8);
    let reason = |change: &dyn Fn(&mut CellConfig)| {
        let mut changed = config.clone();
        change(&mut changed);
        CellPlan::new(changed).expect_err("no plan")
    };
    assert!(CellPlan::new(config.clone()).is_ok());
    for output in [vec![3, 2], vec![], vec![1, 2], vec![4]] {
        let found = reason(&|config| config.output = output.clone());
        assert_eq!(found, Unfused::Output { found: output.clone() });
    }
    assert_eq!(reason(&|config| config.terms[0].stride = 2), Unfused::Strides { state: 0 });
    assert_eq!(reason(&|config| config.inputs.clear()), Unfused::Inputs { count: 0 });
    let inputs = vec![config.inputs[0]; 5];
    let five = reason(&|config| config.inputs = inputs.clone());
    assert_eq!(five.to_string(), "a cell of 5 inputs: one to 4 are supported");
    assert_eq!(reason(&|config| config.terms.truncate(3)), Unfused::EmptyNode { node: 3 });
    assert_eq!(reason(&|config| config.share = 3), Unfused::Share { channels: 4, share: 3 });
    assert_eq!(reason(&|config| config.share = 0), Unfused::Share { channels: 4, share: 0 });
    for operation in [Operation::Bypass, Operation::Halve, Operation::Convolution { kernel: 5 }] {
        let found = reason(&|config| config.terms[0].operation = operation);
        assert_eq!(found, Unfused::Operation { term: 0, operation, stride: 1 });
    }
    for lanes in [0, 4, 32] {
        assert_eq!(reason(&|config| config.lanes = lanes), Unfused::Lanes { lanes });
    }
    assert_eq!(reason(&|config| config.channels = 0), Unfused::Empty { input: None });
    for (groups, channels) in [(0, 4), (1, 0)] {
        let input = prepared(groups, channels, Preparation::Keep);
        assert_eq!(reason(&|config| config.inputs[1] = input), Unfused::Empty { input: Some(1) });
    }
    // To itself, backwards, to an input, to a state that there is not.
    for (source, target) in [(2, 2), (3, 2), (0, 1), (0, 4)] {
        let found = reason(&|config| (config.terms[1].source, config.terms[1].target) = (source, target));
        assert_eq!(found, Unfused::Order { term: 1, source, target, nodes: 2..4 });
    }
    let found = InputChannels { groups: 2, channels: 2 };
    let unprepared = reason(&|config| config.inputs[1] = prepared(2, 2, Preparation::None));
    assert_eq!(unprepared, Unfused::Unprepared { input: 1, found, channels: 4 });
    assert_eq!(
        unprepared.to_string(),
        "input 1 without a preparation has 2 groups of 2 channels: expected 4 channels in one group or in groups \
         that fill whole blocks"
    );
}

/// Two nodes: the second with stride 2.
fn shrinking(output: Vec<usize>) -> CellPlan {
    let operation = Operation::Convolution { kernel: 3 };
    let terms = vec![
        Term { source: 2, target: 3, operation, stride: 2 },
        Term { source: 0, target: 2, operation, stride: 1 },
        Term { source: 1, target: 2, operation, stride: 1 },
    ];
    CellPlan::new(CellConfig { terms, output, ..every_operation(4, 1, 8) }).expect("a plan")
}

#[test]
#[should_panic(expected = "states 2 and 3 of the output have sizes [5, 4] and [3, 2]")]
fn nodes_of_the_output_have_one_size() {
    shrinking(vec![2, 3]).memory(1, &[[5, 4]; 2]);
}

#[test]
#[should_panic(expected = "the summands of state 2 have sizes [5, 4] and [5, 3]")]
fn summands_have_one_size() {
    shrinking(vec![3]).memory(1, &[[5, 4], [5, 3]]);
}

/// The first term's source is known only after the others.
#[test]
fn sizes_do_not_depend_on_the_order_of_terms() {
    let map = |pixels: u32| f64::from(2 * pixels * 8 * 4);
    assert_eq!(shrinking(vec![3]).memory(2, &[[5, 4]; 2]).output, map(3 * 2));
    assert_eq!(shrinking(vec![2]).memory(2, &[[5, 4]; 2]).output, map(5 * 4));
}

fn convolution(channels: usize, stride: usize, lanes: usize) -> CellPlan {
    let input = InputChannels { groups: 1, channels: 3 };
    CellPlan::convolution(ConvolutionConfig { input, channels, stride, rectify: false, lanes, epsilon: 1e-5 })
}

#[test]
#[should_panic(expected = "to 4 channels with stride 3 in blocks of 8: expected")]
fn convolutions_have_stride_one_or_two() {
    convolution(4, 3, 8);
}

#[test]
#[should_panic(expected = "to 4 channels with stride 1 in blocks of 4: expected")]
fn convolutions_have_blocks_of_8_or_16() {
    convolution(4, 1, 4);
}

#[test]
#[should_panic(expected = "to 0 channels with stride 1 in blocks of 8: expected")]
fn convolutions_have_channels() {
    convolution(0, 1, 8);
}

#[test]
fn some_terms_of_some_terms_are_those_in_both() {
    for config in [every_operation(5, 2, 8), bench_201(7, 16), partial(16, 4, 1, 8)] {
        let plan = CellPlan::new(config.clone()).unwrap();
        let some = |seed| numbers(config.terms.len(), seed).iter().map(|&x| x > -0.3).collect::<Vec<bool>>();
        for seed in 1..6 {
            let (a, b) = (some(seed), some(seed + 10));
            let both: Vec<bool> = a.iter().zip(&b).map(|(a, b)| a & b).collect();
            assert!(both != a && both != b && both.contains(&true));
            let twice = plan.only(&a).only(&b);
            assert_eq!(format!("{twice:?}"), format!("{:?}", plan.only(&both)));
        }
    }
}

#[test]
fn parts_are_the_flat_weights_and_all_normalisations() {
    for config in [every_operation(5, 2, 8), bench_201(7, 16), partial(16, 4, 2, 8)] {
        let plan = CellPlan::new(CellConfig { affine: true, ..config.clone() }).unwrap();
        let (mut weights, mut norms) = (0, 0);
        for part in plan.parts() {
            for tensor in &part.tensors {
                assert_eq!(tensor.range, weights..weights + tensor.shape.iter().product::<usize>());
                weights = tensor.range.end;
            }
            assert_eq!(part.norms.start, norms);
            norms = part.norms.end;
        }
        assert_eq!([weights, norms], [plan.weights(), plan.norms()]);
        let origins: Vec<Origin> = plan.parts().iter().map(|part| part.origin).collect();
        let inputs = (0..config.inputs.len()).map(Origin::Input);
        assert_eq!(origins, inputs.chain((0..config.terms.len()).map(Origin::Term)).collect::<Vec<_>>());

        let none = plan.only(&vec![false; config.terms.len()]);
        assert_eq!(none.parts(), plan.parts());
        assert_eq!([none.weights(), none.norms()], [plan.weights(), plan.norms()]);
    }
}

#[test]
fn shapes_of_a_parts_weights() {
    let config = partial(16, 4, 1, 8);
    let plan = CellPlan::new(CellConfig { affine: true, ..config.clone() }).unwrap();
    let separable = config.terms.iter().position(|t| t.operation == Operation::Separable { kernel: 3 });
    let part = &plan.parts()[2 + separable.unwrap()];
    let shapes: Vec<&[usize]> = part.tensors.iter().map(|tensor| &tensor.shape[..]).collect();
    let half: [&[usize]; 4] = [&[4, 1, 3, 3], &[4, 4, 1, 1], &[4], &[4]];
    assert_eq!(shapes, [half, half].concat());
    assert_eq!(part.norms.len(), 2);
    assert_eq!([plan.norm_channels(0), plan.norm_channels(part.norms.start)], [16, 4]);
}

/// Statistics and gradients of a sampled path stand where those of the whole cell do.
#[test]
fn a_sampled_path_keeps_the_numbers_of_the_whole_cell() {
    let config = every_operation(8, 1, 8);
    let only: Vec<bool> = (0..config.terms.len()).map(|term| term % 7 == 3 || term % 7 == 1).collect();
    let whole = Case::new(config.clone(), [4, 4]);
    let path = Case { only: Some(only.clone()), ..whole.clone() };
    let mut fill = whole.fill(numbers);
    // The whole cell with weights of zero for all other terms computes the same.
    for (weight, kept) in fill.terms.iter_mut().zip(&only) {
        if !kept {
            *weight = 0.0;
        }
    }
    let ((all, all_seen), (some, seen)) = (whole.fast(&fill), path.fast(&fill));
    for ((name, all), (_, some)) in all.values.iter().zip(&some.values).take(4) {
        close(name, all, some, 1e-5);
    }
    assert!(seen.norms.len() < all_seen.norms.len());
    for norm in &seen.norms {
        let all = all_seen.get(norm.norm).unwrap();
        close("mean", &wide(&all.mean), &wide(&norm.mean), 1e-5);
        close("variance", &wide(&all.variance), &wide(&norm.variance), 1e-5);
        assert_eq!(all.count, norm.count);
    }
    let plan = path.plan();
    let (weights, terms) = (&some.values[3].1, &some.values[4].1);
    for part in plan.parts() {
        if let Origin::Term(term) = part.origin {
            let zero = |range: std::ops::Range<usize>| weights[range].iter().all(|&g| g == 0.0);
            assert_eq!(terms[term] != 0.0, only[term]);
            assert!(part.tensors.iter().all(|tensor| zero(tensor.range.clone()) != only[term]));
            assert!(part.norms.clone().all(|norm| seen.get(norm).is_some() == only[term]));
        }
    }
    // Statistics of the whole cell serve for a path.
    let given = Case { given: Some(std::sync::Arc::new(all_seen)), ..path };
    close("given", &given.inner(&fill), &some.values[0].1, 1e-4);
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}
