//! `samples.json` and `mistakes.json`: a few images of a run's data, kept for its report.
//!
//! A report is then made without the images, which may be many, or gone.

use serde::{Deserialize, Serialize};

use super::record::{Checked, Record, count, holds, share};

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
    /// Those that the network was most sure of, without pictures, the surest first; empty in runs of versions that did
    /// not write them.
    #[serde(default)]
    pub listed: Vec<ListedMistake>,
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
    /// What the image is called: its file, relative to the data, or its place in an array, from 0. Empty in runs of
    /// versions that did not write it.
    #[serde(default)]
    pub file: String,
    /// The image as a `data:` address.
    pub picture: String,
}

/// A wrong answer and the image it was given to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedMistake {
    /// What the image is called; see [`Mistake::file`].
    pub file: String,
    /// Index of its class.
    pub truth: usize,
    /// Index of the class that was answered.
    pub answer: usize,
    /// The probability that was given to it.
    pub probability: f32,
}

impl Record for Samples {
    fn check(&self) -> Checked {
        for (i, class) in self.classes.iter().enumerate() {
            count(&format!("classes[{i}].train_images"), class.train_images as u64)?;
            count(&format!("classes[{i}].test_images"), class.test_images as u64)?;
            class
                .pictures
                .iter()
                .try_for_each(|address| picture(&format!("classes[{i}].pictures"), address))?;
        }
        Ok(())
    }
}

impl Record for Mistakes {
    fn check(&self) -> Checked {
        count("count", self.count)?;
        let (some, all) = (self.examples.len(), self.count);
        let expected = format!("at most {all}, as count says");
        holds(some as u64 <= all, "examples", format!("{some} entries"), expected)?;
        for (i, example) in self.examples.iter().enumerate() {
            let Mistake { truth, answer, probability, .. } = *example;
            wrong(&format!("examples[{i}]"), [truth, answer], probability)?;
            picture(&format!("examples[{i}].picture"), &example.picture)?;
        }
        let (some, expected) = (self.listed.len(), format!("at most {all}, as count says"));
        holds(some as u64 <= all, "listed", format!("{some} entries"), expected)?;
        for (i, mistake) in self.listed.iter().enumerate() {
            let ListedMistake { truth, answer, probability, .. } = *mistake;
            wrong(&format!("listed[{i}]"), [truth, answer], probability)?;
        }
        Ok(())
    }
}

/// An answer that is none of the image's class, and its probability.
fn wrong(field: &str, [truth, answer]: [usize; 2], probability: f32) -> Checked {
    holds(truth != answer, &format!("{field}.answer"), answer, "another class than truth")?;
    share(&format!("{field}.probability"), f64::from(probability))
}

/// Only addresses such as Softcell writes: a report shows them.
pub(super) fn picture(field: &str, address: &str) -> Checked {
    let kinds = ["data:image/png;base64,", "data:image/jpeg;base64,"];
    let plain = |text: &str| text.bytes().all(|c| c.is_ascii_alphanumeric() || b"+/=".contains(&c));
    let fits = kinds.iter().any(|kind| address.strip_prefix(kind).is_some_and(plain));
    let found = format!("an address that begins with {:?}", address.chars().take(30).collect::<String>());
    holds(fits, field, found, "a PNG or JPEG image as a data: address")
}
