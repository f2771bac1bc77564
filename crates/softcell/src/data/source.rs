//! Images as they were read, and what is asked of those who read them.

use std::path::PathBuf;

use super::fault::Problem;
use super::set::ImageSet;
use crate::config::DataFormat;

/// Images as they were read, before anything is divided.
#[derive(Debug, Clone)]
pub struct Source {
    /// The training part, those for validation included, or everything where there is only one part.
    pub train: ImageSet,
    /// Which of them the data give to validation; empty where that is still to be split off.
    pub validation: Vec<usize>,
    /// Training images of the same number stay in one part; 0 is an image on its own. Empty where all are.
    pub groups: Vec<u32>,
    /// The test part, if the data has one.
    pub test: Option<ImageSet>,
    /// What the training images are called: by their files, relative to the data, or by their places in an array,
    /// from 0, as in `x_train[17]`. Empty for images that were made up.
    pub train_names: Vec<String>,
    /// What the test images are called.
    pub test_names: Vec<String>,
    /// How the images were stored; never [`DataFormat::Auto`].
    pub format: DataFormat,
    /// Images that could not be read, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// What is wrong with the data, counted.
    pub problems: Vec<Problem>,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
}

impl Source {
    /// Images of which nothing more is known.
    pub fn new(format: DataFormat, train: ImageSet, test: Option<ImageSet>, notes: Vec<String>) -> Source {
        Source {
            train,
            validation: Vec::new(),
            groups: Vec::new(),
            test,
            train_names: Vec::new(),
            test_names: Vec::new(),
            format,
            skipped: Vec::new(),
            problems: Vec::new(),
            notes,
        }
    }

    /// Leaves out all training images of a class but the first `most`; none where that is 0.
    pub(super) fn keep_first_of_each_class(&mut self, most: usize) {
        if most > 0 {
            self.keep_training(&self.train.first_of_each_class(most));
        }
    }

    /// Leaves out all training images but those at `indices`, which rise.
    pub(super) fn keep_training(&mut self, indices: &[usize]) {
        self.train = self.train.subset(indices);
        if !self.groups.is_empty() {
            self.groups = indices.iter().map(|&i| self.groups[i]).collect();
        }
        if !self.train_names.is_empty() {
            self.train_names = indices.iter().map(|&i| std::mem::take(&mut self.train_names[i])).collect();
        }
        let place = |i: &usize| indices.binary_search(i).ok();
        self.validation = self.validation.iter().filter_map(place).collect();
    }
}

/// Which images of the data are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The test part where the data have one, else all.
    TestOrAll,
    /// All, whatever part they were given to.
    All,
}

/// Images to test a network on.
#[derive(Debug, Clone)]
pub struct TestImages {
    /// The images, with the classes that the data have.
    pub set: ImageSet,
    /// How many the data hold, other parts and unreadable ones included.
    pub in_all: usize,
    /// What they are called; see [`Source::train_names`].
    pub names: Vec<String>,
    /// How they were stored.
    pub format: DataFormat,
    /// Images that could not be read, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
}

/// Whether it matters that a run could not begin with the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// It is an error.
    Run,
    /// It is told.
    Look,
}
