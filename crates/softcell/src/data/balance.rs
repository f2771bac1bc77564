//! Drawing classes equally often.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// `count` of the images `indices`, in a random order, such that each class of them comes equally often, up to one.
///
/// A class with too few images gives all of them as often as it takes, and then some of them once more; one with
/// too many gives a random part. Without images nothing comes.
pub(super) fn balanced(
    labels: &[u32],
    indices: &[usize],
    count: usize,
    random: &mut ChaCha8Rng,
) -> Vec<usize> {
    let mut by_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for &i in indices {
        by_class.entry(labels[i]).or_default().push(i);
    }
    let mut classes: Vec<Vec<usize>> = by_class.into_values().collect();
    // Chance decides which classes come once more than the others.
    classes.shuffle(random);
    let (each, more) = (count / classes.len().max(1), count % classes.len().max(1));
    let mut drawn = Vec::with_capacity(count);
    for (nth, members) in classes.iter_mut().enumerate() {
        let mut wanted = each + usize::from(nth < more);
        while wanted > 0 {
            let (taken, _) = members.partial_shuffle(random, wanted);
            wanted -= taken.len();
            drawn.extend_from_slice(taken);
        }
    }
    drawn.shuffle(random);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    fn draw(labels: &[u32], count: usize, counter: u64) -> Vec<usize> {
        let indices: Vec<usize> = (0..labels.len()).collect();
        balanced(labels, &indices, count, &mut stream(2, "test", &[counter]))
    }

    #[test]
    fn classes_come_equally_often_and_rare_images_more_than_once() {
        let labels: Vec<u32> = [vec![0; 90], vec![1; 7], vec![5; 3]].concat();
        let drawn = draw(&labels, 100, 0);
        let of = |class| drawn.iter().filter(|&&i| labels[i] == class).count();
        let counts = [of(0), of(1), of(5)];
        assert_eq!(drawn.len(), 100);
        assert!(counts.iter().all(|&n| n == 33 || n == 34), "{counts:?}");
        for (i, &class) in labels.iter().enumerate() {
            let times = drawn.iter().filter(|&&drawn| drawn == i).count();
            let fits = match class {
                0 => times <= 1,
                1 => (4..=5).contains(&times),
                _ => (11..=12).contains(&times),
            };
            assert!(fits, "image {i} of class {class}: {times} times");
        }
        assert_eq!(drawn, draw(&labels, 100, 0));
        assert_ne!(drawn, draw(&labels, 100, 1));
        assert!(draw(&[], 4, 0).is_empty());
    }

    #[test]
    fn every_image_of_a_large_class_has_its_turn() {
        let labels: Vec<u32> = [vec![0; 50], vec![1; 5]].concat();
        let mut seen = [false; 55];
        (0..30).for_each(|epoch| draw(&labels, 55, epoch).into_iter().for_each(|i| seen[i] = true));
        assert!(seen.iter().all(|&seen| seen));
    }
}
