//! Order, repetition and the thread that prepares batches.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::synthetic;
use crate::data::{Augment, Batch, BatchPlan, Batches, Normalization, Order, first_batch};

/// A plan over `n` images of 3x4x4, in classes of one image: the label is the index.
fn plan(n: usize, batch_size: usize, order: Order) -> BatchPlan {
    BatchPlan {
        set: Arc::new(synthetic(&vec![1; n], 3, 4, 4)),
        indices: Arc::new((0..n).collect()),
        normalization: Normalization { mean: vec![0.5; 3], std: vec![0.25; 3] },
        augment: Some(Augment {
            crop_padding: 1,
            flip: true,
            cutout_length: Some(2),
            cutout_probability: 1.0,
            crop_scale: 0.0,
            color_jitter: 0.0,
            auto_augment: crate::config::AutoAugment::None,
        }),
        batch_size,
        order,
        seed: 2,
        stream: "test/batches".into(),
        epoch: 0,
        drop_last: false,
    }
}

fn all(plan: &BatchPlan) -> Vec<Batch> {
    Batches::spawn(plan.clone(), 0).collect()
}

fn labels(batches: &[Batch]) -> Vec<u32> {
    batches.iter().flat_map(|batch| batch.labels.clone()).collect()
}

#[test]
fn a_sequential_epoch_is_the_images_as_listed() {
    let mut plan = plan(7, 3, Order::Sequential);
    plan.indices = Arc::new(vec![6, 0, 3, 2]);
    plan.augment = None;
    let batches = all(&plan);
    assert_eq!(batches.iter().map(|batch| batch.len).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(labels(&batches), [6, 0, 3, 2]);
    for batch in &batches {
        assert_eq!(batch.images.len(), batch.len * 48);
    }
    let expected: Vec<f32> =
        plan.set.image(2).iter().map(|&byte| (f32::from(byte) / 255.0 - 0.5) / 0.25).collect();
    assert_eq!(batches[1].images, expected);
}

#[test]
fn a_shuffled_epoch_has_each_image_once_in_an_order_of_its_own() {
    let plan = plan(40, 8, Order::Shuffled);
    let mut other = plan.clone();
    other.epoch = 1;
    let (first, second) = (labels(&all(&plan)), labels(&all(&other)));
    for order in [&first, &second] {
        assert_eq!(order.iter().copied().collect::<BTreeSet<u32>>(), (0..40).collect());
        assert!(!order.is_sorted());
    }
    assert_ne!(first, second);
    assert_eq!(labels(&all(&plan)), first);
    for changed in
        [BatchPlan { seed: 3, ..plan.clone() }, BatchPlan { stream: "test/other".into(), ..plan.clone() }]
    {
        assert_ne!(labels(&all(&changed)), first);
    }
}

#[test]
fn any_first_step_gives_the_same_remaining_batches() {
    for order in [
        Order::Sequential,
        Order::Shuffled,
        Order::Balanced,
        Order::Independent { steps: 6 },
        Order::IndependentBalanced { steps: 6 },
    ] {
        let plan = BatchPlan { epoch: 5, ..plan(22, 4, order) };
        let batches = all(&plan);
        assert_eq!(batches.len(), 6);
        for first in 0..=7 {
            let rest: Vec<Batch> = Batches::spawn(plan.clone(), first).collect();
            assert_eq!(rest, batches[first.min(6)..], "{order:?} from step {first}");
        }
    }
}

#[test]
fn variations_belong_to_seed_stream_epoch_and_position() {
    let mut plan = plan(6, 6, Order::Sequential);
    // The same image everywhere: only the variation can differ.
    plan.indices = Arc::new(vec![1; 6]);
    let images = |plan: &BatchPlan| all(plan).remove(0).images;
    let first = images(&plan);
    assert!(first.chunks(48).collect::<Vec<_>>().windows(2).any(|pair| pair[0] != pair[1]));
    assert_eq!(images(&plan), first);
    for changed in [
        BatchPlan { seed: 3, ..plan.clone() },
        BatchPlan { epoch: 1, ..plan.clone() },
        BatchPlan { stream: "other".into(), ..plan.clone() },
    ] {
        assert_ne!(images(&changed), first);
    }
    // The batch size is no part of it.
    let halves = all(&BatchPlan { batch_size: 3, ..plan.clone() });
    assert_eq!([halves[0].images.as_slice(), &halves[1].images].concat(), first);
}

/// What a report shows of the first batch is what the network was given.
#[test]
fn the_first_batch_is_the_one_that_comes_first() {
    let plan = plan(9, 4, Order::Shuffled);
    let (places, batch) = first_batch(plan.clone());
    assert_eq!(batch, all(&plan)[0]);
    assert_eq!(places.iter().map(|&place| place as u32).collect::<Vec<_>>(), batch.labels);
    let normalization = Normalization { mean: vec![0.4914, 0.1], std: vec![0.247, 0.001] };
    let normalizer = normalization.normalizer();
    for (channel, byte) in [0, 1].into_iter().flat_map(|channel| (0..=255).map(move |byte| (channel, byte))) {
        assert_eq!(normalization.byte(channel, normalizer.value(channel, byte)), byte);
    }
    // What is cut out is 0, the mean.
    assert_eq!(
        (normalization.byte(0, 0.0), normalization.byte(0, 1e9), normalization.byte(0, -1e9)),
        (125, 255, 0)
    );
}

#[test]
fn the_number_of_steps() {
    use Order::{Independent, Sequential, Shuffled};
    for (images, size, order, drop_last, steps) in [
        (8, 4, Shuffled, false, 2),
        (10, 4, Shuffled, false, 3),
        (10, 4, Shuffled, true, 2),
        (9, 4, Shuffled, false, 2), // no batch of one image
        (9, 4, Sequential, false, 3),
        (9, 4, Sequential, true, 2),
        (3, 4, Shuffled, true, 1),
        (1, 4, Shuffled, false, 1),
        (3, 1, Shuffled, false, 3),
        (0, 4, Shuffled, false, 0),
        (9, 4, Independent { steps: 11 }, true, 11),
        (0, 4, Independent { steps: 11 }, true, 0),
    ] {
        let plan = BatchPlan { drop_last, ..plan(images, size, order) };
        assert_eq!(plan.n_steps(), steps, "{images} images by {size}, {order:?}, {drop_last}");
        let batches = all(&plan);
        assert_eq!(batches.len(), steps);
        assert!(batches.iter().all(|batch| batch.len > 0 && batch.len <= size));
    }
}

#[test]
fn independent_batches_have_different_images_and_differ_from_one_another() {
    let plan = plan(20, 8, Order::Independent { steps: 50 });
    let batches: Vec<Batch> = Batches::spawn(plan.clone(), 0).collect();
    assert_eq!(batches.len(), 50);
    for batch in &batches {
        assert_eq!(batch.labels.iter().collect::<BTreeSet<_>>().len(), 8);
    }
    let mut drawn = [0; 20];
    labels(&batches).iter().for_each(|&label| drawn[label as usize] += 1);
    // 20 expected of each.
    assert!(drawn.iter().all(|count| (6..40).contains(count)), "{drawn:?}");
    assert!(batches.windows(2).all(|pair| pair[0].labels != pair[1].labels));
    let later: Vec<Batch> = Batches::spawn(plan.clone(), 48).collect();
    assert_eq!(later, batches[48..]);
    // All images where there are fewer.
    let few = Batches::spawn(BatchPlan { batch_size: 64, ..plan }, 0).next().unwrap();
    assert_eq!(few.len, 20);
}

#[test]
fn dropping_early_ends_the_thread() {
    let (done, finished) = channel();
    thread::spawn(move || {
        let plan = plan(50, 1, Order::Independent { steps: 1_000_000 });
        let set = Arc::downgrade(&plan.set);
        drop(Batches::spawn(plan.clone(), 0)); // before the first batch
        let mut batches = Batches::spawn(plan, 0);
        assert_eq!(batches.len(), 1_000_000);
        batches.next().unwrap();
        assert_eq!(batches.len(), 999_999);
        drop(batches);
        // The worker held the last reference.
        done.send(set.upgrade().is_none()).unwrap();
    });
    let released = finished.recv_timeout(Duration::from_secs(30)).expect("dropping does not hang");
    assert!(released, "the thread still holds the images");
}

#[test]
fn a_panic_of_the_thread_reaches_the_one_who_asks() {
    let mut plan = plan(4, 2, Order::Sequential);
    plan.indices = Arc::new(vec![0, 1, 99]);
    let mut batches = Batches::spawn(plan, 0);
    assert!(batches.next().is_some());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| batches.next()));
    assert!(result.is_err(), "the end of the epoch would hide the failure");
}
