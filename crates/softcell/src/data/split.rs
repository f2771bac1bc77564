//! Dividing images among the parts of a run, class by class.

use std::collections::BTreeMap;
use std::path::Path;

use rand::seq::SliceRandom;

use super::fault::{Problem, Problems};
use super::set::ImageSet;
use super::source::Source;
use crate::error::{Error, Result};
use crate::random::stream;
use crate::shown::listed;

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
/// `kept` images of each class stay in any case. A fraction of 0 takes none. Images of one group go the same way.
fn take(
    set: &ImageSet,
    groups: &[u32],
    pool: &[usize],
    fraction: f64,
    kept: usize,
    seed: u64,
    name: &str,
) -> (Vec<usize>, Vec<usize>) {
    if fraction <= 0.0 {
        return (Vec::new(), pool.to_vec());
    }
    let units = units(groups, pool);
    let (mut taken, mut left) = match units {
        Some(units) => take_units(set, units, fraction, kept, seed, name),
        None => take_images(set, pool, fraction, kept, seed, name),
    };
    taken.sort_unstable();
    left.sort_unstable();
    (taken, left)
}

/// Each image on its own.
fn take_images(
    set: &ImageSet,
    pool: &[usize],
    fraction: f64,
    kept: usize,
    seed: u64,
    name: &str,
) -> (Vec<usize>, Vec<usize>) {
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
    (taken, left)
}

/// The images that go together; none where each is on its own.
fn units(groups: &[u32], pool: &[usize]) -> Option<Vec<Vec<usize>>> {
    let mut of_group = BTreeMap::new();
    let mut units: Vec<Vec<usize>> = Vec::new();
    for &i in pool {
        match groups.get(i).copied().unwrap_or(0) {
            0 => units.push(vec![i]),
            group => match of_group.get(&group) {
                Some(&unit) => Vec::push(&mut units[unit], i),
                None => {
                    of_group.insert(group, units.len());
                    units.push(vec![i]);
                }
            },
        }
    }
    (units.len() < pool.len()).then_some(units)
}

/// Groups, which may have images of several classes: from the largest to the smallest, in a random order among equals,
/// each is taken if that brings the images taken of each class nearer to its share (sum of squared distances), and if
/// every class keeps what it must keep.
fn take_units(
    set: &ImageSet,
    mut units: Vec<Vec<usize>>,
    fraction: f64,
    kept: usize,
    seed: u64,
    name: &str,
) -> (Vec<usize>, Vec<usize>) {
    let classes = set.classes.len();
    let counted = |unit: &[usize]| {
        let mut counts = BTreeMap::new();
        unit.iter().for_each(|&i| *counts.entry(set.labels[i] as usize).or_insert(0usize) += 1);
        counts
    };
    let mut remaining = vec![0usize; classes];
    units.iter().flatten().for_each(|&i| remaining[set.labels[i] as usize] += 1);
    let mut wanted: Vec<f64> =
        remaining.iter().map(|&count| share_of(count, fraction, kept) as f64).collect();
    units.shuffle(&mut stream(seed, name, &[classes as u64]));
    units.sort_by_key(|unit| std::cmp::Reverse(unit.len()));
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for unit in units {
        let counts = counted(&unit);
        // (w - n)^2 - w^2 < 0, summed over the classes of the unit.
        let change: f64 = counts.iter().map(|(&c, &n)| n as f64 * (n as f64 - 2.0 * wanted[c])).sum();
        let allowed = counts.iter().all(|(&c, &n)| remaining[c] >= kept + n);
        if change < 0.0 && allowed {
            for (&class, &n) in &counts {
                wanted[class] -= n as f64;
                remaining[class] -= n;
            }
            taken.extend(unit);
        } else {
            left.extend(unit);
        }
    }
    (taken, left)
}

/// The shares of a split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    /// The share of all images that is the test part; `None` where the data has one.
    pub test: Option<f64>,
    /// The share of the training images that is for validation.
    pub validation: f64,
    /// The share of what is left that trains the weights; the rest is for the alphas.
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

    /// The classes with fewer training images than parts, such as `cat (1)`, and the parts.
    fn short_classes(&self, source: &Source) -> (Vec<String>, Vec<&'static str>) {
        let (set, mut parts) = (&source.train, self.parts());
        let mut counts = set.class_counts();
        if !source.validation.is_empty() {
            parts.retain(|part| *part != "validation");
            source.validation.iter().for_each(|&i| counts[set.labels[i] as usize] -= 1);
        }
        let short: Vec<String> = set
            .classes
            .iter()
            .zip(counts)
            .filter(|&(_, count)| count < parts.len())
            .map(|(class, count)| format!("{class} ({count})"))
            .collect();
        (short, parts)
    }

    /// Tells classes that a run cannot divide.
    pub(super) fn shortage(&self, source: &Source) -> Vec<Problem> {
        let (short, parts) = self.short_classes(source);
        let what = format!(
            "classes with too few training images: a run needs {} of each, one for each part ({})",
            parts.len(),
            parts.join(", ")
        );
        let mut problems = Problems::default();
        short.iter().for_each(|class| problems.add(what.clone(), class));
        problems.into_vec()
    }

    /// Refuses a class with fewer images than parts.
    pub(super) fn check_counts(&self, source: &Source, path: &Path) -> Result<()> {
        let (short, parts) = self.short_classes(source);
        if short.is_empty() {
            return Ok(());
        }
        Err(Error::data(
            path,
            format!("too few training images in {}", listed(&short)),
            format!(
                "every class needs at least {} training images, one for each part ({}): add images, leave \
                 the class out, or raise images_per_class if it is set",
                parts.len(),
                parts.join(", ")
            ),
        ))
    }

    /// Takes the test part out of `source`: (test, train).
    pub(super) fn split_test(&self, source: &Source, fraction: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
        let all: Vec<usize> = (0..source.train.len()).collect();
        let kept = self.parts().len() - 1;
        take(&source.train, &source.groups, &all, fraction, kept, seed, "split/test")
    }

    /// Divides the training images; those that the data give to validation stay there.
    pub(super) fn split(&self, source: &Source, seed: u64) -> Split {
        let (set, groups) = (&source.train, &source.groups);
        let searching = if self.train_portion < 1.0 { 2 } else { 1 };
        let (validation, rest) = if source.validation.is_empty() {
            let all: Vec<usize> = (0..set.len()).collect();
            take(set, groups, &all, self.validation, searching, seed, "split/validation")
        } else {
            let mut given = vec![false; set.len()];
            source.validation.iter().for_each(|&i| given[i] = true);
            (0..set.len()).partition(|&i| given[i])
        };
        let portion = 1.0 - self.train_portion;
        let (alphas, weights) = take(set, groups, &rest, portion, 1, seed, "split/alphas");
        Split { weights, alphas, validation }
    }
}
