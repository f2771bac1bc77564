//! What a confusion matrix says where some classes have many more images than others.
//!
//! A confusion matrix is `confusion[true class][answered class]`, in images.

use std::borrow::Cow;

use crate::shown::escaped;

/// From this ratio of the largest to the smallest class on, classes are called uneven: accuracy alone then says
/// little, and the best epoch is chosen by balanced accuracy.
pub const UNEVEN: f64 = 2.0;

/// Classes without a right answer that are named; more are counted.
const MOST_NAMES: usize = 3;

/// Whether the largest class has at least [`UNEVEN`] times the images of the smallest, classes without images left
/// out.
pub fn is_uneven(images: impl IntoIterator<Item = u64>) -> bool {
    let (smallest, largest) = images
        .into_iter()
        .filter(|&n| n > 0)
        .fold((u64::MAX, 0), |(smallest, largest), n| (n.min(smallest), n.max(largest)));
    largest > 0 && largest as f64 >= UNEVEN * smallest as f64
}

/// Images of each class.
pub fn class_images(confusion: &[Vec<u64>]) -> Vec<u64> {
    confusion.iter().map(|row| row.iter().sum()).collect()
}

/// Images whose answer is right.
pub fn right_answers(confusion: &[Vec<u64>]) -> u64 {
    confusion.iter().enumerate().map(|(class, row)| row[class]).sum()
}

/// Mean over the classes with images of the share of their images that is answered rightly (recall). 0 without
/// images. The same as `sklearn.metrics.balanced_accuracy_score`.
pub fn balanced_accuracy(confusion: &[Vec<u64>]) -> f64 {
    let images = class_images(confusion);
    let present = || images.iter().enumerate().filter(|&(_, &n)| n > 0);
    let sum: f64 = present().map(|(class, &n)| confusion[class][class] as f64 / n as f64).sum();
    sum / present().count().max(1) as f64
}

/// What a class came to: the share of its images that is answered rightly, the share of the answers with it that is right,
/// and F1, `2 · right / (images + answers)`. None of what has nothing to be a share of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassMeasures {
    /// right / images.
    pub recall: Option<f64>,
    /// right / answers.
    pub precision: Option<f64>,
    /// 2 · right / (images + answers).
    pub f1: Option<f64>,
}

/// The measures of each class.
pub fn class_measures(confusion: &[Vec<u64>]) -> Vec<ClassMeasures> {
    let share = |right: u64, of: u64| (of > 0).then(|| right as f64 / of as f64);
    let of_class = |(class, row): (usize, &Vec<u64>)| {
        let (right, images) = (row[class], row.iter().sum::<u64>());
        let answers: u64 = confusion.iter().map(|row| row[class]).sum();
        ClassMeasures {
            recall: share(right, images),
            precision: share(right, answers),
            f1: share(2 * right, images + answers),
        }
    };
    confusion.iter().enumerate().map(of_class).collect()
}

/// The pairs of a class and a wrong answer to it with their images, the most frequent first, of equals in the order of the
/// classes.
pub fn confused_pairs(confusion: &[Vec<u64>]) -> Vec<(u64, usize, usize)> {
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (i, row) in confusion.iter().enumerate() {
        pairs.extend(row.iter().enumerate().filter(|&(j, &n)| i != j && n > 0).map(|(j, &n)| (n, i, j)));
    }
    pairs.sort_by_key(|&(n, i, j)| (std::cmp::Reverse(n), i, j));
    pairs
}

/// Mean of the classes' F1, `2 · right / (images + answers)`, over the classes with images or answers. 0 without
/// any. The same as `sklearn.metrics.f1_score(average="macro", zero_division=0)`.
pub fn macro_f1(confusion: &[Vec<u64>]) -> f64 {
    let images = class_images(confusion);
    let answers = |class: usize| confusion.iter().map(|row| row[class]).sum::<u64>();
    let (mut sum, mut classes) = (0.0, 0u64);
    for (class, &images) in images.iter().enumerate() {
        let both = images + answers(class);
        if both > 0 {
            sum += 2.0 * confusion[class][class] as f64 / both as f64;
            classes += 1;
        }
    }
    sum / classes.max(1) as f64
}

/// A sentence on the classes with images that are never answered, and one on those of which no image is answered
/// rightly though others are taken for them. Nothing where there are none.
pub fn overlooked(classes: &[String], confusion: &[Vec<u64>]) -> Vec<String> {
    let images = class_images(confusion);
    let (mut never, mut wrongly) = (Vec::new(), Vec::new());
    for (class, &n) in images.iter().enumerate().filter(|&(_, &n)| n > 0) {
        if confusion[class][class] > 0 {
            continue;
        }
        let answered = confusion.iter().any(|row| row[class] > 0);
        if answered { &mut wrongly } else { &mut never }.push((escaped(&classes[class]), n));
    }
    let sentence = |found: &[(Cow<str>, u64)], one: &str, many: &str| {
        let images: u64 = found.iter().map(|(_, n)| n).sum();
        let of = if images == 1 { "its 1 image is".to_owned() } else { format!("all {images} images are") };
        match found {
            [] => None,
            [(class, _)] => Some(format!("class {class} {one}: {of} taken for other classes")),
            _ => Some(format!("classes {} {many}: {of} taken for other classes", listed(found))),
        }
    };
    let sentences = [
        sentence(&never, "is never answered", "are never answered"),
        sentence(&wrongly, "is never answered rightly", "are never answered rightly"),
    ];
    sentences.into_iter().flatten().collect()
}

/// `a, b and c`, or `a, b, c and 7 more`.
fn listed(classes: &[(Cow<str>, u64)]) -> String {
    let names: Vec<&str> = classes.iter().map(|(name, _)| &**name).collect();
    match &names[..] {
        [most @ .., last] if names.len() <= MOST_NAMES => format!("{} and {last}", most.join(", ")),
        _ => {
            let more = names.len() - MOST_NAMES;
            format!("{} and {more} more", names[..MOST_NAMES].join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }

    #[test]
    fn the_measures_are_those_of_the_closed_form() {
        // Recalls 98/100, 1/4, 0/1; F1 2·98/(100 + 102), 2·1/(4 + 3), 0.
        let confusion = [vec![98, 2, 0], vec![3, 1, 0], vec![1, 0, 0]];
        close(balanced_accuracy(&confusion), (0.98 + 0.25) / 3.0);
        close(macro_f1(&confusion), (196.0 / 202.0 + 2.0 / 7.0) / 3.0);
        assert_eq!(right_answers(&confusion), 99);
        let [first, second, third] = class_measures(&confusion)[..] else { panic!("three classes") };
        close(first.recall.unwrap(), 0.98);
        close(first.precision.unwrap(), 98.0 / 102.0);
        close(first.f1.unwrap(), 196.0 / 202.0);
        close(second.precision.unwrap(), 1.0 / 3.0);
        assert_eq!((third.recall, third.precision, third.f1), (Some(0.0), None, Some(0.0)));
        assert_eq!(confused_pairs(&confusion), [(3, 1, 0), (2, 0, 1), (1, 2, 0)]);
    }

    #[test]
    fn classes_that_do_not_occur_do_not_count() {
        // The second class has neither images nor answers, the third answers alone.
        let confusion = [vec![3, 0, 1], vec![0, 0, 0], vec![0, 0, 0]];
        close(balanced_accuracy(&confusion), 0.75);
        close(macro_f1(&confusion), (6.0 / 7.0 + 0.0) / 2.0);
        close(balanced_accuracy(&[vec![0]]), 0.0);
        close(macro_f1(&[]), 0.0);
    }

    #[test]
    fn five_against_five_hundred() {
        // What always answers the large class is right for 99 % and no better than a guess.
        let confusion = [vec![500, 0], vec![5, 0]];
        close(balanced_accuracy(&confusion), 0.5);
        close(macro_f1(&confusion), 1000.0 / 1005.0 / 2.0);
        assert!(is_uneven(class_images(&confusion)));
        let said = overlooked(&["many".to_owned(), "rare".to_owned()], &confusion);
        assert_eq!(said, ["class rare is never answered: all 5 images are taken for other classes"]);
    }

    #[test]
    fn unevenness_leaves_out_empty_classes() {
        assert!(!is_uneven([0, 10, 19]) && is_uneven([10, 20]) && is_uneven([1, 0, 2]));
        assert!(!is_uneven([]) && !is_uneven([0, 0]) && !is_uneven([7]));
    }

    #[test]
    fn overlooked_classes_are_named() {
        let names: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
        let mut confusion = vec![vec![0; 6]; 6];
        confusion[0][0] = 9;
        confusion[1][0] = 1;
        assert_eq!(
            overlooked(&names, &confusion),
            ["class b is never answered: its 1 image is taken for other classes"]
        );
        confusion[0][1] = 1;
        confusion[2][0] = 2;
        assert_eq!(
            overlooked(&names, &confusion),
            [
                "class c is never answered: all 2 images are taken for other classes",
                "class b is never answered rightly: its 1 image is taken for other classes"
            ]
        );
        (3..6).for_each(|class| confusion[class][0] = 1);
        let said = overlooked(&names, &confusion);
        assert_eq!(
            said[0],
            "classes c, d, e and 1 more are never answered: all 5 images are taken for other classes"
        );
        confusion[2][2] = 1;
        assert!(overlooked(&names, &confusion)[0].starts_with("classes d, e and f are"));
    }
}
