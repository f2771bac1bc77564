//! Dividing images among the parts of a run, class by class.

use std::path::Path;

use rand::seq::SliceRandom;

use super::set::ImageSet;
use crate::error::{Error, Result};
use crate::random::stream;

/// Which training images serve what; indices into the training set, ascending, none in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Train the weights during the search.
    pub weights: Vec<usize>,
    /// Train the alphas during the search; empty where the weights' share is 1.
    pub alphas: Vec<usize>,
    /// Choose among epochs and candidates; trains nothing. Empty where its share is 0.
    pub validation: Vec<usize>,
}

/// Images taken from each class: the share of it, rounded, but at least one and at least `kept` left.
fn share_of(count: usize, fraction: f64, kept: usize) -> usize {
    let taken = (count as f64 * fraction).round() as usize;
    taken.max(1).min(count.saturating_sub(kept))
}

/// Takes `fraction` of each class out of `pool` at random: (taken, left), both ascending.
///
/// `kept` images of each class stay in any case. A fraction of 0 takes none.
fn take(
    set: &ImageSet,
    pool: &[usize],
    fraction: f64,
    kept: usize,
    seed: u64,
    name: &str,
) -> (Vec<usize>, Vec<usize>) {
    if fraction <= 0.0 {
        return (Vec::new(), pool.to_vec());
    }
    let mut by_class = vec![Vec::new(); set.classes.len()];
    for &i in pool {
        by_class[set.labels[i] as usize].push(i);
    }
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for (class, mut members) in by_class.into_iter().enumerate() {
        members.shuffle(&mut stream(seed, name, &[class as u64]));
        let rest = members.split_off(share_of(members.len(), fraction, kept));
        taken.extend(members);
        left.extend(rest);
    }
    taken.sort_unstable();
    left.sort_unstable();
    (taken, left)
}

/// The shares of a split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    /// Of all images, for the test part; `None` where the data has one.
    pub test: Option<f64>,
    /// Of the training images, for validation.
    pub validation: f64,
    /// Of what is left, for the weights; the rest is for the alphas.
    pub train_portion: f64,
}

impl Shares {
    /// Refuses shares outside their ranges.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(test) = self.test
            && !(test > 0.0 && test < 1.0)
        {
            return Err(Error::setting("data.test_fraction", test, "a share greater than 0 and less than 1"));
        }
        if !(0.0..1.0).contains(&self.validation) {
            return Err(Error::setting(
                "data.validation_fraction",
                self.validation,
                "a share of at least 0 and less than 1",
            ));
        }
        if !(self.train_portion > 0.0 && self.train_portion <= 1.0) {
            return Err(Error::setting(
                "search.train_portion",
                self.train_portion,
                "a share greater than 0 and at most 1",
            ));
        }
        Ok(())
    }

    /// The parts into which the training images of each class go, test included if it is split off.
    fn parts(&self) -> Vec<&'static str> {
        let mut parts = vec!["weights"];
        if self.train_portion < 1.0 {
            parts.push("alphas");
        }
        if self.validation > 0.0 {
            parts.push("validation");
        }
        if self.test.is_some() {
            parts.push("test");
        }
        parts
    }

    /// Refuses a class with fewer images than parts.
    pub(super) fn check_counts(&self, set: &ImageSet, path: &Path) -> Result<()> {
        let parts = self.parts();
        let short: Vec<String> = set
            .classes
            .iter()
            .zip(set.class_counts())
            .filter(|&(_, count)| count < parts.len())
            .map(|(class, count)| format!("{class} ({count})"))
            .collect();
        if short.is_empty() {
            return Ok(());
        }
        Err(Error::data(
            path,
            format!("too few training images in {}", super::source::listed(&short)),
            format!(
                "every class needs at least {} training images, one for each part ({}): add images, leave \
                 the class out, or raise images_per_class if it is set",
                parts.len(),
                parts.join(", ")
            ),
        ))
    }

    /// Takes the test part out of `set`: (test, train).
    pub(super) fn split_test(&self, set: &ImageSet, fraction: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
        let all: Vec<usize> = (0..set.len()).collect();
        take(set, &all, fraction, self.parts().len() - 1, seed, "split/test")
    }

    /// Divides the training images.
    pub(super) fn split(&self, set: &ImageSet, seed: u64) -> Split {
        let all: Vec<usize> = (0..set.len()).collect();
        let searching = if self.train_portion < 1.0 { 2 } else { 1 };
        let (validation, rest) = take(set, &all, self.validation, searching, seed, "split/validation");
        let (alphas, weights) = take(set, &rest, 1.0 - self.train_portion, 1, seed, "split/alphas");
        Split { weights, alphas, validation }
    }
}
