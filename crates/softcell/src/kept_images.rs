//! Which images of a run are kept for its report.

use std::sync::Arc;

use crate::config::CheckedConfig;
use crate::data::{Augment, Dataset, ImageSet, first_batch};
use crate::evaluate::WrongAnswer;
use crate::run::{Augmented, AugmentedImage, ClassSamples, ListedMistake, Mistake, Mistakes, Samples};
use crate::train::training_plan;

/// Classes of which images are kept, the first ones.
const CLASSES: usize = 20;
/// Images of each of them.
const IMAGES: usize = 6;
/// Images of the first batch that are kept.
const AUGMENTED: usize = 12;
/// Wrong answers that are kept with their images.
const MISTAKES: usize = 18;
/// Most of them that confuse the same two classes in the same way.
const SAME_MISTAKES: usize = 3;
/// Wrong answers that are kept without their images.
const LISTED: usize = 200;

/// The first training images of each class, and how many there are.
pub fn samples(dataset: &Dataset) -> Samples {
    let (train, test) = (&dataset.train, &dataset.test);
    let mut pictures: Vec<Vec<String>> = vec![Vec::new(); train.classes.len()];
    for (i, &label) in train.labels.iter().enumerate() {
        let class = label as usize;
        if class < CLASSES && pictures[class].len() < IMAGES {
            pictures[class].push(train.thumbnail(i));
        }
    }
    let counts = train.class_counts().into_iter().zip(test.class_counts());
    let classes = counts
        .zip(pictures)
        .map(|((train_images, test_images), pictures)| ClassSamples { train_images, test_images, pictures })
        .collect();
    Samples { classes }
}

/// The first images of the first batch of a training with these settings, as they are and as the network sees them; none
/// where it sees them as they are.
pub fn augmented(dataset: &Dataset, config: &CheckedConfig) -> Option<Augmented> {
    let plan = training_plan(dataset, config);
    if plan.augment.as_ref().is_none_or(Augment::is_none) || plan.n_steps() == 0 {
        return None;
    }
    let (set, normalization) = (Arc::clone(&plan.set), plan.normalization.clone());
    let (places, batch) = first_batch(plan);
    let plane = set.height * set.width;
    let byte = |(i, &value): (usize, &f32)| normalization.byte(i / plane % set.channels, value);
    let bytes: Vec<u8> = batch.images.iter().enumerate().map(byte).collect();
    let shape = [set.channels, set.height, set.width];
    let seen = ImageSet::new(Arc::clone(&set.classes), shape, bytes, batch.labels);
    let image = |(i, &place): (usize, &usize)| AugmentedImage {
        class: set.labels[place] as usize,
        before: set.thumbnail(place),
        after: seen.thumbnail(i),
    };
    Some(Augmented { images: places.iter().enumerate().take(AUGMENTED).map(image).collect() })
}

/// The wrong answers that the network was most sure of: a few with their images, not many of the same kind, and more by
/// what the images are called.
pub fn mistakes(dataset: &Dataset, mut wrong: Vec<WrongAnswer>) -> Mistakes {
    let count = wrong.len() as u64;
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let listed = |wrong: &WrongAnswer| ListedMistake {
        file: dataset.test_name(wrong.image),
        truth: wrong.truth,
        answer: wrong.answer,
        probability: wrong.probability,
    };
    let listed = wrong.iter().take(LISTED).map(listed).collect();
    let mut kept: Vec<WrongAnswer> = Vec::new();
    for answer in wrong {
        let same = kept.iter().filter(|k| (k.truth, k.answer) == (answer.truth, answer.answer)).count();
        if kept.len() < MISTAKES && same < SAME_MISTAKES {
            kept.push(answer);
        }
    }
    let example = |wrong: WrongAnswer| Mistake {
        truth: wrong.truth,
        answer: wrong.answer,
        probability: wrong.probability,
        file: dataset.test_name(wrong.image),
        picture: dataset.test.thumbnail(wrong.image),
    };
    Mistakes { count, examples: kept.into_iter().map(example).collect(), listed }
}
