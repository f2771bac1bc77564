use std::sync::Arc;

use super::tree::{TreeSum, nodes};
use super::*;

#[test]
fn every_rank_has_the_leaves_below_one_node() {
    assert_eq!(nodes(2), [0..1, 1..2]);
    assert_eq!(nodes(3), [0..1, 1..2, 2..4]);
    for ranks in 1..=16 {
        let nodes = nodes(ranks);
        assert_eq!(nodes.len(), ranks);
        assert!(nodes.iter().all(|node| node.len().is_power_of_two() && node.start % node.len() == 0));
        assert!(nodes.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!(nodes[ranks - 1].end, ranks.next_power_of_two());
    }
}

/// What all ranks answer, in the order of the ranks.
pub(crate) fn on_ranks<T: Send>(ranks: usize, work: impl Fn(Arc<dyn Exchange>) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = InProcess::ranks(ranks)
            .into_iter()
            .map(|exchange| {
                let work = &work;
                scope.spawn(move || work(exchange))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a rank")).collect()
    })
}

#[test]
fn sums_have_the_same_bits_on_any_number_of_ranks() {
    let numbers: Vec<Vec<f32>> =
        (0..16).map(|leaf| (0..5).map(|at| ((leaf * 31 + at * 17) as f32).sin() * 1e3).collect()).collect();
    let tree = |leaves: &[Vec<f32>]| TreeSum::default().add(leaves.iter().map(Vec::as_slice)).to_vec();
    let whole = tree(&numbers);
    // By hand: pairs, pairs of pairs, and so on.
    let mut by_hand = numbers.clone();
    while by_hand.len() > 1 {
        let pair = |pair: &[Vec<f32>]| pair[0].iter().zip(&pair[1]).map(|(a, b)| a + b).collect();
        by_hand = by_hand.chunks(2).map(pair).collect();
    }
    assert_eq!(whole, by_hand[0]);
    for ranks in 1..=16 {
        let sums = on_ranks(ranks, |exchange| {
            let leaves = nodes(ranks)[exchange.rank()].clone();
            let per_leaf = 16 / ranks.next_power_of_two();
            let mut own = tree(&numbers[leaves.start * per_leaf..leaves.end * per_leaf]);
            tree::sum(&*exchange, &mut own);
            own
        });
        assert!(sums.iter().all(|sum| *sum == whole), "{ranks} ranks");
    }
}

#[test]
fn a_batch_is_divided_where_there_are_groups_enough() {
    let ranks = |ranks: usize| InProcess::ranks(ranks).remove(0);
    assert!(Share::new(&ranks(1), 32, 16).is_none());
    assert!(Share::new(&ranks(2), 1, 1).is_none());
    assert!(Share::new(&ranks(5), 32, 4).is_none());
    let bounds = |share: Option<Share>| share.expect("a share").bounds;
    assert_eq!(bounds(Share::new(&ranks(2), 19, 16)), [0, 9, 19]);
    assert_eq!(bounds(Share::new(&ranks(3), 16, 4)), [0, 4, 8, 16]);
}

#[test]
fn images_are_gathered_and_dealt_out_again() {
    use burn::tensor::{Device, TensorData};
    let numbers: Vec<f32> = (0..5 * 2 * 3).map(|i| i as f32).collect();
    let all = |device: &Device| Tensor::<3>::from_data(TensorData::new(numbers.clone(), [5, 2, 3]), device);
    let found = on_ranks(2, |exchange| {
        let share = Share::new(&exchange, 5, 4).expect("a share");
        let device = Device::flex().autodiff();
        let own = all(&device).slice(burn::tensor::s![share.own(), .., ..]).require_grad();
        let gathered = share.gather(own.clone());
        let gradient = (gathered.clone() * all(&device)).sum().backward();
        let whole = all(&device).require_grad();
        let part = share.part(whole.clone());
        let part_gradient = (part.clone().powi_scalar(2)).sum().backward();
        let values = |x: Tensor<3>| x.into_data().try_to_vec::<f32>().unwrap();
        (
            [values(gathered), values(whole.grad(&part_gradient).unwrap())],
            values(part),
            values(own.grad(&gradient).unwrap()),
            values(own),
        )
    });
    let twice: Vec<f32> = numbers.iter().map(|x| 2.0 * x).collect();
    let mut own = Vec::new();
    for ([gathered, gradient], part, of_own, before) in found {
        assert_eq!((gathered, gradient), (numbers.clone(), twice.clone()));
        assert_eq!((&part, &of_own), (&before, &before));
        own.extend(part);
    }
    assert_eq!(own, numbers);
}
