//! Which images of a run are kept for its report.

use crate::data::{Dataset, ImageSet};
use crate::evaluate::WrongAnswer;
use crate::run::{ClassSamples, Mistake, Mistakes, Samples};

/// Classes of which images are kept, the first ones.
const CLASSES: usize = 20;
/// Images of each of them.
const IMAGES: usize = 6;
/// Wrong answers that are kept.
const MISTAKES: usize = 18;
/// Most of them that confuse the same two classes in the same way.
const SAME_MISTAKES: usize = 3;

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

/// The wrong answers that the network was most sure of, but few of the same kind.
pub fn mistakes(test: &ImageSet, mut wrong: Vec<WrongAnswer>) -> Mistakes {
    let count = wrong.len() as u64;
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
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
        picture: test.thumbnail(wrong.image),
    };
    Mistakes { count, examples: kept.into_iter().map(example).collect() }
}
