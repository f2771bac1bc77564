//! `samples.json` and `mistakes.json`: a few images of a run's data, kept for its report.
//!
//! A report is then made without the images, which may be many, or gone.

use serde::{Deserialize, Serialize};

/// The classes and a few training images of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// In the order of the logits.
    pub classes: Vec<ClassSamples>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSamples {
    /// Its training images, validation included.
    pub train_images: usize,
    /// Its test images.
    pub test_images: usize,
    /// A few training images as `data:` addresses; none for classes beyond the first ones.
    pub pictures: Vec<String>,
}

/// Test images that got the wrong answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistakes {
    /// How many there are.
    pub count: u64,
    /// Some of those that the network was most sure of.
    pub examples: Vec<Mistake>,
}

/// A test image and the wrong answer it got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// Index of its class.
    pub truth: usize,
    /// Index of the class that was answered.
    pub answer: usize,
    /// The probability that was given to it.
    pub probability: f32,
    /// The image as a `data:` address.
    pub picture: String,
}
